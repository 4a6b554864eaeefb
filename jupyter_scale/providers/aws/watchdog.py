#!/usr/bin/env python3
"""Ends this instance when it is time, whatever becomes of the laptop that launched it.

Runs on the instance by the system's own Python (3.9 or newer, nothing else), as
``watchdog DIRECTORY``. Shutting down ends an instance for good: it was launched so.

=====================  ===========================================================================
what ends it           when
=====================  ===========================================================================
its deadline           by the wall clock, or by the time since the start: whichever comes first
nobody was heard       for so long: ``lease`` is touched whenever somebody is
nobody was ever heard  so long after the start: its launcher died at once
no node process        for so long after there was one: it ends when nothing ran for long
=====================  ===========================================================================

``limits.json`` is read again whenever it changes. Why it ended is in ``ended``. On a spot instance
``notice`` gets the notice that it is taken away.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

LOOK_S = 2.0
AGAIN_S = 10.0
NOTICE_EVERY_S = 5.0
WITHOUT_LIMITS_S = 1800.0
MODULE = b"jupyter_scale.providers.node"
MARK = "JUPYTER_SCALE_CLUSTER"  # as in jupyter_scale.transport.processes, which is not there
METADATA = "http://169.254.169.254/latest"


def why_end(
    limits: dict[str, Any],
    wall: float,
    life: float,
    silence: float | None,
    without_node: float | None,
) -> str:
    """Return why it is time, an empty text when it is not. Pure.

    Parameters
    ----------
    limits : dict
        A `jupyter_scale.providers.aws.userdata.Limits`.
    wall, life : float
        Unix time; seconds since the start.
    silence, without_node : float or None
        Seconds since somebody was heard, since there was a node process; None when never.
    """
    life_s = limits["life_s"]
    if wall >= limits["deadline_at"] or (life_s is not None and life >= life_s):
        return str(limits["why"])
    if silence is None:
        if life >= limits["never_s"]:
            return f"nobody was ever heard, for {limits['never_s']:.0f} s"
    elif silence >= limits["orphan_after_s"]:
        return f"nobody was heard for {limits['orphan_after_s']:.0f} s (orphan_after)"
    if without_node is not None and without_node >= limits["grace_s"]:
        return "its node process has ended: nothing ran for long, or it was told to"
    return ""


def read_limits(path: Path) -> dict[str, Any] | None:
    """Return the limits, None when they cannot be read just now."""
    try:
        limits: dict[str, Any] = json.loads(path.read_text())
        why_end(limits, 0.0, 0.0, 0.0, 0.0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return limits


def has_node(cluster: str) -> bool:
    """Tell whether a node process of the cluster runs here."""
    mark = f"{MARK}={cluster}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended just now
            if MODULE in (process / "cmdline").read_bytes().split(b"\0"):
                marks = (process / "environ").read_bytes().split(b"\0")
                if mark in marks:
                    return True
    return False


def ask_notice() -> str:
    """Return the notice that this instance is taken away, an empty text when there is none."""
    token = urllib.request.Request(f"{METADATA}/api/token", method="PUT")
    token.add_header("X-aws-ec2-metadata-token-ttl-seconds", "60")
    try:
        with urllib.request.urlopen(token, timeout=2) as answer:
            shown = answer.read().decode()
        notice = urllib.request.Request(f"{METADATA}/meta-data/spot/instance-action")
        notice.add_header("X-aws-ec2-metadata-token", shown)
        with urllib.request.urlopen(notice, timeout=2) as answer:
            return str(answer.read().decode())
    except (OSError, ValueError):  # none is a 404, which is an OSError too
        return ""


def write(path: Path, text: str) -> None:
    """Write a file that is never seen half written."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.chmod(0o644)
    draft.replace(path)


def clock() -> float:
    """Return seconds that go on while the machine sleeps, and that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def born_at(path: Path) -> float:
    """Return when this watchdog was first started, by `clock`; after a reboot anew."""
    with contextlib.suppress(OSError, ValueError):
        born = float(path.read_text())
        if born <= clock():
            return born
    born = clock()
    write(path, repr(born))
    return born


def changed(path: Path) -> int:
    """Return when a file was changed, 0 when there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


class Watchdog:
    """Watches over one instance, from the files of one directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.born = born_at(home / "born")
        self._limits: dict[str, Any] | None = None
        self._read = -1
        self._lease = changed(home / "lease")
        self._heard: float | None = None
        self._had_node: float | None = None
        self._asked = -NOTICE_EVERY_S

    def look(self) -> str:
        """Look about once; return why it is time, an empty text when it is not."""
        now = clock()
        if changed(self.home / "limits.json") != self._read:
            self._read = changed(self.home / "limits.json")
            self._limits = read_limits(self.home / "limits.json") or self._limits
        limits = self._limits
        if limits is None:
            return "its limits cannot be read" if now > self.born + WITHOUT_LIMITS_S else ""
        if changed(self.home / "lease") != self._lease:
            self._lease, self._heard = changed(self.home / "lease"), now
        if has_node(limits["cluster"]):
            self._had_node = now
        if limits["is_spot"] and now >= self._asked + NOTICE_EVERY_S:
            self._asked = now
            self._note(ask_notice())
        silence = None if self._heard is None else now - self._heard
        without_node = None if self._had_node is None else now - self._had_node
        return why_end(limits, time.time(), now - self.born, silence, without_node)

    def _note(self, notice: str) -> None:
        if notice and not (self.home / "notice").exists():
            write(self.home / "notice", notice)


def main() -> None:
    """Watch, then shut the machine down, again and again until it is."""
    watchdog = Watchdog(Path(sys.argv[1]))
    while not (why := watchdog.look()):
        time.sleep(LOOK_S)
    with contextlib.suppress(OSError):  # the disk is full: it ends all the same
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write(watchdog.home / "ended", f"{at}: {why}\n")
    while True:
        subprocess.call(["shutdown", "-h", "now"])
        time.sleep(AGAIN_S)


if __name__ == "__main__":
    os.umask(0o022)
    main()
