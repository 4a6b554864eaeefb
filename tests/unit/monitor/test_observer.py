"""Observers of a real scheduler."""

import asyncio
import threading

import pytest
from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

from jupyter_scale.clusters import security
from jupyter_scale.monitor.observer import Observers, Place
from jupyter_scale.monitor.survey import LOOK
from jupyter_scale.transport import tls
from waiting import eventually
from watching import told


class Arrivals(SchedulerPlugin):
    """Counts the clients that have come."""

    def __init__(self):
        self.count = 0

    def add_client(self, scheduler, client):
        self.count += 1


async def look(nodes=None):
    return {"idle_since_s": None, "nodes": {}}


@pytest.fixture
def old_scheduler(tmp_path):
    """A scheduler that answers as one of an older version: it tells no tasks."""
    security.issue(tmp_path)
    loop, arrivals, started = asyncio.new_event_loop(), Arrivals(), threading.Event()
    ended, address = asyncio.Event(), []

    async def serve():
        async with Scheduler(
            host="tls://127.0.0.1",
            port=0,
            protocol="tls",
            security=tls.security(tmp_path, "scheduler"),
            dashboard=False,
            plugins=[arrivals],
        ) as scheduler:
            scheduler.handlers[LOOK] = look
            address.append(scheduler.address)
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert started.wait(20)
    yield Place(address[0], tmp_path), arrivals
    loop.call_soon_threadsafe(ended.set)
    thread.join(20)
    loop.close()


def test_whoever_tells_no_tasks_is_watched_all_the_same(old_scheduler):
    place, arrivals = old_scheduler
    samples = []
    observers = Observers(told(on_sample=lambda cluster, _: samples.append(cluster)))
    try:
        observers.sample({})
        observers.follow_tasks(["old"])
        observers.watch({"old": place})
        assert eventually(lambda: len(samples) >= 4, 30)
    finally:
        observers.close()
    assert arrivals.count == 1
