"""What a profile of provider ``aws`` may say, and what that means. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from jupyter_scale.errors import ProfileError
from jupyter_scale.model.cost import MAX_AGE_S
from jupyter_scale.model.profile import Option, Pool, Profile, Value

_NAME = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
_BOOT_S = 300.0
_FALLBACKS = ("on-demand", "zones")
_PORT = Option("integer", "a port from 1 to 65535", minimum=1, maximum=65535)

CLUSTER_OPTIONS: Mapping[str, Option] = {
    "region": Option("text", 'a region such as "us-east-1"', required=True),
    "aws_profile": Option("text", "a profile of ~/.aws/config"),
    "max_cost": Option("number", "an amount in USD above 0", minimum=0.01),
    "max_age": Option("duration", 'a duration of at least 1 m such as "7d"', minimum=60),
    "address": Option("text", '"public" or "private"'),
    "ssh_port": _PORT,
    "ssh_user": Option("text", 'who logs in, such as "ubuntu"'),
    "ssh_from": Option("text", 'a network that may log in, such as "203.0.113.7/32"'),
    "ssh_config": Option("text", "the path of a file as ~/.ssh/config, for the jump host"),
    "jump": Option("text", "a jump host: a name of ssh_config, or [user@]host[:port]"),
    "subnet_id": Option("text", "the id of a subnet"),
    "security_group_id": Option("text", "the id of a security group, to use instead of our own"),
    "ami": Option("text", 'the id of an image, or "amazon-linux" or "ubuntu"'),
    "disk_gb": Option("integer", "a size in GB from 8 to 16384", minimum=8, maximum=16384),
    "scheduler_port": _PORT,
    "boot_timeout": Option("duration", 'a duration of at least 10 s such as "5m"', minimum=10),
}
POOL_OPTIONS: Mapping[str, Option] = {
    "instance_type": Option("text", 'a type of instances such as "g5.xlarge"', required=True),
    "spot": Option("flag", "true or false"),
    "fallback": Option(
        "texts", 'a list of what is tried next: "on-demand", "zones", or types of instances'
    ),
    "usd_per_h": Option("number", "the price of one instance in USD an hour", minimum=0.0),
    "ami": Option("text", 'the id of an image, or "amazon-linux" or "ubuntu"'),
    "disk_gb": Option("integer", "a size in GB from 8 to 16384", minimum=8, maximum=16384),
    "python": Option("text", "the path of a Python there that has all packages"),
    "worker_preload": Option("texts", "a list of modules that workers import at their start"),
}


@dataclass(frozen=True)
class PoolWish:
    """What a pool asks of AWS.

    Parameters
    ----------
    name : str
        The pool's.
    count, minimum : int
        How many instances, and from how many on they are of use.
    kinds : tuple of str
        Types of instances, the preferred first.
    is_spot : bool
        Whether spot instances are asked for first.
    may_be_on_demand : bool
        Whether on-demand ones will do.
    may_be_elsewhere : bool
        Whether other zones are tried one by one.
    usd_per_h : float, optional
        The price that the profile says.
    ami : str
        An image's id, ``"amazon-linux"`` or ``"ubuntu"``; empty for what suits the type.
    disk_gb : int
        The size of the volume; 0 for what suits the image.
    """

    name: str
    count: int
    minimum: int
    kinds: tuple[str, ...]
    is_spot: bool
    may_be_on_demand: bool
    may_be_elsewhere: bool
    usd_per_h: float | None
    ami: str
    disk_gb: int


@dataclass(frozen=True)
class Settings:
    """What a cluster asks of AWS; texts that are not set are empty."""

    region: str
    aws_profile: str
    max_cost: float | None
    max_age_s: float
    is_public: bool
    ssh_port: int
    ssh_user: str
    ssh_from: str
    ssh_config: str
    jump: str
    subnet_id: str
    security_group_id: str
    boot_timeout_s: float
    pools: tuple[PoolWish, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """All types of instances that may be asked for, each once."""
        return tuple(dict.fromkeys(kind for pool in self.pools for kind in pool.kinds))


def settings_of(profile: Profile) -> Settings:
    """Return what a profile says.

    Raises
    ------
    ProfileError
        When one thing contradicts another.
    """
    options = profile.options
    settings = Settings(
        region=_text(options, "region"),
        aws_profile=_text(options, "aws_profile"),
        max_cost=_number(options, "max_cost"),
        max_age_s=_number(options, "max_age") or MAX_AGE_S,
        is_public=_text(options, "address") != "private",
        ssh_port=int(_number(options, "ssh_port") or 22),
        ssh_user=_text(options, "ssh_user"),
        ssh_from=_text(options, "ssh_from"),
        ssh_config=_text(options, "ssh_config"),
        jump=_text(options, "jump"),
        subnet_id=_text(options, "subnet_id"),
        security_group_id=_text(options, "security_group_id"),
        boot_timeout_s=_number(options, "boot_timeout") or _BOOT_S,
        pools=tuple(_wish(pool, options) for pool in profile.pools),
    )
    for complaint in _complaints(settings, _text(options, "address")):
        raise ProfileError(complaint)
    return settings


def _wish(pool: Pool, common: Mapping[str, Value]) -> PoolWish:
    options = {**common, **pool.options}
    kind = _text(options, "instance_type")
    further = cast("tuple[str, ...]", options.get("fallback", ()))
    kinds = [kind, *(one for one in further if one not in _FALLBACKS)]
    for one in kinds:
        if not _NAME.fullmatch(one):
            raise ProfileError(
                f"pool {pool.name!r}: {one!r} is no type of instances; expected one such as"
                ' "g5.xlarge"' + (', "on-demand" or "zones".' if one in further else "."),
                key="fallback" if one in further else "instance_type",
            )
    is_spot = bool(options.get("spot", False))
    return PoolWish(
        name=pool.name,
        count=pool.count,
        minimum=pool.count if pool.min is None else pool.min,
        kinds=tuple(dict.fromkeys(kinds)),
        is_spot=is_spot,
        may_be_on_demand=not is_spot or "on-demand" in further,
        may_be_elsewhere="zones" in further,
        usd_per_h=_number(options, "usd_per_h"),
        ami=_text(options, "ami"),
        disk_gb=int(_number(options, "disk_gb") or 0),
    )


def _complaints(settings: Settings, address: str) -> Iterator[str]:
    if address not in ("", "public", "private"):
        yield f'address = {address!r}: expected "public" or "private".'
    if settings.ssh_from:
        try:
            ipaddress.ip_network(settings.ssh_from)
        except ValueError as error:
            yield f"ssh_from: {error}; expected a network such as '203.0.113.7/32'."
    elif (not settings.is_public or settings.jump) and not settings.security_group_id:
        yield (
            "with private addresses or a jump host it cannot be found out from where SSH comes:"
            ' say ssh_from = "NETWORK", such as "10.0.0.0/16", or name a security_group_id.'
        )
    if settings.subnet_id and any(pool.may_be_elsewhere for pool in settings.pools):
        yield 'fallback = ["zones"] needs subnets of several zones: leave subnet_id out.'


def _text(options: Mapping[str, Value], key: str) -> str:
    return str(options.get(key, ""))


def _number(options: Mapping[str, Value], key: str) -> float | None:
    value = options.get(key)
    return None if value is None else float(cast("float", value))
