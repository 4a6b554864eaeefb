"""Tasks as pages are told them: only those who ask, each span once, also a slow page."""

import json

from jupyter_scale.model.feed import Watch
from jupyter_scale.monitor.spans import Span, TaskNews
from jupyter_scale.server.feed import Feed
from jupyter_scale.server.taskboard import MOST_ROWS, TaskBoard


def spans(first, count, at=1e12):
    return tuple(
        Span(f"n/{n % 3}", at + n, 1.0, 1.0, 1, 0, "r") for n in range(first, first + count)
    )


def starts(frames):
    return [row[1] - 1e12 for frame in frames for row in frame["rows"]]


class Page:
    """A page that may be slow."""

    def __init__(self, room=1000):
        self.frames, self.room = [], room

    def send(self, text, *, is_load=False):
        frame = json.loads(text)
        if is_load and self.room == 0:
            return False
        self.room -= 1
        if frame["type"] == "tasks":
            self.frames.append(frame)
        return True


def stream(*clusters):
    return Watch("watch", visible=True, nodes=(), tasks=clusters)


def test_nobody_is_told_who_does_not_ask():
    followed = []
    feed, one, other = Feed(lambda _: None, followed.append), Page(), Page()
    feed.add(other)
    feed.watch(one, stream("c"))
    feed.watch(other, stream())
    feed.take_tasks("c", TaskNews(spans(0, 3), is_anew=True))
    feed.take_tasks("d", TaskNews(spans(0, 3), is_anew=True))
    assert followed == [frozenset("c")]
    assert starts(one.frames) == [0, 1, 2]
    assert one.frames[0]["workers"] == ["n/0", "n/1", "n/2"]
    assert one.frames[0]["is_anew"] is True
    assert other.frames == []
    feed.discard(one)
    assert followed == [frozenset("c"), frozenset()]


def test_a_page_that_comes_later_is_told_all():
    feed, one, late = Feed(lambda _: None), Page(), Page()
    feed.watch(one, stream("c"))
    feed.take_tasks("c", TaskNews(spans(0, 2), is_anew=True))
    feed.watch(late, stream("c"))
    feed.take_tasks("c", TaskNews(spans(2, 2), is_anew=False))
    assert starts(late.frames) == starts(one.frames) == [0, 1, 2, 3]
    assert [frame["is_anew"] for frame in late.frames] == [True, False]


def test_a_slow_page_gets_later_what_it_could_not_read():
    feed, slow = Feed(lambda _: None), Page(room=1)
    feed.watch(slow, stream("c"))
    feed.take_tasks("c", TaskNews(spans(0, 2), is_anew=True))
    feed.take_tasks("c", TaskNews(spans(2, 2), is_anew=False))
    assert starts(slow.frames) == [0, 1]
    slow.room = 5
    feed.take_tasks("c", TaskNews(spans(4, 1), is_anew=False))
    assert starts(slow.frames) == [0, 1, 2, 3, 4]


def test_a_page_that_looks_away_and_back_is_told_anew():
    feed, page = Feed(lambda _: None), Page()
    feed.watch(page, stream("c"))
    feed.take_tasks("c", TaskNews(spans(0, 2), is_anew=True))
    feed.watch(page, stream())
    feed.watch(page, stream("c"))
    feed.take_tasks("c", TaskNews(spans(0, 3), is_anew=True))
    assert page.frames[-1]["is_anew"] is True
    assert starts(page.frames[-1:]) == [0, 1, 2]


def test_what_is_told_anew_by_the_scheduler_is_void_for_pages():
    feed, page = Feed(lambda _: None), Page()
    feed.watch(page, stream("c"))
    feed.take_tasks("c", TaskNews(spans(0, 2), is_anew=True))
    feed.take_tasks("c", TaskNews(spans(1, 2), is_anew=True))
    feed.take_tasks("c", TaskNews((), is_anew=False))
    assert [frame["is_anew"] for frame in page.frames] == [True, True]
    assert starts(page.frames[-1:]) == [1, 2]


def test_nothing_is_sent_when_nothing_happens():
    feed, page = Feed(lambda _: None), Page()
    feed.watch(page, stream("c"))
    for _ in range(5):
        feed.take_tasks("c", TaskNews((), is_anew=False))
    assert len(page.frames) == 1  # that there is nothing


def test_much_comes_in_parts_and_the_old_is_dropped():
    board = TaskBoard()
    board.take("c", TaskNews(spans(0, 3, at=1000.0), is_anew=True))
    board.take("c", TaskNews(spans(0, MOST_ROWS + 1), is_anew=False))
    frames = [frame for frame, _ in board.frames("c", 0, 1e12)]
    assert [len(frame.rows) for frame in frames] == [MOST_ROWS, 1]
    assert [frame.is_anew for frame in frames] == [True, False]
