"""What comes back with a part: results, what was written, and the new content of items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jupyter_scale.runner.host.loops.parts import Part
from jupyter_scale.runner.host.loops.pieces import Known, pack_piece, unpack_piece
from jupyter_scale.runner.host.loops.workbench import Workbench
from jupyter_scale.runner.host.recorded import Displayed, Output


def unpack_results(bench: Workbench, part: Part) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return a part's results, and its items' new content."""
    assert part.outcome is not None  # noqa: S101 - it was released
    assert part.outcome.results is not None  # noqa: S101 - so they are there
    (results, patches), _ = unpack_piece(
        part.outcome.results, bench.namespace, bench.shared, part.known, is_last=True
    )
    return results, patches


def unpack_output(bench: Workbench, part: Part) -> Sequence[Output]:
    """Return what a part's iterations wrote, with what they displayed unpacked."""
    assert part.outcome is not None  # noqa: S101 - it was released
    output = list(part.outcome.output)
    for number, each in enumerate(output):
        if isinstance(each, Displayed):
            content, _ = unpack_piece(each.content, bench.namespace, None, part.known, is_last=True)
            output[number] = Displayed(content)
    return output


def reached(patches: Iterable[tuple[Any, Any]], items: list[Any]) -> list[tuple[Any, Any]]:
    """Return the patches of what these items lead to."""
    patches = list(patches)
    if not patches:
        return []
    _, memo = pack_piece(items, {}, None, Known())
    met = set(map(id, memo.values()))
    return [(obj, state) for obj, state in patches if id(obj) in met]
