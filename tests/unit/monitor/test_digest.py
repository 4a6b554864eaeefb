"""What is told of many complaints: each once a minute, not too many, one short line."""

import pytest

from jupyter_scale.model.complaints import Complaint, from_message, to_message
from jupyter_scale.monitor.digest import AGAIN_S, LONGEST, PERIOD_S, Digest, gist_of, one_line


def complaint(text="slow", **more):
    return Complaint(**{"source": "core", "text": text, "gist": gist_of(text), **more})


def texts(told):
    return [(one.text, one.count) for one in told]


def test_nothing_is_awaited_while_nobody_complains():
    digest = Digest(5)
    assert digest.wait_s(0.0) is None
    digest.take(complaint())
    assert digest.wait_s(0.0) == 0.0
    assert texts(digest.tell(0.0)) == [("slow", 1)]
    assert digest.wait_s(0.0) is None


def test_the_same_is_told_again_after_a_while_with_how_often_it_came():
    digest = Digest(5)
    digest.take(complaint("at 81% of 4 GB"))
    digest.tell(10.0)
    for percent in (82, 83, 95):
        digest.take(complaint(f"at {percent}% of 4 GB"))
    assert digest.tell(11.0) == []
    assert digest.wait_s(11.0) == AGAIN_S - 1
    assert texts(digest.tell(10.0 + AGAIN_S)) == [("at 95% of 4 GB", 3)]


@pytest.mark.parametrize(
    "more", [{"node": "n2"}, {"level": "error"}, {"source": "nanny"}, {"trouble": "memory"}]
)
def test_what_differs_is_another_complaint(more):
    digest = Digest(5)
    digest.take(complaint())
    digest.take(complaint(**more))
    assert [one.count for one in digest.tell(0.0)] == [1, 1]


def test_the_same_of_two_workers_is_of_none():
    digest = Digest(5)
    digest.take(complaint(worker="n/1"))
    digest.take(complaint(worker="n/2"))
    assert [(one.worker, one.count) for one in digest.tell(0.0)] == [("", 2)]


def test_in_a_minute_only_so_many_are_told_and_the_rest_later():
    digest = Digest(2)
    for word in "abc":
        digest.take(complaint(word))
    assert texts(digest.tell(0.0)) == [("a", 1), ("b", 1)]
    assert digest.tell(1.0) == []
    assert digest.wait_s(1.0) == PERIOD_S - 1
    assert texts(digest.tell(PERIOD_S)) == [("c", 1)]


def test_a_flood_is_bounded_and_counted():
    digest = Digest(3)
    words = [f"{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(400)]
    for word in words:
        digest.take(complaint(word))
    told, now = [], 0.0
    while (wait := digest.wait_s(now)) is not None:
        now += wait
        told += digest.tell(now)
    assert sum(one.count for one in told) == 400
    assert len(told) <= 51
    assert ("other warnings, which the logs of nodes have", 350) in texts(told)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("\n  first\nsecond\n", "first"),
        ("x" * 500, "x" * (LONGEST - 1) + "…"),
        (
            "broken link to tls://me:pass@10.0.0.7:8786 again",
            "broken link to tls://10.0.0.7:8786 again",
        ),
        ("AWS_SECRET_ACCESS_KEY=abc+/d, region", "AWS_SECRET_ACCESS_KEY=… region"),
        ("{'token': 'abc'}", "{'token': …"),
        ("no AKIAIOSFODNN7EXAMPLE here", "no … here"),
        ("cannot read /run/x/tls/worker.key: gone", "cannot read … gone"),
        ("from '/u/me/.ssh/id_ed25519'", "from '…'"),
        ("leak; see https://example.org/a#b -- Unmanaged: 3 GiB", "leak -- Unmanaged: 3 GiB"),
        ("", ""),
    ],
)
def test_one_line_without_secrets(said, told):
    assert one_line(said) == told


def test_complaints_travel_and_what_is_none_is_left_out():
    one = complaint(worker="n/1", count=3)
    [wire] = to_message([one])
    assert from_message([wire, {"text": "x"}, {**wire, "version": 99}, {**wire, "level": 1}]) == [
        one
    ]
    assert from_message("hello") == []
