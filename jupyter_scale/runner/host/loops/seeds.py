"""Generators of each iteration's own: the same numbers whatever worker runs it.

An iteration's seeds come from the loop's by ``SeedSequence.spawn`` of numpy, with the iteration's
number as the spawn key (O'Neill's hash; numpy's documentation, "Parallel random number
generation").
"""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any


@cache
def _numpy_random() -> Any:
    """Return ``numpy.random``; None where there is no numpy."""
    try:
        return importlib.import_module("numpy.random")
    except ImportError:
        return None


class Generators:
    """The state of the global generators, as it is now."""

    def __init__(self) -> None:
        self._random = random.getstate()
        numpy_random = _numpy_random()
        self._numpy: Any = None if numpy_random is None else numpy_random.get_state()
        torch: Any = sys.modules.get("torch")
        self._torch = None if torch is None else torch.get_rng_state()

    def restore(self) -> None:
        """Go back to that state."""
        random.setstate(self._random)
        if self._numpy is not None:
            _numpy_random().set_state(self._numpy)
        if self._torch is not None:
            sys.modules["torch"].set_rng_state(self._torch)

    def are_as_before(self) -> bool:
        """Tell whether the generators of ``random`` and numpy are in that state now."""
        if (before := self._numpy) is not None:
            name, words, place, *_ = _numpy_random().get_state()
            if (name, place) != (before[0], before[2]) or not (words == before[1]).all():
                return False
        return random.getstate() == self._random


def loop_seed() -> int:
    """Return a seed that the notebook's global generators decide; they go on by one number."""
    numpy_random, seed = _numpy_random(), random.getrandbits(64)
    if numpy_random is None:
        return seed
    return seed << 64 | int(numpy_random.randint(0, 2**63 - 1))


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
    numpy_random = _numpy_random()
    if numpy_random is None:
        random.seed(f"{seed} {number}")
        return
    state = numpy_random.SeedSequence(seed, spawn_key=(number,)).generate_state(10)
    random.seed(int.from_bytes(state[:4].tobytes(), "little"))
    numpy_random.seed(state[4:8])
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(int(state[8]) << 32 | int(state[9]))
