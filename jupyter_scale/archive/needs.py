"""Whether a cluster still has something to do, or to give, for a notebook that is away."""

from __future__ import annotations

import time
from pathlib import Path

from jupyter_scale.archive.archive import Archive
from jupyter_scale.transport.presence import is_signed


def is_needed(cluster_directory: Path, keep_for_s: float) -> bool:
    """Tell whether a cell runs, or what one left waits to be fetched and is not too old."""
    return is_busy(cluster_directory) or has_unfetched(cluster_directory, keep_for_s)


def is_busy(cluster_directory: Path) -> bool:
    """Tell whether a runner is busy: the file ``busy`` in its directory names it, and it lives."""
    return any(map(is_signed, cluster_directory.glob("runners/*/busy")))


def has_unfetched(cluster_directory: Path, keep_for_s: float) -> bool:
    """Tell whether what a run left waits to be fetched, and ended no longer ago than that."""
    return any(
        run.is_over and run.is_waiting and time.time() - (run.ended_at or 0.0) < keep_for_s
        for run in Archive(cluster_directory).runs()
    )
