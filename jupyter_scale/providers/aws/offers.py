"""Types of instances to choose from: the usual ones that a region offers, with their prices.

There are hundreds, and asking for the price of each would take minutes: any other can be named in a
profile, and `quote` tells its price.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jupyter_scale.model.offer import Offer
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.kinds import Kind, look_up_kinds
from jupyter_scale.providers.aws.options import Settings, settings_of
from jupyter_scale.providers.aws.prices import Prices, look_up_prices

USUAL = (
    "t3.medium", "t3.xlarge", "m7i.xlarge", "m7i.4xlarge", "m5.xlarge", "m5.4xlarge",
    "c7i.2xlarge", "c7i.8xlarge", "c5.4xlarge", "r7i.2xlarge", "r5.4xlarge",
    "g4dn.xlarge", "g4dn.12xlarge", "g5.xlarge", "g5.12xlarge", "g6.xlarge", "g6.12xlarge",
    "g6e.xlarge", "p3.2xlarge", "p4d.24xlarge", "p5.48xlarge",
)  # fmt: skip


def look_up_offers(cloud: Cloud, cache: Path | None) -> tuple[Offer, ...]:
    """Return the usual types that a region offers, those with GPUs last.

    Parameters
    ----------
    cache : Path, optional
        A directory in which prices are kept for a day.

    Raises
    ------
    AwsError
        When AWS cannot be asked.
    """
    names = _offered(cloud)
    if not names:
        return ()
    kinds = look_up_kinds(cloud, names)
    # A price list that cannot be asked for one type cannot be for the others: it is asked once.
    first = look_up_prices(cloud, _settings(cloud, names[:1]), cache)
    is_told = first.on_demand[names[0]].usd_per_h is not None
    prices = look_up_prices(cloud, _settings(cloud, names), cache) if is_told else None
    offers = [_offer(kinds[name], prices or first, names[0]) for name in names]
    return tuple(sorted(offers, key=lambda offer: len(offer.gpus)))


def _offered(cloud: Cloud) -> list[str]:
    wanted = [{"Name": "instance-type", "Values": list(USUAL)}]
    pages = cloud.pages(
        "ec2", "describe_instance_type_offerings", LocationType="region", Filters=wanted
    )
    offered = {offer["InstanceType"] for page in pages for offer in page["InstanceTypeOfferings"]}
    return [name for name in USUAL if name in offered]


def _settings(cloud: Cloud, names: Sequence[str]) -> Settings:
    """Return a wish for one spot instance of each type, to ask for both of its prices."""
    pools = (Pool(name, options={"instance_type": name, "spot": True}) for name in names)
    options = {"region": cloud.region, "aws_profile": cloud.aws_profile}
    return settings_of(Profile("offers", "aws", tuple(pools), options=options))


def _offer(kind: Kind, prices: Prices, told: str) -> Offer:
    """Return an offer; one whose price was not asked for has the reason of the one that was."""
    price = prices.on_demand.get(kind.name)
    spot = prices.spot.get(kind.name)
    return Offer(
        name=kind.name,
        cores=kind.cores,
        memory_bytes=kind.memory_bytes,
        gpus=kind.gpus,
        usd_per_h=None if price is None else price.usd_per_h,
        spot_usd_per_h=None if spot is None else spot.usd_per_h,
        source=(price or prices.on_demand[told]).source,
    )
