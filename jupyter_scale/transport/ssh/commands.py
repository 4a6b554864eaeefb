"""Commands on a host: short ones that are waited for, and long ones that are heard."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_scale.errors import CommandTimeout, HostError, StartError
from jupyter_scale.transport.speaker import Lines, wait_ready
from jupyter_scale.transport.ssh.connection import Connection
from jupyter_scale.transport.ssh.execution import Execution

MOST_OUTPUT_BYTES = 16 << 20
_TAIL_BYTES = 16384
_LAST_LINES = 15
_LATE_OUTPUT_S = 0.5
_JOIN_S = 5.0


@dataclass(frozen=True)
class Completed:
    """What came of a command.

    Attributes
    ----------
    host : str
        Where it ran.
    argv : tuple of str
        What ran.
    status : int
        Its exit status; negative: the signal that ended it.
    stdout, stderr : bytes
        What it wrote; of very much the beginning and the end.
    """

    host: str
    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes

    def check(self) -> Completed:
        """Return this if the command succeeded.

        Raises
        ------
        HostError
            When it failed; with its last lines.
        """
        if self.status == 0:
            return self
        ended = f"exit status {self.status}" if self.status > 0 else f"signal {-self.status}"
        lines = (self.stderr or self.stdout).decode(errors="replace").splitlines()[-_LAST_LINES:]
        said = "\n".join(["Its last lines:", *(f"    {line}" for line in lines)]) if lines else ""
        why = f"'{shlex.join(self.argv)}' failed with {ended}"
        raise HostError(self.host, "command", why, said)


class _Kept:
    """Output of which the beginning and the end are kept."""

    def __init__(self, most_bytes: int) -> None:
        self._half = most_bytes // 2
        self._head, self._tail = bytearray(), bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        room = max(0, self._half - len(self._head))
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._half:
            self._dropped += len(self._tail) - self._half
            del self._tail[: -self._half]

    def bytes(self) -> bytes:
        if len(self._tail) > self._half:
            self._dropped += len(self._tail) - self._half
            del self._tail[: -self._half]
        gap = b"\n[... %d bytes are left out ...]\n" % self._dropped if self._dropped else b""
        return bytes(self._head) + gap + bytes(self._tail)


def run(
    connection: Connection,
    argv: Sequence[str],
    *,
    input: bytes = b"",  # noqa: A002 - as subprocess.run calls it
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: str = "",
    most_output_bytes: int = MOST_OUTPUT_BYTES,
) -> Completed:
    """Run a command on a host and wait for it.

    What it leaves running in the background does not hold it up, even with its standard output.

    Parameters
    ----------
    connection
        To the host.
    argv : sequence of str
        Program and arguments; no shell reads them.
    input : bytes
        Its standard input.
    timeout_s : float
        After so long it is killed, with its process group.
    env : mapping or None
        Added to its environment; not for secrets, see `execution.command_text`.
    cwd : str
        Where it runs; the home directory if empty.
    most_output_bytes : int
        How much of each stream is kept.

    Raises
    ------
    CommandTimeout
        When it took longer.
    HostError
        When it could not begin; `HostLost` when the connection broke. It may run on then.
    """
    deadline = time.monotonic() + timeout_s
    begin_s = min(timeout_s, connection.timeouts.channel_s)
    execution = Execution(connection, argv, env=env, cwd=cwd, timeout_s=begin_s)
    out, err = _Kept(most_output_bytes), _Kept(most_output_bytes)
    feeder = threading.Thread(target=_feed, args=(execution, input), daemon=True)
    try:
        if input:
            feeder.start()
        else:
            execution.close_input()
        status = _gather(execution, out, err, deadline)
        if status is None:
            execution.signal("KILL", is_group=True)
            why = f"'{execution.shown}' did not end within {timeout_s:g} s, and was killed"
            raise CommandTimeout(connection.host, why, stdout=out.bytes(), stderr=err.bytes())
    finally:
        execution.close()
        if feeder.ident is not None:
            feeder.join(_JOIN_S)
    return Completed(connection.host, tuple(argv), status, out.bytes(), err.bytes())


def _feed(execution: Execution, data: bytes) -> None:
    if execution.send(data):
        execution.close_input()


def _gather(execution: Execution, out: _Kept, err: _Kept, deadline: float) -> int | None:
    """Return the exit status, None when it did not end in time; keep what it writes."""
    until = deadline
    while execution.wait(until):
        out.add(execution.receive())
        err.add(execution.receive_error())
        if execution.is_at_end:
            return execution.status(max(0.0, deadline - time.monotonic()))
        if execution.has_status:  # what others hold open is waited for a moment only
            until = min(until, time.monotonic() + _LATE_OUTPUT_S)
            if not execution.wait_for_output(until):
                break
    out.add(execution.receive())
    err.add(execution.receive_error())
    return execution.status(0) if execution.has_status else None


class RemoteChild:
    """A process on a host that speaks in lines of JSON; see `jupyter_scale.transport.speaker`.

    Its standard input stays open as long as the connection: a process that watches it knows when
    nobody hears it any more.

    Attributes
    ----------
    what : str
        What it is, for messages.
    pid : int
        Its process id there, and that of its process group.
    log : str
        The file on the host with its standard error; if empty, its end is kept here.
    """

    def __init__(self, what: str, execution: Execution, log: str, ready_timeout_s: float) -> None:
        self.what, self.log = what, log
        self.pid, self.created = execution.pid, 0.0
        self._execution, self._ready_timeout_s = execution, ready_timeout_s
        self._lines = Lines(what, self._receive)
        self._tail = b""

    def _receive(self, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        while self._execution.wait_for_output(deadline):
            self._take_errors()
            if data := self._execution.receive():
                return data
            if self._execution.is_output_at_end:
                self._execution.status(0)  # tells a broken connection from an end
                return b""
        raise TimeoutError

    def _take_errors(self) -> None:
        self._tail = (self._tail + self._execution.receive_error())[-_TAIL_BYTES:]

    def read_message(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next line that it wrote, or None when there is none in time.

        Raises
        ------
        EOFError
            When it has ended, or closed its standard output.
        HostLost
            When the connection broke; it may run on.
        """
        return self._lines.read(timeout_s)

    def wait_readable(self, timeout_s: float) -> bool:
        """Wait until it has written something, or has ended; tell whether that came in time."""
        deadline = time.monotonic() + timeout_s
        return self._lines.has_line or self._execution.wait_for_output(deadline)

    def wait_ready(self, timeout_s: float | None = None) -> dict[str, Any]:
        """Return its ready line; see `jupyter_scale.transport.speaker.wait_ready`.

        Raises
        ------
        StartError
            When it does not start.
        HostLost
            When the connection broke.
        """
        timeout_s = self._ready_timeout_s if timeout_s is None else timeout_s
        connection = self._execution.connection
        try:
            return wait_ready(self, timeout_s, f"{self.log} on {connection.host}" * bool(self.log))
        except StartError as error:
            if connection.is_alive():  # else it was the link that kept silent
                raise
            raise connection.lost() from error

    def send(self, data: bytes) -> None:
        """Write to its standard input.

        Raises
        ------
        BrokenPipeError
            When it does not read that any more.
        """
        if not self._execution.send(data):
            raise BrokenPipeError(f"{self.what} reads no more")

    def explain_end(self) -> StartError:
        """Return the error that tells how it ended."""
        status = self._execution.status(2.0)
        why = f"exit status {status}"
        if status is None:
            why = "it closed its standard output without a ready line"
        elif status < 0:
            why = f"it was ended by signal {-status}"
        what = f"{self.what} on {self._execution.connection.host}"
        return StartError(what, why, self.last_lines())

    def exit_status(self) -> int | None:
        """Return its exit status (negative: the signal that ended it), None while it runs.

        Raises
        ------
        HostLost
            When the connection broke.
        """
        self._take_errors()
        return self._execution.status(0)

    def last_lines(self) -> tuple[str, ...]:
        """Return the end of its log, nothing where that cannot be had."""
        self._take_errors()
        text = self._tail
        if self.log:
            tail = ["tail", "-n", str(_LAST_LINES), "--", self.log]
            try:
                text = run(self._execution.connection, tail, timeout_s=5.0).stdout
            except HostError:
                return ()
        return tuple(text.decode(errors="replace").splitlines()[-_LAST_LINES:])

    def end(self, grace_s: float = 3.0) -> None:
        """End it and its process group: SIGTERM for itself, SIGKILL for what is left.

        Raises
        ------
        HostLost
            When the connection is broken, so that the host cannot be told.
        """
        if self._execution.status(0) is None:
            self._execution.signal("TERM", is_group=False)
            self._execution.status(grace_s)
        self._execution.signal("KILL", is_group=True)
        self.collect()

    def collect(self) -> None:
        """Give its session back, when it has ended."""
        try:
            if self._execution.status(1.0) is None:
                return  # it does not end, even when killed
        except HostError:
            pass  # nothing can be told of it any more
        self._take_errors()
        self._execution.close()

    def __repr__(self) -> str:
        return f"<RemoteChild {self.what} pid={self.pid} on {self._execution.connection.host}>"


def start(
    connection: Connection,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str = "",
    log: str = "",
    ready_timeout_s: float = 30.0,
    what: str = "process",
) -> RemoteChild:
    """Start a process on a host; `RemoteChild.wait_ready` waits for its first line.

    Parameters
    ----------
    connection
        To the host; the process is heard as long as that lasts.
    argv : sequence of str
        Program and arguments; no shell reads them.
    env : mapping or None
        Added to its environment; not for secrets, see `execution.command_text`.
    cwd : str
        Where it runs; the home directory if empty.
    log : str
        A file on the host that its standard error is appended to. Give one to a process that
        writes much there: without, it stops when 8 MB were read by nobody.
    ready_timeout_s : float
        How long `RemoteChild.wait_ready` waits when it is not told otherwise.
    what : str
        What it is, for messages.

    Raises
    ------
    HostError
        When it could not begin; `HostLost` when the connection is broken.
    """
    begin_s = connection.timeouts.channel_s
    execution = Execution(connection, argv, env=env, cwd=cwd, log=log, timeout_s=begin_s)
    return RemoteChild(what, execution, log, ready_timeout_s)
