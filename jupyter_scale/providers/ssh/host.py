"""A connection as the host that `jupyter_scale.environment` asks."""

from __future__ import annotations

import json
import textwrap
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_scale.errors import HostError
from jupyter_scale.transport.ssh.execution import Execution

if TYPE_CHECKING:
    from jupyter_scale.transport.ssh.connection import Connection

_ABOUT_TO_END_S = 0.5
_LATE_OUTPUT_S = 0.5
_GRACE_S = 5.0
_JOIN_S = 5.0
_TAIL_BYTES = 16384
_LAST_LINES = 15
_SHOWN = 60


class SshHost:
    """A host over SSH, as a `jupyter_scale.environment.host.Host`.

    Several conversations may go on at once, in threads of their own.

    Parameters
    ----------
    connection : Connection
        It stays the caller's to close.

    Attributes
    ----------
    name : str
        The host's name as its user wrote it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.name = connection.host

    def converse(
        self, argv: list[str], stdin: Iterable[bytes], silence_s: float
    ) -> Generator[Mapping[str, Any], None, None]:
        """Run a command and yield its lines; see `jupyter_scale.environment.host.Host`.

        Closing the generator sends it SIGTERM, so that it can remove what it began, and in the end
        SIGKILL to its whole process group.

        Raises
        ------
        HostError
            When it does not start, says nothing, or something else than JSON; `HostLost` when the
            connection is broken. What `stdin` raises is raised here.
        """
        begin_s = self._connection.timeouts.channel_s
        execution = Execution(self._connection, argv, env=None, cwd="", timeout_s=begin_s)
        feeder = _Feeder(execution, stdin)
        try:
            feeder.start()
            yield from _messages(execution, feeder, silence_s)
        finally:
            _end(execution)
            if feeder.ident is not None:
                feeder.join(_JOIN_S)


class _Feeder(threading.Thread):
    """Writes the standard input of a command while another thread reads what it says."""

    def __init__(self, execution: Execution, stdin: Iterable[bytes]) -> None:
        super().__init__(name=f"feed {execution.connection.host}", daemon=True)
        self._execution, self._stdin = execution, stdin
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            if all(self._execution.send(piece) for piece in self._stdin):
                self._execution.close_input()
        except Exception as error:  # noqa: BLE001 - raised by the thread that reads
            self._error = error
            self._execution.close_input()  # without its input the command ends, and so the reading

    def check(self) -> None:
        """Raise what went wrong: what the command says of it is only a consequence."""
        if self._error is not None:
            raise self._error


def _messages(
    execution: Execution, feeder: _Feeder, silence_s: float
) -> Iterator[Mapping[str, Any]]:
    has_spoken, complaints = False, bytearray()
    for line in _lines(execution, complaints, silence_s):
        feeder.check()
        has_spoken = True
        yield _parse(execution, line)
    feeder.check()
    status = execution.status()  # tells a broken connection from an end
    if not has_spoken and status != 0:
        how = "but runs on" if status is None else f"with exit status {status}"
        why = f"'{_program(execution)}' ended its output without a word, {how}"
        raise execution.error(why + _quote(complaints))


def _lines(execution: Execution, complaints: bytearray, silence_s: float) -> Iterator[bytes]:
    """Yield the lines of standard output, and keep the end of standard error."""
    parts: list[bytes] = []
    deadline = time.monotonic() + silence_s
    while not execution.is_output_at_end:
        if not _wait(execution, deadline):
            if execution.has_status:
                break  # what it left running holds its output open
            why = f"'{_program(execution)}' said nothing for {silence_s:g} s"
            raise execution.error(why + _quote(complaints))
        complaints += execution.receive_error()
        del complaints[:-_TAIL_BYTES]
        if chunk := execution.receive():
            deadline = time.monotonic() + silence_s
            *ended, rest = chunk.split(b"\n")
            for end in ended:
                yield b"".join([*parts, end])
                parts.clear()
            parts.append(rest)
    complaints += execution.receive_error()
    if last := b"".join(parts):
        yield last


def _wait(execution: Execution, deadline: float) -> bool:
    """Wait for bytes of either stream, or the end."""
    if execution.has_status:
        return execution.wait_for_output(min(deadline, time.monotonic() + _LATE_OUTPUT_S))
    return execution.wait(deadline)


def _parse(execution: Execution, line: bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        shown = line[:200].decode(errors="replace")
        raise execution.error(f"'{_program(execution)}' wrote what is no JSON object: {shown}")
    return message


def _end(execution: Execution) -> None:
    """End a command with its process group, and give its session back."""
    try:
        if execution.status(_ABOUT_TO_END_S) is None:
            execution.signal("TERM", is_group=False)
            execution.status(_GRACE_S)
            execution.signal("KILL", is_group=True)
    except HostError:
        return  # the connection is broken: a node's command ends when nobody listens to it
    finally:
        execution.close()


def _program(execution: Execution) -> str:
    """Return the beginning of a command: the rest may be a long script."""
    return textwrap.shorten(execution.shown, _SHOWN)


def _quote(said: bytes | bytearray) -> str:
    lines = said.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
    return "".join(["; it wrote:", *(f"\n    {line}" for line in lines)]) if lines else ""
