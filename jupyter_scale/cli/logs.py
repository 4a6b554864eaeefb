"""``logs``: what nodes, workers and runners wrote."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from jupyter_scale.cli.saved import the_one
from jupyter_scale.cli.terminal import say
from jupyter_scale.clusters import store
from jupyter_scale.clusters.steps import request_for
from jupyter_scale.errors import ClusterError, NoCluster
from jupyter_scale.model.cluster import ClusterState, NodeState
from jupyter_scale.providers.provider import load_provider

_FOLLOW_S = 0.5
_FOLLOWED_LINES = 1000


def logs(
    wanted: str,
    node: str | None,
    which: Mapping[str, str | None],
    lines: int,
    *,
    follow: bool,
) -> None:
    """Show the end of a log, and what is added to it.

    Parameters
    ----------
    wanted : str
        Id or name of a cluster.
    node : str or None
        The name of a node; without one the log is looked for on each.
    which : mapping
        ``kind → name``; at most one has a name. Without one it is the node's own log.

    Raises
    ------
    NoCluster, UsageError
        When it is not clear which cluster is meant.
    ClusterError
        When there is no such node or log, or the node cannot be reached.
    """
    state = the_one(wanted)
    name = next((f"{kind}/{one}" for kind, one in which.items() if one is not None), "node")
    reader = _Reader(state, node, name)
    shown = reader.read(max(lines, _FOLLOWED_LINES) if follow else lines)
    for line in shown[-lines:]:
        say(line)
    while follow:
        time.sleep(_FOLLOW_S)  # a file tells nobody that it grows
        if not _is_there(state):
            return
        now = reader.read(_FOLLOWED_LINES)
        for line in added(shown, now):
            say(line)
        shown = now


def added(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """Return the lines that came between two looks at the end of one log.

    The line that was last may have grown; it is then returned as a whole.
    """
    for known in (before, before[:-1]):
        for start in range(len(known)):
            common = len(known) - start
            if now[:common] == known[start:]:
                return now[common:]
    return now


class _Reader:
    """Reads one log of a cluster again and again.

    Parameters
    ----------
    state : ClusterState
        The cluster.
    node : str or None
        The name of the node; None when it is to be found.
    name : str
        As for `jupyter_scale.providers.provider.Provider.read_log`.
    """

    def __init__(self, state: ClusterState, node: str | None, name: str) -> None:
        self._state, self._name = state, name
        self._provider = load_provider(state.profile.provider)
        self._nodes = self._choose(node)
        self._is_found = False

    def _choose(self, node: str | None) -> Sequence[NodeState]:
        nodes = self._state.nodes
        if node is None:
            return nodes[:1] if self._name == "node" else nodes
        chosen = [one for one in nodes if one.name == node]
        if not chosen:
            names = ", ".join(one.name for one in nodes) or "none"
            raise ClusterError(
                f"Cluster {self._state.name} has no node {node!r}; its nodes are: {names}."
            )
        return chosen

    def read(self, lines: int) -> Sequence[str]:
        """Return the last lines.

        Raises
        ------
        ClusterError
            When no node has such a log, or one cannot be reached.
        """
        request = request_for(self._state)
        for node in self._nodes:
            if found := self._provider.read_log(node, request, self._name, lines):
                self._nodes, self._is_found = [node], True
                return found
        if self._is_found:
            return ()
        shown = self._name.replace("/", " ").replace("runner", "session")
        raise ClusterError(
            f"Nothing was written to the log of {shown} of cluster {self._state.name}, or there is"
            f" none; `jupyter scale status {self._state.id}` shows nodes and sessions."
        )


def _is_there(state: ClusterState) -> bool:
    try:
        store.load(state.id)
    except NoCluster:
        return False
    return True
