"""What a runner holds of a notebook: how each copy compares, within the time that there is."""

from __future__ import annotations

import pytest

from jupyter_scale.model.remote import RemoteFacts
from jupyter_scale.session.holdings import list_holdings
from jupyter_scale.shipping.remote import RemoteValue
from replicas import Side

CELL = """
import numpy as np
X = np.zeros((1000, 10))
rows = [1, 2, 3]
n = np.float64(7)
"""
LONG_S = 60.0


class Nobody:
    """Owns values that nobody fetches."""

    def fetch(self, value):
        raise AssertionError


@pytest.fixture
def side():
    """A notebook whose names the other side has got."""
    side = Side(is_notebook=True)
    side.run(CELL)
    side.pack()
    side.commit(b"")
    return side


def states(side, budget_s=LONG_S, costs_s=None):
    rows = list_holdings(side.replica, {}, costs_s or {}, budget_s, "here")
    return {row.name: row.state for row in rows if row.name != "np"}


def test_what_is_there_as_it_is_here(side):
    assert states(side) == {"X": "same", "rows": "same", "n": "same"}
    rows = {row.name: row for row in list_holdings(side.replica, {}, {}, LONG_S, "here")}
    assert rows["X"].type_name == "numpy.ndarray"
    assert rows["X"].form == "(1000, 10) float64"
    assert rows["X"].nbytes == 80_000
    assert rows["rows"].form == "3 items"
    assert (rows["n"].type_name, rows["n"].form) == ("numpy.float64", "")
    assert rows["X"].node == "here"
    assert [row.is_named for row in rows.values()] == [True] * len(rows)


@pytest.mark.parametrize(
    ("change", "name", "state"),
    [
        ("X[5, 5] = 1", "X", "changed"),
        ("rows.append(4)", "rows", "changed"),
        ("n = np.float64(8)", "n", "changed"),
        ("X = X.copy()", "X", "changed"),
        ("del rows", "rows", "gone"),
        ("other = 1", "X", "same"),
        ("rows = open('/dev/null')", "rows", "changed"),
    ],
)
@pytest.mark.parametrize("is_swept", [False, True])
def test_what_a_cell_here_changed(side, change, name, state, is_swept):
    side.run(change)
    if is_swept:
        side.sweep()
    assert states(side)[name] == state


def test_what_takes_too_long_is_not_compared(side):
    side.run("X[5, 5] = 1\nn = np.float64(8)")
    assert states(side, budget_s=1.0, costs_s={"X": 99.0}) == {
        "X": "unchecked",
        "rows": "same",
        "n": "changed",  # it is another object: that costs nothing
    }
    assert states(side, budget_s=0.0)["rows"] == "unchecked"


def test_what_stays_is_listed_under_its_names(side):
    facts = RemoteFacts("k-1", "model", "sklearn.Forest", "--keep", nbytes=5, length=3)
    hidden = RemoteFacts("k-2", "inner", "Inner", "it is a generator", can_travel=False)
    gone = RemoteFacts("k-3", "fetched", "Fetched", "--keep")
    model, inner, fetched = (RemoteValue(each, Nobody()) for each in (facts, hidden, gone))
    remotes = {model: False, inner: False, fetched: True}
    side.namespace |= {"model": model, "same_one": model, "_": model}
    rows = list_holdings(side.replica, remotes, {}, LONG_S, "there")
    kept = [row for row in rows if row.state == "stays"]
    assert [(row.name, row.can_travel, row.is_named) for row in kept] == [
        ("inner", False, False),
        ("model", True, True),
        ("same_one", True, True),
    ]
    assert kept[1][1:] == (
        "sklearn.Forest", "3 items", 5, "stays", "there", "--keep", True, True,
    )  # fmt: skip
