"""What a node says, folded into what is seen of it."""

from functools import reduce

from jupyter_scale.providers.node.events import events_path, fold, read_events, write_wish
from jupyter_scale.providers.provider import NodeSeen

SAID = [
    {"pid": 5, "created": 1.0, "scheduler_address": "tls://10.0.0.1:8786"},
    {"event": "joined", "worker": "a/0"},
    {"event": "joined", "worker": "b/0"},
    {"event": "left", "worker": "a/0"},
]


def seen(*messages):
    return reduce(fold, messages, NodeSeen(is_alive=True))


def test_workers_come_and_go():
    now = seen(*SAID)
    assert now.workers == {"b/0"}
    assert now.scheduler_address == "tls://10.0.0.1:8786"
    assert now.is_alive


def test_an_end_in_good_order_is_no_failure():
    now = seen(*SAID, {"event": "removed"})
    assert (now.is_alive, now.has_ended_well, now.failures) == (False, True, ())


def test_any_other_end_is_one_with_its_last_lines():
    now = seen(*SAID, {"event": "ended", "last_lines": ["out of memory"]})
    assert (now.is_alive, now.has_ended_well) == (False, False)
    assert now.failures[0].last_lines == ("out of memory",)


def test_what_did_not_start_is_kept():
    error = {"error": "port 8786 is taken", "next_step": "Choose another."}
    worker = {"event": "failed", "worker": "a/1", "why": "ImportError: x", "last_lines": ["x"]}
    first, second = seen(error, worker).failures
    assert (first.why, first.next_step) == ("port 8786 is taken", "Choose another.")
    assert (second.what, second.why) == ("worker a/1", "ImportError: x")


def test_unknown_events_are_passed_over():
    assert seen({"event": "alive"}) == NodeSeen(is_alive=True)


def test_a_line_that_is_half_written_is_left_for_the_next_look(tmp_path):
    events_path(tmp_path).write_text('{"event": "joined", "worker": "0"}\n{"event": "jo')
    assert [message["worker"] for message in read_events(tmp_path)] == ["0"]
    assert list(read_events(tmp_path / "gone")) == []


def test_a_wish_is_never_seen_half_written(tmp_path):
    write_wish(tmp_path, 3)
    write_wish(tmp_path, 12)
    assert [path.name for path in tmp_path.iterdir()] == ["wanted"]
    assert (tmp_path / "wanted").read_text() == "12"
