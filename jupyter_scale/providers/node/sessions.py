"""Which sessions have a runner on this node, whoever started it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyter_scale.transport.presence import is_signed, presence_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOOK_S = 1.0


def sessions_in(directory: Path) -> tuple[str, ...]:
    """Return the sessions whose runners live.

    Parameters
    ----------
    directory : Path
        The node's own; runners have theirs in its ``runners/SESSION``.
    """
    found = directory.glob("runners/*")
    return tuple(sorted(one.name for one in found if is_signed(presence_path(one))))


async def tell_sessions(directory: Path, tell: Callable[..., None]) -> None:
    """Tell of them whenever they change; who starts a runner does not ask the node process."""
    told: tuple[str, ...] = ()
    while True:
        now = sessions_in(directory)
        if now != told:
            told = now
            tell(event="sessions", sessions=list(now))
        await asyncio.sleep(_LOOK_S)
