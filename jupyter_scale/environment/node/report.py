"""What a node says while it works: lines of JSON on standard output.

``{"event": "step", "step", "message", "done", "total"}`` tells of progress, ``{"event": "alive"}``
that a step takes its time. The last line is an answer (``"ready"``, ``"facts"``, ...), or
``{"error", "code", "next_step", "last_lines"}``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from typing import Any

HEARTBEAT_S = 5.0


class Refused(Exception):
    """Something cannot be done on this node.

    Parameters
    ----------
    code : str
        A word for programs: ``"disk"``, ``"index"``, ``"python"``, ``"permission"``, ...
    error : str
        What happened, for people.
    next_step : str
        What they can do.
    last_lines : tuple of str
        What a program said last.
    """

    def __init__(
        self, code: str, error: str, next_step: str = "", last_lines: tuple[str, ...] = ()
    ) -> None:
        super().__init__(error)
        self.code, self.error = code, error
        self.next_step, self.last_lines = next_step, last_lines


class Interrupted(Exception):
    """Somebody stopped this, or nobody listens any more."""


class Report:
    """Writes the lines; what anything else writes to standard output goes to standard error."""

    def __init__(self) -> None:
        self._pipe = os.dup(1)
        os.dup2(2, 1)

    def tell(self, **message: Any) -> None:
        """Write one line.

        Raises
        ------
        Interrupted
            When nobody reads any more.
        """
        line = json.dumps(message).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._pipe, line) :]
        except OSError as error:
            raise Interrupted("nobody listens any more") from error

    def step(self, step: str, message: str, done: int = 0, total: int = 0) -> None:
        """Tell of progress."""
        self.tell(event="step", step=step, message=message, done=done, total=total)

    def is_heard(self) -> bool:
        """Tell whether the other end of the pipe is still open."""
        poll = select.poll()
        poll.register(self._pipe, 0)
        return not any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0))

    def beat(self) -> None:
        """Tell that this is still at work.

        Raises
        ------
        Interrupted
            When nobody listens any more.
        """
        if not self.is_heard():
            raise Interrupted("nobody listens any more")
        self.tell(event="alive")

    @contextlib.contextmanager
    def keeping_alive(self) -> Iterator[None]:
        """Beat by a timer during something that waits."""
        before = signal.signal(signal.SIGALRM, lambda *_: self.beat())
        signal.setitimer(signal.ITIMER_REAL, HEARTBEAT_S, HEARTBEAT_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def refuse(self, refused: Refused) -> None:
        """Write the last line of something that cannot be done."""
        self.tell(
            error=refused.error,
            code=refused.code,
            next_step=refused.next_step,
            last_lines=list(refused.last_lines),
        )


def refusal_of(error: OSError, path: str | None = None) -> Refused:
    """Return what an error of the operating system means to people."""
    where = path or error.filename or "its cache directory"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(
            "disk",
            "The disk is full: " + str(where),
            "Free some space there, remove old environments with `jupyter scale clean`, or choose"
            " another directory for the cache of jupyter-scale on this host.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return Refused(
            "permission",
            f"Cannot write to {where} ({error.strerror})",
            "Choose another directory for the cache of jupyter-scale on this host, or ask its"
            " administrator.",
        )
    return Refused("system", f"{type(error).__name__}: {error}")


def say(text: str) -> None:
    """Write a line for the log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
