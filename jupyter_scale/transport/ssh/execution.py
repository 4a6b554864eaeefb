"""One command on a host: how it is written for its shell, and the streams that it has.

The text of a command is read by the user's login shell there, which must be a POSIX one (sh, bash,
dash, ksh, zsh). It first writes a line with its process id, which is also its process group: by
that it can be ended, and what start files of the shell have written before does not count.
"""

from __future__ import annotations

import secrets
import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import paramiko

from jupyter_scale.errors import HostError
from jupyter_scale.transport.ssh.connection import Connection

_MARK = "jupyter-scale"
_MOST_NOISE_BYTES = 1 << 20
_PIECE_BYTES = 1 << 15
_ALL = 1 << 30  # paramiko copies what is left of a buffer, so it is always emptied
_NO_STATUS = -1000
_STATUS_S = 5.0
_KILL_S = 5.0
_PROBE_S = 2.0

FAILURES = (paramiko.SSHException, EOFError, OSError)
"""What paramiko raises when a connection breaks."""


def command_text(
    argv: Sequence[str],
    mark: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str = "",
    log: str = "",
) -> str:
    """Return what the login shell is given.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments; they arrive as they are.
    mark : str
        Begins the line with the process id.
    env : mapping or None
        Added to its environment. Other users of the host may see it while the command starts.
    cwd : str
        Where it runs; the home directory if empty.
    log : str
        A file that its standard error is appended to, readable by the user only.
    """
    steps = [f'printf "\\n%s %s\\n" {shlex.quote(mark)} "$$"']
    if cwd:
        steps.append(f"cd -- {shlex.quote(cwd)} || exit")
    last = 'exec "$@"'
    if env:
        settings = " ".join(shlex.quote(f"{name}={value}") for name, value in env.items())
        last = f'exec env {settings} "$@"'
    if log:
        quoted = shlex.quote(log)
        steps.append(f"( umask 077; : >>{quoted} ) || exit")
        last += f" 2>>{quoted}"
    script = "; ".join([*steps, last])
    return shlex.join(["exec", "sh", "-c", script, "sh", *argv])


class _Bell(threading.Event):
    """What paramiko's buffers ring when something comes or ends; one for both streams."""

    def clear(self) -> None:
        """Ignore that one of the buffers is empty: the other may not be."""

    def quiet(self) -> None:
        super().clear()

    def rings_before(self, deadline: float) -> bool:
        return self.wait(max(0.0, deadline - time.monotonic()))


class _Status(threading.Event):
    """The event of an exit status; it rings too."""

    def __init__(self, bell: _Bell) -> None:
        super().__init__()
        self._bell = bell

    def set(self) -> None:
        super().set()
        self._bell.set()


class Execution:
    """A command that has begun on a host; `close` gives its session back.

    Attributes
    ----------
    pid : int
        Its process id there, and that of its process group.

    Raises
    ------
    HostError
        When it does not begin; `HostLost` when the connection is broken.
    """

    def __init__(
        self,
        connection: Connection,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None,
        cwd: str,
        log: str = "",
        timeout_s: float,
    ) -> None:
        self.connection = connection
        self.shown = shlex.join(argv)
        self.pid = 0
        self._bell = _Bell()
        self._started = b""
        self._is_closed = False
        deadline = time.monotonic() + timeout_s
        self._channel = connection.open_session(timeout_s)
        try:
            self._channel.exit_status = _NO_STATUS
            self._channel.status_event = _Status(self._bell)
            self._channel.in_buffer.set_event(self._bell)
            self._channel.in_stderr_buffer.set_event(self._bell)
            mark = f"{_MARK}-{secrets.token_hex(4)}"
            self._channel.exec_command(command_text(argv, mark, env=env, cwd=cwd, log=log))
            self._read_mark(f"\n{mark} ".encode(), deadline, timeout_s)
        except FAILURES as error:
            self.close()
            raise self._lost() or self.error(f"'{self.shown}' was refused: {error}") from error
        except BaseException:
            self.close()
            raise

    def _read_mark(self, mark: bytes, deadline: float, timeout_s: float) -> None:
        seen = b""
        while True:
            before, found, after = seen.partition(mark)
            if found and b"\n" in after:
                digits, _, self._started = after.partition(b"\n")
                self.pid = int(digits)
                return
            if len(seen) > _MOST_NOISE_BYTES or not self.wait_for_output(deadline):
                why = f"its shell did not begin '{self.shown}' within {timeout_s:g} s"
                raise self.error(why + _quote(before))
            if not (data := self.receive()) and self.is_output_at_end:
                if (lost := self._lost()) is not None:
                    raise lost
                said = _quote(before + self.receive_error())
                raise self.error(f"its shell did not run '{self.shown}'{said}")
            seen += data

    def wait(self, deadline: float) -> bool:
        """Wait for bytes, the end of a stream, or the exit status; tell whether it came in time."""
        while True:
            self._bell.quiet()
            channel = self._channel
            if self._started or channel.recv_ready() or channel.recv_stderr_ready():
                return True
            if self.is_at_end or self.has_status:
                return True
            if not self._bell.rings_before(deadline):
                return False

    def wait_for_output(self, deadline: float) -> bool:
        """Wait for bytes on its standard output, or the end; tell whether that came in time."""
        while True:
            self._bell.quiet()
            if self._started or self._channel.recv_ready() or self._has_ended:
                return True
            if not self._bell.rings_before(deadline):
                return False

    def receive(self) -> bytes:
        """Return what is there of its standard output."""
        if self._started:
            data, self._started = self._started, b""
            return data
        return self._take(self._channel.recv) if self._channel.recv_ready() else b""

    def receive_error(self) -> bytes:
        """Return what is there of its standard error."""
        return self._take(self._channel.recv_stderr) if self._channel.recv_stderr_ready() else b""

    def _take(self, receive: Callable[[int], bytes]) -> bytes:
        try:
            return receive(_ALL)
        except FAILURES as error:  # the host is also told that there is room again
            raise self._lost() or self.error(f"'{self.shown}' is heard no more") from error

    def send(self, data: bytes) -> bool:
        """Write to its standard input; tell whether it still reads that."""
        view = memoryview(data)
        while view:
            try:
                sent = self._channel.send(bytes(view[:_PIECE_BYTES]))
            except FAILURES:
                return False
            if not sent:
                return False
            view = view[sent:]
        return True

    def close_input(self) -> None:
        """Let its standard input end."""
        try:
            self._channel.shutdown_write()
        except FAILURES:
            return  # it has ended, or the connection has

    @property
    def is_at_end(self) -> bool:
        """Tell whether both streams have ended and were read."""
        channel = self._channel
        has_more = self._started or channel.recv_ready() or channel.recv_stderr_ready()
        return self._has_ended and not has_more

    @property
    def is_output_at_end(self) -> bool:
        """Tell whether its standard output has ended and was read."""
        return self._has_ended and not self._started and not self._channel.recv_ready()

    @property
    def _has_ended(self) -> bool:
        return bool(self._channel.eof_received) or self._channel.closed

    @property
    def has_status(self) -> bool:
        """Tell whether its exit status is known."""
        return bool(self._channel.exit_status != _NO_STATUS)

    def status(self, timeout_s: float = _STATUS_S) -> int | None:
        """Return its exit status (negative: the signal that ended it), None while it runs.

        Raises
        ------
        HostLost
            When the connection broke before it was told.
        HostError
            When the host never tells.
        """
        self._channel.status_event.wait(timeout_s)
        if self.has_status:
            return int(self._channel.exit_status)
        if not self._channel.closed:
            return None
        raise self._lost() or self.error(f"'{self.shown}' ended without an exit status")

    def _lost(self) -> HostError | None:
        """Return the error if the connection broke; channels end a moment before it does."""
        alive = self.connection.is_open and self.connection.is_alive(_PROBE_S)
        return None if alive else self.connection.lost()

    def error(self, why: str) -> HostError:
        """Return an error of this command."""
        return HostError(self.connection.host, "command", why)

    def signal(self, name: str, *, is_group: bool) -> None:
        """Send a signal, for instance ``"KILL"``, to it or its process group; gone is fine.

        Raises
        ------
        HostError
            When the host cannot be told; `HostLost` when the connection is broken.
        """
        target = f"-{self.pid}" if is_group else f"{self.pid}"
        text = shlex.join(["exec", "sh", "-c", f"kill -{name} {target} 2>/dev/null"])
        channel = self.connection.open_session(_KILL_S, is_urgent=True)
        try:
            channel.exec_command(text)
            channel.status_event.wait(_KILL_S)
        except FAILURES as error:
            why = f"process {self.pid} could not be ended"
            raise self._lost() or self.error(why) from error
        finally:
            self.connection.end_session(channel)

    def close(self) -> None:
        """Close its streams and give its session back."""
        if not self._is_closed:
            self._is_closed = True
            self.connection.end_session(self._channel)


def _quote(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()[-5:]
    return "".join(["; it wrote:", *(f"\n    {line}" for line in lines)]) if lines else ""
