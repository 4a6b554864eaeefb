"""Runs of a cluster that broke down: what nobody has fetched waits for the next one of its profile.

The cluster's directory goes, as always. So its runs are moved beside it, to a place that has the
profile's name, and from there into the directory of the next cluster that starts on this machine.
What waits for too long is removed by whichever cluster starts there next, or by ``jupyter scale
clean --environments``.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from pathlib import Path

from jupyter_scale.archive.archive import Archive
from jupyter_scale.archive.needs import has_unfetched
from jupyter_scale.environment.node.leftovers import remove_expired, wait_until


def set_aside(cluster_directory: Path, places: Path, profile: str, keep_for_s: float) -> None:
    """Move the runs out of a directory that is about to go, if any waits to be fetched.

    Parameters
    ----------
    cluster_directory
        The cluster's on this machine; none of its processes runs any more.
    places
        Where runs are set aside.
    profile, keep_for_s
        The cluster's profile, and for how long it keeps what nobody has fetched.
    """
    archive = Archive(cluster_directory)
    for run in archive.runs():
        archive.look(run.id)  # what was under way is lost, and says so
    if not has_unfetched(cluster_directory, keep_for_s):
        return
    place = _place(places, profile)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    wait_until(place, time.time() + keep_for_s)  # before: without it they could be removed
    _move(archive, Archive(place))


def take_up(cluster_directory: Path, places: Path, profile: str) -> None:
    """Move what waits for a profile into the directory of its new cluster."""
    remove_expired(places)
    place = _place(places, profile)
    if place.is_dir():
        _move(Archive(place), Archive(cluster_directory))
        shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(OSError):  # something waits for others, or nothing ever did
        places.rmdir()


def _place(places: Path, profile: str) -> Path:
    return places / hashlib.sha256(profile.encode()).hexdigest()[:16]


def _move(source: Archive, target: Archive) -> None:
    for run in source.runs():
        there = target.directory_of(run.id)
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not there.exists():
            source.directory_of(run.id).rename(there)
