"""Provider ``ssh``: nodes are machines that one can log in to with a key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_scale.model.cluster import Machine, NodeState, RunnerState, Status
from jupyter_scale.providers.provider import NodeSeen, Request, Route
from jupyter_scale.providers.ssh.machines import Machines, OnStep
from jupyter_scale.providers.ssh.options import (
    CLUSTER_OPTIONS,
    POOL_OPTIONS,
    config_of,
    hosts_of,
    places_of,
)
from jupyter_scale.transport.ssh.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from jupyter_scale.environment.host import Host
    from jupyter_scale.model.checkup import Check
    from jupyter_scale.model.profile import Option, Profile, Value
    from jupyter_scale.providers.provider import Ask
    from jupyter_scale.transport.ssh.commands import RemoteChild


class SshProvider:
    """Brings nodes up on hosts, and finds them again."""

    cluster_options: Mapping[str, Option] = CLUSTER_OPTIONS
    pool_options: Mapping[str, Option] = POOL_OPTIONS
    max_nodes: int | None = None
    start_timeout_s = 1800.0
    outlives_kernels = True

    def __init__(self) -> None:
        self._machines = Machines(_connect)

    @property
    def ask(self) -> Ask | None:
        """Asks the user for a passphrase, given a prompt."""
        return self._machines.ask

    @ask.setter
    def ask(self, ask: Ask | None) -> None:
        self._machines.ask = ask

    def count_nodes(self, options: Mapping[str, Value], count: int) -> int:
        """Return how many hosts a pool has."""
        return len(hosts_of(options))

    def check(self, profile: Profile) -> None:
        """Refuse a host that is there twice, and what contradicts the hosts."""
        places_of(profile)

    def quote(self, profile: Profile, cache: Path) -> None:
        """Return None: it costs nothing."""

    def start(self, request: Request) -> Iterator[Sequence[NodeState]]:
        """Begin with all hosts side by side, once all were yielded."""
        nodes = [
            NodeState(
                name=place.name,
                pool=place.pool,
                pid=0,
                created=0.0,
                status=Status.STARTING,
                workers=0,
                machine=Machine(place.host),
            )
            for place in places_of(request.profile)
        ]
        yield nodes
        self._machines.begin(request, nodes, is_new=True)

    def resume(self, request: Request, nodes: Sequence[NodeState]) -> None:
        """Hear those that run, start those that do not; see `Provider.resume`."""
        again = [replace(n, pid=0) if n.status is Status.FAILED else n for n in nodes]
        self._machines.begin(request, again)

    def look(self, node: NodeState, request: Request) -> NodeSeen:
        """Return what was heard of a node so far."""
        return self._machines.look(node, request)

    def wait(self, nodes: Sequence[NodeState], timeout_s: float) -> None:
        """Return as soon as something was heard; ask what a host wants to know."""
        self._machines.wait(timeout_s)

    def remains(self, nodes: Sequence[NodeState], request: Request) -> bool:
        """Tell whether there is a node that was not ended."""
        return self._machines.remains(nodes)

    def scale(self, node: NodeState, request: Request, workers: int) -> None:
        """Write the number of workers where the node process looks for it."""
        self._machines.scale(node, request, workers)

    def limit(self, nodes: Sequence[NodeState], request: Request) -> None:
        """Write the limits where node process and runners look for them."""
        self._machines.limit(nodes, request)

    def stop(
        self,
        nodes: Sequence[NodeState],
        runners: Sequence[RunnerState],
        request: Request,
        grace_s: float,
    ) -> None:
        """End what runs on all hosts, side by side, and remove it there."""
        self._machines.stop(nodes, request, grace_s)

    def run(
        self,
        node: NodeState,
        request: Request,
        argv: Sequence[str],
        *,
        what: str,
        directory: str,
    ) -> RemoteChild:
        """Start a process on a node's machine; it goes on when the connection breaks."""
        return self._machines.run(node, request, argv, what=what, directory=directory)

    def directory_of(self, node: NodeState, request: Request) -> str:
        """Return the node's directory on its machine."""
        return self._machines.directory_of(node)

    def reach(self, node: NodeState, request: Request, address: str) -> Route:
        """Return a way through a tunnel."""
        return self._machines.reach(node, request, address)

    def renew(
        self, nodes: Sequence[NodeState], request: Request, on_news: Callable[[str], None]
    ) -> tuple[str, ...]:
        """Make the environment of this process there, where another one was made before."""
        return self._machines.renew(nodes, request, on_news)

    def host_of(self, node: NodeState, request: Request) -> Host:
        """Return the machine of a node, over whatever connection there is when it is asked."""
        return self._machines.host_of(node, request)

    def read_log(self, node: NodeState, request: Request, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a log in the node's directory."""
        return self._machines.read_log(node, request, name, lines)

    def close(self) -> None:
        """Let go of members, tunnels and connections; the nodes go on."""
        self._machines.close()

    def examine(
        self, profile: Profile, ask: Ask | None, known: Collection[str] = ()
    ) -> Iterator[Check]:
        """Examine all hosts."""
        from jupyter_scale.providers.ssh import doctor

        return doctor.examine(profile, ask, known)


def _connect(host: str, request: Request, ask: Ask | None, on_step: OnStep) -> Connection:
    return Connection.open(config_of(host, request.profile), ask=ask, on_step=on_step)
