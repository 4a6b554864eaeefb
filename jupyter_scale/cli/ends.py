"""``down``, ``clean``, ``extend``: what ends clusters, now or later, and what they left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jupyter_scale.cli.saved import matching, saved_states, the_one
from jupyter_scale.cli.terminal import asking, complain, say
from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import clear_ended, stop_saved
from jupyter_scale.clusters.costs import cost_now
from jupyter_scale.clusters.extending import describe_limits, extend
from jupyter_scale.clusters.profiles import load_profile, profile_names
from jupyter_scale.errors import ClusterError, ProfileError
from jupyter_scale.model.cost import show_usd
from jupyter_scale.model.profile import Limits, Profile


def prolong(wanted: str, changes: Limits) -> None:
    """Change when a cluster ends by itself.

    Raises
    ------
    NoCluster
        When it is not there.
    ClusterError
        When its nodes cannot be told.
    """
    with asking() as ask:
        state = extend(the_one(wanted), changes, ask)
    say(f"The limits of {state.id} ({state.name}): {describe_limits(state)}.")


def down(wanted: Sequence[str]) -> None:
    """End clusters; all when none is named.

    Raises
    ------
    NoCluster
        When one is not there; nothing is ended then.
    ClusterError
        When a process cannot be ended.
    """
    found = [state for name in wanted for state in matching(name)] if wanted else saved_states()
    chosen = {state.id: state for state in found}
    with asking() as ask:
        for state in chosen.values():
            cost = cost_now(state)
            stop_saved(state, ask)
            bill = "" if cost is None else f" It cost {show_usd(cost.usd)}."
            say(f"Ended {state.id} ({state.name}).{bill}")
    if not chosen:
        say("No clusters.")


def clean(unused_days: float | None, directory: Path) -> bool:
    """Remove what crashed clusters left, and environments when days are given.

    Returns
    -------
    bool
        Whether every host could be cleaned.
    """
    is_well, swept = True, store.sweep()
    for state in saved_states():
        try:
            if clear_ended(state):
                swept.append(state.id)
        except ClusterError as error:
            is_well = False
            complain(str(error))
    say(f"Removed: {', '.join(swept)}" if swept else "Nothing was left on this machine.")
    is_well = _clean_account() and is_well
    if unused_days is None:
        return is_well
    return _clean_hosts(_profiles(directory.resolve()), unused_days) and is_well


def _clean_account() -> bool:
    """End what is ours in AWS and belongs to no cluster; tell whether that could be done."""
    from jupyter_scale.providers.aws.cleaning import Forgotten, end, find

    is_well = True
    for found in find(store.root(), store.cluster_ids()):
        try:
            if not isinstance(found, Forgotten):
                raise found
            say(f"Forgotten in AWS: {found}")
            end(found)
            say(f"Ended it ({found.cluster}).")
        except ClusterError as error:
            is_well = False
            complain(str(error))
    return is_well


def _profiles(directory: Path) -> list[Profile]:
    """Return the profiles that name hosts; say which are wrong."""
    found = []
    for name in profile_names(directory):
        try:
            profile = load_profile(name, directory)
        except ProfileError as error:
            complain(str(error))
            continue
        if any("hosts" in pool.options for pool in profile.pools):
            found.append(profile)
    return found


def _clean_hosts(profiles: Sequence[Profile], unused_days: float) -> bool:
    from jupyter_scale.providers.ssh.cleaning import clean_hosts

    is_well, count = True, 0
    with asking() as ask:
        for cleaned in clean_hosts(profiles, ask, unused_days):
            count += 1
            if cleaned.error:
                is_well = False
                complain(cleaned.error)
                continue
            size = sum(one.size_bytes for one in cleaned.removed)
            number = len(cleaned.removed)
            what = f"{number} environment{'' if number == 1 else 's'}, {size / 1e6:.0f} MB"
            say(f"{cleaned.host}: {f'removed {what}' if number else 'no environment to remove'}")
    if not count:
        say("No profile names hosts.")
    return is_well
