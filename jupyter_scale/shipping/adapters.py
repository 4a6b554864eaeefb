"""What an adapter is: how to read the content of objects of one type, and to overwrite it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class InPlaceImpossibleError(Exception):
    """A content cannot be given to an object in place."""


class NoAdapterError(Exception):
    """An object's type has no adapter; `number` is its place among those to be overwritten."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class Adapter:
    """How to read and overwrite the content of objects of one type.

    Attributes
    ----------
    get, set
        ``get(obj) → state`` and ``set(obj, state)``.
    is_leaf
        The content is compared by its buffers; nothing inside has a token.
    weak
        Objects of the type can be referenced weakly.
    hashes
        Setting hashes what is inside, which must have its state by then.
    """

    get: Callable[[Any], Any]
    set: Callable[[Any, Any], None]
    is_leaf: bool = False
    weak: bool = False
    hashes: bool = False
