"""A cluster as a kernel uses it that does not own it: it runs there, and leaves it as it was.

The owner alone writes the cluster's state; a guest reads it, and its runners are its own affair.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_scale.clusters import store
from jupyter_scale.clusters.runners import start_runner
from jupyter_scale.clusters.steps import request_for
from jupyter_scale.errors import ClusterError, NoCluster
from jupyter_scale.model.cluster import Status
from jupyter_scale.providers.provider import load_provider
from jupyter_scale.transport.lifeline import current_owner

if TYPE_CHECKING:
    from jupyter_scale.model.cluster import ClusterState
    from jupyter_scale.transport.local import Child


class Guest:
    """A running cluster that another process owns.

    Parameters
    ----------
    state : ClusterState
        As saved by its owner.
    """

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._provider = load_provider(state.profile.provider)
        self._runners: list[Child] = []

    @property
    def state(self) -> ClusterState:
        """What its owner saved last; stopped when it is gone."""
        try:
            self._state = store.load(self._state.id)
        except NoCluster:
            self._state = replace(self._state, status=Status.STOPPED)
        return self._state

    @property
    def directory(self) -> Path:
        """Where its certificates are (``tls``), its logs, and its runners' files."""
        return Path(self._state.directory)

    @property
    def workers(self) -> int:
        """How many workers the scheduler knows now."""
        state = self.state
        return sum(len(self._provider.look(n, self.directory).workers) for n in state.nodes)

    @property
    def is_alive(self) -> bool:
        """Whether its nodes still run."""
        state = self.state
        return any(self._provider.look(n, self.directory).is_alive for n in state.nodes)

    def wait_ready(self) -> None:
        """Make sure that it is usable.

        Raises
        ------
        ClusterError
            When it is not running any more.
        """
        if self.state.status is not Status.RUNNING or not self.is_alive:
            raise ClusterError(
                f"Cluster {self._state.name} is not running any more: `%scale up` starts another."
            )

    def start_runner(self, session_id: str) -> Child:
        """Start the runner of a session of this process, with which it ends.

        Raises
        ------
        ClusterError
            As from `wait_ready`.
        """
        self.wait_ready()
        request, node = request_for(self._state), self._state.nodes[0]
        child = start_runner(self._provider, request, node, session_id, current_owner())
        self._runners.append(child)
        return child

    def leave(self) -> None:
        """End the runners of this process; the cluster stays."""
        while self._runners:
            self._runners.pop().end()

    def __repr__(self) -> str:
        return f"<Guest of {self._state.name} {self._state.id}>"
