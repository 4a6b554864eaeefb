"""Copies of this process that go on as another program, with all that was imported so far.

For such a process a new interpreter would first import the same again. Only on Linux: elsewhere
system libraries do not survive a fork. Nor do threads: fork before there are any.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

CAN_FORK = sys.platform == "linux"
_ARG_START, _ARG_END = 45, 46  # of /proc/PID/stat, counted from its third field


def fork(
    run: Callable[[], object],
    title: Sequence[str],
    *,
    kept: Iterable[int] = (),
    files: Iterable[tuple[int, int]] = (),
) -> int:
    """Run a function in a copy of this process, which ends with it; return the copy's pid.

    Parameters
    ----------
    run : callable
        The program, whose ``__main__`` is a new one. SystemExit is its exit status.
    title : sequence of str
        Its command line in the process table, see `show_as`.
    kept : iterable of int
        Which files it keeps open, besides the standard ones.
    files : iterable of (int, int)
        Which files it has as its standard ones: a file here, and the number that it has there.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for ours, theirs in files:
            os.dup2(ours, theirs, inheritable=True)
        _close_all_but({0, 1, 2, *kept})
        sys.modules["__main__"] = _new_main()
        show_as(*title)
        run()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - an interpreter of its own would show it, too
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _new_main() -> types.ModuleType:
    """Return a module as an interpreter begins with: C code looks for its builtins, too."""
    main = types.ModuleType("__main__")
    vars(main)["__builtins__"] = builtins
    return main


def is_single() -> bool:
    """Tell whether this process has one thread only, those of libraries counted."""
    return CAN_FORK and len([*Path("/proc/self/task").iterdir()]) == 1


def show_as(*words: str) -> None:
    """Let this process have another command line, as far as the room of its own one allows.

    The environment, by which a cluster's processes are found, lies behind it and stays.
    """
    import ctypes  # late: the process that forks has no need of it

    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
    room = end - start
    if room > 0:
        title = "\0".join(words).encode()[: room - 1]
        ctypes.memmove(start, title.ljust(room, b"\0"), room)


def _close_all_but(kept: set[int]) -> None:
    """Close files: whoever waits for the end of a pipe would wait for this process, too."""
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number not in kept:
            with contextlib.suppress(OSError):  # that of the listing
                os.close(number)
