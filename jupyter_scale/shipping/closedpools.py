"""Process pools that were shut down, as they come home: names that a ``with`` block leaves behind.

One that is open has processes or threads, and cannot travel. Streams refer to the functions of this
module by name, so it is part of the wire format.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.pool import Pool


#: Why an open one, or a call's future, does not travel.
OF_A_POOL = "it belongs to a pool, which lives in one process"


def reduce_executor(executor: ProcessPoolExecutor) -> Any:
    """Reduce an executor; None if it is not shut down."""
    mine: Any = executor
    if not mine._shutdown_thread:  # noqa: SLF001 - there is no other sign
        return None
    return make_executor, (mine._max_workers,)  # noqa: SLF001 - there is no public name


def make_executor(max_workers: int) -> ProcessPoolExecutor:
    """Return an executor that is shut down."""
    from concurrent.futures import ProcessPoolExecutor

    executor = ProcessPoolExecutor(max_workers)
    executor.shutdown()
    return executor


def reduce_pool(pool: Pool) -> Any:
    """Reduce a pool; None if it may still run something."""
    mine: Any = pool
    is_done = mine._state == "TERMINATE" or (mine._state == "CLOSE" and not mine._cache)  # noqa: SLF001 - there is no other sign
    return (make_pool, (mine._state, mine._processes)) if is_done else None  # noqa: SLF001 - there is no public name


def make_pool(state: str, processes: int) -> Pool:
    """Return a pool that has ended."""
    import multiprocessing
    from multiprocessing.pool import Pool

    pool: Any = Pool.__new__(Pool)
    ended = types.SimpleNamespace(join=_nothing)
    pool._ctx = multiprocessing.get_context()  # noqa: SLF001 - a pool cannot be made without processes
    pool._pool = [ended] * processes  # noqa: SLF001 - as above
    pool._state, pool._processes, pool._cache = state, processes, {}  # noqa: SLF001 - as above
    pool._worker_handler = pool._task_handler = pool._result_handler = ended  # noqa: SLF001 - as above
    pool._terminate = _nothing  # noqa: SLF001 - as above
    return pool  # type: ignore[no-any-return]


def _nothing() -> None:
    """End what has ended."""
