"""The processes of a cluster on this machine: found wherever they hang, and ended for certain."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil

from jupyter_scale.transport.lifeline import is_alive, owner_of, wait_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from jupyter_scale.model.cluster import Owner

_TRACKER_S = 5.0

MARK = "JUPYTER_SCALE_CLUSTER"
"""Environment variable by which every process of a cluster, also a lost one, is found again."""


def end_groups(pgids: Collection[int], grace_s: float = 3.0) -> None:
    """End process groups whose leaders were started by `spawn`; gone already is success.

    SIGTERM goes to the leaders, which know how to end the others; what is left after `grace_s`, or
    half a second after the leaders, gets SIGKILL.
    """
    leaders = [owner for owner in _members(pgids) if owner.pid in pgids]
    _signal(leaders, signal.SIGTERM)
    wait_ended(leaders, grace_s)
    rest = wait_ended(_members(pgids), 0.5)
    _signal(rest, signal.SIGKILL)
    wait_ended(rest, 2.0)


def descendants() -> list[Owner]:
    """Return the living processes that this one started, and those that they started."""
    return _owners(psutil.Process().children(recursive=True))


def kill_descendants() -> None:
    """Kill all that this process started, whatever session it is in by now."""
    _signal(descendants(), signal.SIGKILL)


def marked(mark: str) -> list[Owner]:
    """Return the living processes of a cluster, except this one."""

    def has_mark(process: psutil.Process) -> bool:
        return process.pid != os.getpid() and process.environ().get(MARK) == mark

    return _owners(psutil.process_iter(), has_mark)


def kill_marked(mark: str, *, also: Iterable[Owner] = (), rounds: int = 5) -> None:
    """Kill what is left of a cluster, wherever it hangs; gone already is success.

    The resource trackers of multiprocessing are spared: they remove named semaphores, and end by
    themselves after their last user; see `end_trackers`.

    Parameters
    ----------
    mark : str
        The cluster's id.
    also : iterable of Owner
        Processes that belong to it, whether they carry the mark or not.
    rounds : int
        How often to look again for processes that were started meanwhile.
    """
    extra = list(also)
    for _ in range(rounds):
        users = [owner for owner in {*marked(mark), *extra} if not _is_tracker(owner)]
        if not users:
            return
        _signal(users, signal.SIGKILL)
        extra = wait_ended(users, 1.0)


def end_trackers(mark: str) -> None:
    """Wait for the resource trackers that `kill_marked` spared, and kill those that hang."""
    rest = wait_ended(marked(mark), _TRACKER_S)
    _signal(rest, signal.SIGKILL)
    wait_ended(rest, 1.0)


def _is_tracker(owner: Owner) -> bool:
    try:
        words = psutil.Process(owner.pid).cmdline()
    except psutil.Error:
        return False
    return any("multiprocessing.resource_tracker" in word for word in words)


def _members(pgids: Collection[int]) -> list[Owner]:
    return _owners(psutil.process_iter(), lambda process: os.getpgid(process.pid) in pgids)


def _owners(
    processes: Iterable[psutil.Process],
    is_wanted: Callable[[psutil.Process], bool] = lambda _: True,
) -> list[Owner]:
    """Return the identities of those processes that live and are wanted."""
    found = []
    for process in processes:
        try:
            owner = owner_of(process.pid) if is_wanted(process) else None
        except (OSError, psutil.Error):
            continue
        if owner is not None:
            found.append(owner)
    return found


def _signal(owners: Iterable[Owner], number: signal.Signals) -> None:
    for owner in owners:
        if is_alive(owner):
            try:
                os.kill(owner.pid, number)
            except OSError:
                continue
