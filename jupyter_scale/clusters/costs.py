"""What clusters cost: before they start, and as their saved state tells it."""

from __future__ import annotations

import time
from typing import cast

from jupyter_scale.clusters import store
from jupyter_scale.model.cluster import ClusterState
from jupyter_scale.model.cost import MAX_AGE_S, Cost, Meter, Quote, cost_of, meter_of
from jupyter_scale.model.profile import Profile
from jupyter_scale.providers.provider import load_provider


def quote(profile: Profile) -> Quote | None:
    """Return what a cluster of that profile would cost, None when it costs nothing.

    Raises
    ------
    ClusterError
        When that cannot be asked.
    """
    return load_provider(profile.provider).quote(profile, store.root())


def quote_lines(profile: Profile) -> list[str]:
    """Return the same for people."""
    quoted = quote(profile)
    if quoted is None:
        nodes = sum(pool.count for pool in profile.pools)
        many = f"{nodes} node{'s' * (nodes != 1)}"
        return [f"{profile.name}: {many} of provider {profile.provider}, which cost nothing here"]
    return [f"{profile.name}: nothing is started", *quoted.lines()]


def cost_now(state: ClusterState, now: float | None = None) -> Cost | None:
    """Return what a cluster costs, None when it costs nothing.

    Parameters
    ----------
    now : float, optional
        Unix time; that of this machine when None.
    """
    at = time.time() if now is None else now
    return cost_of(state.nodes, at, *_limits_of(state), state.spent_usd)


def meter_now(state: ClusterState) -> Meter | None:
    """Return the meter of a cluster, None when it costs nothing."""
    return meter_of(state.nodes, *_limits_of(state), state.spent_usd)


def _limits_of(state: ClusterState) -> tuple[float | None, float]:
    """Return what a cluster may cost, and how old its machines may become."""
    options = state.profile.options
    max_usd = cast("float | None", options.get("max_cost"))
    return max_usd, cast("float", options.get("max_age", MAX_AGE_S))


def cost_rows(state: ClusterState, now: float | None = None) -> list[tuple[str, str]]:
    """Return the same as rows of a portrait: a word and a text; none when it costs nothing."""
    cost = cost_now(state, now)
    if cost is None:
        return []
    rows = [("cost", str(cost))]
    if cost.is_warning:
        how = "`jupyter scale extend` or `%scale extend` with --max-cost raises it"
        rows.append(("warning", f"most of max_cost is used: {how}"))
    if cost.ends_at is not None:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(cost.ends_at))
        rows.append(("ends", f"at {at} at the latest (max_cost, max_age)"))
    return rows
