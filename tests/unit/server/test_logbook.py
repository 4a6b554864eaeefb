"""The log: what is a line, how bad it is, of what somebody has to know, and how much is kept."""

from dataclasses import replace

import pytest

from jupyter_scale.model.cluster import ClusterEvent
from jupyter_scale.model.complaints import Complaint
from jupyter_scale.model.feed import ClusterView, CostView, NodeView, RunView
from jupyter_scale.model.log import MOST_COMPLAINTS, MOST_NEWS, MOST_TROUBLES, LogLine, bounded
from jupyter_scale.server.logbook import LogBook, changes, troubles
from jupyter_scale.server.views import World

KEY_ERROR = "host me@box failed: its ED25519 key SHA256:abc is not known.\nAccept it: ..."
NODE = NodeView("n", "p", "running", "", 2, 2, None, None, None, ())
COST = CostView(usd=0.0, at=1000.0, usd_per_h=3.6, max_usd=10.0, ends_at=None)
CLUSTER = ClusterView(
    "c", "lab", "ssh", "server", "running", "", 1000.0, None, 1800.0, None, None, (), (NODE,)
)
RUN = RunView(
    id="r",
    cluster="c",
    kernel_id="k",
    notebook="a.ipynb",
    cell_id="i",
    execution_count=3,
    first_line="fit(X)",
    status="running",
    started_at=1000.0,
    loops=(),
)


def with_nodes(*nodes, **fields):
    return replace(CLUSTER, nodes=nodes, **fields)


@pytest.mark.parametrize(
    ("before", "now", "level", "notice", "text"),
    [
        ("running", "failed", "error", "node-lost", "lost: gone"),
        ("starting", "failed", "error", None, "did not start: gone"),
        ("failed", "starting", "info", None, "is tried again"),
        ("failed", "running", "info", None, "is back"),
    ],
)
def test_what_becomes_of_a_node(before, now, level, notice, text):
    was = with_nodes(replace(NODE, status=before))
    is_now = with_nodes(replace(NODE, status=now, error="gone" if now == "failed" else ""))
    [news] = changes(was, is_now, 5.0)
    assert (news.level, news.notice, news.text, news.node) == (level, notice, text, "n")


def test_a_host_key_needs_somebody_wherever_it_is_met():
    lost = with_nodes(replace(NODE, status="failed", error=KEY_ERROR))
    [news] = changes(with_nodes(replace(NODE, status="starting")), lost, 5.0)
    assert news.notice == "host-key"
    assert news.matter == "host-key c n 5"
    book = LogBook(0.0)
    book.take_event(ClusterEvent("c", "failed", KEY_ERROR), "lab", 5.0, is_up=False)
    assert [line.notice for line in book.lines] == ["host-key"]
    assert "\n" not in book.lines[0].text


def test_workers_that_end_and_come_back():
    fewer, both = with_nodes(replace(NODE, workers=1)), CLUSTER
    assert [n.text for n in changes(both, fewer, 5.0)] == ["a worker has ended: 1 of 2 are there"]
    assert [n.text for n in changes(fewer, both, 5.0)] == ["workers 2/2"]


def test_scaling_down_ends_no_worker_by_accident():
    wanted = with_nodes(replace(NODE, workers_wanted=1))
    ended = with_nodes(replace(NODE, workers=1, workers_wanted=1))
    assert [n.text for n in changes(CLUSTER, wanted, 5.0)] == ["shall have 1 worker, had 2"]
    assert list(changes(wanted, ended, 5.0)) == []


def test_nodes_that_come_and_go():
    more = with_nodes(NODE, replace(NODE, name="m"))
    assert [(n.node, n.text) for n in changes(CLUSTER, more, 5.0)] == [
        ("", "shall have 4 workers, had 2"),
        ("m", "is new"),
    ]
    assert "is no part of it any more" in [n.text for n in changes(more, CLUSTER, 5.0)]


def test_a_cluster_that_stops_loses_no_node():
    lost = with_nodes(replace(NODE, status="failed"), status="stopping")
    assert list(changes(CLUSTER, lost, 5.0)) == []


def test_limits():
    paid, unlimited = replace(CLUSTER, cost=COST), replace(COST, max_usd=None)
    for now, text in [
        (replace(paid, idle_timeout_s=None), "stops never without work from now on"),
        (replace(paid, idle_timeout_s=60.0), "stops after 60 s without work from now on"),
        (replace(paid, cost=replace(COST, max_usd=20.0)), "may cost 20.00 USD now"),
        (replace(paid, cost=unlimited), "may cost any amount now"),
    ]:
        assert [news.text for news in changes(paid, now, 5.0)] == [text]


def test_a_kernels_cluster_is_told_by_what_it_becomes():
    kernels = replace(CLUSTER, owner="kernel")
    failed = replace(kernels, status="failed", error="it ended\nlast lines")
    assert "ends with its notebook's kernel" in next(iter(changes(None, kernels, 5.0))).text
    [news] = changes(kernels, failed, 5.0)
    assert (news.text, news.notice) == ("it ended", "cluster-failed")


@pytest.mark.parametrize(
    ("status", "level", "text"),
    [
        ("failed", "error", "[3] fit(X): ValueError: bad"),
        ("lost", "error", "[3] fit(X): lost, its runner is gone"),
        ("interrupted", "info", "[3] fit(X): interrupted"),
    ],
)
def test_runs_that_do_not_end_well(status, level, text):
    ended = replace(RUN, status=status, ended_at=1002.0, error="Traceback\nValueError: bad\n")
    [news] = troubles(RUN, ended)
    assert (news.level, news.text, news.run) == (level, text, "r")
    assert list(troubles(ended, ended)) == []
    assert list(troubles(RUN, replace(RUN, status="done"))) == []


def follow(book, *worlds, at=0.0):
    """Let a book see worlds one second after the other; return the texts of its lines."""
    before = World()
    for second, world in enumerate(worlds):
        book.follow(before, world, at + second)
        before = world
    return [line.text for line in book.lines]


def test_each_share_of_the_cost_is_told_once():
    paid = World((replace(CLUSTER, cost=COST),))
    book = LogBook(0.0)
    for at in (1000.0, 8900.0, 9001.0, 9002.0, 10_499.0, 10_501.0, 11_500.0):
        book.follow(paid, paid, at)
    assert [(line.at, line.notice, line.matter) for line in book.lines] == [
        (9001.0, "cost", "cost c 10.0 0.8"),
        (10_501.0, "cost", "cost c 10.0 0.95"),
    ]
    assert book.lines[0].text == "80% of the 10.00 USD are spent that it may cost"


def test_a_cluster_with_nothing_to_do_is_told_of_before_it_stops():
    idle = World((replace(CLUSTER, idle_since=1000.0),))
    book = LogBook(0.0)
    for at in (2000.0, 2499.0, 2501.0, 2600.0):
        book.follow(idle, idle, at)
    assert [(line.at, line.text, line.notice, line.matter) for line in book.lines] == [
        (2501.0, "nothing runs: it stops in 5 min", "ending", "ending c 2800")
    ]


def test_a_cluster_that_will_have_cost_what_it_may_is_told_of_before_it_stops():
    book = LogBook(0.0)
    for at, ends_at in ((2000.0, 5000.0), (4701.0, 5000.4), (4800.0, 5003.0), (8750.0, 9000.0)):
        paid = World((replace(CLUSTER, cost=replace(COST, usd_per_h=0.1, ends_at=ends_at)),))
        book.follow(paid, paid, at)
    assert [(line.at, line.text, line.notice) for line in book.lines] == [
        (4701.0, "it will have cost what it may: it stops in 5 min", "ending"),
        (8750.0, "it will have cost what it may: it stops in 4.2 min", "ending"),
    ]


def heard(book, at=5.0, **more):
    said = {"id": f"{at} {more}", "node": "n", "source": "nanny", "text": "slow", "gist": "slow"}
    book.take_complaint("c", "lab", Complaint(**{**said, **more}), at)


def test_what_a_node_complains_of_is_a_line_of_it():
    book = LogBook(0.0)
    heard(book, worker="n/3", count=4, level="error")
    heard(book, id="x")
    heard(book, id="x")
    assert [
        (line.node, line.source, line.level, line.text, line.notice) for line in book.lines
    ] == [
        ("n", "nanny", "error", "worker 3: slow (4 times)", None),
        ("n", "nanny", "warning", "slow", None),
    ]


def test_work_that_is_lost_for_want_of_memory_is_one_matter_while_it_goes_on():
    book = LogBook(0.0)
    for at, node in ((5.0, "n"), (400.0, "n"), (900.0, "n"), (901.0, "m"), (2000.0, "n")):
        heard(book, at, node=node, trouble="memory")
    assert {line.notice for line in book.lines} == {"memory"}
    assert [line.matter for line in book.lines] == [
        "memory c n 5",
        "memory c n 5",
        "memory c n 5",
        "memory c m 901",
        "memory c n 2000",
    ]


def test_complaints_push_out_nothing_else():
    book = LogBook(0.0)
    book.take_event(ClusterEvent("c", "failed", "no disk"), "lab", 1.0, is_up=False)
    for number in range(2000):
        heard(book, id=str(number))
    assert len(book.lines) == 1 + MOST_COMPLAINTS
    assert book.lines[0].text == "no disk"
    assert book.lines[-1].number == 2001


def test_what_was_before_is_no_news():
    ended = replace(RUN, status="failed", ended_at=1002.0, error="E: 1")
    assert follow(LogBook(2000.0), World((CLUSTER,), (ended,)), at=2000.0) == []
    assert follow(LogBook(1001.0), World((CLUSTER,), (ended,)), at=1001.0) == ["[3] fit(X): E: 1"]


def test_steps_and_troubles_of_machines():
    book = LogBook(0.0)
    book.take_event(ClusterEvent("c", "workers", "workers 1/2"), "lab", 1.0, is_up=False)
    book.take_event(ClusterEvent("c", "node n", "n: prepared"), "lab", 2.0, is_up=False)
    book.take_event(
        ClusterEvent("c", "node n", "n: it is taken away: spot"), "lab", 3.0, is_up=True
    )
    assert [(line.number, line.level, line.node, line.text) for line in book.lines] == [
        (1, "info", "", "workers 1/2"),
        (2, "info", "n", "prepared"),
        (3, "warning", "n", "it is taken away: spot"),
    ]


def a_line(number, level):
    return LogLine(number, 0.0, level, "c", "lab", "", "", "text", None, "", "")


def test_the_log_is_bounded_and_news_push_out_no_trouble():
    lines = [a_line(n, "info" if n % 4 else "error") for n in range(10_000)]
    kept = bounded(lines)
    levels = [line.level for line in kept]
    assert (levels.count("info"), levels.count("error")) == (MOST_NEWS, MOST_TROUBLES)
    assert kept[-1] == lines[-1]
    assert bounded((*bounded(lines[:7000]), *lines[7000:])) == kept
