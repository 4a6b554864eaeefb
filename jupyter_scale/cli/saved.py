"""The clusters that are saved on this machine, as a user names them."""

from __future__ import annotations

from jupyter_scale.cli.terminal import complain
from jupyter_scale.clusters import store
from jupyter_scale.errors import NoCluster, StateError, UsageError
from jupyter_scale.model.cluster import ClusterState


def saved_states() -> list[ClusterState]:
    """Return all clusters that can be read, the oldest first; say which cannot."""
    states = []
    for cluster in store.cluster_ids():
        try:
            states.append(store.load(cluster))
        except NoCluster:
            continue  # it has ended just now, or is about to be saved
        except StateError as error:
            complain(f"cluster {cluster}: {error}")
    return sorted(states, key=lambda state: state.started_at)


def matching(wanted: str) -> list[ClusterState]:
    """Return the clusters of that id or name, at least one.

    Raises
    ------
    NoCluster
        When there is none.
    """
    found = [state for state in saved_states() if wanted in (state.id, state.name)]
    if not found:
        raise NoCluster(
            f"There is no cluster {wanted!r}; `jupyter scale ls` shows those there are."
        )
    return found


def the_one(wanted: str) -> ClusterState:
    """Return the cluster of that id or name.

    Raises
    ------
    NoCluster
        When there is none.
    UsageError
        When several have that name.
    """
    found = matching(wanted)
    if len(found) > 1:
        ids = ", ".join(state.id for state in found)
        raise UsageError(
            f"{len(found)} clusters are called {wanted!r}: say which one by id ({ids})."
        )
    return found[0]
