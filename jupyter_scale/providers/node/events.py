"""What a node process says: lines of JSON, to whoever started it and in a file for all others.

=======================================================  ===========================================
``{"pid", "created", "scheduler_address"}``              it is ready
``{"error", "next_step"}``                               it cannot start, and ends
``{"event": "joined" | "left", "worker"}``               by the node with the scheduler, of all
``{"event": "failed", "worker", "why", "last_lines"}``   a worker of its own did not start
``{"event": "sessions", "sessions"}``                    those with a runner there, from now on
``{"event": "leaving", "why"}``                          its machine is taken away
``{"event": "ended", "last_lines"}``                     by whoever looks: it runs no more
``{"event": "removed"}``                                 the same, and it ended in good order
=======================================================  ===========================================
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_scale.errors import ClusterError
from jupyter_scale.providers.provider import Failure, NodeSeen


def events_path(directory: Path) -> Path:
    """Return the file of a node's directory that holds all that was said."""
    return directory / "events.jsonl"


def wanted_path(directory: Path) -> Path:
    """Return the file that says how many workers a node shall have, when that has changed."""
    return directory / "wanted"


def write_wish(directory: Path, workers: int) -> None:
    """Ask a node of this machine for another number of workers.

    Raises
    ------
    ClusterError
        When its directory is gone.
    """
    path = wanted_path(directory)
    draft = path.with_suffix(".new")
    try:
        draft.write_text(str(workers))
        draft.replace(path)
    except OSError as error:
        raise ClusterError(
            f"The node cannot be asked for {workers} workers ({error}): start the cluster again."
        ) from error


def read_events(directory: Path) -> Iterator[dict[str, Any]]:
    """Yield what a node has said so far; nothing when it has not yet, or is gone."""
    try:
        lines = events_path(directory).read_text().splitlines(keepends=True)
    except OSError:
        return
    for line in lines:
        if line.endswith("\n"):  # the last one may be half written
            yield json.loads(line)


def fold(seen: NodeSeen, message: Mapping[str, Any]) -> NodeSeen:
    """Return what is seen of a node after one more message."""
    match message.get("event", "ready"):
        case "ready" if "error" not in message:
            seen = replace(seen, scheduler_address=message["scheduler_address"])
        case "joined":
            seen = replace(seen, workers=seen.workers | {message["worker"]})
        case "left":
            seen = replace(seen, workers=seen.workers - {message["worker"]})
        case "sessions":
            seen = replace(seen, sessions=tuple(message["sessions"]))
        case "leaving":
            seen = replace(seen, is_leaving=True, news=f"it is taken away: {message['why']}")
        case "removed":
            seen = replace(seen, is_alive=False, has_ended_well=True)
        case "ended":
            seen = replace(seen, is_alive=False)
    failure = _failure(message)
    return seen if failure is None else replace(seen, failures=(*seen.failures, failure))


def _failure(message: Mapping[str, Any]) -> Failure | None:
    """Return what a message says that failed, None when it says something else."""
    match message.get("event", "ready"):
        case "ready" if "error" in message:
            return Failure("scheduler", message["error"], next_step=message.get("next_step", ""))
        case "failed":
            lines = tuple(message["last_lines"])
            return Failure(f"worker {message['worker']}", message["why"], lines)
        case "ended":
            return Failure("its node process", "it has ended", tuple(message["last_lines"]))
        case _:
            return None
