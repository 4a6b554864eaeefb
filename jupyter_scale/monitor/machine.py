"""What this machine's network and disks do: rates, read out of the system's counters."""

from __future__ import annotations

import time
from typing import NamedTuple

import psutil

_SHORTEST_S = 0.2
_LOOPBACK = "lo"


class Traffic(NamedTuple):
    """Bytes a second since the last look; None where the system does not count, or not yet."""

    network_in: float | None = None
    network_out: float | None = None
    disk_read: float | None = None
    disk_write: float | None = None


NO_TRAFFIC = Traffic()


class Counters(NamedTuple):
    """Bytes since the machine was started, at a moment of the monotonic clock."""

    at_s: float
    network: tuple[int, int] | None
    disk: tuple[int, int] | None


def rates(before: Counters, now: Counters) -> Traffic:
    """Return what went by between two looks; a counter that began anew tells nothing."""
    seconds = now.at_s - before.at_s
    return Traffic(
        *_rates(before.network, now.network, seconds), *_rates(before.disk, now.disk, seconds)
    )


def _rates(
    before: tuple[int, int] | None, now: tuple[int, int] | None, seconds: float
) -> tuple[float | None, float | None]:
    if before is None or now is None or seconds <= 0 or any(map(int.__gt__, before, now)):
        return None, None
    return (now[0] - before[0]) / seconds, (now[1] - before[1]) / seconds


class TrafficReader:
    """Reads the counters; who asks twice at once is told the same."""

    def __init__(self) -> None:
        self._last = _count()
        self._told = NO_TRAFFIC

    def read(self) -> Traffic:
        """Return what goes by now, all but what stays on this machine."""
        now = _count()
        if now.at_s - self._last.at_s >= _SHORTEST_S:
            self._told, self._last = rates(self._last, now), now
        return self._told


def _count() -> Counters:
    return Counters(time.monotonic(), _network(), _disks())


def _network() -> tuple[int, int] | None:
    try:
        cards = psutil.net_io_counters(pernic=True)
    except OSError:
        return None
    seen = [card for name, card in cards.items() if not name.startswith(_LOOPBACK)]
    return sum(card.bytes_recv for card in seen), sum(card.bytes_sent for card in seen)


def _disks() -> tuple[int, int] | None:
    try:
        disks = psutil.disk_io_counters()
    except (OSError, RuntimeError, NotImplementedError):  # of a container
        return None
    return None if disks is None else (disks.read_bytes, disks.write_bytes)
