"""The feed: one WebSocket for each page; a snapshot first, then deltas, and nothing in between."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_scale.model.feed import Delta, Snapshot, Watch
from jupyter_scale.server.views import World, difference, snapshot

CLOSE_MALFORMED = 4400
LONGEST_MESSAGE = 200
AUTH_RESOURCE = "jupyter-scale"


class Feed:
    """The newest world, and the pages that are told it. For the event loop's thread only.

    Parameters
    ----------
    attend
        Told whether anybody watches: pages whose panel is hidden are told the world, too.
    """

    def __init__(self, attend: Callable[[bool], None]) -> None:
        self._attend = attend
        self._world = World()
        self._seq = 0
        self._listeners: set[FeedHandler] = set()
        self._watchers: set[FeedHandler] = set()
        self._changed = asyncio.Event()

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
        self._seq = delta.seq
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if self._listeners:
            text = encode(delta)
            for listener in tuple(self._listeners):
                listener.send(text)

    def add(self, listener: FeedHandler) -> None:
        """Begin to tell the world to a page; as yet it does not watch."""
        self._listeners.add(listener)
        listener.send(encode(snapshot(self._world, self._seq, _now())))

    def watch(self, listener: FeedHandler, *, is_visible: bool) -> None:
        """Take note whether a page shows the panel."""
        before = bool(self._watchers)
        if is_visible:
            self._watchers.add(listener)
        else:
            self._watchers.discard(listener)
        if bool(self._watchers) != before:
            self._attend(is_visible)

    def discard(self, listener: FeedHandler) -> None:
        """Stop to."""
        self._listeners.discard(listener)
        self.watch(listener, is_visible=False)

    async def wait_change(self, seq: int, timeout_s: float) -> None:
        """Return as soon as there is a frame after number `seq`, at the latest after that time."""
        if self._seq == seq:
            try:
                await asyncio.wait_for(self._changed.wait(), timeout_s)
            except TimeoutError:
                return


def encode(frame: Snapshot | Delta) -> str:
    """Return a frame as it travels."""
    return json.dumps(asdict(frame), separators=(",", ":"), allow_nan=False)


def decode(message: str | bytes) -> Watch | None:
    """Return what a page says, None when it is malformed."""
    if isinstance(message, bytes) or len(message) > LONGEST_MESSAGE:
        return None
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        return None
    match said:
        case {"type": "watch", "visible": bool(visible)} if len(said) == 2:  # noqa: PLR2004
            return Watch("watch", visible)
    return None


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

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Tell all there is."""
        super().open(*args, **kwargs)
        self.feed.add(self)

    def send(self, text: str) -> None:
        """Write a frame; a connection that just closed misses nothing."""
        try:
            task = self.write_message(text)
        except WebSocketClosedError:
            return
        task.add_done_callback(lambda done: done.exception())

    def on_message(self, message: str | bytes) -> None:
        """Take note whether the panel is seen, or close."""
        said = decode(message)
        if said is None:
            self.close(CLOSE_MALFORMED, 'The feed takes {"type":"watch","visible":…}, no more.')
        elif self.close_code is None:
            self.feed.watch(self, is_visible=said.visible)

    def on_close(self) -> None:
        """Forget the page."""
        self.feed.discard(self)
        super().on_close()

    def get_compression_options(self) -> dict[str, Any]:
        """Compress: frames repeat themselves."""
        return {"compression_level": 1}
