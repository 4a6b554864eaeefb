"""What rented machines cost: before they start, while they run, and when that has to end. Pure.

Money is US dollars. What is not known is None, never a guess. Limits are reckoned with the dearest
price that a machine can have, what is shown with the price that it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_scale.model.cluster import NodeState, Rental

MAX_AGE_S = 7 * 86400.0
WARNED_SHARE = 0.8
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class QuotedPool:
    """What the machines of one pool would cost.

    Parameters
    ----------
    pool : str
        Its name.
    kind : str
        The type of its machines.
    count : int
        How many.
    is_spot : bool
        Whether they are asked for as spot instances.
    usd_per_h : float, optional
        What one costs.
    dearest_usd_per_h : float, optional
        What one costs at most, if another has to be taken instead.
    source : str
        Where the price comes from, and of which day it is.
    """

    pool: str
    kind: str
    count: int
    is_spot: bool
    usd_per_h: float | None
    dearest_usd_per_h: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What a cluster would cost.

    Parameters
    ----------
    place : str
        Where its machines are rented.
    pools : tuple of QuotedPool
        What they are.
    max_cost_usd : float, optional
        What it may cost at most.
    max_age_s : float
        How long its machines run at most.
    notes : tuple of str
        What else its user should know.
    """

    place: str
    pools: tuple[QuotedPool, ...]
    max_cost_usd: float | None
    max_age_s: float
    notes: tuple[str, ...] = ()

    @property
    def usd_per_h(self) -> float | None:
        """What all cost together, None when one price is not known."""
        return total(None if p.usd_per_h is None else p.count * p.usd_per_h for p in self.pools)

    @property
    def dearest_usd_per_h(self) -> float | None:
        """What all cost together at most."""
        return total(
            None if p.dearest_usd_per_h is None else p.count * p.dearest_usd_per_h
            for p in self.pools
        )

    @property
    def lasts_s(self) -> float:
        """How long they run at most, by `max_cost_usd` and `max_age_s`."""
        per_h = self.dearest_usd_per_h
        if self.max_cost_usd is None or not per_h:
            return self.max_age_s
        return min(self.max_age_s, self.max_cost_usd / per_h * _HOUR_S)

    def lines(self) -> list[str]:
        """Return it for people."""
        rows = [
            f"{pool.count} x {pool.kind}{' (spot)' if pool.is_spot else ''}, pool {pool.pool}: "
            f"{show_usd(pool.usd_per_h)} an hour each ({pool.source})"
            for pool in self.pools
        ]
        rows.append(f"together {show_usd(self.usd_per_h)} an hour, in {self.place}")
        if self.usd_per_h != self.dearest_usd_per_h:
            rows.append(f"at most {show_usd(self.dearest_usd_per_h)} an hour, as spot prices move")
        if self.max_cost_usd is None:
            rows.append("max_cost is not set: only idle_timeout, orphan_after and max_age end it")
        else:
            rows.append(f"max_cost of {show_usd(self.max_cost_usd)} {self._allows()}")
        return [*rows, *self.notes]

    def _allows(self) -> str:
        per_h = self.dearest_usd_per_h
        if per_h is None:
            return "cannot be kept: a price is not known"
        return f"allows {self.max_cost_usd / per_h:.1f} h" if self.max_cost_usd and per_h else ""


@dataclass(frozen=True, slots=True)
class Meter:
    """What a cluster costs, for whoever reckons on from it.

    Parameters
    ----------
    usd : float, optional
        What it had cost at `at`; None when that is not known.
    at : float
        Unix time.
    usd_per_h : float, optional
        What it costs from then on.
    max_usd : float, optional
        What it may cost.
    ends_at : float, optional
        Unix time at which its machines end themselves; None while there is none.
    """

    usd: float | None
    at: float
    usd_per_h: float | None
    max_usd: float | None
    ends_at: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a cluster costs at a moment.

    Parameters
    ----------
    usd : float, optional
        What it has cost so far.
    usd_per_h : float, optional
        What it costs now.
    max_usd : float, optional
        What it may cost.
    ends_at : float, optional
        Unix time at which its machines end themselves, whatever they do then.
    """

    usd: float | None
    usd_per_h: float | None
    max_usd: float | None = None
    ends_at: float | None = None

    @property
    def is_warning(self) -> bool:
        """Whether most of what it may cost is spent."""
        return bool(
            self.usd is not None and self.max_usd and self.usd >= WARNED_SHARE * self.max_usd
        )

    def __str__(self) -> str:
        limit = "" if self.max_usd is None else f" of at most {show_usd(self.max_usd)}"
        return f"{show_usd(self.usd)} so far{limit}, {show_usd(self.usd_per_h)} an hour"


def cost_of(
    nodes: Iterable[NodeState],
    now: float,
    max_usd: float | None = None,
    max_age_s: float = MAX_AGE_S,
    spent_usd: float = 0.0,
) -> Cost | None:
    """Return what nodes cost, None when none of them is rented.

    Parameters
    ----------
    now : float
        Unix time.
    max_usd, max_age_s
        What they may cost, and how old a machine may become.
    spent_usd
        What others have cost, which there are no more.
    """
    rentals = rentals_of(nodes)
    if not rentals:
        return None
    running = [rental for rental in rentals if rental.launched_at]
    left_usd = None if max_usd is None else max_usd - spent_usd
    return Cost(
        usd=total([spent_usd, *(_spent(rental, now, rental.usd_per_h) for rental in rentals)]),
        usd_per_h=total(rental.usd_per_h for rental in running),
        max_usd=max_usd,
        ends_at=deadline(rentals, now, left_usd, max_age_s) if running else None,
    )


def meter_of(
    nodes: Iterable[NodeState],
    max_usd: float | None = None,
    max_age_s: float = MAX_AGE_S,
    spent_usd: float = 0.0,
) -> Meter | None:
    """Return the meter of nodes, which changes only when they do; None when none is rented."""
    nodes = list(nodes)
    at = max((rental.launched_at for rental in rentals_of(nodes)), default=0.0)
    cost = cost_of(nodes, at, max_usd, max_age_s, spent_usd)
    if cost is None:
        return None
    return Meter(cost.usd, at, cost.usd_per_h, max_usd, cost.ends_at)


def rentals_of(nodes: Iterable[NodeState]) -> list[Rental]:
    """Return what is rented for nodes."""
    machines = [node.machine for node in nodes]
    return [m.rental for m in machines if m is not None and m.rental is not None]


def deadline(
    rentals: Iterable[Rental], now: float, max_usd: float | None, max_age_s: float
) -> float:
    """Return the Unix time at which machines have to end, each at its dearest price.

    One that is not launched yet is taken to be launched now. With a price that is not known, only
    their age is a limit.
    """
    rentals = list(rentals)
    going = [rental for rental in rentals if not rental.is_over]
    oldest = min((rental.launched_at or now for rental in going), default=now)
    latest = oldest + max_age_s
    per_h = total(rental.dearest_usd_per_h for rental in going)
    if max_usd is None or not per_h:
        return latest
    left = max_usd - sum(rental.spent_usd for rental in rentals)
    begun = sum((one.dearest_usd_per_h or 0.0) * (one.launched_at or now) for one in going)
    return min(latest, (left * _HOUR_S + begun) / per_h)


def ended(rental: Rental, at: float) -> Rental:
    """Return what stays of a rental whose machine has ended: what it has cost."""
    spent = _spent(rental, at, rental.dearest_usd_per_h)
    return Rental(spent_usd=rental.spent_usd if spent is None else spent)


def total(parts: Iterable[float | None]) -> float | None:
    """Return a sum, None when one part is not known."""
    known = list(parts)
    return None if None in known else sum(part for part in known if part is not None)


def show_usd(usd: float | None) -> str:
    """Return an amount as people write it; more digits for small ones."""
    if usd is None:
        return "an unknown price"
    return f"{usd:.4f} USD" if 0 < usd < 0.1 else f"{usd:.2f} USD"  # noqa: PLR2004 - of cents


def _spent(rental: Rental, now: float, usd_per_h: float | None) -> float | None:
    if not rental.launched_at:
        return rental.spent_usd
    if usd_per_h is None:
        return None
    return rental.spent_usd + max(0.0, now - rental.launched_at) / _HOUR_S * usd_per_h
