"""Who is on a cluster: the sessions of all kernels that have runners there."""

from __future__ import annotations

import psutil

from jupyter_scale.model.cluster import ClusterState
from jupyter_scale.transport.processes import marked

_SESSION = "--session="


def sessions_of(state: ClusterState) -> tuple[str, ...]:
    """Return the sessions that have runners, whichever kernel they are of.

    Those on other machines are as the cluster's owner has saved them, which has lines to the nodes.
    """
    found = {session for node in state.nodes for session in node.sessions}
    for owner in marked(state.id):
        try:
            words = psutil.Process(owner.pid).cmdline()
        except psutil.Error:
            continue
        found |= {w.removeprefix(_SESSION) for w in words if w.startswith(_SESSION)}
    return tuple(sorted(found))
