"""Instances asked for: what is tried in which order, and one RunInstances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_scale.errors import AwsError, NoCapacity, QuotaReached
from jupyter_scale.providers.aws.journal import Launch
from jupyter_scale.providers.aws.kinds import Image, Kind
from jupyter_scale.providers.aws.naming import LAUNCH
from jupyter_scale.providers.aws.options import PoolWish, Settings
from jupyter_scale.providers.aws.prices import Prices


@dataclass(frozen=True)
class Offer:
    """One thing to try: a type of instances, spot or on demand, in a zone or in any."""

    kind: str
    is_spot: bool
    zone: str = ""

    def __str__(self) -> str:
        how = "spot" if self.is_spot else "on demand"
        return f"{self.kind} {how}" + (f" in {self.zone}" if self.zone else "")


@dataclass(frozen=True)
class Plan:
    """All that launches need to know, found out once for a cluster.

    Parameters
    ----------
    settings : Settings
        What the profile says.
    kinds : mapping
        ``type → what is known of it``.
    images : mapping
        ``(pool, type) → image``.
    prices : Prices
        Of all types.
    """

    settings: Settings
    kinds: Mapping[str, Kind]
    images: Mapping[tuple[str, str], Image]
    prices: Prices

    def pool(self, name: str) -> PoolWish:
        """Return what a pool asks for."""
        return next(pool for pool in self.settings.pools if pool.name == name)


def offers(pool: PoolWish, kinds: Mapping[str, Kind]) -> Iterator[Offer]:
    """Yield what is tried for a pool, in order: spot before on demand, any zone before each. Pure.

    A type that cannot run the image of the first one's kind of processor is tried all the same: it
    has an image of its own.
    """
    ways = [True] if pool.is_spot else []
    ways += [False] if pool.may_be_on_demand else []
    for is_spot in ways:
        for kind in pool.kinds:
            yield Offer(kind, is_spot)
            if pool.may_be_elsewhere:
                yield from (Offer(kind, is_spot, zone) for zone in kinds[kind].zones)


@dataclass(frozen=True)
class Terms:
    """What all instances of one launch have in common, besides their type and their image.

    Parameters
    ----------
    least : int
        So many instances, or none.
    key, group : str
        Name of the key pair, id of the security group.
    user_data : str
        What they are told at their start.
    tags : sequence of mapping
        As EC2 takes them.
    """

    least: int
    key: str
    group: str
    user_data: str
    tags: Sequence[Mapping[str, str]]


def run_parameters(
    launch: Launch, image: Image, settings: Settings, terms: Terms
) -> dict[str, Any]:
    """Return the parameters of one RunInstances. Pure."""
    all_tags = [*terms.tags, {"Key": LAUNCH, "Value": launch.token}]
    tagged = ["instance", "volume", "network-interface"]
    if launch.is_spot:
        tagged.append("spot-instances-request")
    volume = {
        "VolumeSize": image.disk_gb,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    parameters: dict[str, Any] = {
        "ImageId": image.id,
        "InstanceType": launch.kind,
        "MinCount": terms.least,
        "MaxCount": len(launch.nodes),
        "ClientToken": launch.token,
        "KeyName": terms.key,
        "UserData": terms.user_data,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": 1,
        },
        "BlockDeviceMappings": [{"DeviceName": image.root_device, "Ebs": volume}],
        "TagSpecifications": [{"ResourceType": one, "Tags": all_tags} for one in tagged],
    }
    if settings.subnet_id or not settings.is_public:
        interface: dict[str, Any] = {
            "DeviceIndex": 0,
            "AssociatePublicIpAddress": settings.is_public,
            "Groups": [terms.group],
            "DeleteOnTermination": True,
        }
        if settings.subnet_id:
            interface["SubnetId"] = settings.subnet_id
        parameters["NetworkInterfaces"] = [interface]
    else:
        parameters["SecurityGroupIds"] = [terms.group]
    if launch.zone:
        parameters["Placement"] = {"AvailabilityZone": launch.zone}
    if launch.is_spot:
        parameters["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {
                "SpotInstanceType": "one-time",
                "InstanceInterruptionBehavior": "terminate",
            },
        }
    return parameters


def is_worth_another_try(error: AwsError) -> bool:
    """Tell whether another offer may be taken where this one was refused. Pure."""
    return isinstance(error, (NoCapacity, QuotaReached))


def why_none(pool: PoolWish, count: int, tried: Sequence[tuple[Offer, AwsError]]) -> AwsError:
    """Return the error for when no offer was taken: what was tried, and what else is. Pure.

    Parameters
    ----------
    count : int
        How many instances were asked for.
    """
    last = tried[-1][1]
    quotas = [error for _, error in tried if isinstance(error, QuotaReached)]
    if quotas and len(tried) == len(quotas):
        return quotas[0]
    lines = "; ".join(f"{offer}: {error.why}" for offer, error in tried)
    many = f"{count} instance{'s' * (count != 1)}"
    advice = []
    if not pool.may_be_elsewhere:
        advice.append('"zones"')
    if pool.is_spot and not pool.may_be_on_demand:
        advice.append('"on-demand"')
    further = f"fallback = [{', '.join(advice)}]" if advice else "other types in fallback"
    return NoCapacity(
        f"pool {pool.name}",
        f"AWS has no capacity for {many} just now ({lines})",
        f"Try again later, ask for fewer, or let the profile take something else: {further}."
        + (f" {quotas[0].next_step}" if quotas else ""),
        last.code,
    )
