"""Observers: a Dask client of our own for each cluster that is watched, in one thread.

Nothing of this runs on the event loop of a Jupyter server: its requests are not held up by a
handshake, a slow scheduler or a thousand workers.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_scale.errors import ClusterError
from jupyter_scale.model import complaints, stops
from jupyter_scale.model.complaints import TOPIC as COMPLAINTS
from jupyter_scale.model.complaints import Complaint
from jupyter_scale.model.facts import TOPIC, RunFact, from_message
from jupyter_scale.model.stops import ANSWERED, ASKED, StopAnswer, StopLoop, StopStatus
from jupyter_scale.monitor.samples import Sample, read_sample
from jupyter_scale.monitor.spans import TaskNews, read_spans
from jupyter_scale.monitor.survey import LOOK
from jupyter_scale.monitor.tasks import TASKS
from jupyter_scale.transport.tls import security

if TYPE_CHECKING:
    from distributed import Client

_logger = logging.getLogger(__name__)

SAMPLE_EVERY_S = 1.0
IDLE_EVERY_S = 5.0
"""So often it is asked whether a cluster has work while nobody looks."""
WHOLE_EVERY_S = 5.0
FEW_NODES = 16
"""So many are looked at each second, whoever sees them."""

_CONNECT_TIMEOUT_S = 10
#: Loggers of Dask's that tell how a connection has ended.
_TALKING = ("distributed.client", "distributed.batched")
_TRY_AGAIN_S = 2.0
_LOOK_S = 0.25
_ANSWER_S = 5.0


_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cluster's scheduler is, and the files of its TLS."""

    address: str
    tls_dir: Path


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what is seen: the cluster's id, and what; in the observers' thread, at once.

    `on_idle` is told since when nothing runs, None while something does; rarely while nobody looks.
    """

    on_fact: Callable[[str, RunFact], None]
    on_sample: Callable[[str, Sample], None]
    on_tasks: Callable[[str, TaskNews], None]
    on_complaint: Callable[[str, Complaint], None]
    on_idle: Callable[[str, float | None], None]


class Observers:
    """Watches clusters and tells what it sees, from a thread of its own.

    Parameters
    ----------
    told : Told
        What is called.
    """

    def __init__(self, told: Told) -> None:
        self._told, self._began_at = told, time.time()
        self._watched: dict[str, tuple[Place, concurrent.futures.Future[None]]] = {}
        self._is_sampling = asyncio.Event()
        self._shown: Mapping[str, Collection[str]] = {}
        self._is_following = asyncio.Event()
        self._followed: Collection[str] = ()
        self._clients: dict[str, Client] = {}
        self._asked: dict[str, asyncio.Future[StopStatus]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="jupyter-scale observers", daemon=True
        )
        self._thread.start()
        for name in _TALKING:
            logging.getLogger(name).addFilter(self._is_others_business)

    def watch(self, places: Mapping[str, Place]) -> None:
        """Watch these clusters, by id, and no others."""
        for cluster, (place, job) in list(self._watched.items()):
            if places.get(cluster) != place:
                job.cancel()
                del self._watched[cluster]
        for cluster, place in places.items():
            if cluster not in self._watched:
                self._watched[cluster] = place, self._submit(self._observe(cluster, place))

    def sample(self, shown: Mapping[str, Collection[str]] | None) -> None:
        """Take samples from now on, or no more: while nobody looks they cost and tell nothing.

        Parameters
        ----------
        shown : mapping or None
            ``cluster → the nodes on somebody's screen``: they are looked at each second, of many
            others each `WHOLE_EVERY_S`. None when nobody looks.
        """
        self._shown = shown or {}
        change = self._is_sampling.clear if shown is None else self._is_sampling.set
        self._loop.call_soon_threadsafe(change)

    def follow_tasks(self, clusters: Collection[str]) -> None:
        """Tell of the tasks of these clusters from now on, and of no others."""
        self._followed = clusters
        change = self._is_following.set if clusters else self._is_following.clear
        self._loop.call_soon_threadsafe(change)

    def stop_loop(
        self, cluster: str, fact: RunFact, loop: int
    ) -> concurrent.futures.Future[StopStatus | None]:
        """Ask the runner of a run to stop one of its loops.

        The future comes with None if the cell has not answered within some seconds: then it will
        look once it can. It raises ClusterError when the cluster cannot be reached.
        """
        stop = StopLoop(id=uuid.uuid4().hex, session=fact.session, run=fact.id, loop=loop)
        return self._submit(self._ask(cluster, stop))

    def close(self) -> None:
        """Stop watching."""
        self.watch({})
        self._submit(_settle()).add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._loop.stop)
        )
        self._thread.join(5)
        for name in _TALKING:
            logging.getLogger(name).removeFilter(self._is_others_business)

    def _is_others_business(self, record: logging.LogRecord) -> bool:
        """Keep out of the server's log what our clients say when a cluster ends: that is normal."""
        return record.thread != self._thread.ident

    def _submit(
        self, coroutine: Coroutine[Any, Any, _Result]
    ) -> concurrent.futures.Future[_Result]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _observe(self, cluster: str, place: Place) -> None:
        """Stay connected to one cluster until cancelled."""
        while True:
            try:
                await self._follow(cluster, place)
            except (OSError, ClusterError) as error:
                _logger.debug("cluster %s cannot be watched: %s", cluster, error)
            except Exception:
                _logger.exception("watching cluster %s", cluster)
            await asyncio.sleep(_TRY_AGAIN_S)

    async def _follow(self, cluster: str, place: Place) -> None:
        from distributed import Client

        def on_event(event: tuple[float, Any]) -> None:
            for fact in from_message(event[1]):
                self._told.on_fact(cluster, fact)

        def on_complaint(event: tuple[float, Any]) -> None:
            for complaint in complaints.from_message(event[1] if event[0] > self._began_at else ()):
                self._told.on_complaint(cluster, complaint)

        async with Client(
            place.address,
            security=security(place.tls_dir, "client"),
            asynchronous=True,
            set_as_default=False,
            direct_to_workers=False,
            timeout=_CONNECT_TIMEOUT_S,
            name="jupyter-scale-observer",
        ) as client:
            client.subscribe_topic(TOPIC, on_event)
            client.subscribe_topic(ANSWERED, self._take_answer)
            client.subscribe_topic(COMPLAINTS, on_complaint)
            for event in await client.get_events(TOPIC):  # what was said before we listened
                on_event(event)
            for event in await client.get_events(COMPLAINTS):
                on_complaint(event)
            jobs = [
                asyncio.ensure_future(look(cluster, client))
                for look in (self._take_samples, self._take_tasks)
            ]
            self._clients[cluster] = client
            try:
                await asyncio.gather(*jobs)
            finally:
                self._clients.pop(cluster, None)
                for job in jobs:
                    job.cancel()

    async def _take_samples(self, cluster: str, client: Client) -> None:
        whole_at, idle_at, count = -WHOLE_EVERY_S, -IDLE_EVERY_S, 0
        while client.status in ("running", "connecting"):
            with contextlib.suppress(TimeoutError):  # look after the client all the same
                await asyncio.wait_for(self._is_sampling.wait(), _TRY_AGAIN_S)
            if not self._is_sampling.is_set() or client.scheduler is None:
                whole_at = -WHOLE_EVERY_S  # who looks next is told of all
                if client.scheduler is not None and time.monotonic() - idle_at >= IDLE_EVERY_S:
                    idle_at = time.monotonic()
                    looked = await getattr(client.scheduler, LOOK)(nodes=[])
                    self._told.on_idle(cluster, looked["idle_since_s"])
                continue
            now = idle_at = time.monotonic()
            is_whole = count <= FEW_NODES or now - whole_at >= WHOLE_EVERY_S
            nodes = None if is_whole else list(self._shown.get(cluster, ()))
            if nodes or is_whole:
                looked = await getattr(client.scheduler, LOOK)(nodes=nodes)
                if is_whole:
                    whole_at, count = now, len(looked["nodes"])
                if self._is_sampling.is_set():
                    self._told.on_sample(cluster, read_sample(looked, is_whole=is_whole))
            await asyncio.sleep(SAMPLE_EVERY_S)

    async def _take_tasks(self, cluster: str, client: Client) -> None:
        since, is_anew = 0, True
        followed = self._followed
        while client.status in ("running", "connecting"):
            if not self._is_following.is_set():
                with contextlib.suppress(TimeoutError):  # look after the client all the same
                    await asyncio.wait_for(self._is_following.wait(), _TRY_AGAIN_S)
            if followed is not self._followed:
                followed, since, is_anew = self._followed, 0, True
            if cluster not in followed or client.scheduler is None:
                await asyncio.sleep(_LOOK_S)
                continue
            looked = await getattr(client.scheduler, TASKS)(since=since)
            if looked is None:
                return  # it was started by an older version, and tells no tasks
            if followed is self._followed:
                self._told.on_tasks(cluster, TaskNews(read_spans(looked, time.time()), is_anew))
            since, is_anew = looked["number"], False
            if not looked["more"]:
                await asyncio.sleep(SAMPLE_EVERY_S)

    async def _ask(self, cluster: str, stop: StopLoop) -> StopStatus | None:
        client = self._clients.get(cluster)
        if client is None:
            raise ClusterError("The cluster cannot be reached at the moment: nothing was stopped.")
        answer: asyncio.Future[StopStatus] = asyncio.get_running_loop().create_future()
        self._asked[stop.id] = answer
        try:
            async with asyncio.timeout(_ANSWER_S):
                await client.log_event(ASKED, stops.to_message(stop))
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._asked[stop.id]

    def _take_answer(self, event: tuple[float, Any]) -> None:
        answer = stops.from_message(event[1], StopAnswer)
        waiting = None if answer is None else self._asked.get(answer.id)
        if answer is not None and waiting is not None and not waiting.done():
            waiting.set_result(answer.status)


async def _settle() -> None:
    """Let cancelled observers close their clients."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=3)
