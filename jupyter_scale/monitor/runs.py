"""Runs at the scheduler: those whose runner is gone without a word are said to be lost.

A runner publishes its facts over a connection of its own, which the system closes when it dies,
however it dies: the scheduler sees that at once, and speaks for the dead.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin

from jupyter_scale.model.facts import TOPIC, RunFact, client_name, from_message, to_message

if TYPE_CHECKING:
    from distributed import Scheduler

_WHY = "its runner has ended"
_MOST_LOST = 1000


class Mourner(SchedulerPlugin):
    """Publishes the end of a run that its runner can tell no more.

    Parameters
    ----------
    scheduler : Scheduler
        Who hears of the runs.
    """

    name = "jupyter-scale-mourner"

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._running: dict[str, RunFact] = {}  # by session: it has one run at a time
        self._lost: dict[str, None] = {}

    def log_event(self, topic: str, msg: Any) -> None:
        """Remember what runs; what a dead runner has sent may arrive after its end was seen."""
        if topic != TOPIC:
            return
        for fact in from_message(msg):
            if fact.ended_at is not None:
                self._running.pop(fact.session, None)
            elif fact.id in self._lost:
                self._mourn(fact)
            else:
                self._running[fact.session] = fact

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """Tell what is lost with a runner's connection."""
        for session, fact in list(self._running.items()):
            if client_name(session) in client:
                self._lost[fact.id] = None
                self._mourn(fact)
        while len(self._lost) > _MOST_LOST:
            del self._lost[next(iter(self._lost))]

    def _mourn(self, fact: RunFact) -> None:
        self._scheduler.log_event(TOPIC, to_message([fact.as_lost(time.time(), _WHY)]))
