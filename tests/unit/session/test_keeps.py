"""Which names to keep a cell certainly does not bind."""

from __future__ import annotations

import types
from typing import Any

import pytest

from jupyter_scale.analysis.cell import analyse_cell
from jupyter_scale.session.look import slow_names
from jupyter_scale.session.plan import unbound_keeps

NOTEBOOK = types.ModuleType("__main__")
exec(
    "def sets(): global m; m = 1\ndef calls(): return sets()\ndef reads(): return x\n"
    "class C:\n    def go(self): global m; m = 1\nc = C()\nx = 1",
    NOTEBOOK.__dict__,
)
NAMESPACE: dict[str, Any] = NOTEBOOK.__dict__


@pytest.mark.parametrize(
    ("source", "unbound"),
    [
        ("m = 1", []),
        ("if x: m = 1", []),
        ("x", ["m"]),
        ("m.append(1)", ["m"]),
        ("reads()", ["m"]),
        ("calls()", []),
        ("c.go()", []),
        ("exec('m = 1')", []),
        ("from os import *", []),
        ("def m(): pass", []),
    ],
)
def test_unbound_keeps(source: str, unbound: list[str]) -> None:
    assert unbound_keeps(["m"], analyse_cell(source), NAMESPACE) == unbound


def test_slow_names() -> None:
    assert slow_names({"a": 0.2, "b": 0.2}) == {}
    assert slow_names({"a": 0.1, "b": 1.2, "c": 0.8}) == {"b": 1.2, "c": 0.8}
    assert slow_names({str(n): 0.1 for n in range(10)}) == {"0": 0.1}
