"""Provider ``local``: one node, which is a process group on this machine."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jupyter_scale.errors import ClusterError
from jupyter_scale.model.cluster import NodeState, Owner, Ownership, RunnerState, Status
from jupyter_scale.model.profile import Option
from jupyter_scale.providers.logs import log_path, read_lines
from jupyter_scale.providers.node.events import fold, read_events, write_wish
from jupyter_scale.providers.provider import Failure, NodeSeen, Request, Route
from jupyter_scale.transport.lifeline import is_alive
from jupyter_scale.transport.local import (
    Child,
    child_environment,
    python_argv,
    read_last_lines,
    spawn,
)
from jupyter_scale.transport.processes import end_groups, end_trackers, kill_marked, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from jupyter_scale.model.checkup import Check
    from jupyter_scale.model.profile import Profile, Value

_NAME = "local"
_LOOK_AGAIN_S = 0.2


@dataclass
class _Link:
    """The pipe from one keeper, and what came out of it so far."""

    child: Child
    seen: NodeSeen = field(default_factory=lambda: NodeSeen(is_alive=True))


class LocalProvider:
    """Starts the node process of `jupyter_scale.providers.node` on this machine."""

    cluster_options: Mapping[str, Option] = {
        "scheduler_port": Option("integer", "a port from 1 to 65535", minimum=1, maximum=65535),
    }
    pool_options: Mapping[str, Option] = {
        "worker_preload": Option("texts", "a list of modules that workers import at their start"),
    }
    max_nodes: int | None = 1
    start_timeout_s = 120.0
    outlives_kernels = False
    ask = None

    def __init__(self) -> None:
        self._links: dict[int, _Link] = {}

    def count_nodes(self, options: Mapping[str, Value], count: int) -> int:
        """Return how many nodes a pool has."""
        return count

    def check(self, profile: Profile) -> None:
        """Find nothing wrong: each option was checked by itself."""

    def quote(self, profile: Profile, cache: Path) -> None:
        """Return None: it costs nothing."""

    def start(self, request: Request) -> Iterator[Sequence[NodeState]]:
        """Start the node process; see `jupyter_scale.providers.provider.Provider`."""
        profile = request.profile
        pool = profile.pools[0]
        workers = _core_count() if pool.workers is None else pool.workers
        arguments = [
            f"--cluster={request.cluster}",
            f"--name={_NAME}",
            f"--directory={request.directory}",
            f"--shared-directory={request.shared_dir or request.directory}",
            f"--tls-directory={request.tls_dir}",
            _lifeline(request),
            f"--workers={workers}",
            f"--scheduler-port={profile.options.get('scheduler_port', 0)}",
        ]
        if profile.idle_timeout_s is not None:
            arguments.append(f"--idle-timeout={profile.idle_timeout_s}")
        arguments.append(f"--keep-for={profile.held_for_s(is_paid=False)}")
        preloads = cast("tuple[str, ...]", pool.options.get("worker_preload", ()))
        arguments += [f"--worker-preload={module}" for module in preloads]
        log_path = request.directory / "node.log"
        argv = ["jupyter_scale.providers.node", *arguments]
        child = _run(request, argv, what="scheduler", log_path=log_path, cwd=Path.cwd())
        self._links[child.pid] = _Link(child)
        node = NodeState(
            name=_NAME,
            pool=pool.name,
            pid=child.pid,
            created=child.created,
            status=Status.STARTING,
            workers=workers,
            log=str(log_path),
            has_scheduler=True,
        )
        yield [node]

    def resume(self, request: Request, nodes: Sequence[NodeState]) -> None:
        """Do nothing: the node process goes on by itself."""

    def look(self, node: NodeState, request: Request) -> NodeSeen:
        """Return what is seen of the node process, without waiting."""
        link = self._links.get(node.pid)
        if link is None:
            return _look_from_outside(node, request.directory)
        try:
            while (message := link.child.read_message(0.0)) is not None:
                link.seen = fold(link.seen, message)
            has_ended = not is_alive(Owner(node.pid, node.created))
        except EOFError:
            has_ended = True
        if has_ended:
            link.seen = replace(link.seen, is_alive=False)
            if not link.seen.failures:
                link.seen = replace(link.seen, failures=(_explain_end(link),))
        return link.seen

    def remains(self, nodes: Sequence[NodeState], request: Request) -> bool:
        """Tell whether any process carries the cluster's mark."""
        return bool(marked(request.cluster))

    def wait(self, nodes: Sequence[NodeState], timeout_s: float) -> None:
        """Return once the node process said something, or after the time-out."""
        links = [self._links[node.pid] for node in nodes if node.pid in self._links]
        for link in links:
            link.child.wait_readable(timeout_s)
        if not links:  # another process holds the pipes from adopted nodes
            time.sleep(min(timeout_s, _LOOK_AGAIN_S))

    def scale(self, node: NodeState, request: Request, workers: int) -> None:
        """Ask the node process for another number of workers."""
        write_wish(request.directory, workers)

    def limit(self, nodes: Sequence[NodeState], request: Request) -> None:
        """Do nothing: the node reads them in the cluster's directory."""

    def stop(
        self,
        nodes: Sequence[NodeState],
        runners: Sequence[RunnerState],
        request: Request,
        grace_s: float,
    ) -> None:
        """End node process and runners, and every process that carries the cluster's mark."""
        begun = [Owner(node.pid, node.created) for node in nodes]
        begun += [Owner(runner.pid, runner.created) for runner in runners]
        end_groups([owner.pid for owner in begun if is_alive(owner)], grace_s)
        for link in [self._links.pop(node.pid) for node in nodes if node.pid in self._links]:
            link.child.collect()
        kill_marked(request.cluster)
        end_trackers(request.cluster)

    def run(
        self,
        node: NodeState,
        request: Request,
        argv: Sequence[str],
        *,
        what: str,
        directory: str,
    ) -> Child:
        """Start a process on this machine."""
        try:
            Path(directory).mkdir(mode=0o700, exist_ok=True)
        except FileNotFoundError:
            raise ClusterError(
                f"Cluster {request.profile.name} has ended: `%scale up` starts another."
            ) from None
        log_path = Path(directory) / f"{what}.log"
        return _run(request, argv, what=what, log_path=log_path, cwd=Path.cwd())

    def directory_of(self, node: NodeState, request: Request) -> str:
        """Return the cluster's directory."""
        return str(request.directory)

    def reach(self, node: NodeState, request: Request, address: str) -> Route:
        """Return the address: it is on this machine."""
        return Route(address)

    def renew(
        self,
        nodes: Sequence[NodeState],
        request: Request,
        on_news: Callable[[str], None],
    ) -> tuple[str, ...]:
        """Do nothing: it is the same environment."""
        return ()

    def host_of(self, node: NodeState, request: Request) -> None:
        """Return None: it is this machine."""

    def close(self) -> None:
        """Do nothing: pipes are of the processes at their ends."""

    def examine(
        self, profile: Profile, ask: Callable[[str], str] | None, known: Collection[str] = ()
    ) -> Iterator[Check]:
        """Examine this machine."""
        from jupyter_scale.providers.local import doctor

        return doctor.examine(profile)

    def read_log(self, node: NodeState, request: Request, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a log in the cluster's directory."""
        return read_lines(request.directory / log_path(name), lines)


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


def _explain_end(link: _Link) -> Failure:
    error = link.child.explain_end()
    return Failure(error.what, error.why, error.last_lines)


def _look_from_outside(node: NodeState, directory: Path) -> NodeSeen:
    """Return what can be seen of a node that another process started."""
    seen = reduce(fold, read_events(directory), NodeSeen(is_alive=True))
    if is_alive(Owner(node.pid, node.created)):
        return seen
    lines = read_last_lines(Path(node.log))
    return replace(seen, is_alive=False, failures=(Failure("scheduler", "it has ended", lines),))


def _core_count() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
