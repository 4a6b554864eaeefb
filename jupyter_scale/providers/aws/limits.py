"""When instances end themselves: reckoned here, kept by their watchdogs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from jupyter_scale.errors import AwsError
from jupyter_scale.model.cluster import Rental
from jupyter_scale.model.cost import deadline, show_usd
from jupyter_scale.providers.aws.launching import Plan
from jupyter_scale.providers.aws.options import Settings
from jupyter_scale.providers.aws.userdata import Limits

NEVER_HEARD_S = 1800.0
GRACE_S = 120.0
_LEAST_S = 120.0
_DAY_S = 86400.0


@dataclass(frozen=True)
class Until:
    """When instances end in any case: Unix time by AWS's clock, and what that comes from."""

    at: float
    why: str


def until_of(
    settings: Settings, rentals: Iterable[Rental], now: float, spent_usd: float = 0.0
) -> Until:
    """Return when instances have to end; those that are not launched yet are launched now.

    Parameters
    ----------
    spent_usd : float
        What others have cost, which there are no more.
    """
    rentals = list(rentals)
    left_usd = None if settings.max_cost is None else settings.max_cost - spent_usd
    by_cost = deadline(rentals, now, left_usd, settings.max_age_s)
    by_age = deadline(rentals, now, None, settings.max_age_s)
    if by_cost < by_age:
        return Until(by_cost, f"max_cost of {show_usd(settings.max_cost)} is used up")
    return Until(by_age, f"it is older than {settings.max_age_s / _DAY_S:.3g} days (max_age)")


def limits_of(
    cluster: str,
    until: Until,
    orphan_after_s: float,
    launched_at: float,
    *,
    is_spot: bool,
) -> Limits:
    """Return what the watchdog of one instance keeps.

    Parameters
    ----------
    launched_at : float
        Unix time by AWS's clock; the watchdog's own clock may be wrong, its stopwatch is not.
    """
    return Limits(
        cluster=cluster,
        deadline_at=until.at,
        life_s=max(0.0, until.at - launched_at),
        why=until.why,
        orphan_after_s=orphan_after_s,
        never_s=NEVER_HEARD_S,
        grace_s=GRACE_S,
        is_spot=is_spot,
    )


def planned(rental: Rental, plan: Plan, pool: str) -> Rental:
    """Return a rental that is about to begin, at the dearest price that it may get."""
    wish = plan.pool(pool)
    prices = [plan.prices.dearest(wish, kind) for kind in wish.kinds]
    known = [price for price in prices if price is not None]
    dearest = max(known) if len(known) == len(prices) else None
    return replace(rental, kind=wish.kinds[0], dearest_usd_per_h=dearest, launched_at=0.0)


def require_prices(settings: Settings, plan: Plan) -> None:
    """Refuse to launch what has a limit of cost and no price.

    Raises
    ------
    AwsError
        Which price is not known, and why.
    """
    if settings.max_cost is None:
        return
    for pool in settings.pools:
        for kind in pool.kinds:
            if plan.prices.dearest(pool, kind) is None:
                why = plan.prices.of(pool, kind, is_spot=False).source
                raise AwsError(
                    f"the price of {kind}",
                    f"it is not known ({why}), so max_cost could not be kept",
                    "Say it in the pool (usd_per_h = 1.23), or leave max_cost out.",
                )


def require_known(settings: Settings, rentals: Iterable[Rental]) -> None:
    """Refuse a limit of cost for instances whose price is not known.

    Raises
    ------
    AwsError
        Which price is not known.
    """
    for rental in rentals:
        is_unknown = rental.dearest_usd_per_h is None and not rental.is_over
        if settings.max_cost is not None and is_unknown:
            raise AwsError(
                f"the price of {rental.kind}", "it is not known, so max_cost could not be kept"
            )


def require_time(until: Until, now: float) -> None:
    """Refuse to launch what would have to end at once.

    Raises
    ------
    AwsError
        Which limit it is.
    """
    if until.at < now + _LEAST_S:
        raise AwsError("the launch", until.why, "Raise that limit, or end the cluster.")
