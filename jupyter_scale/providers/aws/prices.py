"""What instances cost: the price list, the history of spot prices. What is not known is None."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_scale.errors import AwsError, NoCredentials
from jupyter_scale.model.cost import Quote, QuotedPool
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.naming import show_time
from jupyter_scale.providers.aws.options import PoolWish, Settings

_FRESH_S = 86400.0
_CACHE = "aws-prices.json"
_LINUX = "Linux/UNIX"


@dataclass(frozen=True)
class Price:
    """What one instance costs.

    Parameters
    ----------
    usd_per_h : float, optional
        None when it is not known.
    source : str
        Where that comes from, and of which day it is; why it is not known.
    """

    usd_per_h: float | None
    source: str


@dataclass(frozen=True)
class Prices:
    """All that a cluster has to know: ``type → price``, on demand and as spot instances."""

    on_demand: Mapping[str, Price]
    spot: Mapping[str, Price]

    def of(self, pool: PoolWish, kind: str, *, is_spot: bool) -> Price:
        """Return what one instance of a pool costs."""
        if pool.usd_per_h is not None and kind == pool.kinds[0]:
            return Price(pool.usd_per_h, "as the profile says")
        return (self.spot if is_spot else self.on_demand)[kind]

    def dearest(self, pool: PoolWish, kind: str) -> float | None:
        """Return what one instance costs at most: a spot one no more than one on demand."""
        return self.of(pool, kind, is_spot=False).usd_per_h


def look_up_prices(cloud: Cloud, settings: Settings, cache: Path | None) -> Prices:
    """Return the prices of all types that a cluster may have; of a failing API, that they are not.

    Parameters
    ----------
    cache : Path, optional
        A directory in which prices on demand are kept for a day.

    Raises
    ------
    NoCredentials
        Nothing else could be asked of AWS either.
    """
    kept = _Kept(None if cache is None else cache / _CACHE)
    on_demand = {}
    for kind in settings.kinds:
        known = kept.get(settings.region, kind)
        if known is None:
            known = _on_demand(cloud, kind)
            if known.usd_per_h is not None:
                kept.put(settings.region, kind, known)
        on_demand[kind] = known
    wanted = [kind for pool in settings.pools if pool.is_spot for kind in pool.kinds]
    return Prices(on_demand, _spot(cloud, sorted(set(wanted))) if wanted else {})


def _on_demand(cloud: Cloud, kind: str) -> Price:
    wanted = {
        "instanceType": kind,
        "regionCode": cloud.region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in wanted.items()]
    try:
        answer = cloud.call("pricing", "get_products", ServiceCode="AmazonEC2", Filters=filters)
    except NoCredentials:
        raise
    except AwsError as error:
        return Price(None, f"the price list cannot be asked: {error.why}")
    return read_products(answer.get("PriceList", ()), kind)


def read_products(products: Sequence[str | Mapping[str, Any]], kind: str) -> Price:
    """Return the price that a price list has: the only one, else it is not known. Pure."""
    found: set[tuple[float, str]] = set()
    for product in products:
        entry = json.loads(product) if isinstance(product, str) else product
        for term in entry.get("terms", {}).get("OnDemand", {}).values():
            for dimension in term.get("priceDimensions", {}).values():
                amount = dimension.get("pricePerUnit", {}).get("USD")
                if dimension.get("unit") == "Hrs" and amount is not None and float(amount) > 0:
                    found.add((float(amount), str(entry.get("publicationDate", ""))[:10]))
    amounts = {amount for amount, _ in found}
    if len(amounts) != 1:
        return Price(None, f"the price list has {len(amounts) or 'no'} prices of {kind}")
    [amount] = amounts
    day = max(day for _, day in found)
    return Price(amount, f"AWS price list of {day}" if day else "AWS price list")


def _spot(cloud: Cloud, kinds: Sequence[str]) -> Mapping[str, Price]:
    try:
        answer = cloud.call(
            "ec2",
            "describe_spot_price_history",
            InstanceTypes=list(kinds),
            ProductDescriptions=[_LINUX],
            StartTime=datetime.now(UTC) - timedelta(hours=1),
        )
    except NoCredentials:
        raise
    except AwsError as error:
        return dict.fromkeys(kinds, Price(None, f"spot prices cannot be asked: {error.why}"))
    return {kind: read_spot(answer["SpotPriceHistory"], kind) for kind in kinds}


def read_spot(history: Sequence[Mapping[str, Any]], kind: str) -> Price:
    """Return the spot price of a type now, that of its dearest zone. Pure."""
    latest: dict[str, Mapping[str, Any]] = {}
    for one in history:
        if one["InstanceType"] == kind:
            zone = one["AvailabilityZone"]
            if zone not in latest or one["Timestamp"] > latest[zone]["Timestamp"]:
                latest[zone] = one
    if not latest:
        return Price(None, f"there is no spot price of {kind}")
    amount = max(float(one["SpotPrice"]) for one in latest.values())
    return Price(amount, f"spot price of {show_time(time.time())[:16].replace('T', ' ')} UTC")


class _Kept:
    """Prices on the disk, each for a day."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        if path is not None:
            with contextlib.suppress(OSError, ValueError):
                self._known = json.loads(path.read_text())

    def get(self, region: str, kind: str) -> Price | None:
        known = self._known.get(f"{region}/{kind}")
        try:
            if known is None or time.time() - known["at"] > _FRESH_S:
                return None
            return Price(float(known["usd_per_h"]), str(known["source"]))
        except (KeyError, TypeError, ValueError):
            return None

    def put(self, region: str, kind: str, price: Price) -> None:
        self._known[f"{region}/{kind}"] = {**asdict(price), "at": time.time()}
        if self._path is None:
            return
        draft = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_text(json.dumps(self._known))
            draft.replace(self._path)
        except OSError:
            return  # it is asked for again


def quote_of(settings: Settings, prices: Prices) -> Quote:
    """Return what a cluster would cost. Pure."""
    pools = []
    for pool in settings.pools:
        price = prices.of(pool, pool.kinds[0], is_spot=pool.is_spot)
        dearest = [prices.dearest(pool, kind) for kind in pool.kinds]
        known = [one for one in dearest if one is not None]
        pools.append(
            QuotedPool(
                pool=pool.name,
                kind=pool.kinds[0],
                count=pool.count,
                is_spot=pool.is_spot,
                usd_per_h=price.usd_per_h,
                dearest_usd_per_h=max(known) if len(known) == len(dearest) else None,
                source=price.source,
            )
        )
    notes = ["Volumes, public addresses and traffic come on top of the instances."]
    if all(pool.is_spot for pool in settings.pools):
        notes.append(
            "All pools are spot: when AWS takes the node with the scheduler away, the cluster and"
            " what it holds are gone. A small pool on demand would have it."
        )
    return Quote(
        place=settings.region,
        pools=tuple(pools),
        max_cost_usd=settings.max_cost,
        max_age_s=settings.max_age_s,
        notes=tuple(notes),
    )
