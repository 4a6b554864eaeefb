"""What a notebook has on the cluster: shown, freed and fetched, by a line or by the panel."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, MutableMapping
from dataclasses import fields
from typing import Any

from jupyter_scale.errors import UsageError
from jupyter_scale.model.feed import FEED_VERSION
from jupyter_scale.model.holdings import Holding, Holdings, HoldingState
from jupyter_scale.model.run import format_bytes
from jupyter_scale.shipping.remote import RemoteValue
from jupyter_scale.workspace.workspace import Workspace

#: So long the kernel may compare values for the panel, and for a line that the user waits for.
_PANEL_S = 0.05
_LINE_S = 2.0
_HEAD = ("name", "type", "form", "size", "there")
_WORDS: dict[HoldingState, str] = {
    "same": "the same",
    "changed": "another by now: travels when a cell reads it",
    "unchecked": "not compared since a cell ran here",
    "gone": "unbound here: goes with the next cell",
    "stays": "stays there",
}


def table(workspace: Workspace) -> str:
    """Return what is there as text."""
    rows = _holdings(workspace, _LINE_S)
    if not rows:
        return "The cluster holds nothing of this notebook."
    shown = [_HEAD, *map(_cells, rows)]
    widths = [max(len(cells[column]) for cells in shown) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in shown
    )


def _cells(row: Holding) -> tuple[str, ...]:
    size = "?" if row.nbytes is None else format_bytes(row.nbytes)
    why = f": {row.why}" if row.why else ""
    return row.name, row.type_name, row.form, size, _WORDS[row.state] + why


def free(workspace: Workspace, names: Collection[str]) -> str:
    """Have the cluster let go of names now; return what to say.

    The notebook keeps what it has itself. A value that stays there only is lost.

    Raises
    ------
    UsageError
        The cluster does not hold one of them; all are left as they are.
    """
    held = {row.name: row for row in _holdings(workspace, 0.0) if row.is_named}
    for name in names:
        if name not in held:
            msg = f"the cluster does not hold {name!r}: `%scale data` shows what it does"
            raise UsageError(msg)
    for node, session in workspace.sessions.items():
        there = {row.name for row in session.holdings(0.0, node)}
        if mine := [name for name in names if name in there]:
            session.free(mine)
    freed = ", ".join(_sized(held[name]) for name in dict.fromkeys(names))
    return f"The cluster has let go of {freed}."


def _sized(row: Holding) -> str:
    return row.name if row.nbytes is None else f"{row.name} ({format_bytes(row.nbytes)})"


def fetch(workspace: Workspace, namespace: MutableMapping[str, Any], names: Iterable[str]) -> None:
    """Bring values that stay on the cluster here, as ``x = x.get()`` does.

    Raises
    ------
    UsageError
        One of them does not stay there; none is brought.
    ValueLost, CannotTravel
        As from `RemoteValue.get`.
    """
    remotes = {name: namespace.get(name) for name in names}
    for name, value in remotes.items():
        if not isinstance(value, RemoteValue):
            msg = f"{name!r} does not stay on the cluster: `%scale data` shows what does"
            raise UsageError(msg)
    for name, value in remotes.items():
        if isinstance(value, RemoteValue):
            namespace[name] = value.get()
    for session in workspace.sessions.values():
        session.sweep()  # the panel's request is no cell, after which it would be done


class Answer:
    """What the panel is told: JSON, whichever way the kernel shows things.

    Parameters
    ----------
    known : str
        The stamp of what the panel has.
    """

    def __init__(self, workspace: Workspace, known: str) -> None:
        rows = tuple(_holdings(workspace, _PANEL_S))
        stamp = hashlib.blake2b(repr(rows).encode(), digest_size=8).hexdigest()
        cluster = workspace.cluster
        name = "" if cluster is None else cluster.state.name
        self._holdings = Holdings(FEED_VERSION, stamp, name, None if stamp == known else rows)

    def _repr_mimebundle_(self, **_options: object) -> dict[str, Any]:
        told = self._holdings
        # Rows are JSON as they are, and many.
        body = {field.name: getattr(told, field.name) for field in fields(told)}
        return {"application/json": body, "text/plain": ""}


def _holdings(workspace: Workspace, budget_s: float) -> list[Holding]:
    sessions = workspace.sessions.items()
    return [row for node, session in sessions for row in session.holdings(budget_s, node)]
