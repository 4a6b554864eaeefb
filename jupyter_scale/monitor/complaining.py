"""How a process of a node complains: what its own programs log from WARNING on, the digest of it.

Only what Dask and this package log; what user code logs is its own business. What tells of user
code that failed is left out as well, because it holds values, and the run says it. While nothing is
logged nothing runs: a timer is set by the first complaint.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable

from jupyter_scale.model.complaints import Complaint
from jupyter_scale.monitor.digest import Digest, gist_of, one_line

LOGGERS = ("distributed", "jupyter_scale")
MOST_OF_PROCESS = 10
_SOON_S = 0.1
_OF_USERS_CODE = (
    "Compute Failed",
    "Run Failed",
    "Exception during execution of task",
    "Removing worker",  # with the keys of all tasks; the listener says it in numbers
)

Send = Callable[[list[Complaint]], None]


def complaint_of(
    record: logging.LogRecord, *, node: str = "", worker: str = ""
) -> Complaint | None:
    """Return the complaint in a record; None when it is none that may be told."""
    pattern = str(record.msg)
    if pattern.startswith(_OF_USERS_CODE):
        return None
    try:
        text = one_line(record.getMessage())
    except Exception:  # noqa: BLE001 - whatever a repr raises; logging itself says so
        text = one_line(pattern)
    error = record.exc_info[0] if record.exc_info else None
    if error is not None:
        text = f"{text} ({error.__name__})" if text else error.__name__
    return Complaint(
        node=node,
        worker=worker,
        level="error" if record.levelno >= logging.ERROR else "warning",
        source=short_name(record.name),
        text=text,
        gist=gist_of(one_line(pattern) if record.args else text),
    )


def short_name(logger: str) -> str:
    """Return the last part of a logger's name that says something: ``nanny``, ``crew``."""
    return logger.removesuffix(".memory").rpartition(".")[2]


class Complainer(logging.Handler):
    """Hands on what a process complains of, from any of its threads.

    Parameters
    ----------
    send : callable
        Gets what is to be told; it is called by the event loop that runs now, and must not log.
    node, worker : str
        Whose process it is.
    """

    def __init__(self, send: Send, *, node: str = "", worker: str = "") -> None:
        super().__init__(logging.WARNING)
        self._send, self._node, self._worker = send, node, worker
        self._digest = Digest(MOST_OF_PROCESS)
        self._loop = asyncio.get_running_loop()
        self._is_awaited = False
        self._guard = threading.Lock()

    def install(self) -> None:
        """Begin."""
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)

    def close(self) -> None:
        """Hear no more."""
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, in any thread."""
        complaint = complaint_of(record, node=self._node, worker=self._worker)
        if complaint is None:
            return
        with self._guard:
            self._digest.take(complaint)
            is_first, self._is_awaited = not self._is_awaited, True
        if is_first:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is told any more
                self._loop.call_soon_threadsafe(self._await)

    def _await(self) -> None:
        with self._guard:
            wait_s = self._digest.wait_s(time.monotonic())
            self._is_awaited = wait_s is not None
        if wait_s is not None:
            self._loop.call_later(max(_SOON_S, wait_s), self._tell)

    def _tell(self) -> None:
        with self._guard:
            told = self._digest.tell(time.monotonic())
        if told:
            self._send(told)
        self._await()
