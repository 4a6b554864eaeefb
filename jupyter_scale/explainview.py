"""An explanation as text, and as a table for the notebook."""

from __future__ import annotations

import html
from collections.abc import Iterator

from jupyter_scale.model.explanation import Explanation, LoopPlan, NamePlan
from jupyter_scale.model.run import format_bytes

_HEAD = ("name", "type", "size", "cluster has", "travels", "read by")
_NUMBERS = (2, 4)


def to_mime(explanation: Explanation) -> dict[str, str]:
    """Return the explanation as a mime bundle."""
    return {"text/plain": to_text(explanation), "text/html": to_html(explanation)}


def to_text(explanation: Explanation) -> str:
    """Return the explanation for a terminal."""
    lines = [f"{label:<9}{text}" for label, text in _lines(explanation)]
    if explanation.names:
        rows = [_HEAD, *map(_row, explanation.names)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines += ["", *(_aligned(row, widths) for row in rows)]
    return "\n".join(lines)


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def to_html(explanation: Explanation) -> str:
    """Return the explanation as tables; everything from the notebook is escaped."""
    left = ' style="text-align:left"'
    facts = "".join(
        f"<tr><th{left}>{html.escape(label)}</th><td{left}>{html.escape(text)}</td></tr>"
        for label, text in _lines(explanation)
    )
    if not explanation.names:
        return f"<table>{facts}</table>"
    head = "".join(f"<th{left}>{html.escape(title)}</th>" for title in _HEAD)
    body = "".join(
        "<tr>" + "".join(f"<td{left}>{html.escape(cell)}</td>" for cell in _row(plan)) + "</tr>"
        for plan in explanation.names
    )
    return f"<table>{facts}</table><table><tr>{head}</tr>{body}</table>"


def _row(plan: NamePlan) -> tuple[str, ...]:
    size = "?" if plan.nbytes is None else format_bytes(plan.nbytes)
    sends = format_bytes(plan.sends) if plan.sends else "–"  # noqa: RUF001 - a dash for nothing
    return plan.name, plan.type_name, size, plan.has.value, sends, _chain(plan.chain)


def _chain(chain: tuple[str, ...]) -> str:
    return "cell" if len(chain) == 1 else " → ".join(["cell", *chain])


def _lines(explanation: Explanation) -> Iterator[tuple[str, str]]:
    yield "runs", explanation.where
    if not explanation.is_here:
        count = len(explanation.sent)
        names = f" ({count} name{'s' * (count != 1)})" if count else ""
        yield "sends", f"{format_bytes(explanation.sends)}{names}"
    for label in ("binds", "deletes"):
        names = ", ".join(getattr(explanation, label))
        if names:
            yield label, names
    if explanation.mutates:
        yield "changes", f"{', '.join(explanation.mutates)} (perhaps)"
    if explanation.stays:
        yield "keeps", ", ".join(explanation.stays)
    for obstacle in explanation.obstacles:
        reader = f"; read by {_chain(obstacle.chain)}" if len(obstacle.chain) > 1 else ""
        yield "stuck", f"{obstacle.what}: {obstacle.why}{reader}; {obstacle.advice}"
    for loop in explanation.loops:
        yield "loop", _loop(loop)
    for notice in explanation.notices:
        yield "note", notice


def _loop(loop: LoopPlan) -> str:
    last = f"; last time {loop.last_time}" if loop.last_time else ""
    if loop.spreads:
        return f"line {loop.line}, {loop.kind}: may spread{last}"
    why = loop.why.removeprefix(f"line {loop.line}: ")
    return f"line {loop.line}, {loop.kind}: in order, {why}{last}"
