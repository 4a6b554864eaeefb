"""What iterations display on workers: kept as it is at that moment, until its turn has come."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from jupyter_scale.runner.host.effects import OutsideEffect

#: Takes the arguments of a call.
Record = Callable[[tuple[Any, ...], dict[str, Any]], None]


class _Recording(threading.local):
    record: Record | None = None


_recording = _Recording()


@contextlib.contextmanager
def keeping(record: Record) -> Iterator[None]:
    """Hand over what this thread displays meanwhile."""
    _recording.record = record
    try:
        yield
    finally:
        _recording.record = None


def display(*objects: Any, **options: Any) -> None:
    """Stand in for IPython's function of that name, where there is no notebook.

    Raises
    ------
    OutsideEffect
        Nobody keeps what is displayed, the caller wants a handle to update it, or it is a figure:
        pyplot has to know it where it is shown.
    """
    is_drawn = any(type(obj).__module__.startswith("matplotlib.") for obj in objects)
    if _recording.record is None or is_drawn or options.get("display_id") is not None:
        msg = "display()"
        raise OutsideEffect(msg)
    _recording.record(objects, options)


def install() -> bool:
    """Make it this process's ``display``; False if it is already."""
    import builtins
    import sys

    from IPython.core import display_functions

    if getattr(builtins, "display", None) is display:
        return False
    builtins.display = display  # type: ignore[attr-defined]
    for module in (display_functions, sys.modules.get("IPython.display")):
        if module is not None:
            module.display = display  # type: ignore[attr-defined]
    return True
