"""Processes that speak in lines of JSON: what their reader needs, wherever they run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Protocol

from jupyter_scale.errors import StartError


class Speaker(Protocol):
    """A process that was started, and is heard; here or on a host."""

    what: str
    pid: int
    created: float
    """When it was created, see `jupyter_scale.model.cluster.Owner`; 0 where that is not known."""

    def read_message(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next line that it wrote, None in time; EOFError when it has ended."""

    def wait_readable(self, timeout_s: float) -> bool:
        """Wait until it has written something, or has ended; tell whether that came in time."""

    def wait_ready(self, timeout_s: float | None = None) -> dict[str, Any]:
        """Return its ready line; StartError when there is none."""

    def explain_end(self) -> StartError:
        """Return the error that tells how it ended."""

    def exit_status(self) -> int | None:
        """Return its exit status (negative: the signal that ended it), None while it runs."""

    def last_lines(self) -> tuple[str, ...]:
        """Return the end of its log."""

    def end(self, grace_s: float = 3.0) -> None:
        """End it and all that it started in its process group."""

    def collect(self) -> None:
        """Let go of it, when it has ended."""


class Lines:
    """Cuts what a process writes into messages.

    Parameters
    ----------
    what : str
        Which process, for messages.
    receive : callable
        Given seconds to wait, returns bytes, none at the end; TimeoutError when nothing came.
    """

    def __init__(self, what: str, receive: Callable[[float], bytes]) -> None:
        self._what, self._receive = what, receive
        self._buffer = b""

    @property
    def has_line(self) -> bool:
        """Tell whether a message can be read without waiting."""
        return b"\n" in self._buffer

    def read(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next message, or None when there is none in time.

        Raises
        ------
        EOFError
            When the process has ended, or closed its standard output.
        ValueError
            When a line is not JSON.
        """
        deadline = time.monotonic() + timeout_s
        while not self.has_line:
            try:
                chunk = self._receive(deadline - time.monotonic())
            except TimeoutError:
                return None
            if not chunk:
                raise EOFError(f"{self._what} closed its standard output")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message


def wait_ready(speaker: Speaker, timeout_s: float, log: str) -> dict[str, Any]:
    """Return the ready line of a process: the first that it writes.

    Parameters
    ----------
    speaker
        The process.
    timeout_s : float
        How long to wait for it.
    log : str
        Where more can be read, for the error.

    Raises
    ------
    StartError
        When it ended before, or says nothing in time, or said why it cannot start.
    """
    try:
        message = speaker.read_message(timeout_s)
    except EOFError:
        raise speaker.explain_end() from None
    except ValueError as error:
        why = f"its ready line is not a JSON object ({error})"
        raise StartError(speaker.what, why, speaker.last_lines()) from error
    if message is None:
        why = f"it said nothing for {timeout_s:.0f} s"
        raise StartError(speaker.what, why, speaker.last_lines(), log and f"See {log}.")
    if "error" in message:
        lines = tuple(message.get("last_lines", ()))
        raise StartError(speaker.what, message["error"], lines, message.get("next_step", ""))
    return message
