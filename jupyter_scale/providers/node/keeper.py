"""The keeper of a node: its workers, the scheduler if it is here, and news of them."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dask
from distributed import Scheduler
from distributed.core import rpc
from distributed.diagnostics.plugin import SchedulerPlugin

from jupyter_scale.archive.needs import is_needed
from jupyter_scale.monitor.complaining import Complainer
from jupyter_scale.monitor.losses import Listener
from jupyter_scale.monitor.runs import Mourner
from jupyter_scale.monitor.survey import LOOK, MachineWatch, Survey
from jupyter_scale.monitor.tasks import TASKS, TaskWatch
from jupyter_scale.providers.node.crew import Crew, CrewOptions
from jupyter_scale.providers.node.events import wanted_path
from jupyter_scale.providers.node.lease import notice
from jupyter_scale.providers.node.reporting import Reporter
from jupyter_scale.providers.node.sessions import tell_sessions
from jupyter_scale.transport.lifeline import current_owner, limit_of
from jupyter_scale.transport.tls import security

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jupyter_scale.monitor.complaining import Send

_logger = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 2.0
_LOOK_WANTED_S = 0.2
_LOOK_SCHEDULER_S = 2.0
_LOOK_NOTICE_S = 1.0
_DESERTED_S = 8.0


@dataclass(frozen=True)
class NodeOptions:
    """What a node process was told on its command line.

    Parameters
    ----------
    cluster, name : str
        The cluster's id, and the node's name in it.
    directory, tls_dir : Path
        The node's own directory, and the certificates.
    workers : int
        How many it has at first.
    host : str
        The address on which scheduler and workers listen.
    prefix : str
        Begins the names of its workers.
    scheduler : str, optional
        Which scheduler it joins; it has the cluster's own when None.
    scheduler_port : int
        The port of its own scheduler, any free one when 0.
    idle_timeout_s : float, optional
        After so long without work the cluster ends.
    keep_for_s : float
        For so long what nobody has fetched counts as work.
    preloads : tuple of str
        Modules that workers import at their start.
    """

    cluster: str
    name: str
    directory: Path
    tls_dir: Path
    workers: int
    host: str
    prefix: str
    scheduler: str | None
    scheduler_port: int
    idle_timeout_s: float | None
    keep_for_s: float
    preloads: tuple[str, ...]


class LocalScheduler(Scheduler):
    """A scheduler without the web server, which would have no authentication."""

    def start_http_server(self, *args: Any, **kwargs: Any) -> None:
        """Start none."""


class _Watcher(SchedulerPlugin):
    """Says which workers join and leave, whatever node they are on."""

    name = "jupyter-scale-keeper"

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._names: dict[str, str] = {}

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        self._names[worker] = str(scheduler.workers[worker].name)
        self._tell(event="joined", worker=self._names[worker])

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        self._tell(event="left", worker=self._names.pop(worker, worker))


class Keeper:
    """Brings up the workers of a node, and the scheduler if it is here, and closes them.

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
        self._idle_since: float | None = None
        self._scheduler: LocalScheduler | None = None
        self._listener: Listener | None = None

    async def run(self, is_stopped: asyncio.Event) -> None:
        """Serve until the event is set, the scheduler closes, or the node was idle for long."""
        options = self._options
        endings: list[asyncio.Future[Any]] = [asyncio.ensure_future(is_stopped.wait())]
        if options.scheduler is None:
            try:
                scheduler = self._scheduler = await self._start_scheduler()
            except (OSError, RuntimeError) as error:
                if not _is_port_taken(error):
                    raise
                self._tell(**_port_is_taken(options.host, options.scheduler_port))
                return
            address, identity = scheduler.address, scheduler.identity()
            endings.append(asyncio.ensure_future(scheduler.finished()))
        else:
            address, identity = options.scheduler, {"address": options.scheduler}
        self._crew = Crew(
            address,
            CrewOptions(
                options.host, options.prefix, options.directory, options.tls_dir, options.preloads
            ),
            self._tell,
            self._environment,
        )
        complainer = Complainer(self._hearer(address), node=options.name)
        complainer.install()
        write_scheduler_file(options.directory, identity)
        me = current_owner()
        self._tell(pid=me.pid, created=me.created, scheduler_address=address)
        await self._crew.scale(options.workers)
        if self._scheduler is None:
            endings.append(asyncio.ensure_future(self._wait_deserted(address)))
        elif options.idle_timeout_s is not None:
            endings.append(asyncio.ensure_future(self._wait_idle(options.idle_timeout_s)))
        watches = self._follow_wishes(), self._heed_notice()
        jobs = [
            asyncio.ensure_future(job)
            for job in (*watches, tell_sessions(options.directory, self._tell))
        ]
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        for job in [*endings, *jobs]:
            job.cancel()
        complainer.close()  # what ends now is meant to
        await self.close()

    def _hearer(self, scheduler: str) -> Send:
        """Return who hears what this process complains of: the scheduler, wherever it is."""
        if self._listener is not None:
            return self._listener.take
        connection_args = security(self._options.tls_dir, "worker").get_connection_args("worker")
        return Reporter(scheduler, connection_args).report

    async def close(self) -> None:
        """Close workers and scheduler, in bounded time."""
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._crew.close()
                if self._scheduler is not None:
                    await self._scheduler.close(reason="cluster stops")
        except TimeoutError:
            _logger.warning("closing took too long: what is left gets killed")

    async def _start_scheduler(self) -> LocalScheduler:
        scheduler = LocalScheduler(
            host=f"tls://{self._options.host}",
            port=self._options.scheduler_port,
            protocol="tls",
            security=security(self._options.tls_dir, "scheduler"),
            dashboard=False,
        )
        survey = Survey(scheduler, self._options.name, MachineWatch(), lambda: self._idle_since)
        tasks = TaskWatch(scheduler, self._options.name)
        scheduler.handlers[LOOK] = survey.look
        scheduler.handlers[TASKS] = tasks.read
        await scheduler
        self._listener = Listener(scheduler, self._options.name)
        scheduler.add_plugin(_Watcher(self._tell))
        scheduler.add_plugin(self._listener)
        scheduler.add_plugin(Mourner(scheduler))
        scheduler.add_plugin(tasks)
        return scheduler

    async def _follow_wishes(self) -> None:
        """Have as many workers as the file says that an owner writes; it can only be polled."""
        path, read = wanted_path(self._options.directory), 0
        while True:
            try:
                written = path.stat().st_mtime_ns
                if written != read:
                    read = written
                    await self._crew.scale(int(path.read_text()), self._least_missed)
            except FileNotFoundError:
                pass
            except (OSError, ValueError):
                _logger.exception("the wish in %s", path)
            await asyncio.sleep(_LOOK_WANTED_S)

    async def _heed_notice(self) -> None:
        """Hand over what the workers have, when this machine is about to be taken away."""
        while not (why := notice()):  # noqa: ASYNC110 - a file can only be polled
            await asyncio.sleep(_LOOK_NOTICE_S)
        self._tell(event="leaving", why=why)
        await self._crew.drain()

    def _least_missed(self) -> list[str]:
        """Return names of workers, as the scheduler would close them; none where it is not here."""
        if self._scheduler is None:
            return []
        count = len(self._scheduler.workers)
        return [str(n) for n in self._scheduler.workers_to_close(n=count, attribute="name")]

    async def _wait_deserted(self, address: str) -> None:
        """Return when nothing listens where the scheduler was; bring workers back that it lost.

        A link that is cut is no end: `--orphan-after` is for that.
        """
        connection_args = security(self._options.tls_dir, "worker").get_connection_args("worker")
        refused_since: float | None = None
        while refused_since is None or time.monotonic() < refused_since + _DESERTED_S:
            try:
                async with (
                    asyncio.timeout(_DESERTED_S),
                    rpc(address, timeout=_LOOK_SCHEDULER_S, connection_args=connection_args) as it,
                ):
                    await it.identity(n_workers=0)
                refused_since = None
                await self._crew.revive()
            except OSError as error:
                if not _is_refusal(error):
                    refused_since = None
                elif refused_since is None:
                    refused_since = time.monotonic()
            await asyncio.sleep(_LOOK_SCHEDULER_S)
        _logger.info("the scheduler at %s has ended", address)

    async def _wait_idle(self, timeout_s: float) -> None:
        """Return when neither a task nor a runner was busy for that long.

        What a run left and nobody has fetched counts as work, for as long as it is kept. Another
        limit may be set meanwhile, see `limits_path`.
        """
        scheduler, options = self._scheduler, self._options
        assert scheduler is not None  # noqa: S101 - who waits for this has one
        last_busy = time.time()
        directory = options.directory
        while time.time() < last_busy + limit_of(directory, "idle_timeout_s", timeout_s):
            await asyncio.sleep(min(5.0, timeout_s / 10))
            idle_since = scheduler.check_idle()
            is_busy = is_needed(directory, options.keep_for_s)
            if idle_since is None or is_busy or self._crew.is_starting:
                last_busy = time.time()
            self._idle_since = None if idle_since is None or is_busy else last_busy
        _logger.info("nothing ran for %s s", timeout_s)


def configure(directory: Path) -> None:
    """Set what distributed takes from its configuration only."""
    dask.config.set(
        {
            "temporary-directory": str(directory),
            # This process's own. Told of "forkserver", distributed would import pandas here first.
            "distributed.worker.multiprocessing-method": None,
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            "distributed.worker.daemon": False,  # user code may have child processes
            # A task whose worker died three times is not tried again.
            "distributed.scheduler.allowed-failures": 2,
            "distributed.diagnostics.nvml": False,  # the keeper reads GPUs, once for all workers
            # What only Dask's own dashboard shows would wake each process a hundred times a second.
            "distributed.worker.profile.enabled": False,
            "distributed.admin.tick.interval": "500ms",
            "distributed.worker.memory.monitor-interval": "200ms",
        }
    )


def write_scheduler_file(directory: Path, identity: Mapping[str, Any]) -> None:
    """Write ``scheduler.json`` as Dask's own command does; it is never seen half written."""
    path, content = directory / "scheduler.json", identity
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=2))
    draft.chmod(0o600)
    draft.replace(path)


def _is_port_taken(error: BaseException) -> bool:
    return _has_cause(error, errno.EADDRINUSE)


def _is_refusal(error: BaseException) -> bool:
    return _has_cause(error, errno.ECONNREFUSED)


def _has_cause(error: BaseException | None, number: int) -> bool:
    """Tell whether that is the cause; distributed wraps it in an error of its own."""
    while error is not None and getattr(error, "errno", None) != number:
        error = error.__cause__
    return error is not None


def _port_is_taken(host: str, port: int) -> dict[str, str]:
    return {
        "error": f"port {port} on {host} is taken by another process",
        "next_step": "Choose another scheduler_port in the profile, or leave it out: then a free "
        f"port is taken. `lsof -i :{port}` shows who has it.",
    }
