"""Which names a cell needs looked at."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_scale.analysis.cell import analyse_cell
from jupyter_scale.session.plan import names_to_look_at, visible_names

OWN_OPEN = object()
HIDDEN: dict[str, Any] = {"In": [], "Out": {}, "open": OWN_OPEN, "exit": 1, "_oh": {}}
NAMESPACE: dict[str, Any] = {
    **HIDDEN,
    "__name__": "__main__",
    "x": 1,
    "f": len,
    "_private": 2,
    "_": 3,
    "_i5": "x",
    "_5": 1,
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = x + 1", {"x"}),
        ("print(nosuch)", set()),
        ("open('f')", set()),  # IPython's own, which the runner has too
        ("_ + 1", {"_"}),
        ("Out[5]", {"Out"}),
        ("__name__", set()),
        ("_private + x", {"_private", "x"}),
        ("eval('x')", {"x", "f", "_private"}),
    ],
)
def test_names_to_look_at(source: str, expected: set[str]) -> None:
    assert names_to_look_at(analyse_cell(source), NAMESPACE, HIDDEN) == expected


def test_a_rebound_own_name_travels() -> None:
    namespace = {**NAMESPACE, "open": print}
    assert names_to_look_at(analyse_cell("open('f')"), namespace, HIDDEN) == {"open"}


def test_visible_names_are_the_users() -> None:
    assert visible_names(NAMESPACE, HIDDEN) == {"x", "f", "_private"}
