"""Facts of runs: what is said of a cell from its request, its progress and its outcome."""

import json
from dataclasses import replace

import msgpack
import pytest

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.facts import RunFact
from jupyter_scale.model.messages import CellOutcome, LoopProgress
from jupyter_scale.model.run import Inputs
from jupyter_scale.runner.host.facts import RunLog, advance, begin, end, finish_loop

ORIGIN = {"run": "r1", "kernel": "k", "notebook": "n.ipynb", "cell": "c"}


def a_body(source="\n  # a comment\nx = 1", origin=ORIGIN):
    return {"source": source, "execution_count": 3, "origin": origin}


def progress(done, *, line=2, total=100, running=2, loop=0):
    return LoopProgress(loop, line, total, done, 2, running).to_body()


def test_begin():
    fact = begin(a_body(), "s", 7, 10.0)
    assert (fact.id, fact.kernel_id, fact.notebook, fact.cell_id) == ("r1", "k", "n.ipynb", "c")
    assert (fact.status, fact.first_line, fact.started_at) == ("running", "# a comment", 10.0)


def test_a_request_without_origin_has_an_id_all_the_same():
    assert begin(a_body(origin={}), "s", 7, 10.0).id == "s-7"


@pytest.mark.parametrize(("source", "line"), [("", ""), ("  \n", ""), ("y" * 100, "y" * 80)])
def test_first_line(source, line):
    assert begin(a_body(source), "s", 1, 0.0).first_line == line


def test_when_a_loop_ends_is_told_from_what_was_done_since_the_start():
    fact = advance(begin(a_body(), "s", 1, 0.0), progress(20), 100.0)
    assert fact.loops[0].ends_at is None
    fact = advance(fact, progress(60), 104.0)
    assert fact.loops[0].ends_at == pytest.approx(108.0)
    assert fact.loops[0].started_at == 100.0


def test_a_loop_that_runs_once_more_begins_anew():
    fact = begin(a_body(), "s", 1, 0.0)
    for done, now in ((20, 1.0), (100, 2.0), (20, 3.0)):
        fact = advance(fact, progress(done), now)
    [loop] = fact.loops
    assert (loop.started_at, loop.done) == (3.0, 20)


def test_every_fact_has_a_higher_number():
    first = begin(a_body(), "s", 1, 0.0)
    second = advance(first, progress(1), 1.0)
    third = end(second, CellOutcome("ok").to_body(), 2.0)
    assert first.seq < second.seq < third.seq


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        (CellOutcome("ok"), "done", ""),
        (
            CellOutcome("error", error={"ename": "ValueError", "evalue": "no"}),
            "failed",
            "ValueError: no",
        ),
        (
            CellOutcome("error", error={"ename": "KeyboardInterrupt", "evalue": ""}),
            "interrupted",
            "KeyboardInterrupt",
        ),
        (
            CellOutcome("died", error={"ename": "RunnerLost", "evalue": "SIGSEGV"}),
            "lost",
            "RunnerLost: SIGSEGV",
        ),
        (
            CellOutcome(
                "died",
                error={
                    "ename": "RunnerLost",
                    "evalue": "it was killed, because it did not react to the interrupt",
                },
            ),
            "interrupted",
            "RunnerLost: it was killed, because it did not react to the interrupt",
        ),
        (CellOutcome("unloadable", stays={"x": "why"}), "failed", "it ran in the notebook: why"),
    ],
)
def test_end(outcome, status, error):
    fact = end(begin(a_body(), "s", 1, 0.0), outcome.to_body(), 5.0)
    assert (fact.status, fact.error, fact.ended_at) == (status, error, 5.0)


def test_loops_of_a_run_that_ended_well_are_done():
    fact = advance(begin(a_body(), "s", 1, 0.0), progress(20), 1.0)
    report = {"line": 2, "iterations": 100}
    [loop] = end(fact, CellOutcome("ok", loops=[report]).to_body(), 2.0).loops
    assert (loop.done, loop.running, loop.ends_at) == (100, 0, None)
    [loop] = end(fact, CellOutcome("error", error={"ename": "E"}).to_body(), 2.0).loops
    assert (loop.done, loop.running) == (20, 0)


def test_a_cell_that_is_asked_for_again_is_one_run():
    published = []

    class Publisher:
        publish = published.append

    log = RunLog("s", Publisher())
    log.begin(1, a_body())
    log.end(CellOutcome("resend").to_body())
    log.begin(2, a_body())
    log.end(CellOutcome("ok").to_body())
    log.end(CellOutcome("ok").to_body())
    assert {fact.id for fact in published} == {"r1"}
    assert published[-1].status == "done"


def test_round_trip_over_the_scheduler():
    fact = advance(begin(a_body(), "s", 1, 0.0), progress(20), 1.0)
    wire = msgpack.unpackb(msgpack.packb(fact.to_wire()))
    assert RunFact.from_wire(wire) == fact
    assert RunFact.from_wire(json.loads(json.dumps(fact.to_wire()))) == fact


AT = {"values": ("alpha = 0.1",), "line": 2, "call": "", "index": 7}


def test_what_a_failure_was_at_goes_with_its_end_and_no_other():
    published = []

    class Publisher:
        publish = published.append

    log = RunLog("s", Publisher())
    failed = CellOutcome("error", error={"ename": "ValueError", "evalue": "no"}).to_body()
    for number, outcome in enumerate((failed, failed, CellOutcome("ok").to_body())):
        log.begin(number, a_body(origin={"run": f"r{number}"}))
        if number != 1:
            log.take_inputs([AT])
        log.end(outcome)
    ended = {fact.id: fact for fact in published if fact.ended_at is not None}
    assert ended["r0"].inputs == (Inputs(**AT),)
    assert ended["r1"].inputs == ended["r2"].inputs == ()
    wire = msgpack.unpackb(msgpack.packb(ended["r0"].to_wire()))
    assert RunFact.from_wire(wire) == ended["r0"]


@pytest.mark.parametrize(("is_whole", "done"), [(True, 100), (False, 20)])
def test_a_loop_ends_before_its_cell(is_whole, done):
    fact = advance(begin(a_body(), "s", 1, 0.0), progress(20, loop=4), 1.0)
    fact = advance(fact, progress(3, loop=5, line=9), 1.0)
    first, second = finish_loop(fact, 4, is_whole=is_whole).loops
    assert (first.is_over, first.done, first.running) == (True, done, 0)
    assert not second.is_over
    report = {"line": 2, "iterations": 100}
    over = finish_loop(fact, 4, is_whole=is_whole)
    ended = end(over, CellOutcome("ok", loops=[report]).to_body(), 2.0)
    assert [(loop.is_over, loop.done) for loop in ended.loops] == [(True, done), (True, 100)]


def test_a_loop_that_runs_once_more_has_another_number():
    fact = advance(begin(a_body(), "s", 1, 0.0), progress(20, loop=4), 1.0)
    fact = finish_loop(fact, 4, is_whole=True)
    [loop] = advance(fact, progress(100, loop=5), 2.0).loops
    assert (loop.number, loop.is_over, loop.started_at) == (5, False, 2.0)


@pytest.mark.parametrize(
    "change", [{"version": 9}, {"more": 1}, {"loops": [{}]}, {"loops": None}, {"inputs": [{}]}]
)
def test_what_is_no_fact(change):
    wire = replace(begin(a_body(), "s", 1, 0.0)).to_wire()
    with pytest.raises(ProtocolError):
        RunFact.from_wire({**wire, **change})
    with pytest.raises(ProtocolError):
        RunFact.from_wire("text")
