"""What it costs that a notebook may go away, and how soon it has what it missed.

Run it with ``python benchmarks/away.py``; it takes less than a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from kernel import Kernel, started_kernel

from jupyter_scale.archive.archive import Archive
from jupyter_scale.model.messages import CellOutcome, EventKind, RequestKind
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.runner.host.away.spool import Spool
from jupyter_scale.runner.protocol import Caller, Responder, Send

_CELLS = 400
_ROUNDS = 5
_KEEP_FOR_S = 3600.0
_LINE = "x" * 999

_HOLD = """
import os, threading, time
from jupyter_scale.runner.client import RunnerClient
_open = RunnerClient._connect
_way = threading.Event()
def _wait(self):
    _way.wait()
    return _open(self)
RunnerClient._connect = _wait
def hold(place, stays=0.2):
    "Break the link when the cell has begun; mend it when it has shown all."
    def work():
        while not os.path.exists(place + '.begun'): time.sleep(0.005)
        _way.clear()
        magics = get_ipython().magics_manager.registry['ScaleMagics']
        magics.workspace.session_or_none._client.break_connection()
        open(place + '.cut', 'w').close()
        while not os.path.exists(place + '.ended'): time.sleep(0.005)
        time.sleep(stays)
        get_ipython().link_up = time.perf_counter()
        _way.set()
    threading.Thread(target=work, daemon=True).start()
"""

_SHOW = """%%scale
import os, sys, time
open({place!r} + '.begun', 'w').close()
while not os.path.exists({place!r} + '.cut'): time.sleep(0.005)
for _ in range({lines}):
    sys.stdout.write({line!r} + chr(10))
sys.stdout.flush()
open({place!r} + '.ended', 'w').close()
"""


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="*", default=[1, 100])
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    options = parser.parse_args()
    with started_kernel() as kernel, tempfile.TemporaryDirectory() as directory:
        kernel.run("%load_ext jupyter_scale\n%scale quiet\n%scale up --workers 1")
        kernel.start_watch()
        empty_s = empty_cell_s(kernel)
        away_s = statistics.median(bookkeeping_s(Path(directory)) for _ in range(options.rounds))
        print(f"| an empty cell | {empty_s * 1e3:.2f} ms |")
        print(f"| its sequence numbers and its spool | {away_s * 1e6:.0f} µs |")
        print(f"| their share | {away_s / empty_s:.1%} |")
        kernel.run(_HOLD)
        kernel.run("_way.set()")
        for megabytes in options.megabytes:
            times = [
                caught_up_s(kernel, f"{directory}/{megabytes}.{number}", megabytes)
                for number in range(options.rounds)
            ]
            print(f"| {megabytes} MB of missed output | {statistics.median(times):.2f} s |")


def empty_cell_s(kernel: Kernel) -> float:
    """Return the median of empty cells, once warm."""
    return statistics.median([kernel.seconds("%%scale\npass") for _ in range(_CELLS)][20:])


def caught_up_s(kernel: Kernel, place: str, megabytes: int) -> float:
    """Return how long after its link is there again a cell has all that it has missed."""
    kernel.run(f"hold({place!r})")
    cell = _SHOW.format(place=place, lines=megabytes * 1000, line=_LINE)
    ended = "get_ipython().started + get_ipython().seconds - get_ipython().link_up"
    return float(kernel.run(cell, ended))


def bookkeeping_s(directory: Path) -> float:
    """Return what both ends of the protocol, and the spool, take of an empty cell."""

    async def measure() -> float:
        spool = Spool(Archive(directory), "s", _KEEP_FOR_S)
        caller, responder = Caller("s"), Responder("r")
        pass_on(caller, responder, caller.connected())
        outcome = CellOutcome("ok").to_body()
        began = time.perf_counter()
        for number in range(_CELLS):
            request, actions = caller.submit(RequestKind.CELL, {})
            pass_on(caller, responder, actions)
            spool.begin(_run(number), is_alone=False)
            sent = responder.emit(request.id, EventKind.FINISHED, outcome)
            spool.end(responder.last_seq, "done", "")
            for action in sent:
                if isinstance(action, Send):
                    pass_on(caller, responder, caller.received(action.message))
            spool.acknowledge(responder.acknowledged)
        return (time.perf_counter() - began) / _CELLS

    return asyncio.run(measure())


def pass_on(caller: Caller, responder: Responder, actions: list[object]) -> None:
    """Let the runner's end take what the session's end sends, and the other way round."""
    for action in actions:
        if isinstance(action, Send):
            for answer in responder.received(action.message):
                if isinstance(answer, Send):
                    pass_on(caller, responder, list(caller.received(answer.message)))


def _run(number: int) -> StoredRun:
    return StoredRun(
        id=f"r{number}",
        kernel_id="k",
        notebook="n.ipynb",
        cell_id="c",
        execution_count=number,
        first_line="pass",
        status="running",
        started_at=time.time(),
        session="s",
    )


if __name__ == "__main__":
    main()
