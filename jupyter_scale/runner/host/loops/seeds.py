"""Generators of each iteration's own: the same numbers whatever worker runs it.

An iteration's seeds come from the loop's by ``SeedSequence.spawn`` of numpy, with the iteration's
number as the spawn key (O'Neill's hash; numpy's documentation, "Parallel random number
generation").
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np


class Generators:
    """The state of the global generators, as it is now."""

    def __init__(self) -> None:
        self._random = random.getstate()
        self._numpy: Any = np.random.get_state()  # noqa: NPY002 - the notebook's code uses it
        torch: Any = sys.modules.get("torch")
        self._torch = None if torch is None else torch.get_rng_state()

    def restore(self) -> None:
        """Go back to that state."""
        random.setstate(self._random)
        np.random.set_state(self._numpy)  # noqa: NPY002 - the notebook's code uses it
        if self._torch is not None:
            sys.modules["torch"].set_rng_state(self._torch)

    def are_as_before(self) -> bool:
        """Tell whether the generators of ``random`` and numpy are in that state now."""
        name, words, place, *_ = np.random.get_state()  # noqa: NPY002 - the notebook's code uses it
        before = self._numpy
        is_same = (name, place) == (before[0], before[2]) and bool((words == before[1]).all())
        return is_same and random.getstate() == self._random


def loop_seed() -> int:
    """Return a seed that the notebook's global generators decide; they go on by one number."""
    words = [random.getrandbits(64), int(np.random.randint(0, 2**63 - 1))]  # noqa: NPY002
    return words[0] << 64 | words[1]


def seeded(items: Iterable[Any], seed: int, first: int) -> Iterator[Any]:
    """Yield items, each after seeding all global generators for its iteration.

    Parameters
    ----------
    seed
        The loop's.
    first
        The number of the first item's iteration, from 0.
    """
    for number, item in enumerate(items, first):
        seed_iteration(seed, number)
        yield item


def seed_iteration(seed: int, number: int) -> None:
    """Seed the global generators of ``random``, numpy and torch for one iteration."""
    state = np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(10)
    random.seed(int.from_bytes(state[:4].tobytes(), "little"))
    np.random.seed(state[4:8])  # noqa: NPY002 - the notebook's code uses it
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(int(state[8]) << 32 | int(state[9]))
