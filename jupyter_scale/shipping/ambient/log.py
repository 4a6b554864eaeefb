"""Levels of loggers; their handlers are objects, see `places`."""

from __future__ import annotations

import logging
from typing import Any

from jupyter_scale.shipping.ambient.part import Delta

#: Loggers of what runs cells and clusters: each process has them its own way.
ENGINE = ("asyncio", "distributed", "dask", "tornado", "bokeh", "traitlets", "IPKernelApp", "Comm")
ENGINE_PREFIXES = tuple(f"{name}." for name in (*ENGINE, "jupyter_scale"))
ROOT = ""
_DISABLED = "<disable>"


def is_engine(name: str) -> bool:
    """Tell whether a logger belongs to what runs cells rather than to a notebook."""
    return name in ENGINE or name.startswith(ENGINE_PREFIXES)


class LogLevels:
    """``level``, ``propagate`` and ``disabled`` of every logger that has any."""

    name = "logging"
    library = ""
    has_defaults = False

    def read(self) -> dict[str, Any]:
        """Return ``logger → (level, propagate, disabled)``, the root as an empty name."""
        placeholder = logging.PlaceHolder
        root = logging.root
        value: dict[str, Any] = {
            name: (logger.level, logger.propagate, logger.disabled)  # type: ignore[union-attr]
            for name, logger in root.manager.loggerDict.items()
            if logger.__class__ is not placeholder
            and (logger.level or logger.disabled or not logger.propagate)  # type: ignore[union-attr]
            and not is_engine(name)
        }
        value[ROOT] = (root.level, True, root.disabled)
        value[_DISABLED] = root.manager.disable
        return value

    def apply(self, change: Delta) -> None:
        """Set levels; a logger that is named no more has none of its own."""
        for name, state in change.set.items():
            if name == _DISABLED:
                logging.disable(state)
                continue
            logger = logging.getLogger(name or None)
            logger.setLevel(state[0])
            logger.propagate, logger.disabled = bool(state[1]), bool(state[2])
        for name in change.unset:
            logger = logging.getLogger(name)
            logger.setLevel(logging.NOTSET)
            logger.propagate, logger.disabled = True, False
