"""The feed: one WebSocket for each panel; a snapshot first, then deltas, and nothing in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_scale.model.feed import Delta, Snapshot
from jupyter_scale.server.views import World, difference, snapshot

CLOSE_MALFORMED = 4400
AUTH_RESOURCE = "jupyter-scale"


class Feed:
    """The newest world, and the panels that are shown it. For the event loop's thread only.

    Parameters
    ----------
    attend
        Told whether anybody is connected.
    """

    def __init__(self, attend: Callable[[bool], None]) -> None:
        self._attend = attend
        self._world = World()
        self._seq = 0
        self._listeners: set[FeedHandler] = set()
        self._changed = asyncio.Event()

    @property
    def seq(self) -> int:
        """The number of the newest frame."""
        return self._seq

    def publish(self, world: World) -> None:
        """Show a new world to all panels, as what changed."""
        before, self._world = self._world, world
        delta = difference(before, world, self._seq + 1)
        if delta is None and before.profiles == world.profiles:
            return
        self._seq += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        has_new_profiles = delta is None or before.profiles != world.profiles
        frame = snapshot(world, self._seq) if has_new_profiles or delta is None else delta
        if self._listeners:
            text = encode(frame)
            for listener in tuple(self._listeners):
                listener.send(text)

    def add(self, listener: FeedHandler) -> None:
        """Begin to show the world to a panel."""
        self._listeners.add(listener)
        listener.send(encode(snapshot(self._world, self._seq)))
        self._attend(True)  # noqa: FBT003 - the registry's own words are keywords

    def discard(self, listener: FeedHandler) -> None:
        """Stop to."""
        self._listeners.discard(listener)
        if not self._listeners:
            self._attend(False)  # noqa: FBT003 - the same

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


class FeedHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One panel's connection. It has nothing to say: a message from it ends the connection."""

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
        """What it is shown."""
        feed: Feed = self.settings["jupyter_scale_feed"]
        return feed

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Show all there is."""
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
        """Close: this end only speaks."""
        self.close(CLOSE_MALFORMED, "The feed takes no messages: use the REST endpoints.")

    def on_close(self) -> None:
        """Forget the panel."""
        self.feed.discard(self)
        super().on_close()

    def get_compression_options(self) -> dict[str, Any]:
        """Compress: frames repeat themselves."""
        return {"compression_level": 1}
