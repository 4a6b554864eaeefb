"""Runs whose runner has died, as the scheduler tells of them."""

from jupyter_scale.model.facts import TOPIC, RunFact, client_name, from_message, to_message
from jupyter_scale.monitor.runs import Mourner


class Scheduler:
    """Keeps what is logged, and tells its plugin, as distributed's does."""

    def __init__(self):
        self.facts = []
        self.plugin = Mourner(self)

    def log_event(self, topic, message):
        assert topic == TOPIC
        self.facts += from_message(message)
        self.plugin.log_event(topic, message)

    def hear(self, fact):
        self.log_event(TOPIC, to_message([fact]))


def fact(seq, **more):
    more = {"status": "running", "ended_at": None, **more}
    return RunFact(
        id="run",
        seq=seq,
        session="s1",
        kernel_id="k",
        notebook="n.ipynb",
        cell_id="c",
        execution_count=1,
        first_line="pass",
        started_at=1.0,
        **more,
    )


def newest(scheduler):
    return max(scheduler.facts, key=lambda one: one.seq)


def test_a_run_is_lost_with_its_runners_connection():
    scheduler = Scheduler()
    scheduler.hear(fact(1))
    scheduler.plugin.remove_client(scheduler, f"{client_name('other')}-1")
    assert newest(scheduler).status == "running"
    scheduler.plugin.remove_client(scheduler, f"{client_name('s1')}-1")
    assert (newest(scheduler).status, newest(scheduler).error) == ("lost", "its runner has ended")


def test_news_that_come_after_the_runners_end_do_not_bring_a_run_back():
    scheduler = Scheduler()
    scheduler.hear(fact(1))
    scheduler.plugin.remove_client(scheduler, client_name("s1"))
    scheduler.hear(fact(7))
    assert newest(scheduler).status == "lost"


def test_an_end_that_comes_after_the_runners_end_is_believed():
    scheduler = Scheduler()
    scheduler.hear(fact(1))
    scheduler.plugin.remove_client(scheduler, client_name("s1"))
    scheduler.hear(fact(7, status="done", ended_at=2.0))
    assert newest(scheduler).status == "done"


def test_a_run_that_has_ended_is_not_lost():
    scheduler = Scheduler()
    scheduler.hear(fact(1))
    scheduler.hear(fact(2, status="failed", ended_at=2.0))
    scheduler.plugin.remove_client(scheduler, client_name("s1"))
    assert newest(scheduler).status == "failed"
