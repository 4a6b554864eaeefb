"""Which sets a cell has seen in another order than the notebook would have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_scale.analysis.cell import CellFacts
from jupyter_scale.model.messages import HASHED, CellOutcome
from jupyter_scale.shipping.orders import why_loose


class OrderNotes:
    """The notes of one session: each set is named once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def take(
        self, facts: CellFacts, namespace: Mapping[str, Any], outcome: CellOutcome
    ) -> Iterator[str]:
        """Yield that a cell saw a set in another order.

        Parameters
        ----------
        facts, namespace
            What the cell reads and goes through, and the notebook's variables.
        outcome
            How it ended.
        """
        if outcome.status not in {"ok", "error"}:
            return
        same = outcome.text_hash == hash(HASHED)
        for name in sorted((facts.iterated.names & facts.reads) - self._said):
            why = why_loose(namespace.get(name), same_text_hash=same)
            if why:
                self._said.add(name)
                yield f"the set {name!r} has another order on the cluster: {why}"
        if facts.iterated.new_sets and not same and "" not in self._said:
            self._said.add("")
            yield (
                "a set that the cell makes has another order on the cluster if it holds text:"
                " start the kernel with a PYTHONHASHSEED to have the same"
            )
