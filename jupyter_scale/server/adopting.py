"""Which of the saved clusters a server takes over, and which it only shows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from jupyter_scale.model.cluster import ClusterState, Owner, Ownership


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with the clusters that are saved on this machine."""

    adopt: tuple[str, ...]
    show: tuple[str, ...]


def decide(
    saved: Iterable[ClusterState],
    owned: Collection[str],
    me: Owner,
    is_living: Callable[[Owner], bool],
) -> Decision:
    """Return which clusters this server takes over, and which it shows as a kernel's.

    A server's cluster is taken over when its owner is dead. Another living server's is its own
    affair. A kernel's is shown while the kernel lives.
    """
    adopt, show = [], []
    for state in saved:
        if state.id in owned or state.owner == me:
            continue
        lives = is_living(state.owner)
        if state.ownership is Ownership.SERVER and not lives:
            adopt.append(state.id)
        elif state.ownership is Ownership.KERNEL and lives:
            show.append(state.id)
    return Decision(tuple(adopt), tuple(show))
