"""What ``%%scale`` cells did, told to this kernel's Jupyter server without holding up a cell."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator, Mapping

from jupyter_scale.errors import ClusterError
from jupyter_scale.model.account import Account, Traffic
from jupyter_scale.model.run import Run, first_line
from jupyter_scale.serverlink import find_server
from jupyter_scale.session.cell import CellResult

_MOST_WAITING = 100
_IDLE_S = 10.0
_LONGEST_ERROR = 500

Origin = Mapping[str, str]
"""Where a cell is, see `jupyter_scale.origin.origin_of`."""


class Accountant:
    """Tells accounts in a thread of its own, which ends when there is nothing to tell."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Account] = queue.Queue(_MOST_WAITING)
        self._is_working = False
        self._has_server = True
        self._lock = threading.Lock()

    def tell(self, source: str, origin: Origin, count: int, result: CellResult) -> None:
        """Tell what a cell on the cluster cost; when and how it ended, its runner has told."""
        whys = [f"line {loop['line']}: {loop['why']}" for loop in result.loops if loop["why"]]
        traffic = Traffic(
            why="\n".join(whys),
            sent_bytes=result.sent_bytes,
            received_bytes=result.received_bytes,
            reused_bytes=result.reused_bytes,
            notes=tuple(result.notes),
        )
        run = _run_of(source, origin, count, time.time(), result.exception)
        self._take(Account(run=run, traffic=traffic))

    @contextlib.contextmanager
    def following(self, source: str, origin: Origin, count: int, why: str) -> Iterator[None]:
        """Tell of a cell that runs here, and why it does, however it ends."""
        started, error = time.time(), None
        try:
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            run = _run_of(source, origin, count, started, error)
            self._take(Account(run=run, traffic=Traffic(where="here", why=why)))

    def _take(self, account: Account) -> None:
        with self._lock:
            if not self._has_server or self._waiting.full():
                return
            self._waiting.put_nowait(account)
            if not self._is_working:
                self._is_working = True
                name = "jupyter-scale accounts"
                threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        link = find_server()
        self._has_server = link is not None
        while link is not None and (account := self._next()) is not None:
            with contextlib.suppress(ClusterError):  # it is gone, or older than this kernel
                link.account(account)

    def _next(self) -> Account | None:
        """Return what is to be told next; None after a while without anything, and then end."""
        with contextlib.suppress(queue.Empty):
            return self._waiting.get(timeout=_IDLE_S)
        with self._lock:
            self._is_working = not self._waiting.empty()
            return self._waiting.get_nowait() if self._is_working else None


def _run_of(
    source: str, origin: Origin, count: int, started_at: float, error: BaseException | None
) -> Run:
    is_interrupt = isinstance(error, KeyboardInterrupt)
    return Run(
        id=origin["run"],
        kernel_id=origin["kernel"],
        notebook=origin["notebook"],
        cell_id=origin["cell"],
        execution_count=count,
        first_line=first_line(source),
        status="interrupted" if is_interrupt else "failed" if error else "done",
        started_at=started_at,
        ended_at=time.time(),
        error=f"{type(error).__name__}: {error}"[:_LONGEST_ERROR] if error else "",
    )
