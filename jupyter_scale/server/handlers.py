"""The REST endpoints, under ``/jupyter-scale/api/``.

Who may call: a user of the server, as Jupyter's own identity provider and authoriser say; and a
kernel of this server, which shows the key that it inherited, and its id. A kernel's request carries
no cookie, so it needs no protection against forged ones.
"""

from __future__ import annotations

import asyncio
import functools
import hmac
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.auth.identity import User
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import ensure_async
from tornado import web

from jupyter_scale.errors import (
    ClusterError,
    NoCluster,
    ProfileError,
    ProfileExists,
    ProtocolError,
    RunnerError,
    ScaleError,
    UsageError,
)
from jupyter_scale.model.account import Account
from jupyter_scale.model.feed import ClusterView
from jupyter_scale.model.profile import Limits
from jupyter_scale.server.bodies import LIMITS, read_body
from jupyter_scale.server.feed import AUTH_RESOURCE, Feed, FeedHandler
from jupyter_scale.server.registry import Registry
from jupyter_scale.serverlink import KERNEL_HEADER, KEY_HEADER

LONGEST_WAIT_S = 20.0
MOST_LINES = 2000
_STATUS: tuple[tuple[type[ScaleError], int], ...] = (
    (UsageError, 400),
    (ProfileExists, 409),
    (ProfileError, 400),
    (NoCluster, 404),
    (ClusterError, 409),
    (RunnerError, 409),
)

Method = Callable[..., Coroutine[Any, Any, None]]


def explained(method: Method) -> Method:
    """Answer our own errors with their status and their text."""

    @functools.wraps(method)
    async def wrapper(self: ScaleHandler, *arguments: Any) -> None:
        try:
            await method(self, *arguments)
        except ScaleError as error:
            status = next((s for kind, s in _STATUS if isinstance(error, kind)), 500)
            content = {"message": str(error)}
            if isinstance(error, ProfileError):  # a form says it beside the field
                content |= {"complaint": error.complaint, "key": error.key}
            self.answer(content, status)

    return wrapper


class ScaleHandler(APIHandler):
    """What all endpoints have in common."""

    auth_resource = AUTH_RESOURCE
    _is_kernel = False  # tornado asks before `prepare`, too

    async def prepare(self) -> None:  # type: ignore[override] # as APIHandler
        """Let a kernel of this server in by its key; anybody else as Jupyter does."""
        self._is_kernel = self._has_key() and self._names_kernel()
        if self._is_kernel:
            # Jupyter takes this for "authenticated already".
            self._jupyter_current_user = User(username="jupyter-scale-kernel")
        await super().prepare()

    def check_xsrf_cookie(self) -> None:
        """Check as Jupyter does, but not a kernel."""
        if not self._is_kernel:
            super().check_xsrf_cookie()

    def _has_key(self) -> bool:
        key: str = self.settings["jupyter_scale_key"]
        shown = self.request.headers.get(KEY_HEADER, "")
        return hmac.compare_digest(shown.encode(), key.encode())

    def _names_kernel(self) -> bool:
        return self.request.headers.get(KERNEL_HEADER, "") in self.kernel_manager

    @property
    def registry(self) -> Registry:
        """The clusters."""
        registry: Registry = self.settings["jupyter_scale_registry"]
        return registry

    @property
    def feed(self) -> Feed:
        """What panels are shown."""
        feed: Feed = self.settings["jupyter_scale_feed"]
        return feed

    def answer(self, content: Mapping[str, Any], status: int = 200) -> None:
        """Send JSON."""
        self.set_status(status)
        self.finish(json.dumps(content))


class ClustersHandler(ScaleHandler):
    """All clusters."""

    @web.authenticated
    @authorized
    @explained
    async def get(self) -> None:
        """List them.

        With ``?after=SEQ`` the answer waits for news after frame SEQ, 20 s at most; it has ``seq``.
        """
        after = self.get_query_argument("after", "")
        if after:
            if not after.isdecimal():
                raise UsageError(f"Found after={after[:20]!r}, expected the number of a frame.")
            await self.feed.wait_change(int(after), LONGEST_WAIT_S)
        views = [_plain(view) for view in self.registry.clusters()]
        self.answer({"clusters": views, "seq": self.feed.seq})

    @web.authenticated
    @authorized
    @explained
    async def post(self) -> None:
        """Begin to start one, with ``profile``, ``workers``, ``directory``; all may be left out."""
        body = read_body(self.request.body, ("profile", "workers", "directory"))
        directory = Path(body["directory"]) if "directory" in body else None
        future = self.registry.start(body.get("profile", "local"), body.get("workers"), directory)
        cluster = await asyncio.wrap_future(future)
        self.answer(_plain(self.registry.cluster(cluster)), 201)


class ClusterHandler(ScaleHandler):
    """One cluster."""

    @web.authenticated
    @authorized
    @explained
    async def get(self, cluster: str) -> None:
        """Show it."""
        self.answer(_plain(self.registry.cluster(cluster)))

    @web.authenticated
    @authorized
    @explained
    async def patch(self, cluster: str) -> None:
        """Ask for another number of ``workers``; they join and leave afterwards."""
        body = read_body(self.request.body, ("workers", "pool"), required=("workers",))
        await asyncio.wrap_future(
            self.registry.scale(cluster, body["workers"], body.get("pool", ""))
        )
        self.answer(_plain(self.registry.cluster(cluster)))

    @web.authenticated
    @authorized
    @explained
    async def delete(self, cluster: str) -> None:
        """End it, and answer when it has ended; one that has already is dismissed."""
        await asyncio.wrap_future(self.registry.stop(cluster))
        self.set_status(204)
        self.finish()


class RetryHandler(ScaleHandler):
    """The button of what has failed."""

    @web.authenticated
    @authorized
    @explained
    async def post(self, cluster: str) -> None:
        """Try again the machines that have failed, or one ``node``, or the start.

        The feed tells how it goes.
        """
        node = read_body(self.request.body, ("node",)).get("node", "")
        await asyncio.wrap_future(self.registry.retry(cluster, node))
        self.answer(_plain(self.registry.cluster(cluster)))


class LimitsHandler(ScaleHandler):
    """When a cluster ends by itself."""

    @web.authenticated
    @authorized
    @explained
    async def patch(self, cluster: str) -> None:
        """Change ``idle_timeout_s``, ``orphan_after_s``, ``max_cost``, ``max_age``."""
        changes = Limits.from_dict(read_body(self.request.body, LIMITS))
        await asyncio.wrap_future(self.registry.extend(cluster, changes))
        self.answer(_plain(self.registry.cluster(cluster)))


class LogHandler(ScaleHandler):
    """A log of a node."""

    @web.authenticated
    @authorized
    @explained
    async def get(self, cluster: str, node: str) -> None:
        """Show its last ``lines``: of the ``log`` "node", "worker/NUMBER" or "runner/SESSION"."""
        lines = self.get_query_argument("lines", "200")
        if not lines.isdecimal() or not 0 < int(lines) <= MOST_LINES:
            expected = f"expected a number from 1 to {MOST_LINES}"
            raise UsageError(f"Found lines={lines[:20]!r}, {expected}.")
        name = self.get_query_argument("log", "node")
        shown = await asyncio.wrap_future(self.registry.read_log(cluster, node, name, int(lines)))
        self.answer({"lines": shown})


class AccountHandler(ScaleHandler):
    """What a run cost."""

    @web.authenticated
    @authorized
    @explained
    async def post(self, run: str) -> None:
        """Take the `Account` of a run, which its kernel tells."""
        try:
            account = Account.from_body(json.loads(self.request.body))
        except (ProtocolError, ValueError) as error:
            raise UsageError(str(error)) from None
        if account.run.id != run:
            raise UsageError(f"That is the account of another run, {account.run.id[:60]!r}.")
        self.registry.note(account)
        self.set_status(204)
        self.finish()


class InterruptHandler(ScaleHandler):
    """The stop button of a run."""

    @web.authenticated
    @authorized("execute")  # type: ignore[untyped-decorator] # only when it is called with words
    @explained
    async def post(self, run: str) -> None:
        """Interrupt the kernel of the run, as its notebook's stop button does."""
        fact = self.registry.run(run)
        if fact is None:
            raise NoCluster(f"There is no run {run!r} (any more).")
        if fact.ended_at is not None:
            raise ClusterError("That run has ended: there is nothing to interrupt.")
        if fact.kernel_id not in self.kernel_manager:
            raise ClusterError(
                "That run's kernel is not one of this server: interrupt it where it was started."
            )
        kernels: Any = self.kernel_manager  # its types do not know that it is asynchronous
        await ensure_async(kernels.interrupt_kernel(fact.kernel_id))
        self.set_status(204)
        self.finish()


class StopLoopHandler(ScaleHandler):
    """The stop button of a loop."""

    @web.authenticated
    @authorized("execute")  # type: ignore[untyped-decorator] # only when it is called with words
    @explained
    async def post(self, run: str, loop: str) -> None:
        """Raise KeyboardInterrupt in a loop, if that still goes on.

        The answer's ``status`` is "stopped", "late" (it had ended, and nothing was done) or
        "waiting" (the cell does not react yet; it will see whether it is late).
        """
        status = await asyncio.wrap_future(self.registry.stop_loop(run, int(loop)))
        self.answer({"status": status or "waiting"})


def routes() -> list[tuple[str, type[web.RequestHandler]]]:
    """Return ``pattern → handler`` of these endpoints, without the server's base address."""
    one = r"([\w-]+)"
    return [
        (r"/jupyter-scale/api/clusters", ClustersHandler),
        (rf"/jupyter-scale/api/clusters/{one}", ClusterHandler),
        (rf"/jupyter-scale/api/clusters/{one}/retry", RetryHandler),
        (rf"/jupyter-scale/api/clusters/{one}/limits", LimitsHandler),
        (rf"/jupyter-scale/api/clusters/{one}/nodes/([^/]+)/log", LogHandler),
        (rf"/jupyter-scale/api/runs/{one}/interrupt", InterruptHandler),
        (rf"/jupyter-scale/api/runs/{one}/loops/([0-9]{{1,9}})/stop", StopLoopHandler),
        (rf"/jupyter-scale/api/runs/{one}/account", AccountHandler),
        (r"/jupyter-scale/api/feed", FeedHandler),
    ]


def _plain(view: ClusterView) -> dict[str, Any]:
    return asdict(view)
