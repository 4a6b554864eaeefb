"""Notices outside effects: files opened for writing, connections, child processes, removals.

An audit hook cannot be removed, so there is one per process, and it costs one comparison where
nobody is watching (PEP 578).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_EVENTS = frozenset(
    {
        "socket.connect",
        "socket.bind",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.mkdir",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.chmod",
        "os.chown",
        "shutil.rmtree",
        "shutil.move",
        "shutil.copyfile",
        "sqlite3.connect",
    }
)
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_CACHES = ("__pycache__", "/dev/null", "/.cache/", "fontlist-", ".nbc", ".nbi")


class OutsideEffect(BaseException):
    """An iteration was about to change something outside its process."""


def _nothing() -> None:
    """Do nothing."""


class _Watch(threading.local):
    mode: str | None = None
    seen: str | None = None
    before_first: Callable[[], object] = staticmethod(_nothing)


_watch = _Watch()
_installed = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _watch.mode is None:
        return
    if event == "open":
        path, mode, flags = args
        writes = (isinstance(mode, str) and any(c in mode for c in "wax+")) or (
            mode is None and isinstance(flags, int) and flags & _WRITE_FLAGS
        )
        if not writes or _is_in_cache(str(path)):
            return
    elif event not in _EVENTS or _is_in_cache(str(args[:1])):
        return
    _happens(f"{event}({args[0]!r:.60})" if args else event)


def _is_in_cache(path: str) -> bool:
    # The notebook's files are in a cache themselves when it is on another machine.
    inside = path.rpartition("/jupyter-scale/mirrors/")[2]
    return any(cache in inside for cache in _CACHES)


def _happens(what: str) -> None:
    if _watch.seen is None:
        _watch.seen = what
        _watch.before_first()
    if _watch.mode == "stop":
        raise OutsideEffect(_watch.seen)


def refuse(what: str) -> None:
    """Say that the running iteration uses something that other ones use, too.

    Raises
    ------
    OutsideEffect
        Where that must not be.
    """
    if _watch.mode is not None:
        _happens(what)


@contextmanager
def watching(
    *, stop: bool = False, before_first: Callable[[], object] = _nothing
) -> Iterator[_Watch]:
    """Watch this thread; ``.seen`` names the first effect.

    Parameters
    ----------
    stop
        Raise `OutsideEffect` before the effect happens.
    before_first
        Called before the first effect happens.
    """
    global _installed  # noqa: PLW0603 - audit hooks are per process and for ever
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    before = _watch.mode, _watch.seen, _watch.before_first
    _watch.mode, _watch.seen = "stop" if stop else "note", None
    _watch.before_first = before_first
    try:
        yield _watch
    finally:
        _watch.mode, _watch.before_first = before[0], before[2]
        if before[0] is not None and before[1] is not None:
            _watch.seen = before[1]
