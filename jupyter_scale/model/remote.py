"""Facts of values that stay on the cluster: what a notebook can tell of one without having it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from jupyter_scale.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """What is known of one value that stays on the cluster. Plain values only; never the value.

    Attributes
    ----------
    key
        Names it between the two sides; unique for all runners.
    name
        The name that the cell gave it.
    type_name
        Its type, with the module unless that is the notebook or ``builtins``.
    why
        Why it stays: ``"--keep"``, ``"--keep-above 500 MB"``, or why it cannot travel.
    can_travel
        Whether it could be brought home.
    nbytes
        Its size as it would travel, None when that is not known.
    shape, dtype, columns, length
        As far as a value of its type has them; of columns the first few.
    reaches
        Names of the notebook whose objects it holds, too.
    """

    key: str
    name: str
    type_name: str
    why: str
    can_travel: bool = True
    nbytes: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    columns: tuple[str, ...] = ()
    length: int | None = None
    reaches: tuple[str, ...] = ()

    def to_body(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Rebuild from plain values; lists that were tuples become such again.

        Raises
        ------
        ProtocolError
            For unknown or missing fields.
        """
        try:
            values: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in body.items()
            }
            return cls(**values)
        except TypeError as error:
            msg = f"not a {cls.__name__}: {error}"
            raise ProtocolError(msg) from error
