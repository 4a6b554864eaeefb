"""The feed without a socket: who is told what, who watches, and what a page may say."""

import json

import pytest

from jupyter_scale.model.feed import NodeId, Watch
from jupyter_scale.monitor.samples import NodeSample, Sample
from jupyter_scale.server.feed import LONGEST_MESSAGE, MOST_SHOWN, Feed, decode
from jupyter_scale.server.views import World


class Page:
    """A connection that keeps what it is told."""

    def __init__(self):
        self.frames = []

    def send(self, text, *, is_load=False):
        frame = json.loads(text)
        assert is_load is (frame["type"] == "loads")
        self.frames.append(frame)
        return True

    def rows(self):
        """Return ``(node, busy, whether with each GPU)`` of the loads since the last call."""
        loads = [frame for frame in self.frames if frame["type"] == "loads"]
        self.frames.clear()
        return [(row[0], row[2], row[-1] is not None) for load in loads for row in load["rows"]]


def watch(*nodes):
    return Watch("watch", visible=True, nodes=tuple(NodeId("c", node) for node in nodes))


HIDDEN = Watch("watch", visible=False, nodes=())


def test_profiles_come_as_a_delta_and_only_when_they_change():
    feed, page = Feed(lambda _: None), Page()
    feed.add(page)
    feed.publish(World(profiles=("local",)))
    feed.publish(World(profiles=("local",)))
    snapshot, delta = page.frames
    assert (snapshot["type"], snapshot["seq"], snapshot["profiles"]) == ("snapshot", 0, [])
    assert (delta["type"], delta["seq"], delta["profiles"]) == ("delta", 1, ["local"])
    assert delta["sent_at"] >= snapshot["sent_at"] > 0


def test_somebody_watches_from_the_first_page_to_the_last():
    told = []
    feed, one, other = Feed(told.append), Page(), Page()
    feed.add(one)
    feed.add(other)
    assert told == []
    for page, said in [(one, watch()), (one, watch()), (other, watch()), (one, HIDDEN)]:
        feed.watch(page, said)
    assert told == [{}]
    feed.discard(other)
    assert told == [{}, None]
    feed.discard(one)
    assert told == [{}, None]


def test_the_nodes_on_any_screen_are_looked_at():
    told = []
    feed, one, other = Feed(told.append), Page(), Page()
    feed.watch(one, watch("a", "b"))
    feed.watch(other, watch("b", "d"))
    feed.watch(one, HIDDEN)
    assert told == [{"c": {"a", "b"}}, {"c": {"a", "b", "d"}}, {"c": {"b", "d"}}]


def a_sample(**busy):
    return Sample({node: NodeSample(4, count) for node, count in busy.items()})


def test_pages_are_told_at_once_of_nodes_on_their_screen_and_of_others_later():
    feed, page, hidden = Feed(lambda _: None), Page(), Page()
    feed.add(page)
    feed.add(hidden)
    feed.watch(page, watch("a"))
    page.rows()
    hidden.rows()
    feed.take_sample("c", a_sample(a=1, b=1))
    assert sorted(page.rows()) == [("a", 1, False), ("a", 1, True), ("b", 1, False)]
    feed.take_sample("c", a_sample(a=2, b=2))
    assert page.rows() == [("a", 2, True)]
    feed.take_sample("c", a_sample(a=2, b=3))
    assert page.rows() == []
    feed.watch(page, watch("a", "b"))
    assert page.rows() == [("b", 3, True)]  # what came on the screen, and no more
    assert hidden.rows() == []


def test_a_page_that_comes_later_is_told_all_that_is_known():
    feed, page, late = Feed(lambda _: None), Page(), Page()
    feed.watch(page, watch())
    feed.take_sample("c", a_sample(a=1, b=1))
    feed.watch(late, watch("b"))
    assert sorted(late.rows()) == [("a", 1, False), ("b", 1, False), ("b", 1, True)]


def test_what_was_sampled_before_all_looked_away_is_not_told():
    feed, page = Feed(lambda _: None), Page()
    feed.watch(page, watch("a"))
    feed.take_sample("c", a_sample(a=1))
    feed.watch(page, HIDDEN)
    feed.take_sample("c", a_sample(a=2))
    page.rows()
    feed.watch(page, watch("a"))
    assert page.rows() == []


@pytest.mark.parametrize("visible", [True, False])
@pytest.mark.parametrize("nodes", [[], [["c", "a"], ["c", "b"]]])
def test_a_page_says_whether_it_watches_and_what(visible, nodes):
    said = decode(json.dumps({"type": "watch", "visible": visible, "nodes": nodes}))
    assert said == Watch("watch", visible, tuple(NodeId(*node) for node in nodes))


def test_a_page_says_of_which_clusters_it_shows_the_tasks():
    said = decode('{"type":"watch","visible":true,"nodes":[],"tasks":["c"]}')
    assert said == Watch("watch", visible=True, nodes=(), tasks=("c",))


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "null",
        "[]",
        '"watch"',
        "{}",
        '{"type":"watch"}',
        '{"type":"watch","visible":true}',
        '{"type":"watch","visible":1,"nodes":[]}',
        '{"type":"watch","visible":null,"nodes":[]}',
        '{"type":"watch","visible":true,"nodes":{}}',
        '{"type":"watch","visible":true,"nodes":["a"]}',
        '{"type":"watch","visible":true,"nodes":[["a",1]]}',
        '{"type":"watch","visible":true,"nodes":[["a","b","c"]]}',
        json.dumps({"type": "watch", "visible": True, "nodes": [["c", "n"]] * (MOST_SHOWN + 1)}),
        '{"type":"watch","visible":true,"nodes":[],"more":1}',
        '{"type":"watch","visible":true,"nodes":[],"tasks":"c"}',
        '{"type":"watch","visible":true,"nodes":[],"tasks":[1]}',
        json.dumps({"type": "watch", "visible": True, "nodes": [], "tasks": ["c"] * 9}),
        '{"type":"look","visible":true,"nodes":[]}',
        '{"type":"watch","visible":true,"nodes":[]}' + " " * LONGEST_MESSAGE,
        "[" * LONGEST_MESSAGE,
        b'{"type":"watch","visible":true,"nodes":[]}',
    ],
)
def test_anything_else_is_malformed(message):
    assert decode(message) is None
