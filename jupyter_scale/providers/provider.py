"""The seam to where nodes come from: what every provider does, and how one is found by name.

The contract is exact about time and absence: `Provider.start` yields a node the moment that it can
be named, `Provider.look` returns at once, `Provider.wait` within its time-out, and stopping what is
gone already is success.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from jupyter_scale.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from jupyter_scale.environment.host import Host
    from jupyter_scale.model.checkup import Check
    from jupyter_scale.model.cluster import ClusterState, NodeState, Owner, Ownership, RunnerState
    from jupyter_scale.model.cost import Quote
    from jupyter_scale.model.profile import Option, Profile, Value
    from jupyter_scale.transport.speaker import Speaker

    Ask = Callable[[str], str]

GROUP = "jupyter_scale.providers"
_BUILT_IN = {
    "local": "jupyter_scale.providers.local.provider:LocalProvider",
    "ssh": "jupyter_scale.providers.ssh.provider:SshProvider",
    "aws": "jupyter_scale.providers.aws.provider:AwsProvider",
}


@dataclass(frozen=True)
class Request:
    """What nodes are needed for.

    Parameters
    ----------
    cluster : str
        The cluster's id; every process carries it, see `jupyter_scale.transport.processes.MARK`.
    profile : Profile
        What was declared.
    owner, ownership : Owner, Ownership
        The process with which the nodes end, or on which they wait for `orphan_after_s`.
    directory, tls_dir : Path
        Existing directories; the provider puts logs and what workers spill into the first.
    shared_dir : Path, optional
        The same for memory that processes of this machine share.
    state : ClusterState
        All that is known of the cluster, which runners on other machines have to read.
    """

    cluster: str
    profile: Profile
    owner: Owner
    ownership: Ownership
    directory: Path
    tls_dir: Path
    shared_dir: Path | None
    state: ClusterState


@dataclass(frozen=True)
class Failure:
    """Why something did not start; the parts of a `jupyter_scale.errors.StartError`."""

    what: str
    why: str
    last_lines: tuple[str, ...] = ()
    next_step: str = ""
    happened: str = "did not start"


@dataclass(frozen=True)
class NodeSeen:
    """What is seen of a node at a moment.

    Parameters
    ----------
    is_alive : bool
        Whether anything of it runs.
    scheduler_address : str, optional
        Where its scheduler listens, once it does.
    workers : frozenset of str
        Names of the workers that the scheduler knows.
    failures : tuple of Failure
        What did not start; the node may live on without it.
    has_ended_well : bool
        Whether it ended by itself in good order, as for want of work.
    node : NodeState, optional
        What is known by now that was not when it was yielded; None when nothing is.
    news : str
        What is being done there, for people; empty when there is nothing to tell.
    is_leaving : bool
        Whether its machine is taken away, and it takes no more work.
    sessions : tuple of str
        Those that have a runner there.
    """

    is_alive: bool
    scheduler_address: str | None = None
    workers: frozenset[str] = frozenset()
    failures: tuple[Failure, ...] = ()
    has_ended_well: bool = False
    node: NodeState | None = None
    news: str = ""
    is_leaving: bool = False
    sessions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """The way from this process to an address on a node.

    Parameters
    ----------
    address : str
        What to connect to.
    is_refused : callable
        Tells whether the node answers, and nothing listens there.
    close : callable
        Gives back what it holds.
    """

    address: str
    is_refused: Callable[[], bool] = lambda: False
    close: Callable[[], None] = lambda: None


class Provider(Protocol):
    """Turns the pools of a profile into nodes."""

    cluster_options: Mapping[str, Option]
    """The keys of its own that a cluster's table may have."""
    pool_options: Mapping[str, Option]
    """The keys of its own that a pool's table may have."""
    max_nodes: int | None
    """How many nodes a pool may count, unlimited when None."""
    start_timeout_s: float
    """How long a start may take in all; each of its steps may have a limit of its own."""
    outlives_kernels: bool
    """Whether a cluster that a kernel started without a Jupyter server goes on after it."""
    ask: Ask | None
    """Asks the user for a passphrase, given a prompt; called by `wait` only. Set by the user."""

    def count_nodes(self, options: Mapping[str, Value], count: int) -> int:
        """Return how many nodes a pool has, of which a profile says `count`.

        Raises
        ------
        ProfileError
            When its options say something else.
        """
        ...

    def check(self, profile: Profile) -> None:
        """Find what is wrong with a profile as a whole.

        Raises
        ------
        ProfileError
            When something is; without the place, which is the cluster's table.
        """
        ...

    def quote(self, profile: Profile, cache: Path) -> Quote | None:
        """Return what a cluster of that profile would cost, None when it costs nothing.

        Parameters
        ----------
        cache : Path
            A directory in which prices may be kept for a while.

        Raises
        ------
        ClusterError
            When that cannot be asked.
        """
        ...

    def start(self, request: Request) -> Iterator[Sequence[NodeState]]:
        """Start all nodes, yielding some as soon as they could be stopped by what is yielded.

        Raises
        ------
        StartError
            When one cannot even be begun; those that were yielded are the caller's to stop.
        """
        ...

    def resume(self, request: Request, nodes: Sequence[NodeState]) -> None:
        """Go on with nodes that another process started, and with those that failed.

        What runs is left as it is; what was never begun, or has ended, is started.
        """
        ...

    def look(self, node: NodeState, request: Request) -> NodeSeen:
        """Return what is seen of a node, without waiting; a node that is gone is not alive."""
        ...

    def remains(self, nodes: Sequence[NodeState], request: Request) -> bool:
        """Tell whether anything of a cluster may be left that `stop` has to end."""
        ...

    def wait(self, nodes: Sequence[NodeState], timeout_s: float) -> None:
        """Return as soon as `look` may see something new, at the latest after the time-out."""
        ...

    def scale(self, node: NodeState, request: Request, workers: int) -> None:
        """Ask a node for another number of workers; they come and go afterwards.

        Raises
        ------
        ClusterError
            When it cannot be asked.
        """
        ...

    def limit(self, nodes: Sequence[NodeState], request: Request) -> None:
        """Tell nodes the limits that the request's profile has by now.

        Raises
        ------
        ClusterError
            When one cannot be told.
        """
        ...

    def stop(
        self,
        nodes: Sequence[NodeState],
        runners: Sequence[RunnerState],
        request: Request,
        grace_s: float,
    ) -> None:
        """End nodes and runners with all their processes; gone already is success.

        They get `grace_s` to end by themselves, and are killed then.

        Raises
        ------
        ClusterError
            When a machine cannot be reached to do so.
        """
        ...

    def run(
        self,
        node: NodeState,
        request: Request,
        argv: Sequence[str],
        *,
        what: str,
        directory: str,
    ) -> Speaker:
        """Start a process on a node, whose scheduler need not listen yet, and return at once.

        Parameters
        ----------
        argv : sequence of str
            A module of this package and its arguments, for the node's Python.
        what : str
            What it is; its log is called so.
        directory : str
            Of its own, in `directory_of`; it is made.

        Raises
        ------
        ClusterError
            When it cannot be started.
        """
        ...

    def directory_of(self, node: NodeState, request: Request) -> str:
        """Return where on the node's machine all files of the cluster are."""
        ...

    def reach(self, node: NodeState, request: Request, address: str) -> Route:
        """Return a way from this process to where something on a node listens.

        Raises
        ------
        ClusterError
            When there is none.
        """
        ...

    def renew(
        self, nodes: Sequence[NodeState], request: Request, on_news: Callable[[str], None]
    ) -> tuple[str, ...]:
        """Give running nodes the packages that this process has by now.

        Parameters
        ----------
        on_news : callable
            Told what is being done, in this thread.

        Returns
        -------
        tuple of str
            What could not be done, for people.
        """
        ...

    def host_of(self, node: NodeState, request: Request) -> Host | None:
        """Return the machine of a node, to which files are brought; None when it is this one."""
        ...

    def close(self) -> None:
        """Let go of all that leads to nodes; they go on."""
        ...

    def examine(
        self, profile: Profile, ask: Callable[[str], str] | None, known: Collection[str] = ()
    ) -> Iterator[Check]:
        """Examine what a cluster of that profile would run on; yield what is found as it comes.

        Parameters
        ----------
        profile : Profile
            Nothing of it is started.
        ask : callable or None
            Asks the user for a passphrase, given a prompt; None where nobody can be asked.
        known : collection of str
            Ids of clusters that are not left over.
        """
        ...

    def read_log(self, node: NodeState, request: Request, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a log on a node, none when there is no such log.

        Parameters
        ----------
        name : str
            ``"node"``, ``"worker/<worker's name>"`` or ``"runner/<session>"``.

        Raises
        ------
        ClusterError
            When the node cannot be reached.
        """
        ...


def load_provider(name: str) -> Provider:
    """Return a new provider; importing it is put off until here.

    Raises
    ------
    ProfileError
        When there is none of that name.
    """
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=name):
        provider: Provider = entry.load()()
        return provider
    if name not in _BUILT_IN:
        raise ProfileError(
            f"There is no provider {name!r}. Known are: {', '.join(provider_names())}."
        )
    module, _, attribute = _BUILT_IN[name].partition(":")
    built_in: Provider = getattr(import_module(module), attribute)()
    return built_in


def provider_names() -> list[str]:
    """Return the names of all providers that are installed."""
    from importlib.metadata import entry_points

    return sorted({*_BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))})
