"""Provider ``local``: one node, which is a process group on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_scale.errors import ClusterError
from jupyter_scale.model.cluster import NodeState, Owner, Ownership, RunnerState, Status
from jupyter_scale.model.profile import Option
from jupyter_scale.providers.provider import Failure, NodeSeen, Request
from jupyter_scale.transport.lifeline import is_alive
from jupyter_scale.transport.local import (
    Child,
    child_environment,
    python_argv,
    read_last_lines,
    spawn,
)
from jupyter_scale.transport.processes import end_groups, end_trackers, kill_marked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from jupyter_scale.model.checkup import Check
    from jupyter_scale.model.profile import Profile

_NAME = "local"
_RPC_TIMEOUT_S = 10.0
_LOOK_AGAIN_S = 0.2


@dataclass
class _Link:
    """The pipe from one keeper, and what came out of it so far."""

    child: Child
    seen: NodeSeen = field(default_factory=lambda: NodeSeen(is_alive=True))


class LocalProvider:
    """Starts the node process of `jupyter_scale.providers.local.node` on this machine."""

    cluster_options: Mapping[str, Option] = {
        "scheduler_port": Option("integer", "a port from 1 to 65535", minimum=1, maximum=65535),
    }
    pool_options: Mapping[str, Option] = {
        "worker_preload": Option("texts", "a list of modules that workers import at their start"),
    }
    max_nodes: int | None = 1

    def __init__(self) -> None:
        self._links: dict[int, _Link] = {}

    def start(self, request: Request) -> Iterator[NodeState]:
        """Start the node process; see `jupyter_scale.providers.provider.Provider`."""
        profile = request.profile
        pool = profile.pools[0]
        workers = _core_count() if pool.workers is None else pool.workers
        arguments = [
            f"--cluster={request.cluster}",
            f"--name={_NAME}",
            f"--directory={request.directory}",
            f"--shared-directory={request.shared_dir}",
            f"--tls-directory={request.tls_dir}",
            _lifeline(request),
            f"--workers={workers}",
            f"--scheduler-port={profile.options.get('scheduler_port', 0)}",
        ]
        if profile.idle_timeout_s is not None:
            arguments.append(f"--idle-timeout={profile.idle_timeout_s}")
        preloads = cast("tuple[str, ...]", pool.options.get("worker_preload", ()))
        arguments += [f"--worker-preload={module}" for module in preloads]
        log_path = request.directory / "node.log"
        argv = ["jupyter_scale.providers.local.node", *arguments]
        child = _run(request, argv, what="scheduler", log_path=log_path, cwd=Path.cwd())
        self._links[child.pid] = _Link(child)
        yield NodeState(
            name=_NAME,
            pool=pool.name,
            pid=child.pid,
            created=child.created,
            status=Status.STARTING,
            workers=workers,
            log=str(log_path),
        )

    def look(self, node: NodeState, directory: Path) -> NodeSeen:
        """Return what is seen of the node process, without waiting."""
        link = self._links.get(node.pid)
        if link is None:
            return _look_from_outside(node, directory)
        try:
            while (message := link.child.read_message(0.0)) is not None:
                link.seen = _with_message(link.seen, message)
            has_ended = not is_alive(Owner(node.pid, node.created))
        except EOFError:
            has_ended = True
        if has_ended:
            link.seen = replace(link.seen, is_alive=False)
            if not link.seen.failures:
                link.seen = replace(link.seen, failures=(_explain_end(link),))
        return link.seen

    def wait(self, nodes: Sequence[NodeState], timeout_s: float) -> None:
        """Return once the node process said something, or after the time-out."""
        links = [self._links[node.pid] for node in nodes if node.pid in self._links]
        for link in links:
            link.child.wait_readable(timeout_s)
        if not links:  # another process holds the pipes from adopted nodes
            time.sleep(min(timeout_s, _LOOK_AGAIN_S))

    def scale(self, node: NodeState, request: Request, address: str, workers: int) -> None:
        """Ask the node process for another number of workers."""
        from jupyter_scale.transport.tls import security

        reply = call_scheduler(
            address,
            security(request.tls_dir, "client").get_connection_args("client"),
            "jupyter_scale_scale",
            workers=workers,
        )
        if reply != {"workers": workers}:
            raise ClusterError(
                f"The scheduler at {address} cannot be scaled to {workers} workers: {reply}"
            )

    def stop(
        self,
        nodes: Sequence[NodeState],
        runners: Sequence[RunnerState],
        cluster: str,
        grace_s: float,
    ) -> None:
        """End node process and runners, and every process that carries the cluster's mark."""
        begun = [Owner(node.pid, node.created) for node in nodes]
        begun += [Owner(runner.pid, runner.created) for runner in runners]
        end_groups([owner.pid for owner in begun if is_alive(owner)], grace_s)
        for link in [self._links.pop(node.pid) for node in nodes if node.pid in self._links]:
            link.child.collect()
        kill_marked(cluster)
        end_trackers(cluster)

    def run(
        self,
        node: NodeState,
        request: Request,
        argv: Sequence[str],
        *,
        what: str,
        log_path: Path,
        cwd: Path,
    ) -> Child:
        """Start a process on this machine."""
        return _run(request, argv, what=what, log_path=log_path, cwd=cwd)

    def examine(
        self, profile: Profile, ask: Callable[[str], str] | None, known: Collection[str] = ()
    ) -> Iterator[Check]:
        """Examine this machine."""
        from jupyter_scale.providers.local import doctor

        return doctor.examine(profile)

    def read_log(self, node: NodeState, request: Request, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a log in the cluster's directory."""
        from jupyter_scale.providers.local.logs import log_path, read_lines

        return read_lines(log_path(request.directory, name), lines)


def call_scheduler(address: str, connection_args: dict[str, Any], op: str, **kwargs: Any) -> Any:
    """Call one handler of a scheduler, from any thread, also while an event loop runs in it.

    Raises
    ------
    ClusterError
        When it does not answer in time.
    """
    from distributed.core import rpc

    async def ask() -> Any:
        async with rpc(address, connection_args=connection_args) as scheduler:
            return await getattr(scheduler, op)(**kwargs)

    answers: list[Any] = []

    def block() -> None:
        try:
            answers.append(asyncio.run(asyncio.wait_for(ask(), _RPC_TIMEOUT_S)))
        except (OSError, TimeoutError) as error:
            answers.append(error)

    thread = threading.Thread(target=block, name="call the scheduler", daemon=True)
    thread.start()
    thread.join(_RPC_TIMEOUT_S + 5)
    if not answers or isinstance(answers[0], Exception):
        why = answers[0] if answers else "no answer"
        raise ClusterError(
            f"The scheduler at {address} does not answer ({why}): "
            "stop the cluster and start it again."
        )
    return answers[0]


def _run(request: Request, argv: Sequence[str], *, what: str, log_path: Path, cwd: Path) -> Child:
    return spawn(
        python_argv(argv[0], *argv[1:]),
        log_path=log_path,
        env=child_environment(request.cluster),
        cwd=cwd,
        what=what,
    )


def _lifeline(request: Request) -> str:
    """Return the option that says with whom, or after what silence, the node ends."""
    if request.ownership is Ownership.KERNEL:
        return f"--owner={request.owner}"
    return f"--orphan-after={request.profile.orphan_after_s}"


def _with_message(seen: NodeSeen, message: Mapping[str, Any]) -> NodeSeen:
    """Return what is seen after one line of the node process."""
    match message.get("event", "ready"):
        case "ready" if "error" in message:
            failure = Failure("scheduler", message["error"], next_step=message.get("next_step", ""))
            return replace(seen, failures=(*seen.failures, failure))
        case "ready":
            return replace(seen, scheduler_address=message["scheduler_address"])
        case "joined":
            return replace(seen, workers=seen.workers | {message["worker"]})
        case "left":
            return replace(seen, workers=seen.workers - {message["worker"]})
        case "failed":
            lines = tuple(message["last_lines"])
            failure = Failure(f"worker {message['worker']}", message["why"], lines)
            return replace(seen, failures=(*seen.failures, failure))
        case _:
            return seen


def _explain_end(link: _Link) -> Failure:
    error = link.child.explain_end()
    return Failure(error.what, error.why, error.last_lines)


def _look_from_outside(node: NodeState, directory: Path) -> NodeSeen:
    """Return what can be seen of a node that another process started."""
    if not is_alive(Owner(node.pid, node.created)):
        lines = read_last_lines(Path(node.log))
        return NodeSeen(is_alive=False, failures=(Failure("scheduler", "it has ended", lines),))
    identity = _read_json(directory / "scheduler.json")
    address = None if identity is None else identity["address"]
    names = _read_json(directory / "joined.json") or []
    return NodeSeen(is_alive=True, scheduler_address=address, workers=frozenset(names))


def _read_json(path: Path) -> Any:
    """Return what the node process wrote, None when it has not yet."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _core_count() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
