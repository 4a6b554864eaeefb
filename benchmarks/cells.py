"""Measure what ``%%scale`` costs, beside plain ``distributed`` on the same machine in the same run.

A real kernel runs the cells. Each is timed inside the kernel, from IPython's ``pre_run_cell`` to
``post_run_cell``. What is compared takes turns, and the table shows medians. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

EMPTY_TARGET_S = 0.002
LOOP_TARGET = 1.1
TASKS, TASK_S = 40, 0.1
OPTIONS = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=ERROR"]

PREPARE = """
%load_ext jupyter_scale
%scale quiet

import time

import numpy as np
import xxhash
from distributed import Client, LocalCluster

cluster = LocalCluster(
    n_workers={workers}, threads_per_worker=1, processes=True, dashboard_address=None
)
client = Client(cluster)
rng = np.random.default_rng(0)


def nothing():
    return 1


def shape_of(array):
    return array.shape


def nap(number):
    time.sleep({task_s})
    return number


def add_up(turns):
    total = 0
    for value in range(turns):
        total += value * value % 7
    return total


def spin(number):
    return add_up(turns)


def seconds_of(function, *arguments):
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


turns = int(1_000_000 * {task_s} / min(seconds_of(add_up, 1_000_000) for _ in range(5)))
"""

# Registered after everything else, so that what others do after a cell is measured too.
STOPWATCH = """
def start_watch(*_):
    get_ipython().started = time.perf_counter()


def stop_watch(*_):
    get_ipython().seconds = time.perf_counter() - get_ipython().started


get_ipython().started = time.perf_counter()
get_ipython().events.register("pre_run_cell", start_watch)
get_ipython().events.register("post_run_cell", stop_watch)
"""


class Kernel:
    """A kernel that times the cells it is given."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, source: str, expression: str = "0") -> str:
        """Run a cell; return the text of an expression that is evaluated afterwards.

        Raises
        ------
        RuntimeError
            With the traceback, when the cell fails.
        """
        reply = self._client.execute_interactive(
            source,
            user_expressions={"value": expression},
            output_hook=lambda _message: None,
            timeout=600,
        )["content"]
        if reply["status"] != "ok":
            raise RuntimeError("\n".join(reply.get("traceback", [str(reply)])))
        return str(reply["user_expressions"]["value"]["data"]["text/plain"])

    def seconds(self, source: str) -> float:
        """Run a cell; return how long it took."""
        return float(self.run(source, "get_ipython().seconds"))


@contextmanager
def started_kernel() -> Iterator[Kernel]:
    """Start a kernel that keeps no history; end it afterwards."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(extra_arguments=OPTIONS)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=False)


Median = Callable[[str, str], float]


@dataclass(frozen=True)
class Work:
    """Something to measure in several ways.

    Attributes
    ----------
    name
        What the table calls it.
    plain, scale, distributed
        The cell for each way; empty when there is none.
    before
        A cell that runs before `scale`, and is not timed.
    target_s
        What `scale` should take, from the medians that were measured; none when None.
    """

    name: str
    plain: str
    scale: str = ""
    distributed: str = ""
    before: str = ""
    target_s: Callable[[Median], float] | None = None

    def ways(self) -> Iterator[tuple[str, str]]:
        """Yield each way with its cell."""
        for way in ("plain", "scale", "distributed"):
            if cell := getattr(self, way):
                yield way, cell


@dataclass
class Results:
    """Seconds by work and way, one for each round."""

    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, work: str, way: str, seconds: float) -> None:
        """Take note of one run."""
        self.seconds.setdefault(work, {}).setdefault(way, []).append(seconds)

    def median(self, work: str, way: str) -> float:
        """Return the median of all rounds."""
        return statistics.median(self.seconds[work][way])


def works(megabytes: int, workers: int) -> list[Work]:
    """Return what is measured, in the order of the table."""
    hashing = f"hash {megabytes} MB (xxh3-128)"
    return [
        Work(
            "empty cell",
            "x = 1",
            "%%scale\nx = 1",
            "client.submit(nothing, pure=False).result()",
            target_s=lambda _median: EMPTY_TARGET_S,
        ),
        Work(hashing, "xxhash.xxh3_128(a).digest()"),
        *_array_works(megabytes, hashing),
        _loop(f"{TASKS} naps of {TASK_S * 1000:.0f} ms", "nap", workers),
        _loop(f"{TASKS} computations of {TASK_S * 1000:.0f} ms", "spin", workers),
    ]


def _array_works(megabytes: int, hashing: str) -> list[Work]:
    shape = "a.shape"
    there = "client.submit(shape_of, client.scatter(a, hash=False), pure=False).result()"
    return [
        Work(
            f"{megabytes} MB, new",
            shape,
            f"%%scale\n{shape}",
            there,
            before=f"a = None; a = rng.random({megabytes} * 125_000)",
        ),
        Work(
            f"{megabytes} MB, unchanged",
            shape,
            f"%%scale\n{shape}",
            there,
            target_s=lambda median: median(hashing, "plain") + EMPTY_TARGET_S,
        ),
        Work(
            f"{megabytes} MB, 1 % changed",
            shape,
            f"%%scale\n{shape}",
            there,
            before="n = len(a) // 100; m = int(rng.integers(99 * n)); a[m : m + n] += 1",
        ),
    ]


def _loop(name: str, function: str, workers: int) -> Work:
    comprehension = f"r = [{function}(i) for i in range({TASKS})]"
    return Work(
        name,
        comprehension,
        f"%%scale\n{comprehension}",
        f"r = client.gather(client.map({function}, range({TASKS}), pure=False))",
        target_s=lambda median: median(name, "plain") / workers * LOOP_TARGET,
    )


def measure(plan: list[Work], megabytes: int, workers: int, rounds: int) -> Results:
    """Run everything in turn: once to get warm, then `rounds` times."""
    results = Results()
    with started_kernel() as kernel:
        kernel.run(PREPARE.format(workers=workers, task_s=TASK_S))
        kernel.run(f"%scale up --workers {workers}")
        kernel.run(f"a = rng.random({megabytes} * 125_000)")
        kernel.run(STOPWATCH)
        for turn in range(rounds + 1):
            print(f"round {turn} of {rounds}" if turn else "getting warm", file=sys.stderr)
            for work in plan:
                for way, cell in work.ways():
                    if way == "scale" and work.before:
                        kernel.run(work.before)
                    seconds = kernel.seconds(cell)
                    if turn:
                        results.add(work.name, way, seconds)
        kernel.run("%scale down")
        kernel.run("client.close(); cluster.close()")
    return results


def table(plan: list[Work], results: Results) -> str:
    """Return the medians as a Markdown table."""
    rows = [
        ["work", "plain", "%%scale", "distributed", "%%scale / distributed", "target", "/ target"],
        ["---"] + ["---:"] * 6,
    ]
    for work in plan:
        times = {way: results.median(work.name, way) for way, _ in work.ways()}
        cells = [format_time(times.get(way)) for way in ("plain", "scale", "distributed")]
        target = work.target_s(results.median) if work.target_s else None
        ours = times.get("scale")
        cells += [ratio(ours, times.get("distributed")), format_time(target), ratio(ours, target)]
        rows.append([work.name, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def format_time(seconds: float | None) -> str:
    """Return a duration as people read it; nothing for None."""
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def ratio(value: float | None, other: float | None) -> str:
    """Return how many times `other` a value is; nothing when one of them is None."""
    return "" if value is None or other is None else f"{value / other:.2f}"


def describe_machine() -> dict[str, Any]:
    """Return what the numbers depend on."""
    packages = ("jupyter-scale", "distributed", "ipykernel", "numpy")
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "system": platform.system(),
        **{package: version(package) for package in packages},
    }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0].replace("%", "%%"))
    parser.add_argument("--quick", action="store_true", help="32 MB and two rounds")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds (default 5)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="default 2")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every time to FILE")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    options = parse(arguments)
    megabytes = 32 if options.quick else 256
    rounds = options.rounds or (2 if options.quick else 5)
    machine = describe_machine()
    plan = works(megabytes, options.workers)
    results = measure(plan, megabytes, options.workers, rounds)
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print(f"{options.workers} workers, medians of {rounds} rounds\n")
    print(table(plan, results))
    if options.json is not None:
        record = {"machine": machine, "workers": options.workers, "seconds": results.seconds}
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
