"""What the nodes of one cluster share: who has the scheduler, what is asked, when it is over."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from jupyter_scale.environment.courier import Ourselves
from jupyter_scale.environment.interpreter import preparation_of
from jupyter_scale.errors import ClusterError, HostError, StartError
from jupyter_scale.providers.ssh.member import Member

if TYPE_CHECKING:
    from jupyter_scale.environment.prepare import Preparation
    from jupyter_scale.model.cluster import Machine, NodeState
    from jupyter_scale.model.profile import Pool
    from jupyter_scale.providers.provider import Request
    from jupyter_scale.providers.ssh.questions import Questions
    from jupyter_scale.transport.ssh.connection import Connection

_LOOPBACK = "127.0.0.1"
_MOMENT_S = 0.5
_LOOK_S = 0.1
_MOST_BEAT_S = 30.0
_BEATS_IN_SILENCE = 5


class Fleet:
    """Members, and what they have in common.

    Parameters
    ----------
    request : Request
        What the nodes are needed for.
    connect : callable
        Returns a new connection to a host, and is told of its steps.
    questions : Questions
        What members want to know of the user.

    Attributes
    ----------
    news : Condition
        Guards what members show, and is notified of each change.
    closing : Event
        Set when all is let go.
    """

    def __init__(
        self,
        request: Request,
        connect: Callable[[str, Callable[[str, str], None]], Connection],
        questions: Questions,
    ) -> None:
        self.request = request
        self._connect, self._questions = connect, questions
        self.members: dict[str, Member] = {}
        self.news = threading.Condition()
        self._number = 0
        self.closing = threading.Event()
        questions.tell = self._wake
        #: ``node → its workers``, as of the news of that number.
        self._joined: Mapping[str, frozenset[str]] = {}
        self._joined_at = -1
        self._preparation: Preparation | None = None
        self._ours: Ourselves | None = None
        self._preparing = threading.Lock()

    # -- for its owner -----------------------------------------------------------------------

    def begin(self, nodes: Sequence[NodeState]) -> None:
        """Bring these up, or hear them if they run, side by side; those at work go on.

        Who listens to another instance of that node is let go, also at the same address.
        """
        begun = []
        with self.news:
            for node in nodes:
                known = self.members.get(node.name)
                if known is not None and known.node.instance != node.instance:
                    known.dismiss()
                    known = None
                if known is None or known.has_failed:
                    self.members[node.name] = member = Member(self, node)
                    begun.append(member)
            self.has_news()
        for member in begun:
            member.start()

    def wait(self, since: int, timeout_s: float) -> None:
        """Return when there is news since that number, or a question to be answered."""
        with self.news:
            self.news.wait_for(lambda: self._number != since or self._questions.are_open, timeout_s)

    @property
    def number(self) -> int:
        """The number of the latest news."""
        return self._number

    def joined(self, node: str) -> frozenset[str]:
        """Return a node's workers that the scheduler knows; its node tells of those of all."""
        with self.news:
            if self._joined_at != self._number:
                heads = [one for one in self.members.values() if one.node.has_scheduler]
                workers = [worker for head in heads for worker in head.seen.workers]
                self._joined, self._joined_at = by_node(workers), self._number
            return self._joined.get(node, frozenset())

    def close(self) -> None:
        """Let go of all members; their nodes go on."""
        self.closing.set()
        self._wake()
        self._questions.answer(None)
        for member in self.members.values():
            member.join()

    # -- for members -------------------------------------------------------------------------

    @property
    def is_closing(self) -> bool:
        """Whether all is let go."""
        return self.closing.is_set()

    @property
    def beat_every_s(self) -> float:
        """How often nodes are told that an owner lives."""
        silence_s = self.request.profile.orphan_after_s
        return (
            _MOST_BEAT_S if silence_s is None else min(_MOST_BEAT_S, silence_s / _BEATS_IN_SILENCE)
        )

    def network_of(self, machine: Machine) -> str:
        """Return the network between the nodes; empty if neither profile nor landlord say it."""
        if machine.rental is not None and machine.rental.address:
            return machine.rental.address
        return str(self.request.profile.options.get("network", ""))

    def has_news(self) -> None:
        """Tell whoever waits; the condition is held."""
        self._number += 1
        self.news.notify_all()

    def sleep(self, seconds: float) -> None:
        """Wait for so long, or until all is let go."""
        self.closing.wait(seconds)

    def connect(self, host: str, on_step: Callable[[str, str], None]) -> Connection:
        """Return a new connection to a host.

        Raises
        ------
        ClusterError
            When there can be none; `HostError` when that may change.
        """
        return self._connect(host, on_step)

    def preparation(self) -> Preparation:
        """Return what environments are made of; found out once."""
        with self._preparing:
            if self._preparation is None:
                self._preparation = preparation_of()
            return self._preparation

    def ourselves(self) -> Ourselves:
        """Return what travels of jupyter-scale; found out once."""
        with self._preparing:
            if self._ours is None:
                self._ours = Ourselves()
            return self._ours

    def python_of(self, pool: str) -> str:
        """Return the interpreter that the profile names, empty if it does not."""
        return str(self._pool(pool).options.get("python", ""))

    def workers_of(self, pool: str) -> int | None:
        """Return how many workers a node has, None for one a core."""
        return self._pool(pool).workers

    def preloads_of(self, pool: str) -> tuple[str, ...]:
        """Return the modules that workers import at their start."""
        return cast("tuple[str, ...]", self._pool(pool).options.get("worker_preload", ()))

    def check_python(self, name: str, version: str) -> None:
        """Raise HostError when a node's Python is another than this one."""
        ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
        if version != ours:
            raise HostError(
                name,
                "environment",
                f"its Python is {version}, and the notebook's {ours}",
                f"Name one of version {ours} in the profile, or leave `python` out: then one is"
                " made there.",
            )

    def listening_address(self, machine: Machine) -> str:
        """Return where a node listens: on loopback when there will be no other node."""
        count = sum(pool.count for pool in self.request.profile.pools)
        is_alone = count == 1 and machine.rental is None  # others can be rented at any time
        return _LOOPBACK if is_alone else machine.address

    def scheduler_for(self, member: Member) -> str | None:
        """Return where the scheduler is that a member joins, None when it shall have it itself.

        The first that could have it does; if it fails before it listens, the next one.

        Raises
        ------
        StartError
            When the one that the profile names has failed, or the scheduler has ended.
        """
        with self.news:
            while not self.is_closing:
                head = self._choose()
                if head is member:
                    return None
                if head is not None and head.has_failed:
                    raise StartError("the node", f"the scheduler on {head.node.name} has ended")
                if head is not None and head.seen.scheduler_address is not None:
                    return head.seen.scheduler_address
                self.news.wait(_MOMENT_S)
        raise _closed(member)

    def _choose(self) -> Member | None:
        """Return who has the scheduler, None while that cannot be said."""
        wanted = self.request.profile.options.get("scheduler")
        for member in self.members.values():
            if member.node.has_scheduler:
                return member
        for member in self.members.values():
            assert member.node.machine is not None  # noqa: S101 - this provider has made it
            if wanted is not None and member.node.machine.host != wanted:
                continue
            if not member.has_failed:
                return member if member.is_prepared else None  # it may yet be
        raise StartError(
            "the scheduler",
            f"the host that shall have it has failed: {wanted}" if wanted else "all hosts failed",
        )

    def _wake(self) -> None:
        with self.news:
            self.news.notify_all()

    def _pool(self, name: str) -> Pool:
        return next(pool for pool in self.request.profile.pools if pool.name == name)


def _closed(member: Member) -> ClusterError:
    return ClusterError(f"{member.node.name} is let go: the cluster is stopped.")


def by_node(workers: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return ``node → its workers``, given their names: ``NODE/NUMBER``."""
    found: dict[str, set[str]] = {}
    for worker in workers:
        found.setdefault(worker.rpartition("/")[0], set()).add(worker)
    return {node: frozenset(names) for node, names in found.items()}


def wait_all(
    works: Sequence[Callable[[], None]],
    timeout_s: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Do several things side by side, and wait for all, in bounded time.

    Parameters
    ----------
    meanwhile : callable
        Called first, and now and then, in this thread; what it takes does not count.
    """
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    meanwhile()
    for thread in threads:
        thread.start()
    remaining_s = timeout_s
    for thread in threads:
        while thread.is_alive() and remaining_s > 0:
            meanwhile()
            begun = time.monotonic()
            thread.join(min(remaining_s, _LOOK_S))
            remaining_s -= time.monotonic() - begun
