"""What a user should know of a cluster before a cell runs: its packages, and what it costs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping

from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.costs import cost_now
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.environment.installed import changed, stamp, versions
from jupyter_scale.model.cluster import ClusterState
from jupyter_scale.model.cost import show_usd


class Reminders:
    """The notes on one cluster, each of which comes once."""

    def __init__(self) -> None:
        #: When folders of packages last changed, as of the last cell.
        self._stamp: object = None
        #: ``package → version`` that the cluster has of what is here.
        self._versions: dict[str, str] = {}
        self._noted: set[str] = set()

    def take(self, cluster: Cluster | Guest, on_event: Callable[[str], None]) -> list[str]:
        """Return what is new; packages that were installed here meanwhile are brought to the nodes.

        Parameters
        ----------
        cluster
            The cluster that the next cell uses.
        on_event
            Told in words what is being brought.
        """
        if not cluster.state.is_elsewhere:
            return []
        notes = [*_lacking(cluster.state), *self._renew(cluster, on_event), *_cost(cluster.state)]
        new = [note for note in notes if note not in self._noted]
        self._noted.update(new)
        return new

    def _renew(self, cluster: Cluster | Guest, on_event: Callable[[str], None]) -> list[str]:
        folders = [entry for entry in sys.path if entry.endswith("-packages")]
        now, before = stamp(folders), self._stamp
        self._stamp = now
        if before is None:
            self._versions = versions(folders)
        if before in (None, now):
            return []
        return [*cluster.renew(on_event), *self._tell_changed(cluster.state, versions(folders))]

    def _tell_changed(self, state: ClusterState, now: Mapping[str, str]) -> list[str]:
        """Say which packages are other versions here than on nodes, which keep their own."""
        before, self._versions = self._versions, {**now, **self._versions}
        if all(pool.options.get("python") for pool in state.profile.pools):
            return []  # what is there is its user's affair
        return [
            f"{name} is {new} here by now, and stays {old} on the cluster: `%scale down`, then"
            f" `%scale up {state.name}`, brings {new} there"
            for name, (old, new) in changed(before, now).items()
        ]


def _lacking(state: ClusterState) -> Iterator[str]:
    """Yield which packages of the notebook are not on which nodes."""
    lacking: dict[str, list[str]] = {}
    for node in state.nodes:
        for package in node.machine.missing if node.machine is not None else ():
            lacking.setdefault(package, []).append(node.name)
    for package, names in lacking.items():
        yield f"not on {', '.join(names)}: {package}"


def _cost(state: ClusterState) -> Iterator[str]:
    if (cost := cost_now(state)) is not None and cost.is_warning:
        yield (
            f"most of max_cost ({show_usd(cost.max_usd)}) is used: `%scale` tells when the"
            " instances end, `%scale extend --max-cost USD` raises it"
        )
