"""Where clusters are saved: one private directory each, and one for memory that processes share.

::

    <runtime>/jupyter_scale/<id>/        state.json scheduler.json node.log tls/ workers/ runners/
                                         heartbeat (its mtime: when an owner was last heard)
                                         limits.json (those that were changed while it ran)
    /dev/shm/jupyter-scale-<uid>/<id>/   owner and segments; else <above>/shared/
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_core.paths import jupyter_runtime_dir

from jupyter_scale.errors import NoCluster, StateError
from jupyter_scale.model.cluster import ClusterState, Owner, Target
from jupyter_scale.model.profile import Limits
from jupyter_scale.transport.lifeline import heartbeat_path, is_alive, limits_path
from jupyter_scale.transport.processes import end_trackers, kill_marked, marked

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - guarded by `_is_ours`
_UNCLAIMED_S = 60.0
_PRIVATE = 0o700


def root() -> Path:
    """Return the directory of all clusters of this user."""
    return Path(jupyter_runtime_dir()) / "jupyter_scale"


def directory_of(cluster: str) -> Path:
    """Return the directory of a cluster, whether it exists or not."""
    return root() / cluster


def choose_shared_dir(cluster: str) -> Path:
    """Return where a cluster's memory segments go; nothing is made."""
    if _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK) and _is_ours(_shared_root()):
        return _shared_root() / cluster
    return directory_of(cluster) / "shared"


def make_directories(state: ClusterState) -> None:
    """Make a cluster's directories, all 0700; what exists already stays."""
    directory = Path(state.directory)
    for part in (directory, directory / "workers", directory / "runners"):
        part.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    heartbeat_path(directory).touch(mode=0o600)
    if not state.shared_dir:
        return
    shared = Path(state.shared_dir)
    shared.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    if shared.parent == _shared_root() and not _is_ours(shared.parent):
        raise StateError(f"{shared.parent} belongs to another user: ask them to remove it.")
    shared.mkdir(mode=_PRIVATE, exist_ok=True)
    (shared / "owner").write_text(str(state.owner))


def beat(state: ClusterState) -> None:
    """Tell a cluster's processes that an owner lives; one that is gone needs no telling."""
    try:
        os.utime(heartbeat_path(Path(state.directory)))
    except FileNotFoundError:
        return


@contextlib.contextmanager
def claimed(cluster: str) -> Iterator[ClusterState | None]:
    """Yield a cluster's saved state while no other process may adopt it.

    None when another one is just doing so, or has: its owner lives.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context((directory_of(cluster) / "claim").open("w"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            state: ClusterState | None = load(cluster)
        except (FileNotFoundError, BlockingIOError, NoCluster):
            state = None
        yield None if state is None or is_alive(state.owner) else state


def is_told_to_end(state: ClusterState) -> bool:
    """Tell whether a cluster ended in good order: it removed its directory, or was told to."""
    try:
        return load(state.id).target is Target.DOWN
    except NoCluster:
        return True
    except StateError:
        return False


def save(state: ClusterState) -> None:
    """Save a state: readable by this user only, and never half written."""
    directory = Path(state.directory)
    directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    draft = directory / "state.json.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(state.to_json())
    draft.replace(directory / "state.json")


def save_limits(state: ClusterState, limits: Limits) -> None:
    """Save the limits of a cluster that were changed; none removes the file."""
    path = limits_path(Path(state.directory))
    if not limits:
        path.unlink(missing_ok=True)
        return
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(limits.to_dict()))
    draft.chmod(0o600)
    draft.replace(path)


def load_limits(state: ClusterState) -> Limits:
    """Return the limits of a cluster that were changed since it was declared."""
    try:
        return Limits.from_dict(json.loads(limits_path(Path(state.directory)).read_text()))
    except (OSError, ValueError, TypeError, AttributeError):
        return Limits()


def load(cluster: str) -> ClusterState:
    """Return the saved state of a cluster.

    Raises
    ------
    NoCluster
        When there is none of that id.
    StateError
        When it cannot be read.
    """
    try:
        text = (directory_of(cluster) / "state.json").read_text()
    except FileNotFoundError:
        raise NoCluster(
            f"There is no cluster {cluster!r}; there are: {', '.join(cluster_ids()) or 'none'}."
        ) from None
    return with_changed_limits(ClusterState.from_json(text))


def with_changed_limits(state: ClusterState) -> ClusterState:
    """Return a state with the limits that hold now."""
    limits = load_limits(state)
    return replace(state, profile=state.profile.limited(limits)) if limits else state


def states() -> list[ClusterState]:
    """Return the states of all clusters that are saved; what cannot be read is left out."""
    found = []
    for cluster in cluster_ids():
        with contextlib.suppress(NoCluster, StateError):
            found.append(load(cluster))
    return found


def cluster_ids() -> list[str]:
    """Return the ids of all clusters that are saved."""
    try:
        return sorted(entry.name for entry in root().iterdir() if entry.is_dir())
    except FileNotFoundError:
        return []


def remove(state: ClusterState) -> None:
    """Remove all that is on disk of a cluster; gone already is success."""
    shutil.rmtree(state.directory, ignore_errors=True)
    if state.shared_dir:
        shutil.rmtree(state.shared_dir, ignore_errors=True)
        _remove_if_empty(Path(state.shared_dir).parent)


def has_directories(state: ClusterState) -> bool:
    """Tell whether all directories of a cluster are there."""
    return all(Path(directory).is_dir() for directory in _directories(state))


def is_removed(state: ClusterState) -> bool:
    """Tell whether nothing is on disk of a cluster."""
    return not any(Path(directory).exists() for directory in _directories(state))


def _directories(state: ClusterState) -> list[str]:
    return [directory for directory in (state.directory, state.shared_dir) if directory]


def sweep() -> list[str]:
    """Remove what crashed clusters left, and return their ids.

    A cluster is swept when its owner and its nodes are dead; runners that outlived both are killed.
    One with nodes on other machines is left alone: those go on, to be adopted or stopped.
    A directory that nobody claims, because it has no readable state or owner, is swept a minute
    after its last change: before, its maker may not have come to it.
    """
    swept = [cluster for cluster in cluster_ids() if _sweep_cluster(cluster)]
    for directory in list(_shared_dirs()):
        if _is_unclaimed(directory):
            shutil.rmtree(directory, ignore_errors=True)
            swept.append(directory.name)
    _remove_if_empty(_shared_root())
    return sorted(set(swept))


def _sweep_cluster(cluster: str) -> bool:
    try:
        state = load(cluster)
    except (NoCluster, StateError):
        if not _is_old(directory_of(cluster)) or marked(cluster):
            return False
        shutil.rmtree(directory_of(cluster), ignore_errors=True)
        return True
    if (
        state.is_elsewhere
        or is_alive(state.owner)
        or any(is_alive(Owner(n.pid, n.created)) for n in state.nodes)
    ):
        return False
    kill_marked(cluster)
    end_trackers(cluster)
    remove(state)
    return True


def _is_unclaimed(directory: Path) -> bool:
    try:
        owner = Owner.parse((directory / "owner").read_text())
    except (OSError, ValueError):
        return _is_old(directory) and not marked(directory.name)
    return not is_alive(owner) and not marked(directory.name)


def _is_old(directory: Path) -> bool:
    try:
        return time.time() - directory.stat().st_mtime > _UNCLAIMED_S
    except FileNotFoundError:
        return False


def _shared_dirs() -> Iterator[Path]:
    if _shared_root().is_dir() and _is_ours(_shared_root()):
        yield from _shared_root().iterdir()


def _shared_root() -> Path:
    return _SHARED_MEMORY / f"jupyter-scale-{os.getuid()}"


def _is_ours(directory: Path) -> bool:
    """Tell whether a directory in a place where everybody may write is absent, or truly ours."""
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return True
    mode = stat.S_IMODE(status.st_mode)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and mode == _PRIVATE


def _remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return
