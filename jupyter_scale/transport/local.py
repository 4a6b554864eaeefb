"""Processes on this machine: how they are started and heard."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.errors import StartError
from jupyter_scale.transport.lifeline import owner_of
from jupyter_scale.transport.processes import MARK, end_groups
from jupyter_scale.transport.speaker import Lines, wait_ready

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LAST_LINES = 15


class Child:
    """A process in a session of its own that speaks in lines of JSON on its standard output.

    A session of its own, because Jupyter interrupts and kills a kernel's whole process group.

    Attributes
    ----------
    what : str
        What it is, for error messages.
    pid : int
        Its process id, and that of its session and process group.
    created : float
        When it was created, see `jupyter_scale.model.cluster.Owner`.
    log_path : Path
        Its standard error.
    """

    def __init__(
        self, what: str, process: subprocess.Popen[bytes], log_path: Path, ready_timeout_s: float
    ) -> None:
        self.what, self.log_path = what, log_path
        self._process, self._ready_timeout_s = process, ready_timeout_s
        self._lines = Lines(what, self._receive)
        self._stdout = -1 if process.stdout is None else process.stdout.fileno()
        self.pid = process.pid
        owner = owner_of(process.pid)
        self.created = 0.0 if owner is None else owner.created

    def read_message(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next line that it wrote, or None when there is none in time.

        Raises
        ------
        EOFError
            When it has ended, or closed its standard output.
        """
        return self._lines.read(timeout_s)

    def wait_readable(self, timeout_s: float) -> bool:
        """Wait until it has written something, or has ended; tell whether that came in time."""
        return self._lines.has_line or self._wait_for_bytes(timeout_s)

    def _wait_for_bytes(self, timeout_s: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            return bool(selector.select(max(0.0, timeout_s)))

    def _receive(self, timeout_s: float) -> bytes:
        if not self._wait_for_bytes(timeout_s):
            raise TimeoutError
        return os.read(self._stdout, 65536)

    def wait_ready(self, timeout_s: float | None = None) -> dict[str, Any]:
        """Return its ready line; see `jupyter_scale.transport.speaker.wait_ready`."""
        timeout_s = self._ready_timeout_s if timeout_s is None else timeout_s
        return wait_ready(self, timeout_s, str(self.log_path))

    def explain_end(self) -> StartError:
        """Return the error that tells how it ended."""
        try:
            status = self._process.wait(2)
        except subprocess.TimeoutExpired:
            why = "it closed its standard output without a ready line"
        else:
            why = f"exit status {status}"
            if status < 0:
                why = f"it was ended by signal {signal.Signals(-status).name}"
        return StartError(self.what, why, self.last_lines())

    def exit_status(self) -> int | None:
        """Return its exit status (negative: the signal that ended it), None while it runs."""
        return self._process.poll()

    def last_lines(self) -> tuple[str, ...]:
        """Return the end of its log."""
        return read_last_lines(self.log_path)

    def end(self, grace_s: float = 3.0) -> None:
        """End it and its process group; see `jupyter_scale.transport.processes.end_groups`."""
        end_groups([self.pid], grace_s)
        self.collect()

    def collect(self) -> None:
        """Take its exit status, so that no zombie is left, and close the pipe from it."""
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return  # it does not end, even when killed
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __repr__(self) -> str:
        return f"<Child {self.what} pid={self.pid}>"


def spawn(
    argv: Sequence[str],
    *,
    log_path: Path,
    env: Mapping[str, str],
    cwd: Path | str,
    ready_timeout_s: float = 30.0,
    what: str = "process",
) -> Child:
    """Start a process and return at once; `Child.wait_ready` does the waiting.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments.
    log_path : Path
        Its standard error is appended here; readable by this user only.
    env : mapping
        Its whole environment, see `child_environment`.
    cwd : Path or str
        Its working directory.
    ready_timeout_s : float
        How long `Child.wait_ready` waits when it is not told otherwise.
    what : str
        What it is, for error messages.

    Raises
    ------
    StartError
        When the operating system refuses.
    """
    try:
        log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.close(log)
    except OSError as error:
        raise StartError(what, str(error)) from error
    return Child(what, process, log_path, ready_timeout_s)


def python_argv(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this Python.

    The working directory is left out of the module path: a ``random.py`` beside a notebook must not
    keep a cluster from starting.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


#: Where nobody chose one; kernels of a Jupyter server and all clusters then hash text alike.
HASH_SEED = "6640"


def hash_seed() -> str:
    """Return the ``PYTHONHASHSEED`` of all processes of a cluster: this one's, if it has one."""
    own = os.environ.get("PYTHONHASHSEED", "random")
    return own if own.isdigit() else HASH_SEED


def child_environment(mark: str) -> dict[str, str]:
    """Return this process's environment, made fit for the processes of a cluster.

    What Jupyter set for the kernel itself is left out, also our own server's key. Without a
    ``PYTHONHASHSEED`` all processes of the cluster get the same one, so that equal keys hash alike.

    Parameters
    ----------
    mark : str
        The cluster's id, see `MARK`.
    """
    kernels_own = ("JPY_", "JUPYTER_SCALE_SERVER_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(kernels_own)}
    env[MARK] = mark
    env["SPT_NOENV"] = "1"  # a process title must not overwrite the environment that `marked` reads
    env["PYTHONHASHSEED"] = hash_seed()
    home = str(Path(__file__).resolve().parents[2])
    paths = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    if home not in paths and not home.endswith(("site-packages", "dist-packages")):
        env["PYTHONPATH"] = os.pathsep.join([*paths, home])
    return env


def read_last_lines(path: Path, count: int = _LAST_LINES) -> tuple[str, ...]:
    """Return the last lines of a log file, none when there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16384))
            return tuple(file.read().decode(errors="replace").splitlines()[-count:])
    except OSError:
        return ()
