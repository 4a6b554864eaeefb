"""What the laptop asks of a node: one request, lines of JSON, one answer.

Requests are dictionaries with ``op``, one of the keys of `OPERATIONS`; the functions there say what
else they hold. Every one may hold ``cache``, the directory to use instead of
``~/.cache/jupyter-scale``.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from jupyter_scale.environment.node import (
    environments,
    leftovers,
    machine,
    making,
    mirror,
    reaching,
    storing,
)
from jupyter_scale.environment.node.pythons import find_pythons
from jupyter_scale.environment.node.report import (
    Interrupted,
    Refused,
    Report,
    refusal_of,
    say,
)
from jupyter_scale.environment.node.uv import find_uv


def main(request: dict[str, Any], data: BinaryIO) -> None:
    """Answer a request; `data` is the rest of standard input.

    The exit status is 0 if it was done, 1 if it cannot be done, 130 if it was interrupted.
    """
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _interrupt)
    report = Report()
    try:
        report.tell(**OPERATIONS[request["op"]](request, data, report))
    except Refused as refused:
        _finish(report, refused, 1)
    except Interrupted as why:
        _finish(report, Refused("interrupted", f"It was interrupted: {why}."), 130)
    except OSError as error:
        traceback.print_exc()
        _finish(report, refusal_of(error), 1)
    except Exception as error:  # noqa: BLE001 - told to whoever asked
        traceback.print_exc()
        _finish(report, Refused("bug", f"{type(error).__name__}: {error}"), 1)


def _finish(report: Report, refused: Refused, status: int) -> None:
    """Write the last line, if anybody hears it, and end."""
    try:
        report.refuse(refused)
    except Interrupted:
        say(refused.error)
    sys.exit(status)


def _interrupt(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: what comes next cleans up
    raise Interrupted(f"by signal {signal.Signals(number).name}")


def _look(request: dict[str, Any], _data: BinaryIO, _report: Report) -> dict[str, Any]:
    """Return the fields of `NodeFacts`; only the environment ``hash`` if that is complete."""
    ready = making.find(request) if "hash" in request else None
    if ready is not None:
        return ready
    root = machine.cache_root(request)
    return {
        "event": "facts",
        "pythons": find_pythons(root),
        "uv": find_uv(root),
        "cache": str(root),
        "environments": environments.complete_ones(root),
        **machine.look(root),
    }


def _list(request: dict[str, Any], _data: BinaryIO, _report: Report) -> dict[str, Any]:
    """Return all environments with their sizes."""
    found = environments.inventory(machine.cache_root(request))
    return {"event": "environments", "environments": found}


def _clean(request: dict[str, Any], _data: BinaryIO, report: Report) -> dict[str, Any]:
    """Remove environments and mirrors that were not used for ``unused_days``; 0 means all.

    Runs that were set aside go when their time is over. Where an environment is in use, or a
    cluster has its directory, all else that is kept stays.
    """
    root, days = machine.cache_root(request), float(request["unused_days"])
    removed = environments.clean(root, days, report)
    leftovers.remove_expired(root / leftovers.ASIDE)
    if days > 0:
        mirror.clean(root, days)
    elif not environments.inventory(root):
        leftovers.remove_all_else(root)
    return {"event": "environments", "environments": removed}


OPERATIONS: dict[str, Callable[[dict[str, Any], BinaryIO, Report], dict[str, Any]]] = {
    "look": _look,
    "make": making.make,
    "list": _list,
    "clean": _clean,
    "known": mirror.known,
    "unpack": mirror.unpack,
    "missing": storing.missing,
    "store": storing.store,
    "reach": reaching.reach,
    "listen": reaching.listen,
    "meet": reaching.meet,
    "leftovers": leftovers.find,
}
