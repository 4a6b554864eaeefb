"""Lifelines: processes that end because another one has.

Who cleans up when somebody died without a word (``kill -9``, out of memory):

==================  ==========================================================================
died                who notices, and what it ends
==================  ==========================================================================
owner (kernel)      the node's keeper and every runner watch it with `watch`; the keeper ends
                    all processes of the cluster and removes its directories
keeper              its workers end by themselves (a pipe to it closes); the owner sees its end
                    when it next looks, and cleans
worker              the keeper's nanny starts another
runner              the owner, whose link to it closes; the scheduler, to which its connection
                    closes: it tells panels that the run is lost
owner and keeper    workers and runners end by themselves; the next cluster on this machine
                    sweeps the directories
server              nobody at once: a cluster that a Jupyter server owns waits for the next
                    server. `watch_heartbeat` ends node and runners when none was heard for long
kernel of a         its runner, which watches it: what it runs goes on, and what that leaves is
server's cluster    kept until it is fetched; then the runner ends. The cluster stays
==================  ==========================================================================

`watch` blocks in the operating system's own notice (pidfd, kqueue): it does not poll, and is not
fooled by a pid that was given to another process, nor by a zombie that nobody has collected yet.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from jupyter_scale.model.cluster import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SAME_S = 0.005
_SAME_WALL_CLOCK_S = 2.0


def owner_of(pid: int) -> Owner | None:
    """Return the identity of a process, or None when there is no such process."""
    created = _created(pid)
    return None if created is None else Owner(pid, created)


def current_owner() -> Owner:
    """Return the identity of this process."""
    pid = os.getpid()
    return Owner(pid, _created(pid) or 0.0)


def is_alive(owner: Owner) -> bool:
    """Tell whether exactly that process runs: no zombie, no other one of the same pid."""
    return _is_same(owner, _created(owner.pid))


def watch(owner: Owner, on_death: Callable[[], None]) -> threading.Thread:
    """Call `on_death` once, in a thread, when `owner` has ended: at once if it has already.

    Parameters
    ----------
    owner : Owner
        The process to watch; any process of this user, not only a child.
    on_death : callable
        Runs in the watching thread, so that it also runs while the main thread is busy.
    """

    def block() -> None:
        while wait_ended([owner], None):
            continue
        on_death()

    thread = threading.Thread(target=block, name=f"lifeline to {owner.pid}", daemon=True)
    thread.start()
    return thread


def heartbeat_path(directory: Path) -> Path:
    """Return the file of a cluster's directory whose mtime its owner renews while it lives."""
    return directory / "heartbeat"


def limits_path(directory: Path) -> Path:
    """Return the file that holds limits which were changed since a node was started."""
    return directory / "limits.json"


def limit_of(directory: Path, name: str, declared_s: float) -> float:
    """Return a limit of a node: as it was changed, else as it was declared.

    Parameters
    ----------
    name : str
        That of a field of `jupyter_scale.model.profile.Limits`.
    """
    try:
        changed = json.loads(limits_path(directory).read_text())
        return float(changed.get(name, declared_s))
    except (OSError, ValueError, AttributeError, TypeError):
        return declared_s


def watch_heartbeat(
    directory: Path,
    silence_s: float,
    on_silence: Callable[[], None],
    is_needed: Callable[[], bool] = lambda: False,
) -> threading.Thread:
    """Call `on_silence` once, in a thread, when no owner was heard for so long.

    Silence is measured on the monotonic clock between changes of the file's mtime: neither a
    corrected wall clock nor a machine that slept looks like silence. A file can only be polled.
    Another limit may be set meanwhile, see `limits_path`. While `is_needed` says so, nobody's
    silence counts.
    """

    def listen() -> None:
        heard, since = _mtime(directory), time.monotonic()
        while time.monotonic() < since + limit_of(directory, "orphan_after_s", silence_s):
            time.sleep(min(5.0, silence_s / 10))
            if (now := _mtime(directory)) not in (None, heard):
                heard, since = now, time.monotonic()
            elif is_needed():
                since = time.monotonic()
        on_silence()

    thread = threading.Thread(target=listen, name="listen for an owner", daemon=True)
    thread.start()
    return thread


def _mtime(directory: Path) -> int | None:
    try:
        return heartbeat_path(directory).stat().st_mtime_ns
    except OSError:
        return None


def wait_ended(owners: Iterable[Owner], timeout_s: float | None) -> list[Owner]:
    """Wait until processes have ended, and return those that have not in time.

    Parameters
    ----------
    owners : iterable of Owner
        Any processes of this user, not only children.
    timeout_s : float, optional
        For all together; no limit when None.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    return [owner for owner in owners if not _wait_one(owner, deadline)]


def _wait_one(owner: Owner, deadline: float | None) -> bool:
    """Wait for one process, and tell whether it has ended."""
    remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        if not hasattr(os, "pidfd_open"):
            if is_alive(owner):
                psutil.Process(owner.pid).wait(remaining)
            return not is_alive(owner)
        notice = os.pidfd_open(owner.pid)
    except ProcessLookupError:
        return True
    except psutil.Error:
        return not is_alive(owner)
    try:
        # Asked with the notice at hand: it is of this process, or that one is over. A zombie is
        # over only when the notice says so: its other threads may still be ending.
        if not _is_same(owner, _created(owner.pid, with_zombies=True)):
            return True
        poll = select.poll()
        poll.register(notice, select.POLLIN)
        return bool(poll.poll(None if remaining is None else remaining * 1000))
    finally:
        os.close(notice)


def _is_same(owner: Owner, created: float | None) -> bool:
    tolerance = _SAME_S if sys.platform == "linux" else _SAME_WALL_CLOCK_S
    return created is not None and abs(created - owner.created) < tolerance


def _created(pid: int, *, with_zombies: bool = False) -> float | None:
    """Return when a process was created, in seconds from an origin that does not move.

    psutil's public creation time moves with the wall clock, and a corrected clock would then look
    like a dead owner; Linux offers the time since boot.
    """
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        if fields[0] in (b"Z", b"X") and not with_zombies:
            return None
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None
