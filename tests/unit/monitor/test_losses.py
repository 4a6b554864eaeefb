"""Complaints at the scheduler: whose node it is, and what went with a worker."""

import asyncio
from types import SimpleNamespace

import pytest

from jupyter_scale.model.complaints import RAW, TOPIC, Complaint, from_message, to_message
from jupyter_scale.monitor.losses import Listener, Loss, loss_of

ADDRESS = "tls://10.0.0.1:1"


class Scheduler:
    """Keeps what is published, and tells its plugin what happens, as distributed's does."""

    def __init__(self):
        self.published, self.has_published = [], asyncio.Event()
        self.workers = {ADDRESS: SimpleNamespace(name="n2/3")}
        self.plugin = Listener(self, "n1")
        self.plugin.add_worker(self, ADDRESS)

    def log_event(self, topic, message):
        if topic == TOPIC:
            self.published += from_message(message)
            self.has_published.set()
        self.plugin.log_event(topic, message)

    def remove(self, *, is_expected=False, tasks=(), results=(), data=()):
        event = {
            "action": "remove-worker",
            "worker": ADDRESS,
            "processing-tasks": set(tasks),
            "lost-computed-tasks": set(results),
            "lost-scattered-tasks": set(data),
            "expected": is_expected,
        }
        self.log_event("all", event)
        self.plugin.remove_worker(self, ADDRESS)


def hearing(act, count):
    """Return what a scheduler publishes, so much at least."""

    async def run():
        scheduler = Scheduler()
        act(scheduler)
        await asyncio.wait_for(scheduler.has_published.wait(), 5)
        assert len(scheduler.published) == count
        return scheduler.published

    return asyncio.run(run())


def complaint(**more):
    return Complaint(**{"source": "worker", "text": "slow", "gist": "slow", **more})


def test_each_complaint_is_of_a_node_and_has_an_id():
    def act(scheduler):
        said = [complaint(worker="n2/3"), complaint(worker="7"), complaint(node="n3")]
        scheduler.log_event(RAW, to_message(said))
        scheduler.log_event("jupyter-scale", [{"another": "topic"}])

    heard = hearing(act, 3)
    assert [one.node for one in heard] == ["n2", "n1", "n3"]
    assert len({one.id for one in heard}) == 3
    assert "" not in {one.id for one in heard}


@pytest.mark.parametrize("is_told_first", [True, False])
def test_work_that_is_lost_because_of_memory_is_trouble(is_told_first):
    def act(scheduler):
        def tell():
            scheduler.log_event("worker-restart-memory", {"worker": ADDRESS, "pid": 1, "rss": 2})

        if is_told_first:
            tell()
        scheduler.remove(tasks="a", results="bc")
        if not is_told_first:
            tell()

    [told] = hearing(act, 1)
    assert (told.node, told.worker, told.trouble) == ("n2", "n2/3", "memory")
    assert told.text == (
        "has used more memory than it may: 1 task runs again, 2 results are computed again"
    )


def test_a_worker_that_dies_otherwise_is_no_trouble_of_anybodys():
    [told] = hearing(lambda scheduler: scheduler.remove(data="a"), 1)
    assert (told.text, told.trouble) == ("has ended: 1 object is gone", "")


def test_who_leaves_without_loss_is_not_told_of():
    scheduler = Scheduler()
    scheduler.remove(is_expected=True, tasks="a")
    scheduler.remove()  # without a loop to wait with: nothing is begun
    assert scheduler.published == []


@pytest.mark.parametrize("event", [None, "x", {"action": "add-worker", "worker": ADDRESS}])
def test_other_events_are_no_loss(event):
    assert loss_of(event) is None


def test_a_loss_in_words():
    assert str(Loss(2, 1, 2)) == (
        "2 tasks run again, 1 result is computed again, 2 objects are gone"
    )
