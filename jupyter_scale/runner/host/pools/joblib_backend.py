"""joblib's backend for the cluster, which scikit-learn's ``n_jobs`` uses too.

It is the default one while a cell runs. joblib itself sees to the rest: one job is serial, threads
stay threads, and what the user has chosen comes first.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from types import ModuleType
from typing import Any

from joblib._parallel_backends import (  # there is no public name
    AutoBatchingMixin,
    FallbackToBackend,
    LokyBackend,
    ParallelBackendBase,
    SequentialBackend,
)
from joblib.externals.loky.process_executor import TerminatedWorkerError

from jupyter_scale.runner.host.pools.executors import MakeCrew
from jupyter_scale.runner.host.pools.lanes import Lanes
from jupyter_scale.runner.host.pools.terms import Call, Terms

_NAME = "jupyter-scale"


class ClusterBackend(AutoBatchingMixin, ParallelBackendBase):
    """Runs the batches of one call of ``joblib.Parallel`` on workers.

    Parameters
    ----------
    make_crew
        Takes what returns the terms for a number of workers.
    count_workers
        Returns how many workers there are.
    """

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True

    def __init__(
        self, make_crew: MakeCrew, count_workers: Callable[[], int], **options: Any
    ) -> None:
        super().__init__(**options)
        self._make_crew, self._count_workers = make_crew, count_workers
        self._lanes: Lanes | None = None
        self._last = threading.local()

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many jobs run at a time: -1 is one for each worker."""
        if n_jobs is None or n_jobs >= 0:
            return int(LokyBackend.effective_n_jobs(self, n_jobs))
        return max(self._count_workers() + 1 + n_jobs, 1)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **options: Any) -> int:
        """Prepare for a call; return how many jobs run at a time."""
        size = self.effective_n_jobs(n_jobs)
        if size == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        here = _Loky(size, parallel)
        crew = self._make_crew(lambda _workers: Terms("joblib", size, here, is_strict=False))
        if crew is None:
            raise FallbackToBackend(LokyBackend(nesting_level=self.nesting_level))
        self.parallel, self._lanes = parallel, Lanes(crew)
        return size

    def submit(
        self, func: Callable[[], Any], callback: Callable[[Future[Any]], Any] | None = None
    ) -> Future[Any]:
        """Schedule a batch."""
        assert self._lanes is not None  # noqa: S101 - joblib configures before
        future = self._lanes.submit(_timed, func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    apply_async = submit  # its name before joblib 1.5

    def retrieve_result_callback(self, future: Future[Any]) -> Any:
        """Return a batch's results or raise its exception."""
        try:
            self._last.seconds, results = future.result()
        except BrokenProcessPool as error:
            raise TerminatedWorkerError(str(error)) from None
        return results

    def batch_completed(self, batch_size: int, duration: float) -> None:
        """Take note how long a batch took: at the worker, for the way there does not grow."""
        super().batch_completed(batch_size, self._last.seconds)

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: FBT001, FBT002 - its signature
        """End all batches."""
        if self._lanes is not None:
            self._lanes.cancel_waiting()
            self._lanes.crew.stop()
        self.terminate()
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)

    def terminate(self) -> None:
        """End the call."""
        if self._lanes is not None:
            self._lanes.close()
            self._lanes = None
        self.reset_batch_stats()


class _Loky:
    """joblib's own processes, for batches that cannot travel."""

    def __init__(self, size: int, parallel: Any) -> None:
        self._size, self._parallel = size, parallel
        self._lock = threading.Lock()
        self._backend: LokyBackend | None = None

    def run(self, call: Call) -> Any:
        """Return what the call returns, or raise what it raises."""
        function, args, keywords = call
        with self._lock:
            if self._backend is None:
                self._backend = LokyBackend(nesting_level=0)
                self._backend.configure(self._size, self._parallel)
            future = self._backend.submit(functools.partial(function, *args, **keywords))
        return future.result()

    def close(self) -> None:
        """Let go of the processes, which joblib keeps for its next call."""
        with self._lock:
            backend, self._backend = self._backend, None
        if backend is not None:
            backend.terminate()


def _timed(batch: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long a batch took, and its results."""
    started = time.perf_counter()
    results = batch()
    return time.perf_counter() - started, results


# What joblib prints with ``verbose`` is as in the plain cell.
ClusterBackend.__name__ = ClusterBackend.__qualname__ = LokyBackend.__name__


class JoblibDefault:
    """Makes the cluster joblib's default, and the default what it was.

    Parameters
    ----------
    parallel
        The module ``joblib.parallel``.
    make_crew, count_workers
        As for `ClusterBackend`.
    """

    def __init__(
        self, parallel: ModuleType, make_crew: MakeCrew, count_workers: Callable[[], int]
    ) -> None:
        self._parallel: Any = parallel
        self._make = functools.partial(ClusterBackend, make_crew, count_workers)
        self._before = ""

    def install(self) -> None:
        """Be the default."""
        self._parallel.BACKENDS[_NAME] = self._make
        self._before = self._parallel.DEFAULT_BACKEND
        if self._before == "loky":
            self._parallel.DEFAULT_BACKEND = _NAME

    def remove(self) -> None:
        """Be it no more, unless the user has chosen another meanwhile."""
        if self._parallel.DEFAULT_BACKEND == _NAME:
            self._parallel.DEFAULT_BACKEND = self._before
        self._parallel.BACKENDS.pop(_NAME, None)
