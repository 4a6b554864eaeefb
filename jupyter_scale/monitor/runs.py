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


class Mourner(SchedulerPlugin):
    """Publishes the end of a run that its runner can tell no more."""

    name = "jupyter-scale-mourner"

    def __init__(self) -> None:
        self._running: dict[str, RunFact] = {}  # by session: it has one run at a time

    def log_event(self, topic: str, msg: Any) -> None:
        """Remember what runs."""
        if topic != TOPIC:
            return
        for fact in from_message(msg):
            if fact.ended_at is None:
                self._running[fact.session] = fact
            else:
                self._running.pop(fact.session, None)

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """Tell what is lost with a runner's connection."""
        for session, fact in list(self._running.items()):
            if client_name(session) in client:
                scheduler.log_event(TOPIC, to_message([fact.as_lost(time.time(), _WHY)]))
