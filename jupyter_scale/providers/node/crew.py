"""The workers of one node: nannies that start them again, and how many there shall be."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Nanny, Status
from distributed.core import rpc

from jupyter_scale.monitor.gpus import GpuReader
from jupyter_scale.providers.node.worker import LocalWorker, worker_log
from jupyter_scale.transport.local import read_last_lines
from jupyter_scale.transport.tls import security

_logger = logging.getLogger(__name__)

GPU = "GPU"
"""The Dask resource of workers that have a GPU of their own."""

WORKER_START_TIMEOUT_S = 30.0
_NAME_TAKEN_S = 180.0
"""So long a scheduler may take to see that a machine has gone without a word."""
_NAME_AGAIN_S = 2.0
_CLOSE_TIMEOUT_S = 2.0
_DRAIN_S = 60.0  # of the two minutes that a notice leaves


@dataclass(frozen=True)
class CrewOptions:
    """What the workers of a node have in common.

    Parameters
    ----------
    host : str
        The address on which they listen.
    prefix : str
        Begins their names, which are unique in the cluster.
    directory, tls_dir : Path
        Where they write, and their certificates.
    preloads : tuple of str
        Modules that they import at their start.
    """

    host: str
    prefix: str
    directory: Path
    tls_dir: Path
    preloads: tuple[str, ...] = ()


class Crew:
    """Starts and retires the workers of this node.

    Parameters
    ----------
    scheduler : str
        The address that they join.
    options : CrewOptions
        What they have in common.
    tell : callable
        Takes keywords: told of those that did not start.
    environment : mapping
        Variables that workers have to have, whatever distributed makes of them.
    """

    def __init__(
        self,
        scheduler: str,
        options: CrewOptions,
        tell: Callable[..., None],
        environment: Mapping[str, str],
    ) -> None:
        self._scheduler, self._options = scheduler, options
        self._tell, self._environment = tell, dict(environment)
        self._security = security(options.tls_dir, "worker")
        self._nannies: dict[int, Nanny] = {}
        self._starting: dict[int, asyncio.Task[None]] = {}
        self._scaling = asyncio.Lock()
        self._wanted = 0
        self._is_draining = False
        self._gpus = 0 if "CUDA_VISIBLE_DEVICES" in os.environ else len(GpuReader().read())

    @property
    def is_starting(self) -> bool:
        """Whether a worker has yet to come up for the first time."""
        return bool(self._starting)

    async def scale(self, workers: int, idle: Callable[[], list[str]] = list) -> None:
        """Begin to have another number of workers: new ones start, idle ones are retired first.

        Parameters
        ----------
        workers : int
            How many.
        idle : callable
            Returns names of workers, those first that are the least missed.
        """
        async with self._scaling:
            if self._is_draining:
                return
            self._wanted = workers
            missing = workers - len(self._nannies)
            if missing > 0:
                free = (i for i in range(10**9) if i not in self._nannies)
                for _ in range(missing):
                    self._begin(next(free))
            elif missing < 0:
                await self._retire(-missing, idle())

    async def revive(self) -> None:
        """Start again those whose nanny gave up, because the scheduler could not be reached."""
        async with self._scaling:
            for index, nanny in list(self._nannies.items()):
                is_over = nanny.status in (Status.closed, Status.failed)
                if is_over and not self._is_draining and index not in self._starting:
                    self._begin(index)

    async def drain(self) -> None:
        """Have no workers any more: what they hold goes to others, what they do is done again."""
        async with self._scaling:
            self._is_draining = True
            for task in self._starting.values():
                task.cancel()
            await self._retire(len(self._nannies), [], _DRAIN_S)

    async def close(self) -> None:
        """Close all."""
        for task in self._starting.values():
            task.cancel()
        nannies = [nanny.close(timeout=1) for nanny in self._nannies.values()]
        await asyncio.gather(*nannies, return_exceptions=True)

    def _name(self, index: int) -> str:
        return f"{self._options.prefix}{index}"

    def _begin(self, index: int) -> None:
        nanny = self._nannies[index] = self._make_nanny(index)
        self._starting[index] = asyncio.create_task(self._start_worker(index, nanny))

    def _make_nanny(self, index: int) -> Nanny:
        log = worker_log(self._options.directory, str(index))
        log.parent.mkdir(mode=0o700, exist_ok=True)
        environment = self._environment
        if self._gpus:  # each belongs to one slot
            device = str(index) if index < self._gpus else ""
            environment = {**environment, "CUDA_VISIBLE_DEVICES": device}
        nanny = Nanny(
            self._scheduler,
            nthreads=1,
            name=self._name(index),
            host=self._options.host,
            protocol="tls",
            security=self._security,
            memory_limit=1 / max(1, self._wanted),
            local_directory=str(self._options.directory),
            death_timeout=WORKER_START_TIMEOUT_S,
            preload=list(self._options.preloads),
            preload_argv=[[] for _ in self._options.preloads],
            worker_class=LocalWorker,
            log_path=str(log),
            node_directory=str(self._options.directory),
            env=environment,
            resources={GPU: 1} if index < self._gpus else {},
        )
        nanny.pre_spawn_env.update(environment)
        return nanny

    async def _start_worker(self, index: int, nanny: Nanny) -> None:
        name, log = self._name(index), worker_log(self._options.directory, str(index))
        until = time.monotonic() + _NAME_TAKEN_S
        try:
            while not await self._has_started(name, log, nanny, until):
                await asyncio.sleep(_NAME_AGAIN_S)
                nanny = self._nannies[index] = self._make_nanny(index)
        except Exception as error:  # whatever user code in a preload raises
            _logger.exception("worker %s did not start", name)
            self._nannies.pop(index, None)
            why = f"{type(error).__name__}: {error}"
            self._tell(event="failed", worker=name, why=why, last_lines=read_last_lines(log))
        finally:
            self._starting.pop(index, None)

    async def _has_started(self, name: str, log: Path, nanny: Nanny, until: float) -> bool:
        """Start a worker; return False if the scheduler still has one of that name.

        That was on a machine that has gone without a word, which the scheduler will see. Only the
        worker's log says so: what comes from its process has no cause.
        """
        before = _size(log)
        try:
            await nanny
        except RuntimeError:
            if time.monotonic() > until or f"name taken, {name}" not in _read_from(log, before):
                raise
            _logger.info("worker %s waits for its name", name)
            return False
        return True

    async def _retire(
        self, count: int, idle: list[str], timeout_s: float = _CLOSE_TIMEOUT_S
    ) -> None:
        own = {self._name(index): index for index in sorted(self._nannies, reverse=True)}
        names = [*(name for name in idle if name in own), *own]
        names = list(dict.fromkeys(names))[:count]
        connection_args = self._security.get_connection_args("worker")
        try:
            async with (
                asyncio.timeout(timeout_s),
                rpc(self._scheduler, connection_args=connection_args) as scheduler,
            ):
                await scheduler.retire_workers(names=names)
        except (TimeoutError, OSError):
            _logger.warning("workers %s did not hand over their data in time", names)
        nannies: list[Any] = [self._nannies.pop(own[name]) for name in names]
        await asyncio.gather(*(nanny.close(timeout=1) for nanny in nannies), return_exceptions=True)


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def _read_from(log: Path, offset: int) -> str:
    """Return what was written to a log after its first so many bytes."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
