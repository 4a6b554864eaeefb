"""Figures: iterations draw into one after the other, whether they name it or pyplot knows it.

What pyplot has open is neither read by name nor captured: on a worker an iteration would draw on
another figure, without notice. What is named leads to the whole figure with all its artists, which
takes long to pack, and changes with whatever is drawn.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

from jupyter_scale.runner.host.effects import refuse

_WHAT = "figures of pyplot"
_MOST_LOOKED_AT = 100


def is_drawn(value: Any) -> bool:
    """Tell whether a value, or one of those that it is made of, is part of a figure."""
    artist = getattr(sys.modules.get("matplotlib.artist"), "Artist", None)
    if artist is None:
        return False
    is_made_of_some = isinstance(value, list | tuple) or type(value).__name__ == "ndarray"
    if not is_made_of_some or str(getattr(value, "dtype", "object")) != "object":
        return isinstance(value, artist)
    parts = getattr(value, "flat", value)[:_MOST_LOOKED_AT]
    return any(isinstance(part, artist) for part in parts)


class _Guarded(OrderedDict[Any, Any]):
    """Pyplot's open figures; iterations that are watched may not even ask for them."""

    def __len__(self) -> int:
        refuse(_WHAT)
        return super().__len__()

    def __contains__(self, key: object) -> bool:
        refuse(_WHAT)
        return super().__contains__(key)

    def __iter__(self) -> Any:
        refuse(_WHAT)
        return super().__iter__()

    def values(self) -> Any:
        refuse(_WHAT)
        return super().values()

    def items(self) -> Any:
        refuse(_WHAT)
        return super().items()


def guard() -> None:
    """Let iterations that are watched fail when they use what pyplot has open."""
    holder = _holder()
    if holder is not None and not isinstance(holder.figs, _Guarded):
        holder.figs = _Guarded(holder.figs)


def left_open() -> str:
    """Say so if iterations that imported matplotlib themselves left figures open; close them."""
    holder = _holder()
    if holder is None or not holder.figs:
        return ""
    holder.destroy_all()
    return _WHAT


def _holder() -> Any:
    return getattr(sys.modules.get("matplotlib._pylab_helpers"), "Gcf", None)
