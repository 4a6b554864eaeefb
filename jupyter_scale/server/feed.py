"""The feed: one WebSocket for each page; a snapshot first, then deltas, and loads between them.

A page that reads slowly does not hold up the others, and nothing is kept for it without bound: it
is not told of loads while it has `MOST_UNREAD_LOADS` frames to read, and it has to connect again
when it is `MOST_UNREAD` frames behind.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, fields
from typing import Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_scale.model.feed import Delta, LoadRow, Loads, NodeId, Snapshot, Tasks, Watch
from jupyter_scale.monitor.samples import Sample
from jupyter_scale.monitor.spans import TaskNews
from jupyter_scale.server.claims import LONGEST_PAGE, Claims
from jupyter_scale.server.loads import LoadBoard
from jupyter_scale.server.taskboard import TaskBoard
from jupyter_scale.server.views import World, difference, snapshot

CLOSE_MALFORMED = 4400
CLOSE_SLOW = 4408
LONGEST_MESSAGE = 30_000
MOST_SHOWN = 200
MOST_STREAMS = 8
MOST_UNREAD_LOADS = 2
MOST_UNREAD = 200
#: A page may ask for a sign of life that often, in seconds: a proxy on its way cuts what is quiet.
SHORTEST_HEARTBEAT_S = 1.0
AUTH_RESOURCE = "jupyter-scale"

Shown = Mapping[str, Collection[str]]
"""``cluster → names of nodes`` that are on a screen."""


class Feed:
    """The newest world, and the pages that are told it. For the event loop's thread only.

    Parameters
    ----------
    attend
        Told which nodes are on somebody's screen; None when nobody watches: pages whose panel is
        hidden are told the world, too.
    follow
        Told of which clusters somebody's page shows the tasks.
    """

    def __init__(
        self,
        attend: Callable[[Shown | None], None],
        follow: Callable[[frozenset[str]], None] = lambda _clusters: None,
    ) -> None:
        self._attend, self._follow = attend, follow
        self._world = World()
        self._seq = 0
        self._snapshot = ""
        self._listeners: set[FeedHandler] = set()
        self._watchers: dict[FeedHandler, Shown] = {}
        self._shown: Shown | None = None
        self._board = LoadBoard()
        self._streams: dict[FeedHandler, dict[str, int]] = {}
        self._tasks = TaskBoard()
        self._changed = asyncio.Event()
        #: Which pages are here, and what they save.
        self.claims = Claims()

    @property
    def seq(self) -> int:
        """The number of the newest frame."""
        return self._seq

    def publish(self, world: World) -> None:
        """Tell a new world to all pages, as what changed."""
        delta = difference(self._world, world, self._seq + 1, _now())
        self._world = world
        if delta is None:
            return
        self._seq, self._snapshot = delta.seq, ""
        self._board.keep([cluster.id for cluster in world.clusters])
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if self._listeners:
            text = encode(delta)
            for listener in tuple(self._listeners):
                listener.send(text)

    def add(self, listener: FeedHandler) -> None:
        """Begin to tell the world to a page; as yet it does not watch."""
        self._listeners.add(listener)
        self._snapshot = self._snapshot or encode(snapshot(self._world, self._seq, _now()))
        listener.send(self._snapshot)

    def watch(self, listener: FeedHandler, said: Watch) -> None:
        """Take note whether a page shows the panel, and which nodes; tell what it has not got."""
        self._stream(listener, said.tasks if said.visible else ())
        if not said.visible:
            self._watchers.pop(listener, None)
        else:
            before = self._watchers.get(listener)
            now = self._watchers[listener] = _by_cluster(said.nodes)
            for cluster in self._board.clusters():
                if before is None:
                    self._tell(cluster, self._board.rows(cluster, in_full=False), [listener])
                new = set(now.get(cluster, ())) - set((before or {}).get(cluster, ()))
                self._tell(cluster, self._board.rows(cluster, new, in_full=True), [listener])
        shown = _union(self._watchers.values()) if self._watchers else None
        if shown != self._shown:
            self._shown = shown
            if shown is None:
                self._board = LoadBoard()  # an old number is worse than none
            self._attend(shown)

    def discard(self, listener: FeedHandler) -> None:
        """Stop to."""
        self._listeners.discard(listener)
        self.watch(listener, Watch("watch", visible=False, nodes=()))

    def _stream(self, listener: FeedHandler, clusters: Collection[str]) -> None:
        """Take note of which clusters a page shows the tasks."""
        before = frozenset(cluster for told in self._streams.values() for cluster in told)
        told = self._streams.pop(listener, {})
        if clusters:
            self._streams[listener] = {cluster: told.get(cluster, 0) for cluster in clusters}
        now = frozenset(cluster for told in self._streams.values() for cluster in told)
        if now != before:
            self._tasks.keep(now)
            self._follow(now)
        for cluster in clusters:
            self._tell_tasks(cluster, listener)

    def take_tasks(self, cluster: str, news: TaskNews) -> None:
        """Tell what workers did to the pages that show it."""
        streaming = [page for page, told in self._streams.items() if cluster in told]
        if streaming:
            self._tasks.take(cluster, news)
        for listener in streaming:
            self._tell_tasks(cluster, listener)

    def _tell_tasks(self, cluster: str, listener: FeedHandler) -> None:
        """Tell a page what it has not been told; what it cannot read yet comes with the next."""
        told = self._streams[listener]
        for frame, number in self._tasks.frames(cluster, told[cluster], _now()):
            if not listener.send(encode(frame), is_load=True):
                return
            told[cluster] = number

    def take_sample(self, cluster: str, sample: Sample) -> None:
        """Tell a cluster's load to the pages that watch."""
        if not self._watchers:
            return  # it was under way when the last one looked away
        changed = self._board.take(cluster, sample)
        news = self._board.take_news(cluster, time.monotonic())
        self._tell(cluster, self._board.rows(cluster, news, in_full=False), self._watchers)
        for listener, shown in self._watchers.items():
            seen = changed.intersection(shown.get(cluster, ()))
            self._tell(cluster, self._board.rows(cluster, seen, in_full=True), [listener])

    def _tell(
        self, cluster: str, rows: tuple[LoadRow, ...], listeners: Collection[FeedHandler]
    ) -> None:
        if rows:
            text = encode(Loads("loads", _now(), cluster, rows))
            for listener in tuple(listeners):
                listener.send(text, is_load=True)

    async def wait_change(self, seq: int, timeout_s: float) -> None:
        """Return as soon as there is a frame after number `seq`, at the latest after that time."""
        if self._seq == seq:
            try:
                await asyncio.wait_for(self._changed.wait(), timeout_s)
            except TimeoutError:
                return


def encode(frame: Snapshot | Delta | Loads | Tasks) -> str:
    """Return a frame as it travels."""
    return json.dumps(_plain(frame), separators=(",", ":"), allow_nan=False)


def _plain(frame: Snapshot | Delta | Loads | Tasks) -> dict[str, Any]:
    """Return a frame's fields; rows are JSON as they are, and many."""
    if isinstance(frame, Loads | Tasks):
        return {field.name: getattr(frame, field.name) for field in fields(frame)}
    return asdict(frame)


def decode(message: str | bytes) -> Watch | None:
    """Return what a page says, None when it is malformed."""
    if isinstance(message, bytes) or len(message) > LONGEST_MESSAGE:
        return None
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        return None
    match said:
        case {
            "type": "watch",
            "visible": bool(visible),
            "nodes": list(nodes),
            **more,
        } if more.keys() <= {"tasks"}:
            tasks: Any = more.get("tasks", [])
            if all(map(_is_node, nodes)) and len(nodes) <= MOST_SHOWN and _are_clusters(tasks):
                return Watch("watch", visible, tuple(NodeId(*node) for node in nodes), tuple(tasks))
    return None


def heartbeat_s(text: str) -> float | None:
    """Return how often a page wants a sign of life; None if it does not say so."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return max(SHORTEST_HEARTBEAT_S, seconds) if math.isfinite(seconds) else None


def _is_node(value: object) -> bool:
    return isinstance(value, list) and [type(part) for part in value] == [str, str]


def _are_clusters(value: object) -> bool:
    if not isinstance(value, list) or len(value) > MOST_STREAMS:
        return False
    return all(isinstance(part, str) for part in value)


def _by_cluster(nodes: Collection[NodeId]) -> Shown:
    shown: dict[str, set[str]] = {}
    for cluster, node in nodes:
        shown.setdefault(cluster, set()).add(node)
    return shown


def _union(all_shown: Collection[Shown]) -> Shown:
    union: dict[str, set[str]] = {}
    for shown in all_shown:
        for cluster, nodes in shown.items():
            union.setdefault(cluster, set()).update(nodes)
    return union


def _now() -> float:
    return round(time.time(), 3)


class FeedHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One page's connection. All that it can say is `Watch`; anything else ends the connection."""

    auth_resource = AUTH_RESOURCE

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Begin, for a user who may read."""
        user = self.current_user
        if not await ensure_async(
            self.authorizer.is_authorized(self, user, "read", self.auth_resource)
        ):
            raise web.HTTPError(403, "You may not read the clusters of this server.")
        await super().get(*args, **kwargs)

    @property
    def feed(self) -> Feed:
        """What it is told."""
        feed: Feed = self.settings["jupyter_scale_feed"]
        return feed

    @property
    def ping_interval(self) -> int:
        """How often the server gives a sign of life, in milliseconds; 0: never.

        As often as Jupyter does, or as the page has asked for with ``?heartbeat=SECONDS``.
        """
        usual: int = super().ping_interval
        asked_s = heartbeat_s(self.get_query_argument("heartbeat", ""))
        if asked_s is None:
            return usual
        asked = round(1000 * asked_s)
        return min(usual, asked) if usual > 0 else asked

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Tell all there is."""
        super().open(*args, **kwargs)
        self._unread = 0
        self._page = self.get_query_argument("page", "")[:LONGEST_PAGE]
        self.feed.claims.enter(self._page)
        self.feed.add(self)

    def send(self, text: str, *, is_load: bool = False) -> bool:
        """Write a frame, unless it cannot be read now; return whether it was written."""
        if is_load and self._unread >= MOST_UNREAD_LOADS:
            return False
        if self._unread >= MOST_UNREAD:
            self.close(CLOSE_SLOW, "This page reads too slowly: it has to connect again.")
            return False
        try:
            task = self.write_message(text)
        except WebSocketClosedError:
            return False
        self._unread += 1
        task.add_done_callback(self._note_read)
        return True

    def _note_read(self, task: asyncio.Future[None]) -> None:
        self._unread -= 1
        task.exception()

    def on_message(self, message: str | bytes) -> None:
        """Take note whether the panel is seen, or close."""
        said = decode(message)
        if said is None:
            takes = '{"type":"watch","visible":…,"nodes":[…],"tasks":[…]}'
            self.close(CLOSE_MALFORMED, f"The feed takes {takes}, no more.")
        elif self.close_code is None:
            self.feed.watch(self, said)

    def on_close(self) -> None:
        """Forget the page."""
        is_cut = self.close_code is None
        self.feed.claims.leave(self._page, time.monotonic(), is_cut=is_cut)
        self.feed.discard(self)
        super().on_close()

    def get_compression_options(self) -> dict[str, Any]:
        """Compress: frames repeat themselves."""
        return {"compression_level": 1}
