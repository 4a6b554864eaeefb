"""The exceptions that users of jupyter-scale meet.

::

    ScaleError
    ├── UsageError          the magic line, or a request to the server, cannot be understood
    ├── ProfileError        a profile is wrong: where, and what was expected
    │   └── ProfileExists   there is one of that name already
    ├── ClusterError        nodes, scheduler or workers
    │   ├── StartError      something did not come up; carries its last lines
    │   │   ├── EnvironmentFailed   a node cannot have the notebook's packages or files
    │   │   └── AwsError    AWS refuses, or cannot be asked; carries its code
    │   │       ├── NoCredentials   there are none, or they are not valid (any more)
    │   │       ├── QuotaReached    the account may not have so much
    │   │       ├── NoCapacity      there is nothing left of what was asked for
    │   │       ├── AwsUnreachable  it does not answer: whether it did something is not known
    │   │       └── InstanceGone    an instance has ended
    │   ├── StateError      saved state cannot be read
    │   ├── NoCluster       there is no such cluster
    │   └── HostError       a host cannot be reached, entered or used; carries the step
    │       ├── HostKeyError    its key is not one that we know; carries the fingerprint
    │       ├── HostLost        the connection to it broke
    │       ├── PortRefused     it answers, and nothing listens where it should connect to
    │       └── CommandTimeout  a command there took too long, and was ended
    ├── RunnerError         the notebook's other half
    │   ├── RunnerLost      it ended, or cannot be reached
    │   ├── IterationKilled an iteration of a loop ends its worker each time
    │   ├── ValueLost       a value that stayed on the cluster went with it
    │   └── ProtocolError   it said something that the protocol does not allow
    └── ShippingError       objects on their way
        ├── BundleTooLarge  the notebook's own files are too many, or too large
        ├── CannotTravel    a value that cannot be pickled; carries name, type, path
        └── CannotLoad      a value that could not be rebuilt where it arrived

Every message says what happened, to which one, and what to do next.
"""

from __future__ import annotations

_MOST_SHOWN = 200


class ScaleError(Exception):
    """Base of everything that jupyter-scale raises on purpose."""


class UsageError(ScaleError):
    """A magic line, or a request to the server, that cannot be understood."""


class ProfileError(ScaleError):
    """A profile with an unknown key, a wrong type or an impossible value.

    Parameters
    ----------
    text : str
        Where, what was found, what was expected.
    complaint : str
        The same without the file and its line, for a form; `text` when empty.
    key : str
        The key that it is about; empty when it is about more than one.
    """

    def __init__(self, text: str, complaint: str = "", key: str = "") -> None:
        self.complaint, self.key = complaint or text, key
        super().__init__(text)


class ProfileExists(ProfileError):
    """A profile of that name is there already, and is not overwritten."""


class ClusterError(ScaleError):
    """Something is wrong with a cluster's nodes, scheduler or workers."""


class StartError(ClusterError):
    """A process did not come up.

    Parameters
    ----------
    what : str
        Which process, for instance ``"worker 2"``.
    why : str
        What is known: exit status, time-out, refused option.
    last_lines : sequence of str
        The end of that process's log.
    next_step : str
        What the user can do.
    happened : str
        What it did, if it had come up before.
    """

    def __init__(
        self,
        what: str,
        why: str,
        last_lines: tuple[str, ...] = (),
        next_step: str = "",
        happened: str = "did not start",
    ) -> None:
        self.what, self.why = what, why
        self.last_lines, self.next_step = tuple(last_lines), next_step
        self.happened = happened
        text = f"{what} {happened}: {why}"
        if self.last_lines:
            text += "\nIts last lines:\n" + "\n".join(f"    {line}" for line in self.last_lines)
        if next_step:
            text += f"\n{next_step}"
        super().__init__(text)


class EnvironmentFailed(StartError):
    """A node cannot have the notebook's packages or files.

    Parameters
    ----------
    what, why, last_lines, next_step
        As for `StartError`.
    code : str
        A word for programs: ``"index"`` (none can be reached from there), ``"python"`` (not of the
        notebook's version), ``"disk"``, ``"permission"``, ``"package"``, ``"interrupted"``, ...
    """

    def __init__(
        self,
        what: str,
        why: str,
        last_lines: tuple[str, ...] = (),
        next_step: str = "",
        code: str = "",
    ) -> None:
        self.code = code
        super().__init__(what, why, last_lines, next_step, happened="failed")


class AwsError(StartError):
    """AWS refuses something, or cannot be asked.

    Parameters
    ----------
    what, why, next_step
        As for `StartError`.
    code : str
        What AWS calls it, for instance ``"UnauthorizedOperation"``; empty when it did not answer.
    """

    def __init__(self, what: str, why: str, next_step: str = "", code: str = "") -> None:
        self.code = code
        super().__init__(what, why, next_step=next_step, happened="failed")


class NoCredentials(AwsError):
    """There are no credentials, or AWS does not take them (any more)."""


class QuotaReached(AwsError):
    """The account may not have so much at once."""


class NoCapacity(AwsError):
    """AWS has nothing left of what was asked for, there and at that price."""


class AwsUnreachable(AwsError):
    """AWS does not answer, so that nobody knows whether it did what was asked for."""


class InstanceGone(AwsError):
    """An instance has ended that was to be reached."""


class StateError(ClusterError):
    """Saved cluster state that cannot be read."""


class NoCluster(ClusterError):
    """There is no cluster of that name."""


class HostError(ClusterError):
    """A host could not be reached, entered or used.

    Parameters
    ----------
    host : str
        Its name as the user wrote it.
    step : str
        What was being done: ``"configuration"``, ``"resolve"``, ``"connect"``, ``"handshake"``,
        ``"host key"``, ``"authentication"``, ``"connection"`` (it broke), ``"session"``,
        ``"command"``, ``"files"`` or ``"tunnel"``.
    why : str
        What is known, as a sentence without a full stop.
    next_step : str
        What the user can do.
    """

    def __init__(self, host: str, step: str, why: str, next_step: str = "") -> None:
        self.host, self.step, self.why, self.next_step = host, step, why, next_step
        super().__init__(f"{host}: {why}." + (f"\n{next_step}" if next_step else ""))


class HostKeyError(HostError):
    """A host showed a key that is unknown, changed or revoked, so nothing was sent to it.

    Parameters
    ----------
    host, why, next_step : str
        See `HostError`.
    fingerprint : str
        Of the key that it showed, as OpenSSH writes it: ``SHA256:...``.
    accept : str
        The shell command after which that very key is accepted; empty if it must not be.
    """

    def __init__(
        self, host: str, why: str, next_step: str, *, fingerprint: str, accept: str
    ) -> None:
        self.fingerprint, self.accept = fingerprint, accept
        super().__init__(host, "host key", why, next_step)


class HostLost(HostError):
    """The connection to a host broke while it was in use."""


class PortRefused(HostError):
    """A host answers, and cannot connect to a place: most often nothing listens there."""


class CommandTimeout(HostError):
    """A command on a host did not end in time, and was killed.

    Parameters
    ----------
    host, why : str
        See `HostError`.
    stdout, stderr : bytes
        What it had written by then.
    """

    def __init__(self, host: str, why: str, *, stdout: bytes, stderr: bytes) -> None:
        self.stdout, self.stderr = stdout, stderr
        lines = (stderr or stdout).decode(errors="replace").splitlines()[-5:]
        said = "Its last lines:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
        super().__init__(host, "command", why, said)


class RunnerError(ScaleError):
    """Something is wrong between the notebook and its runner."""


class RunnerLost(RunnerError):
    """The runner ended or cannot be reached any more."""


class IterationKilled(RunnerError):
    """An iteration of a loop ended the process of each worker that tried it.

    Parameters
    ----------
    line : int
        Where the loop is.
    index : int
        Which iteration, from 0.
    item : object
        What it was given.
    """

    def __init__(self, line: int, index: int, item: object) -> None:
        self.line, self.index, self.item = line, index, item
        try:
            shown = repr(item)
        except Exception:  # noqa: BLE001 - of the user's own
            shown = f"a {type(item).__name__}"
        if len(shown) > _MOST_SHOWN:
            shown = f"{shown[:_MOST_SHOWN]}..."
        super().__init__(
            f"Iteration {index} of the loop in line {line} (item: {shown}) ended its worker each"
            " time that it was tried, as it does when memory runs out or native code fails."
            " The iterations before it count. Look at that item, or give the workers more memory."
        )


class ValueLost(RunnerError):
    """A value that stayed on the cluster is there no more.

    Parameters
    ----------
    name : str
        The name that the cell gave it.
    why : str
        What became of it, as a clause: ``"its process ended"``.
    """

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(
            f"{name!r} stayed on the cluster and is lost: {why}. Run the cell that makes it again,"
            f" or forget it with `del {name}`."
        )


class ProtocolError(RunnerError):
    """A message that the protocol does not allow at this point."""


class ShippingError(ScaleError):
    """An object could not make the journey."""


class BundleTooLarge(ShippingError):
    """The notebook's own files are too many, or too large, to travel before a cell.

    Parameters
    ----------
    what : str
        Which module or folder.
    size_bytes, files : int
        All that belongs to it.
    largest : sequence of (str, int)
        The largest files, with their sizes.
    """

    def __init__(
        self, what: str, size_bytes: int, files: int, largest: tuple[tuple[str, int], ...]
    ) -> None:
        self.what, self.size_bytes, self.files, self.largest = what, size_bytes, files, largest
        shown = ", ".join(f"{path} ({size / 1e6:.1f} MB)" for path, size in largest)
        super().__init__(
            f"{what} has {size_bytes / 1e6:.0f} MB in {files} files, which is too much to travel"
            f" with a cell. The largest: {shown}. Move data out of the folder of the code, or put"
            " them on the nodes."
        )


class CannotTravel(ShippingError):
    """A value that cannot be pickled.

    Parameters
    ----------
    name : str
        The notebook's name through which it is reached.
    path : str
        The expression that reaches it, for instance ``model.cache['lock']``.
    type_name : str
        Its type, for instance ``_thread.lock``.
    reason : str
        What the pickler said.
    chain : sequence of str
        The notebook's names through which the cell reads it: functions, for instance.
    """

    def __init__(
        self, name: str, path: str, type_name: str, reason: str, chain: tuple[str, ...] = ()
    ) -> None:
        self.name, self.path, self.type_name, self.reason = name, path, type_name, reason
        self.chain = tuple(chain)
        text = f"{path} ({type_name}) cannot travel: {reason}"
        if self.chain:
            text += f"; read by cell → {' → '.join([*self.chain, name])}"
        super().__init__(text)

    def read_by(self, chain: tuple[str, ...]) -> CannotTravel:
        """Return this error with the names through which the cell reads the value."""
        return CannotTravel(self.name, self.path, self.type_name, self.reason, chain)


class CannotLoad(ShippingError):
    """A value that could not be rebuilt where it arrived.

    Attributes
    ----------
    name : str
        What it is bound to.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name!r} cannot be rebuilt: {reason}")
        self.name, self.reason = name, reason
