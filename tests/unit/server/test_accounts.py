"""Accounts of runs: they round-trip, and what is none is refused whoever sends it."""

import copy

import pytest

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.account import Account, Traffic
from jupyter_scale.model.run import Run
from jupyter_scale.server.views import view_account

ACCOUNT = Account(
    run=Run(
        id="r",
        kernel_id="k",
        notebook="/root/a.ipynb",
        cell_id="c",
        execution_count=3,
        first_line="x = 1",
        status="failed",
        started_at=1.0,
        ended_at=2.5,
        error="ValueError: 1",
    ),
    traffic=Traffic(where="here", why="an open file", sent_bytes=5, notes=("ran here",)),
)


def test_an_account_round_trips():
    assert Account.from_body(ACCOUNT.to_body()) == ACCOUNT


def test_a_run_in_the_kernel_has_a_view_without_a_cluster():
    view = view_account(ACCOUNT, "/root")
    assert (view.cluster, view.notebook, view.status, view.loops) == ("", "a.ipynb", "failed", ())
    assert view.traffic == ACCOUNT.traffic


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("run", "status", "running"),
        ("run", "started_at", "1"),
        ("run", "started_at", None),
        ("run", "execution_count", True),
        ("run", "first_line", 7),
        ("run", "more", "x"),
        ("traffic", "where", "elsewhere"),
        ("traffic", "sent_bytes", "5"),
        ("traffic", "notes", [1]),
        ("traffic", "notes", 1),
    ],
)
def test_what_is_no_account_is_refused(part, field, value):
    body = copy.deepcopy(ACCOUNT.to_body())
    body[part][field] = value
    with pytest.raises(ProtocolError):
        Account.from_body(body)


@pytest.mark.parametrize("body", [None, 1, "x", [], {}, {"version": 99}, {"version": 1}])
def test_neither_is_this(body):
    with pytest.raises(ProtocolError):
        Account.from_body(body)


def test_long_texts_are_cut():
    body = ACCOUNT.to_body()
    body["run"]["error"] = "x" * 100_000
    body["traffic"]["notes"] = ["y" * 100_000] * 1000
    account = Account.from_body(body)
    assert len(account.run.error) == 8000
    assert (len(account.traffic.notes), len(account.traffic.notes[0])) == (20, 8000)
