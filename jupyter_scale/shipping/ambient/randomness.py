"""Generators that everybody in a process shares: ``random``, ``numpy.random``, torch."""

from __future__ import annotations

import random
import sys
from typing import Any


class Random:
    """The generator of ``random``."""

    name = "random"
    library = ""
    has_defaults = False

    def __init__(self) -> None:
        self._value: Any = None

    def read(self) -> Any:
        """Return its state."""
        now = random.getstate()
        if now != self._value:
            self._value = now
        return self._value

    def apply(self, change: Any) -> None:
        """Set its state."""
        random.setstate(change)


class NumpyRandom:
    """The generator of ``numpy.random``."""

    name = "numpy_random"
    library = "numpy.random"
    has_defaults = False

    def __init__(self) -> None:
        self._generator: Any = None
        self._address = 0
        self._raw = b""
        self._has_gauss = False
        self._value: Any = None

    def read(self) -> Any:
        """Return its state with the key as bytes."""
        numpy_random = sys.modules["numpy.random"]
        raw = self._memory(numpy_random)
        # A second normal number is drawn without a step of the generator.
        if not raw or raw != self._raw or self._has_gauss:
            self._raw = raw
            state = numpy_random.get_state(legacy=False)
            self._has_gauss = bool(state["has_gauss"])
            now = tuple({**state, "state": tuple(map(_plain, state["state"].items()))}.items())
            if now != self._value:
                self._value = now
        return self._value

    def _memory(self, numpy_random: Any) -> bytes:
        """Return the memory of the generator: `get_state` takes 0.1 ms to make an array of it."""
        generator = numpy_random.mtrand._rand._bit_generator  # noqa: SLF001 - its only record
        if type(generator).__name__ != "MT19937":
            return b""
        from ctypes import string_at

        if generator is not self._generator:
            self._generator, self._address = generator, generator.ctypes.state_address
        return string_at(self._address, 625 * 4)

    def apply(self, change: Any) -> None:
        """Set its state."""
        import numpy as np

        state = dict(change)
        state["state"] = {
            key: np.frombuffer(*value) if isinstance(value, tuple) else value
            for key, value in state["state"]
        }
        # Not `np.random`: while that is being imported, numpy does not have it yet.
        sys.modules["numpy.random"].set_state(state)


def _plain(item: tuple[str, Any]) -> tuple[str, Any]:
    key, value = item
    return key, (value.tobytes(), value.dtype.str) if hasattr(value, "tobytes") else value


class Torch:
    """torch's generator for the CPU."""

    name = "torch"
    library = "torch"
    has_defaults = False

    def read(self) -> bytes:
        """Return its state."""
        return bytes(sys.modules["torch"].get_rng_state().numpy())

    def apply(self, change: bytes) -> None:
        """Set its state."""
        torch = sys.modules["torch"]
        torch.set_rng_state(torch.frombuffer(bytearray(change), dtype=torch.uint8))


class TorchCuda:
    """torch's generators for GPUs.

    Their states where CUDA is in use; else the seed, which they get when it is. It is never brought
    into use from here: that takes memory of the GPU.
    """

    name = "torch_cuda"
    library = "torch"
    has_defaults = False

    def read(self) -> tuple[str, Any]:
        """Return ``("states", bytes of each GPU)`` or ``("seed", number)``."""
        torch = sys.modules["torch"]
        if torch.cuda.is_initialized():
            return "states", tuple(bytes(s.numpy()) for s in torch.cuda.get_rng_state_all())
        return "seed", torch.initial_seed()

    def apply(self, change: tuple[str, Any]) -> None:
        """Set states of as many GPUs as both have; a seed is kept for when CUDA is first used."""
        torch = sys.modules["torch"]
        kind, value = change
        if kind == "seed":
            torch.cuda.manual_seed_all(value)
        elif torch.cuda.is_initialized():
            for number, state in zip(range(torch.cuda.device_count()), value, strict=False):
                tensor = torch.frombuffer(bytearray(state), dtype=torch.uint8)
                torch.cuda.set_rng_state(tensor, number)
