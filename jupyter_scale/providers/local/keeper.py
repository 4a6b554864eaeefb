"""The keeper of a local node: the scheduler, the nannies of its workers, and news of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import dask
from distributed import Nanny, Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

from jupyter_scale.model.cluster import Owner
from jupyter_scale.monitor.gpus import GpuReader, GpuWatch
from jupyter_scale.monitor.runs import Mourner
from jupyter_scale.monitor.samples import LOOK
from jupyter_scale.providers.local.worker import LocalWorker, worker_log
from jupyter_scale.transport.lifeline import is_alive
from jupyter_scale.transport.local import read_last_lines
from jupyter_scale.transport.tls import security

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
WORKER_START_TIMEOUT_S = 30.0
_CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class NodeOptions:
    """What a node process was told on its command line."""

    cluster: str
    name: str
    directory: Path
    shared_dir: Path
    tls_dir: Path
    workers: int
    scheduler_port: int
    idle_timeout_s: float | None
    preloads: tuple[str, ...]


class LocalScheduler(Scheduler):
    """A scheduler without the web server, which would have no authentication."""

    def start_http_server(self, *args: Any, **kwargs: Any) -> None:
        """Start none."""


class _Watcher(SchedulerPlugin):
    """Says which workers join and leave, also in ``joined.json`` for an owner that comes later."""

    name = "jupyter-scale-keeper"

    def __init__(self, tell: Callable[..., None], directory: Path) -> None:
        self._tell, self._directory = tell, directory
        self._names: dict[str, str] = {}

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        self._names[worker] = str(scheduler.workers[worker].name)
        self._tell(event="joined", worker=self._names[worker])
        self._write()

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        self._tell(event="left", worker=self._names.pop(worker, worker))
        self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # the directory may be gone: the cluster ends
            _write_json(self._directory / "joined.json", sorted(self._names.values()))


class Keeper:
    """Brings up one scheduler and its workers, and closes them.

    Parameters
    ----------
    options : NodeOptions
        What this node shall be.
    tell : callable
        Takes keywords, and sends them as one line to whoever started this process.
    environment : mapping
        Variables that workers have to have, whatever distributed makes of them.
    """

    def __init__(
        self, options: NodeOptions, tell: Callable[..., None], environment: Mapping[str, str]
    ) -> None:
        self._options, self._tell, self._environment = options, tell, dict(environment)
        self._security = security(options.tls_dir, "scheduler")
        self._worker_security = security(options.tls_dir, "worker")
        self._nannies: dict[str, Nanny] = {}
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._scaling = asyncio.Lock()
        self._wanted = options.workers
        self._gpus = GpuWatch(GpuReader().read)
        self._idle_since: float | None = None

    async def run(self, is_stopped: asyncio.Event) -> None:
        """Serve until the event is set, the scheduler closes, or the node was idle for long."""
        try:
            self._scheduler = await self._start_scheduler()
        except (OSError, RuntimeError) as error:
            if not _is_port_taken(error):
                raise
            self._tell(**_port_is_taken(self._options.scheduler_port))
            return
        write_scheduler_file(self._options.directory, self._scheduler)
        self._tell(pid=os.getpid(), scheduler_address=self._scheduler.address)
        endings = [
            asyncio.ensure_future(is_stopped.wait()),
            asyncio.ensure_future(self._scheduler.finished()),
        ]
        if self._options.idle_timeout_s is not None:
            endings.append(asyncio.ensure_future(self._wait_idle(self._options.idle_timeout_s)))
        await self.scale(self._options.workers)
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        for ending in endings:
            ending.cancel()
        await self.close()

    async def scale(self, workers: int) -> dict[str, int]:
        """Begin to have another number of workers: new ones start, idle ones are retired first."""
        async with self._scaling:
            self._wanted = workers
            missing = workers - len(self._nannies)
            if missing > 0:
                free = (str(i) for i in range(10**9) if str(i) not in self._nannies)
                for _ in range(missing):
                    self._begin(next(free))
            elif missing < 0:
                await self._retire(-missing)
        return {"workers": workers}

    async def look(self) -> dict[str, Any]:
        """Return what monitors want to know: all workers, since when nothing ran, GPUs by node."""
        return {
            **self._scheduler.identity(n_workers=-1),
            "idle_since_s": self._idle_since,
            "gpus": {self._options.name: [asdict(gpu) for gpu in await self._gpus.look()]},
        }

    async def close(self) -> None:
        """Close workers and scheduler, in bounded time."""
        for task in self._starting.values():
            task.cancel()
        nannies = [nanny.close(timeout=1) for nanny in self._nannies.values()]
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await asyncio.gather(*nannies, return_exceptions=True)
                await self._scheduler.close(reason="cluster stops")
        except TimeoutError:
            _logger.warning("closing took too long: what is left gets killed")

    async def _start_scheduler(self) -> LocalScheduler:
        scheduler = LocalScheduler(
            host=f"tls://{HOST}",
            port=self._options.scheduler_port,
            protocol="tls",
            security=self._security,
            dashboard=False,
        )
        scheduler.handlers["jupyter_scale_scale"] = self.scale
        scheduler.handlers[LOOK] = self.look
        await scheduler
        scheduler.add_plugin(_Watcher(self._tell, self._options.directory))
        scheduler.add_plugin(Mourner())
        return scheduler

    def _begin(self, name: str) -> None:
        log = worker_log(self._options.directory, name)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        nanny = Nanny(
            self._scheduler.address,
            nthreads=1,
            name=name,
            host=HOST,
            protocol="tls",
            security=self._worker_security,
            memory_limit=1 / max(1, self._wanted),
            local_directory=str(self._options.directory),
            death_timeout=WORKER_START_TIMEOUT_S,
            preload=list(self._options.preloads),
            preload_argv=[[] for _ in self._options.preloads],
            worker_class=LocalWorker,
            log_path=str(log),
            env=self._environment,
        )
        nanny.pre_spawn_env.update(self._environment)
        self._nannies[name] = nanny
        self._starting[name] = asyncio.create_task(self._start_worker(name, nanny))

    async def _start_worker(self, name: str, nanny: Nanny) -> None:
        try:
            await nanny
        except Exception as error:  # whatever user code in a preload raises
            _logger.exception("worker %s did not start", name)
            self._nannies.pop(name, None)
            lines = read_last_lines(worker_log(self._options.directory, name))
            why = f"{type(error).__name__}: {error}"
            self._tell(event="failed", worker=name, why=why, last_lines=lines)
        finally:
            self._starting.pop(name, None)

    async def _retire(self, count: int) -> None:
        names = self._scheduler.workers_to_close(n=count, attribute="name")
        rest = sorted(set(self._nannies) - set(names), key=int, reverse=True)
        names = [*names, *rest][:count]
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._scheduler.retire_workers(names=names)
        except TimeoutError:
            _logger.warning("workers %s did not hand over their data in time", names)
        nannies = [self._nannies.pop(name) for name in names]
        await asyncio.gather(*(nanny.close(timeout=1) for nanny in nannies), return_exceptions=True)

    async def _wait_idle(self, timeout_s: float) -> None:
        """Return when neither a task nor a runner was busy for that long.

        A runner is busy while the file ``busy`` is in its directory, and the process that the
        file names lives.
        """
        last_busy = time.time()
        while time.time() < last_busy + timeout_s:
            await asyncio.sleep(min(5.0, timeout_s / 10))
            idle_since = self._scheduler.check_idle()
            is_busy = any(map(_is_busy, self._options.directory.glob("runners/*/busy")))
            if idle_since is None or is_busy:
                last_busy = time.time()
            self._idle_since = None if idle_since is None or is_busy else last_busy
        _logger.info("nothing ran for %s s", timeout_s)


def configure(directory: Path, start_method: str) -> None:
    """Set what distributed takes from its configuration only."""
    dask.config.set(
        {
            "temporary-directory": str(directory),
            "distributed.worker.multiprocessing-method": start_method,
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            "distributed.worker.daemon": False,  # user code may have child processes
            # A task whose worker died three times is not tried again.
            "distributed.scheduler.allowed-failures": 2,
            "distributed.diagnostics.nvml": False,  # the keeper reads GPUs, once for all workers
        }
    )


def write_scheduler_file(directory: Path, scheduler: Scheduler) -> None:
    """Write ``scheduler.json`` as Dask's own command does; it is never seen half written."""
    _write_json(directory / "scheduler.json", scheduler.identity())


def _write_json(path: Path, content: Any) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=2))
    draft.chmod(0o600)
    draft.replace(path)


def _is_busy(mark: Path) -> bool:
    try:
        return is_alive(Owner.parse(mark.read_text()))
    except (OSError, ValueError):
        return False


def _is_port_taken(error: BaseException | None) -> bool:
    """Tell whether that is the cause; distributed wraps it in an error of its own."""
    while error is not None and getattr(error, "errno", None) != errno.EADDRINUSE:
        error = error.__cause__
    return error is not None


def _port_is_taken(port: int) -> dict[str, str]:
    return {
        "error": f"port {port} on {HOST} is taken by another process",
        "next_step": "Choose another scheduler_port in the profile, or leave it out: then a free "
        f"port is taken. `lsof -i :{port}` shows who has it.",
    }
