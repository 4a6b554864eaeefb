"""A cluster as a kernel uses it that does not own it: it runs there, and leaves it as it was.

The owner alone writes the cluster's state; a guest reads it, and its runners are its own affair.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_scale.clusters import store
from jupyter_scale.clusters.runners import start_librarian, start_runner
from jupyter_scale.clusters.steps import head_of, request_for
from jupyter_scale.errors import ClusterError, NoCluster
from jupyter_scale.model.cluster import Status
from jupyter_scale.providers.provider import load_provider
from jupyter_scale.transport.lifeline import current_owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_scale.environment.host import Host
    from jupyter_scale.model.cluster import ClusterState, NodeState
    from jupyter_scale.providers.provider import Ask, Route
    from jupyter_scale.transport.speaker import Speaker


class Guest:
    """A running cluster that another process owns.

    Parameters
    ----------
    state : ClusterState
        As saved by its owner.
    ask : callable, optional
        Asks the user for a passphrase, given a prompt.
    """

    def __init__(self, state: ClusterState, ask: Ask | None = None) -> None:
        self._state = state
        self._provider = load_provider(state.profile.provider)
        self._provider.ask = ask
        self._runners: dict[str, Speaker] = {}

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
        return sum(self._joined(node) for node in self.state.nodes)

    def _joined(self, node: NodeState) -> int:
        if node.machine is not None:
            return node.joined  # its owner has a line to it, and saves what is said
        return len(self._provider.look(node, request_for(self._state)).workers)

    @property
    def is_alive(self) -> bool:
        """Whether its nodes still run."""
        state = self.state
        if state.is_elsewhere:
            return state.status is Status.RUNNING
        request = request_for(state)
        return any(self._provider.look(node, request).is_alive for node in state.nodes)

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

    def start_runner(
        self, session_id: str, node: NodeState | None = None, *, is_detached: bool = False
    ) -> Speaker:
        """Start the runner of a session of this process, with which it ends.

        Parameters
        ----------
        session_id : str
            The session's name.
        node : NodeState, optional
            Where; the node with the scheduler when None.
        is_detached : bool
            It goes on without this process, until what its run left was fetched.

        Raises
        ------
        ClusterError
            As from `wait_ready`.
        """
        self.wait_ready()
        request = request_for(self._state)
        owner = current_owner()
        node = node or head_of(self._state)
        child, _ = start_runner(
            self._provider, request, node, session_id, owner, is_detached=is_detached
        )
        if not is_detached:
            self._runners[session_id] = child
        return child

    def let_go(self, session_id: str) -> None:
        """Let a runner go on without this process: what its cell leaves is kept."""
        self._runners.pop(session_id, None)

    def start_librarian(self, node: NodeState) -> Speaker:
        """Start who hands out what runs have left on a node; see `visiting`."""
        return start_librarian(self._provider, request_for(self._state), node)

    def reach(self, address: str, node: NodeState | None = None) -> Route:
        """Return a way to where a runner listens; see `Cluster.reach`.

        Raises
        ------
        ClusterError
            When there is none.
        """
        node = node or head_of(self._state)
        return self._provider.reach(node, request_for(self._state), address)

    def renew(self, on_news: Callable[[str], None]) -> tuple[str, ...]:
        """Give its nodes the packages that this process has by now; see `Provider.renew`."""
        return self._provider.renew(self.state.nodes, request_for(self._state), on_news)

    def host_of(self, node: NodeState) -> Host | None:
        """Return the machine of a node, to which files are brought; None when it is this one."""
        return self._provider.host_of(node, request_for(self._state))

    def leave(self) -> None:
        """End the runners of this process; the cluster stays."""
        try:
            while self._runners:
                self._runners.popitem()[1].end()
        finally:
            self._provider.close()

    def __repr__(self) -> str:
        return f"<Guest of {self._state.name} {self._state.id}>"
