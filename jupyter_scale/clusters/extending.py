"""Limits changed while a cluster runs: on disk for whoever owns it, and told to its nodes.

``limits.json`` in the cluster's directory goes before what its profile says, for everybody who
loads its state. Whoever changes a limit writes it, and tells the nodes: owner or not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from jupyter_scale.clusters import store
from jupyter_scale.clusters.steps import request_for
from jupyter_scale.errors import ClusterError, UsageError
from jupyter_scale.model.cluster import ClusterState, Status
from jupyter_scale.model.cost import show_usd
from jupyter_scale.providers.provider import load_provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_scale.model.profile import Limits
    from jupyter_scale.providers.provider import Ask


def extend(state: ClusterState, changes: Limits, ask: Ask | None = None) -> ClusterState:
    """Change limits of a running cluster; return its state with them.

    Parameters
    ----------
    changes : Limits
        What is None stays as it is.
    ask : callable, optional
        Asks the user for a passphrase, given a prompt.

    Raises
    ------
    UsageError
        When nothing is changed, or the cluster can have no such limit.
    ClusterError
        When it does not run, or a node cannot be told: it keeps its old limits then.
    """
    if not changes:
        raise UsageError(
            "Say what to change: --idle-timeout, --orphan-after, --max-cost or --max-age."
        )
    provider = load_provider(state.profile.provider)
    if refused := set(changes.options()) - set(provider.cluster_options):
        raise UsageError(
            f"Clusters of provider {state.profile.provider!r} have no {', '.join(sorted(refused))}."
        )
    if state.status is not Status.RUNNING:
        raise ClusterError(f"Cluster {state.name} is not running: its limits come with its start.")
    before = store.load_limits(state)
    store.save_limits(state, before.updated(changes))
    state = replace(state, profile=state.profile.limited(changes))
    provider.ask = ask
    try:
        provider.limit(state.nodes, request_for(state))
    except ClusterError:
        store.save_limits(state, before)
        raise
    finally:
        provider.close()
    return state


def describe_limits(state: ClusterState) -> str:
    """Return the limits of a cluster for people."""
    profile = state.profile
    parts = [
        f"idle_timeout {_span(profile.idle_timeout_s)}",
        f"orphan_after {_span(profile.orphan_after_s)}",
    ]
    options = cast("Mapping[str, float]", profile.options)
    if "max_cost" in options:
        parts.append(f"max_cost {show_usd(options['max_cost'])}")
    if "max_age" in options:
        parts.append(f"max_age {_span(options['max_age'])}")
    return ", ".join(parts)


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "none"
    for unit, scale in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= scale and seconds % scale == 0:
            return f"{seconds / scale:.0f}{unit}"
    return f"{seconds:.0f}s"
