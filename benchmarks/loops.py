"""Measure loops under ``%%scale``, beside the same loops with the neighbours' maps.

Everything is measured as in `cells`; what is compared takes turns on the same machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields

from cells import (
    PLAIN,
    Results,
    Setting,
    Work,
    describe_machine,
    measure,
    parse,
    report,
    taking_part,
    turns_for,
)
from contestants import LOOPS, Contestant
from kernel import Memory

NAPS, NAP_S = 40, 0.1

DEFINITIONS = """
import math
import time

import numpy as np

durations = np.minimum(0.02 * (1 + np.random.default_rng(3).pareto(1.2, {uneven})), 1.5).tolist()


def nothing():
    return 1


def nap(number):
    time.sleep({nap_s})
    return number


def add_up(turns):
    total = 0
    for value in range(turns):
        total += value * value % 7
    return total


def spin(number):
    return add_up({turns})


def tick(number):
    root = math.sqrt(number)
    return round(root * 2 + math.sin(root) ** 2 + math.cos(number) + abs(number - 7) % 5, 6)


def look_up(number, big):
    time.sleep(0.005)
    return big[number * 1000]


def nap_unevenly(number):
    time.sleep(durations[number])
    return number


def cost(number):
    depth, rate, width, kind = number % 16, number // 16 % 32, number // 512 % 64, number // 32768
    x, y = rate / 8 - 2, width / 16 - 2
    value = sum((1 - x) ** 2 + 100 * (y - x * x) ** 2 + layer * kind for layer in range(2 * depth))
    return value / (1 + depth)
"""
VALUES = "big = np.random.default_rng(0).random({megabytes} * 125_000)"
CONFIGURATIONS = 131_072


@dataclass(frozen=True)
class Size:
    """How much of it there is."""

    looks: int = 2_000
    megabytes: int = 50
    uneven: int = 100

    @classmethod
    def quick(cls) -> Size:
        """Return what takes two minutes."""
        return cls(400, 16, 40)


def works(size: Size, workers: int) -> list[Work]:
    """Return what is measured, in the order of the table."""

    def loop(name: str, function: str, count: int, *names: str, is_batched: bool = False) -> Work:
        batches = 32 * workers if is_batched else None
        return Work(
            name,
            lambda contestant: contestant.map(function, count, *names, batches=batches),
            target_s=lambda median: median(name, PLAIN) / workers,
            is_weighed=count == CONFIGURATIONS,
        )

    look_ups = f"{size.looks:,} of 5 ms with {size.megabytes} MB"
    return [
        loop(f"{NAPS} naps of {NAP_S * 1000:.0f} ms", "nap", NAPS),
        loop(f"{NAPS} computations of {NAP_S * 1000:.0f} ms", "spin", NAPS),
        loop("20,000 calls of 1 µs", "tick", 20_000, is_batched=True),
        loop(look_ups, "look_up", size.looks, "big"),
        loop(f"{size.uneven} naps by Pareto", "nap_unevenly", size.uneven),
        loop(f"{CONFIGURATIONS:,} configurations", "cost", CONFIGURATIONS, is_batched=True),
    ]


def memory_table(name: str, contestants: Sequence[Contestant], results: Results) -> str:
    """Return how much memory a row took at its peak, as a Markdown table."""
    rows = [
        [f"{name}: memory of", *(each.name for each in contestants)],
        ["---", *("---:" for _ in contestants)],
    ]
    for field in fields(Memory):
        peaks = (
            max((getattr(memory, field.name) for memory in memories), default=0)
            for each in contestants
            if (memories := results.memory.get(name, {}).get(each.name, [])) is not None
        )
        part = field.name.removesuffix("_bytes")
        rows.append([part, *(f"{peak / 1e6:.0f} MB" if peak else "" for peak in peaks)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    quick = "fewer of the short naps, 16 MB, and two rounds"
    options = parse(arguments, __doc__.partition("\n\n")[0], quick, LOOPS)
    contestants = taking_part(LOOPS, options.only)
    machine = describe_machine(contestants)
    size = Size.quick() if options.quick else Size()
    plan = works(size, options.workers)
    setting = Setting(
        options.workers,
        DEFINITIONS.format(nap_s=NAP_S, turns=turns_for(NAP_S), uneven=size.uneven),
        VALUES.format(megabytes=size.megabytes),
    )
    results = measure(plan, contestants, setting, options.rounds)
    report(plan, contestants, results, machine, options)
    print()
    print(memory_table(plan[-1].name, contestants, results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
