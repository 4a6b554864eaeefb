"""A cluster as people and programs are shown it. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from jupyter_scale.clusters.costs import cost_now, cost_rows
from jupyter_scale.model.cluster import ClusterState, NodeState, Ownership, Status


@dataclass(frozen=True)
class Look:
    """What a look at a saved cluster told.

    Parameters
    ----------
    is_alive : bool
        Whether anything of it runs.
    is_owner_alive : bool
        Whether the process that owns it runs.
    workers : int
        How many workers have joined.
    sessions : tuple of str
        Of the runners that there are.
    now : float
        Unix time.
    """

    is_alive: bool
    is_owner_alive: bool
    workers: int
    sessions: tuple[str, ...]
    now: float


def to_dict(state: ClusterState, look: Look) -> dict[str, Any]:
    """Return a cluster as JSON types; the names are part of the command line's interface."""
    return {
        "id": state.id,
        "name": state.name,
        "provider": state.profile.provider,
        "status": state.status.value,
        "is_alive": look.is_alive,
        "address": state.scheduler_address,
        "workers": look.workers,
        "workers_wanted": _workers_wanted(state),
        "started_at": state.started_at,
        "uptime_s": round(max(0.0, look.now - state.started_at), 1),
        "idle_timeout_s": state.profile.idle_timeout_s,
        "orphan_after_s": state.profile.orphan_after_s,
        "cost": None if (cost := cost_now(state, look.now)) is None else asdict(cost),
        "owner": {
            "kind": state.ownership.value,
            "pid": state.owner.pid,
            "is_alive": look.is_owner_alive,
        },
        "nodes": [_node_dict(node) for node in state.nodes],
        "sessions": list(look.sessions),
        "directory": state.directory,
        "error": state.error,
    }


def line_of(state: ClusterState, look: Look) -> str:
    """Return a cluster as one line."""
    shown = f"{state.id}  {state.name:<12} {_status(state, look):<9}"
    shown += f" {look.workers} of {_workers_wanted(state)} workers, up {_uptime(state, look)}"
    return f"{shown}, owner {state.ownership.value} {state.owner.pid}"


def lines_of(state: ClusterState, look: Look) -> list[str]:
    """Return all that is known of a cluster."""
    rows = [
        ("cluster", f"{state.name} ({state.profile.provider}), {_status(state, look)}"),
        ("id", state.id),
        ("address", state.scheduler_address or "not known yet"),
        ("up", _uptime(state, look)),
        ("workers", f"{look.workers} of {_workers_wanted(state)}"),
        ("owner", _owner(state, look)),
        ("ends", _end(state)),
    ]
    rows += cost_rows(state, look.now)
    rows += [("node", _node(node)) for node in state.nodes]
    rows += [("session", session) for session in look.sessions]
    rows.append(("files", state.directory))
    if state.error:
        rows.append(("error", state.error))
    indent = "\n" + " " * 9
    return [f"{name:<8} {indent.join(text.splitlines())}" for name, text in rows]


def span(seconds: float) -> str:
    """Return a span as people say it."""
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    hours, rest = divmod(round(minutes), 60)
    if not hours:
        return f"{rest} min"
    days, hours_left = divmod(hours, 24)
    return f"{days} d {hours_left} h" if days else f"{hours} h {rest:02} min"


def _status(state: ClusterState, look: Look) -> str:
    """Return its status; that of one whose processes have ended without a word is ``lost``."""
    is_up = state.status in (Status.STARTING, Status.RUNNING) and bool(state.nodes)
    return "lost" if is_up and not look.is_alive else state.status.value


def _workers_wanted(state: ClusterState) -> int:
    return sum(node.workers for node in state.nodes)


def _uptime(state: ClusterState, look: Look) -> str:
    return span(max(0.0, look.now - state.started_at))


def _owner(state: ClusterState, look: Look) -> str:
    if state.ownership is Ownership.KERNEL:
        return f"the kernel {state.owner.pid}: the cluster ends with it"
    if look.is_owner_alive:
        return f"the process {state.owner.pid}"
    return "none now: the next Jupyter server takes it over"


def _end(state: ClusterState) -> str:
    idle, orphan = state.profile.idle_timeout_s, state.profile.orphan_after_s
    parts = [] if idle is None else [f"when nothing ran for {span(idle)}"]
    if state.ownership is Ownership.SERVER and orphan is not None:
        parts.append(f"when no owner was heard for {span(orphan)}")
    return ", or ".join(parts) or "when it is told to"


def _node(node: NodeState) -> str:
    shown = f"{node.name}: {node.status.value}, pool {node.pool}, {node.workers} workers"
    return f"{shown}, {node.news}" if node.news else shown


def _node_dict(node: NodeState) -> dict[str, Any]:
    fields = asdict(node)
    fields["status"] = node.status.value
    return fields
