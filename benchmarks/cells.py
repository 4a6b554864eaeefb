"""Measure what ``%%scale`` costs, beside the neighbours on the same machine in the same run.

Real kernels run the cells. Each is timed inside its kernel, from IPython's ``pre_run_cell`` to
``post_run_cell``. What is compared takes turns, and the table shows medians. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from contestants import ALL, Contestant, Plain, Scale, is_installed
from kernel import Kernel, Memory, started_kernel

EMPTY_TARGET_S = 0.002
SHORT_REPEATS = 20
LOOP_TARGET = 1.1
TASKS, TASK_S = 40, 0.1
PLAIN, SCALE = Plain.name, Scale.name

DEFINITIONS = """
import time

import numpy as np
import xxhash


def nothing():
    return 1


def back(number, numbers):
    return number, numbers


def shape_of(array):
    return array.shape


def make():
    return np.arange({megabytes} * 125_000, dtype=float)


def nap(number):
    time.sleep({task_s})
    return number


def add_up(turns):
    total = 0
    for value in range(turns):
        total += value * value % 7
    return total


def spin(number):
    return add_up({turns})
"""

VALUES = """
rng = np.random.default_rng(0)
a = rng.random({megabytes} * 125_000)
number, numbers = 1, [1, 2, 3]
"""

Median = Callable[[str, str], float]


@dataclass(frozen=True)
class Work:
    """Something to measure.

    Attributes
    ----------
    name
        What the table calls it.
    cell
        Returns a contestant's cell for it.
    before
        A cell that runs before each run, and is not timed.
    target_s
        What `%%scale` should take, from the medians that were measured; none when None.
    is_plain_only
        Whether it is there for the targets, and nobody's task.
    is_weighed
        Whether the memory that it takes is measured, too.
    repeats
        How often it runs in each round, one after the other; the median counts. Of what takes
        milliseconds a single run measures how long the processes had been asleep.
    """

    name: str
    cell: Callable[[Contestant], str]
    before: str = ""
    target_s: Callable[[Median], float] | None = None
    is_plain_only: bool = False
    is_weighed: bool = False
    repeats: int = 1

    def is_for(self, contestant: Contestant) -> bool:
        """Tell whether a contestant is measured."""
        return contestant.name == PLAIN or not self.is_plain_only


@dataclass
class Results:
    """Seconds, and bytes where they are measured, by work and contestant, one for each round."""

    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    memory: dict[str, dict[str, list[Memory]]] = field(default_factory=dict)

    def add(self, work: str, name: str, seconds: float) -> None:
        """Take note of one run."""
        self.seconds.setdefault(work, {}).setdefault(name, []).append(seconds)

    def add_memory(self, work: str, name: str, memory: Memory) -> None:
        """Take note of what one run took."""
        self.memory.setdefault(work, {}).setdefault(name, []).append(memory)

    def median(self, work: str, name: str) -> float:
        """Return the median of all rounds.

        Raises
        ------
        KeyError
            When that was not measured.
        """
        return statistics.median(self.seconds[work][name])


def works(megabytes: int, workers: int) -> list[Work]:
    """Return what is measured, in the order of the table."""
    hashing = f"hash {megabytes} MB (xxh3-128)"
    return [
        Work(
            "empty cell",
            lambda contestant: contestant.call("nothing"),
            target_s=lambda _median: EMPTY_TARGET_S,
            repeats=SHORT_REPEATS,
        ),
        Work(
            "small values, there and back",
            lambda contestant: contestant.call("back", "number", "numbers"),
            repeats=SHORT_REPEATS,
        ),
        Work(hashing, lambda _: "xxhash.xxh3_128(a).digest()", is_plain_only=True),
        *_array_works(megabytes, hashing),
        _loop(f"{TASKS} naps of {TASK_S * 1000:.0f} ms", "nap", workers),
        _loop(f"{TASKS} computations of {TASK_S * 1000:.0f} ms", "spin", workers),
    ]


def _array_works(megabytes: int, hashing: str) -> Iterator[Work]:
    def send(contestant: Contestant) -> str:
        return contestant.send("shape_of", "a")

    new = f"a = None; a = rng.random({megabytes} * 125_000)"
    change = "n = len(a) // 100; m = int(rng.integers(99 * n)); a[m : m + n] += 1"
    yield Work(f"{megabytes} MB, new", send, before=new)
    yield Work(
        f"{megabytes} MB, unchanged",
        send,
        target_s=lambda median: median(hashing, PLAIN) + EMPTY_TARGET_S,
    )
    yield Work(f"{megabytes} MB, 1 % changed", send, before=change)
    yield Work(
        f"{megabytes} MB coming home", lambda contestant: contestant.call("make"), before="r = None"
    )


def _loop(name: str, function: str, workers: int) -> Work:
    return Work(
        name,
        lambda contestant: contestant.map(function, TASKS),
        target_s=lambda median: median(name, PLAIN) / workers * LOOP_TARGET,
    )


def turns_for(seconds: float) -> int:
    """Return how often `add_up` has to turn to be busy that long."""
    namespace: dict[str, Any] = {}
    exec(DEFINITIONS.format(megabytes=0, task_s=0, turns=0), namespace)  # noqa: S102 - our own text
    many = 1_000_000
    times = []
    for _ in range(5):
        started = time.perf_counter()
        namespace["add_up"](many)
        times.append(time.perf_counter() - started)
    return int(many * seconds / min(times))


@dataclass(frozen=True)
class Setting:
    """What all kernels have before anything is measured.

    Attributes
    ----------
    workers
        How many processes of one thread each cluster has.
    definitions
        Source of the functions.
    values
        Source of the values.
    """

    workers: int
    definitions: str
    values: str


@contextmanager
def started(contestant: Contestant, setting: Setting) -> Iterator[Kernel]:
    """Start a contestant's kernel and cluster; end both, whatever happens."""
    print(f"starting {contestant.name}", file=sys.stderr)
    with started_kernel() as kernel:
        kernel.run(setting.definitions + setting.values)
        try:
            kernel.run(contestant.start(setting.workers, setting.definitions))
            kernel.start_watch()
            yield kernel
        except BaseException:
            kernel.interrupt()  # a cell may still be running
            raise
        finally:
            kernel.run(contestant.end)


def measure(
    plan: list[Work], contestants: Sequence[Contestant], setting: Setting, rounds: int
) -> Results:
    """Run everything in turn: once to get warm, then `rounds` times."""
    results = Results()
    with ExitStack() as stack:
        kernels = [(each, stack.enter_context(started(each, setting))) for each in contestants]
        for turn in range(rounds + 1):
            print(f"round {turn} of {rounds}" if turn else "getting warm", file=sys.stderr)
            for work in plan:
                for contestant, kernel in kernels:
                    if work.is_for(contestant):
                        _measure_one(work, contestant, kernel, results if turn else Results())
    return results


def _measure_one(work: Work, contestant: Contestant, kernel: Kernel, results: Results) -> None:
    if work.before:
        kernel.run(work.before)
    if work.is_weighed:
        kernel.forget_peaks()
    times = [kernel.seconds(work.cell(contestant)) for _ in range(work.repeats)]
    results.add(work.name, contestant.name, statistics.median(times))
    if work.is_weighed:
        results.add_memory(work.name, contestant.name, kernel.peaks())


def table(plan: list[Work], contestants: Sequence[Contestant], results: Results) -> str:
    """Return the medians as a Markdown table."""
    names = [contestant.name for contestant in contestants]
    rows = [
        ["work", *names, "%%scale / best other", "target", "/ target"],
        ["---"] + ["---:"] * (len(names) + 3),
    ]
    for work in plan:
        measured = results.seconds.get(work.name, {})
        times = {name: results.median(work.name, name) for name in names if name in measured}
        ours = times.get(SCALE)
        others = [seconds for name, seconds in times.items() if name not in {PLAIN, SCALE}]
        target = _target(work, results)
        rows.append(
            [
                work.name,
                *(format_time(times.get(name)) for name in names),
                ratio(ours, min(others, default=None)),
                format_time(target),
                ratio(ours, target),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _target(work: Work, results: Results) -> float | None:
    try:
        return None if work.target_s is None else work.target_s(results.median)
    except KeyError:  # what it follows from was not measured
        return None


def format_time(seconds: float | None) -> str:
    """Return a duration as people read it; nothing for None."""
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def ratio(value: float | None, other: float | None) -> str:
    """Return how many times `other` a value is; nothing when one of them is None."""
    return "" if value is None or other is None else f"{value / other:.2f}"


def describe_machine(contestants: Sequence[Contestant]) -> dict[str, Any]:
    """Return what the numbers depend on."""
    packages = ["jupyter_scale", "ipykernel", "numpy", *(each.package for each in contestants)]
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "system": platform.system(),
        **{package: _version(package) for package in dict.fromkeys(packages)},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # it runs from its sources
        return "?"


def taking_part(contestants: Sequence[Contestant], only: Sequence[str]) -> list[Contestant]:
    """Return who is measured; say who is not there."""
    chosen = [each for each in contestants if not only or each.name in only]
    for each in chosen:
        if not is_installed(each):
            print(f"without {each.name}: not installed (pip install 'jupyter-scale[bench]')")
    return [each for each in chosen if is_installed(each)]


def parse(
    arguments: list[str] | None, description: str, quick: str, contestants: Sequence[Contestant]
) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=description.replace("%", "%%"))
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds (default 5)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="default 2")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=[each.name for each in contestants],
        metavar="NAME",
        help="a column of the table (may be repeated; default all)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every time to FILE")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def report(
    plan: list[Work],
    contestants: Sequence[Contestant],
    results: Results,
    machine: dict[str, Any],
    options: argparse.Namespace,
) -> None:
    """Print the table, and write the file that was asked for."""
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print(f"{options.workers} workers, medians of {options.rounds} rounds\n")
    print(table(plan, contestants, results))
    if options.json is not None:
        record = {"machine": machine, "workers": options.workers, **asdict(results)}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    description = __doc__.partition("\n\n")[0]
    options = parse(arguments, description, "32 MB and two rounds", ALL)
    megabytes = 32 if options.quick else 256
    contestants = taking_part(ALL, options.only)
    machine = describe_machine(contestants)
    plan = works(megabytes, options.workers)
    setting = Setting(
        options.workers,
        DEFINITIONS.format(megabytes=megabytes, task_s=TASK_S, turns=turns_for(TASK_S)),
        VALUES.format(megabytes=megabytes),
    )
    results = measure(plan, contestants, setting, options.rounds)
    report(plan, contestants, results, machine, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
