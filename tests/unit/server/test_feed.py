"""The feed without a socket: who is told what, who watches, and what a page may say."""

import json

import pytest

from jupyter_scale.model.feed import Watch
from jupyter_scale.server.feed import LONGEST_MESSAGE, Feed, decode
from jupyter_scale.server.views import World


class Page:
    """A connection that keeps what it is told."""

    def __init__(self):
        self.frames = []

    def send(self, text):
        self.frames.append(json.loads(text))


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
    for page, is_visible in [(one, True), (one, True), (other, True), (one, False)]:
        feed.watch(page, is_visible=is_visible)
    assert told == [True]
    feed.discard(other)
    assert told == [True, False]
    feed.discard(one)
    assert told == [True, False]


@pytest.mark.parametrize("visible", [True, False])
def test_a_page_says_whether_it_watches(visible):
    assert decode(json.dumps({"type": "watch", "visible": visible})) == Watch("watch", visible)


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
        '{"type":"watch","visible":1}',
        '{"type":"watch","visible":null}',
        '{"type":"watch","visible":true,"more":1}',
        '{"type":"look","visible":true}',
        '{"type":"watch","visible":true}' + " " * LONGEST_MESSAGE,
        "[" * LONGEST_MESSAGE,
        b'{"type":"watch","visible":true}',
    ],
)
def test_anything_else_is_malformed(message):
    assert decode(message) is None
