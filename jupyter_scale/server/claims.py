"""Which page saves what a run has shown, when several have its notebook open. Pure.

The first that asks, unless one comes that has to save anyhow: it has changes of its user's. A page
that has gone holds nothing; one whose connection has broken is waited for a moment.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

#: A connection that was cut is back within so long.
GRACE_S = 10.0
#: So long the name may be that a page gives itself.
LONGEST_PAGE = 64
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """That a page saves what a run has shown."""

    page: str
    has_changes: bool


class Claims:
    """Which pages are here, and what they save."""

    def __init__(self) -> None:
        self._here: Counter[str] = Counter()
        self._back_until: dict[str, float] = {}
        self._claims: dict[str, Claim] = {}

    def enter(self, page: str) -> None:
        """Take note that a page is connected."""
        self._here[page] += 1
        self._back_until.pop(page, None)

    def leave(self, page: str, now: float, *, is_cut: bool) -> None:
        """Take note that a connection has ended; one that was cut is expected back."""
        self._here[page] -= 1
        if self._here[page] <= 0:
            del self._here[page]
            if is_cut:
                waited = {one: until for one, until in self._back_until.items() if until > now}
                self._back_until = {**waited, page: now + GRACE_S}

    def claim(self, run: str, wanted: Claim, now: float) -> bool:
        """Tell whether that page saves what the run has shown."""
        held = self._claims.get(run)
        if held is None or held.page == wanted.page or self._gives_way(held, wanted, now):
            self._claims.pop(run, None)
            self._claims[run] = wanted
            if len(self._claims) > _MOST:
                del self._claims[next(iter(self._claims))]
            return True
        return False

    def _gives_way(self, held: Claim, wanted: Claim, now: float) -> bool:
        is_there = held.page in self._here or self._back_until.get(held.page, now) > now
        return not is_there or (wanted.has_changes and not held.has_changes)
