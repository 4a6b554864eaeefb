"""Clusters: what one is at a moment, as it is saved on disk, and what happens to it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from jupyter_scale.errors import StateError
from jupyter_scale.model.profile import Profile

STATE_VERSION = 4


class Status(StrEnum):
    """How far a cluster or a node has come."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Target(StrEnum):
    """What a cluster shall become."""

    UP = "up"
    DOWN = "down"


class Ownership(StrEnum):
    """Whose a cluster is, and so with what it ends."""

    KERNEL = "kernel"  # it ends with its owner's process, however that ends
    SERVER = "server"  # it outlives its owner, under `idle_timeout` and `orphan_after`


@dataclass(frozen=True)
class Owner:
    """The process on whose behalf a cluster exists.

    Parameters
    ----------
    pid : int
        Process id.
    created : float
        When it was created, in seconds since an origin that only this machine knows: together with
        the pid it names one process for good, also after the pid was given to another.
    """

    pid: int
    created: float

    def __str__(self) -> str:
        return f"{self.pid}:{self.created!r}"

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Rebuild an owner from ``PID:CREATED``; ValueError when it is something else."""
        pid, _, created = text.partition(":")
        return cls(int(pid), float(created))


@dataclass(frozen=True)
class Rental:
    """A machine that is paid for by the time that it runs.

    Parameters
    ----------
    instance : str
        Its id where it is rented; empty while there is none yet.
    kind : str
        Its type there, for instance ``"g5.xlarge"``.
    zone : str
        Where it stands.
    address : str
        Its address on the network between the machines there.
    is_spot : bool
        Whether it may be taken away with little notice.
    usd_per_h : float, optional
        What it costs now; None when that is not known.
    dearest_usd_per_h : float, optional
        What it can cost at most, by which limits are kept.
    launched_at : float
        Unix time by the clock of who rents it out.
    spent_usd : float
        What earlier machines of the same node have cost.
    """

    instance: str = ""
    kind: str = ""
    zone: str = ""
    address: str = ""
    is_spot: bool = False
    usd_per_h: float | None = None
    dearest_usd_per_h: float | None = None
    launched_at: float = 0.0
    spent_usd: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether there is no machine any more, and none is wanted: only what it has cost."""
        return not self.kind


@dataclass(frozen=True)
class Machine:
    """Another machine that a node is on; what is not known yet is empty.

    Parameters
    ----------
    host : str
        As its user calls it: a name of ssh_config, or ``[user@]host[:port]``.
    address : str
        Its address on the network between the nodes.
    directory : str
        The node's directory there: certificates, logs, runners.
    python : str
        The interpreter of the node's processes.
    search_path : str
        The ``PYTHONPATH`` of the node's processes.
    gpus, memory_bytes, cores : int
        What it has; of its cores those that its user may have.
    missing : tuple of str
        What the notebook's environment has and this one has not, and why.
    rental : Rental, optional
        What it costs; None for one of the user's own.
    """

    host: str
    address: str = ""
    directory: str = ""
    python: str = ""
    search_path: str = ""
    gpus: int = 0
    memory_bytes: int = 0
    cores: int = 0
    missing: tuple[str, ...] = ()
    rental: Rental | None = None


@dataclass(frozen=True)
class NodeState:
    """One node: a machine, or with provider ``local`` a process group.

    Parameters
    ----------
    name : str
        Unique within the cluster.
    pool : str
        The pool that it belongs to.
    pid, created : int, float
        The process that keeps the node; see `Owner`. On another machine it is that one's.
    status : Status
        How far it has come.
    workers : int
        How many workers it was asked for; 0 while a machine's cores are not known.
    joined : int
        How many workers the scheduler knew when this was recorded.
    log : str
        Path of the node's log, on its machine.
    has_scheduler : bool
        Whether the cluster's scheduler is there, and so the runners.
    error : str
        Why it failed, or empty.
    machine : Machine, optional
        Where it is, None when it is a process group on this machine.
    sessions : tuple of str
        Those that had a runner there when this was recorded.
    news : str
        What is wrong with the way to it, while it runs as far as is known; empty when nothing is.
    """

    name: str
    pool: str
    pid: int
    created: float
    status: Status
    workers: int
    joined: int = 0
    log: str = ""
    has_scheduler: bool = False
    error: str = ""
    machine: Machine | None = None
    sessions: tuple[str, ...] = ()
    news: str = ""

    @property
    def instance(self) -> str:
        """The id of the rented machine behind it; empty when there is none, or it is not rented."""
        rental = None if self.machine is None else self.machine.rental
        return "" if rental is None else rental.instance


@dataclass(frozen=True)
class RunnerState:
    """One runner: the process that holds a notebook's namespace on the cluster."""

    session: str
    pid: int
    created: float
    directory: str
    log: str


@dataclass(frozen=True)
class ClusterState:
    """All that is known of a cluster, as saved in ``state.json``.

    Parameters
    ----------
    id : str
        Unique on this machine, and the name of its directory.
    name : str
        The profile's name.
    status, target : Status, Target
        What it is, and what it shall become.
    directory : str
        Its directory: certificates, logs, and what workers spill.
    shared_dir : str
        Directory of memory segments that are shared with this machine's runners and workers; empty
        when there are none.
    started_at : float
        Unix time.
    error : str
        Why it failed, or empty.
    ownership : Ownership
        Whether it ends with `owner`, or is taken over by the next one.
    spent_usd : float
        What machines have cost that it has no more.
    """

    id: str
    name: str
    profile: Profile
    status: Status
    target: Target
    owner: Owner
    directory: str
    shared_dir: str
    started_at: float
    nodes: tuple[NodeState, ...] = ()
    runners: tuple[RunnerState, ...] = ()
    scheduler_address: str | None = None
    error: str = ""
    ownership: Ownership = Ownership.KERNEL
    spent_usd: float = 0.0
    version: int = STATE_VERSION

    @property
    def head(self) -> NodeState | None:
        """The node with the scheduler, None while that is not decided."""
        return next((node for node in self.nodes if node.has_scheduler), None)

    @property
    def is_elsewhere(self) -> bool:
        """Whether any of its nodes is on another machine."""
        return any(node.machine is not None for node in self.nodes)

    def to_json(self) -> str:
        """Return the state as a JSON document."""
        return json.dumps({**asdict(self), "profile": self.profile.to_dict()}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> ClusterState:
        """Rebuild what `to_json` returned.

        Raises
        ------
        StateError
            When it is not a state, or one of another version.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            version = data["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"This is not the saved state of a cluster: {error!r}") from error
        if version != STATE_VERSION:
            raise StateError(
                f"The saved state has version {version!r}, and this jupyter-scale reads version "
                f"{STATE_VERSION}: stop the cluster with the jupyter-scale that started it."
            )
        try:
            return cls(**_fields(data))
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"The saved state of a cluster is damaged: {error!r}") from error


@dataclass(frozen=True)
class ClusterEvent:
    """Something that happened to a cluster, worth showing to its user.

    Parameters
    ----------
    cluster : str
        The cluster's id.
    step : str
        A word for programs: ``"security"``, ``"node"``, ``"scheduler"``, ``"workers"``,
        ``"running"``, ``"stopping"``, ``"stopped"``, ``"failed"``; for the steps of a machine
        ``"node HOST"``.
    message : str
        The same for people, for instance ``"workers 1/2"``.
    done, total : int
        Progress, where it can be counted.
    """

    cluster: str
    step: str
    message: str
    done: int = 0
    total: int = 0


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    return {
        **data,
        "profile": Profile.from_dict(data["profile"]),
        "status": Status(data["status"]),
        "target": Target(data["target"]),
        "ownership": Ownership(data["ownership"]),
        "owner": Owner(**data["owner"]),
        "nodes": tuple(map(_node, data["nodes"])),
        "runners": tuple(RunnerState(**runner) for runner in data["runners"]),
    }


def _node(data: dict[str, Any]) -> NodeState:
    machine = data["machine"]
    if machine is not None:
        rental = None if machine["rental"] is None else Rental(**machine["rental"])
        machine = Machine(**{**machine, "missing": tuple(machine["missing"]), "rental": rental})
    fields = {**data, "status": Status(data["status"]), "machine": machine}
    return NodeState(**{**fields, "sessions": tuple(data.get("sessions", ()))})
