"""A cluster that this server owns: how its start went, who works on it, and where to watch it."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.model.cluster import ClusterState, Status, Target
from jupyter_scale.model.feed import StepView
from jupyter_scale.monitor.observer import Place
from jupyter_scale.providers.provider import Route
from jupyter_scale.server.threads import in_thread

_STOP_AGAIN_S = 0.2


@dataclass
class Owned:
    """A cluster that this server owns, and how its start went."""

    cluster: Cluster
    steps: list[StepView] = field(default_factory=list)
    ended_at: float | None = None
    is_busy: bool = False
    is_dismissed: bool = False
    job: Future[None] | None = None
    route: Future[Route] | None = None
    created_at: float = field(default_factory=time.time)

    @property
    def state(self) -> ClusterState:
        """The cluster's state; one whose start has not got to its first step is starting."""
        state = self.cluster.state
        if state.status is Status.STOPPED and (state.target is Target.UP or not state.started_at):
            started_at = state.started_at or self.created_at
            return replace(state, status=Status.STARTING, started_at=started_at)
        return state


def stop_for_good(owned: Owned) -> None:
    """Stop a cluster, also one whose start has yet to come to its first step."""
    owned.is_dismissed = True
    owned.cluster.stop()
    while owned.job is not None:
        try:
            owned.job.result(_STOP_AGAIN_S)
            break
        except TimeoutError:
            owned.cluster.stop()
    owned.cluster.stop()


def place_for(state: ClusterState) -> Place | None:
    """Return where to watch a cluster, None while its scheduler does not listen."""
    if state.scheduler_address is None or state.status not in (Status.STARTING, Status.RUNNING):
        return None
    return Place(state.scheduler_address, Path(state.directory) / "tls")


def place_of(owned: Owned) -> Place | None:
    """Return where to watch a cluster of our own; the way to another machine is made meanwhile."""
    state = owned.cluster.state
    place = place_for(state)
    if place is None or not state.is_elsewhere:
        owned.route = None
        return place
    if owned.route is None:
        owned.route = in_thread(lambda: owned.cluster.reach(place.address))
    if not owned.route.done():
        return None
    if owned.route.exception() is not None:
        owned.route = None  # it is tried again with the next look
        return None
    return replace(place, address=owned.route.result().address)
