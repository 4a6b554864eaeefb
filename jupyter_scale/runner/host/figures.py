"""Figures that pyplot has open: each iteration goes on with the one before's, so none may use them.

Such a figure is neither read by name nor captured: on a worker an iteration would draw on another
one, without notice.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

from jupyter_scale.runner.host.effects import refuse

_WHAT = "figures of pyplot"


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
