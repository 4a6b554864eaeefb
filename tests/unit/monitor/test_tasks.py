"""Tasks as the scheduler's plugin takes note of them, with schedulers' own calls."""

import asyncio
import time

import pytest

from jupyter_scale.model.facts import TOPIC, RunFact, session_of_shell, shell_name, to_message
from jupyter_scale.monitor.spans import read_spans
from jupyter_scale.monitor.tasks import TaskWatch

CLIENT = f"Client-{shell_name('s-1')}-0b0d1c5e-c8b3-11f0-8000-000000000000"


def a_fact(run, started_at):
    return RunFact(
        id=run,
        seq=1,
        session="s-1",
        kernel_id="k",
        notebook="n.ipynb",
        cell_id="c",
        execution_count=1,
        first_line="pass",
        status="running",
        started_at=started_at,
    )


class Thing:
    """Something with these attributes."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Lab:
    """A scheduler's state, as far as it is looked at, and its plugin."""

    def __init__(self):
        self.workers = {}
        self.tasks = {}
        self.watch = TaskWatch(self, "solo")
        self.add("tls://1", "0")

    def add(self, address, name):
        self.workers[address] = Thing(name=name, processing={})
        self.watch.add_worker(self, address)

    def give(self, key, address="tls://1", client=CLIENT):
        wants = {Thing(client_key=client)} if client else set()
        task = Thing(key=key, who_wants=wants, dependents=set(), priority=(0,))
        self.tasks[key] = task
        self.workers[address].processing[task] = 1.0
        self.watch.transition(key, "waiting", "processing")
        return task

    def end(self, key, start, stop, address="tls://1", finish="memory"):
        steps = [{"action": "transfer", "start": 0, "stop": 1}]
        steps.append({"action": "compute", "start": start, "stop": stop})
        self.take_away(key, address)
        self.watch.transition(key, "processing", finish, worker=address, startstops=steps)

    def take_away(self, key, address="tls://1"):
        own = self.workers[address].processing
        for task in [each for each in own if each.key == key]:
            del own[task]

    def read(self, since=0):
        looked = asyncio.run(self.watch.read(since))
        return read_spans(looked, looked["now"])


@pytest.fixture
def lab():
    return Lab()


def test_a_client_says_whose_session_it_is():
    assert session_of_shell(CLIENT) == "s-1"
    assert session_of_shell("Client-0b0d1c5e-c8b3-11f0-8000-000000000000") == ""


def test_tasks_are_told_with_the_run_of_their_time(lab):
    now = time.time()
    for run, age in (("first", 60), ("second", 30)):
        lab.watch.log_event(TOPIC, to_message([a_fact(run, now - age)]))
    for key, age in (("a", 50), ("b", 20)):
        lab.give(key)
        lab.end(key, now - age, now - age + 2, finish="erred" if key == "b" else "memory")
    first, second = lab.read()
    assert (first.worker, first.run, first.seconds, first.tasks) == ("solo/0", "first", 2.0, 1)
    assert (second.run, second.failed) == ("second", 1)
    assert first.started_at == pytest.approx(now - 50, abs=0.01)


def test_what_a_collection_needs_on_the_way_is_its_owners(lab):
    now = time.time()
    lab.watch.log_event(TOPIC, to_message([a_fact("run", now - 60)]))
    inner, outer = lab.give("inner", client=""), lab.give("outer")
    inner.dependents = {outer}
    lab.end("inner", now - 10, now - 9)
    [span] = lab.read()
    assert span.run == "run"


def test_somebody_elses_tasks_are_nobodys_run(lab):
    lab.give("a", client="Client-x-0b0d1c5e-c8b3-11f0-8000-000000000000")
    lab.end("a", time.time() - 5, time.time() - 4)
    assert [span.run for span in lab.read()] == [""]


def test_a_long_task_is_told_while_it_runs_and_when_it_has_ended(lab, monkeypatch):
    now = 5000.0
    clock = [now - 30]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    lab.give("long")
    clock[0] = now - 29.5
    assert lab.read() == ()
    clock[0] = now - 20
    [begun] = lab.read()
    assert (begun.tasks, begun.started_at) == (0, now - 30)
    assert len(lab.read()) == 1  # it is told once
    clock[0] = now
    lab.end("long", now - 29.9, now - 0.1)
    clock[0] = now + 1
    assert [(span.tasks, span.seconds) for span in lab.read()][-1] == (1, 29.8)


@pytest.mark.parametrize("how", ["cancelled", "its worker has gone"])
def test_a_long_task_that_gives_nothing_ends_all_the_same(lab, monkeypatch, how):
    clock = [1000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    lab.give("long")
    clock[0] = 1010.0
    assert [span.tasks for span in lab.read()] == [0]
    lab.take_away("long")
    if how == "cancelled":
        lab.watch.transition("long", "processing", "released")
        lab.read()
    else:
        lab.watch.remove_worker(lab, "tls://1")
        lab.workers.clear()
    clock[0] = 1012.0
    last = lab.read()[-1]
    assert (last.tasks, last.started_at, last.seconds) == (1, 1000.0, 10.0)
    assert last.failed == (how != "cancelled")


def test_much_comes_in_parts(lab):
    for number in range(6000):
        start = 1000.0 + 2 * number
        lab.give(str(number))
        lab.end(str(number), start, start + 1)
    first = asyncio.run(lab.watch.read(0))
    assert first["more"] is False  # all of it is too old
    for number in range(3):
        lab.add(f"tls://more/{number}", f"more/{number}")
    now = time.time()
    for number in range(6000):
        start, worker = now - 290 + number / 25, f"tls://more/{number % 3}"
        lab.give(str(number), worker)
        lab.end(str(number), start, start + 0.01, worker)
    first = asyncio.run(lab.watch.read(first["number"]))
    rest = asyncio.run(lab.watch.read(first["number"]))
    assert (len(first["rows"]), first["more"], rest["more"]) == (5000, True, False)
    assert sum(row[4] for row in [*first["rows"], *rest["rows"]]) in (5999, 6000)
