"""``ls`` and ``status``: the clusters that there are."""

from __future__ import annotations

import time

from jupyter_scale.cli.portrait import Look, line_of, lines_of, to_dict
from jupyter_scale.cli.saved import matching, saved_states
from jupyter_scale.cli.terminal import say, write_json
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.clusters.occupants import sessions_of
from jupyter_scale.errors import ClusterError
from jupyter_scale.model.cluster import ClusterState
from jupyter_scale.transport.lifeline import is_alive


def ls(*, as_json: bool) -> None:
    """Show all clusters, a line each."""
    looks = [(state, look_at(state)) for state in saved_states()]
    if as_json:
        write_json([to_dict(state, look) for state, look in looks])
    else:
        say("\n".join(line_of(state, look) for state, look in looks) or "No clusters.")


def status(wanted: str | None, *, as_json: bool) -> None:
    """Show all that is known of one cluster, or of all."""
    states = saved_states() if wanted is None else matching(wanted)
    looks = [(state, look_at(state)) for state in states]
    if as_json:
        write_json([to_dict(state, look) for state, look in looks])
    else:
        blocks = ["\n".join(lines_of(state, look)) for state, look in looks]
        say("\n\n".join(blocks) or "No clusters.")


def look_at(state: ClusterState) -> Look:
    """Return what can be seen of a cluster from here, without asking its owner."""
    guest = Guest(state)
    try:
        is_running, workers = guest.is_alive, guest.workers
    except ClusterError:
        is_running, workers = False, 0  # it has ended just now
    return Look(
        is_alive=is_running,
        is_owner_alive=is_alive(state.owner),
        workers=workers,
        sessions=sessions_of(state),
        now=time.time(),
    )
