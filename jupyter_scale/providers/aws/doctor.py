"""An account examined before a cluster starts there: nothing is launched or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from jupyter_scale.errors import AwsError
from jupyter_scale.model.checkup import Check, CheckStatus
from jupyter_scale.model.cost import show_usd
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.kinds import Kind, look_up_images, look_up_kinds
from jupyter_scale.providers.aws.network import own_network
from jupyter_scale.providers.aws.options import PoolWish, Settings
from jupyter_scale.providers.aws.prices import look_up_prices
from jupyter_scale.providers.aws.refusals import quota_of, quota_page

_OK, _WARNING, _FAILED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.FAILED


def examine(settings: Settings, cache: Path | None = None) -> Iterator[Check]:
    """Examine credentials, offers, images, prices, quotas, and the way in."""
    cloud, region = Cloud(settings.region, settings.aws_profile), settings.region
    try:
        kinds = look_up_kinds(cloud, settings.kinds)
        yield Check(region, "credentials", _OK, "AWS takes them")
        for kind in kinds.values():
            yield Check(region, "instances", _OK, _describe(kind))
        images = look_up_images(cloud, settings.pools, kinds, settings.ssh_user)
        shown = ", ".join(sorted({f"{one.id} ({one.user})" for one in images.values()}))
        yield Check(region, "images", _OK, shown)
        prices = look_up_prices(cloud, settings, cache)
        for pool in settings.pools:
            price = prices.of(pool, pool.kinds[0], is_spot=pool.is_spot)
            found = f"{pool.kinds[0]}: {show_usd(price.usd_per_h)} an hour ({price.source})"
            is_known = price.usd_per_h is not None
            advice = "" if is_known else "Say it in the pool: usd_per_h = 1.23."
            yield Check(region, "price", _OK if is_known else _WARNING, found, advice)
    except AwsError as error:
        yield Check(region, error.what, _FAILED, error.why, error.next_step)
        return
    yield from _quotas(cloud, settings, kinds)
    yield _way_in(settings)


def _describe(kind: Kind) -> str:
    gpus = f", {len(kind.gpus)} x {kind.gpus[0]}" if kind.gpus else ""
    size = f"{kind.cores} vCPUs, {kind.memory_bytes / 2**30:.0f} GiB{gpus}"
    return f"{kind.name}: {size}, in {', '.join(kind.zones)}"


def _quotas(cloud: Cloud, settings: Settings, kinds: Mapping[str, Kind]) -> Iterator[Check]:
    needed: dict[tuple[str, str], int] = {}
    for pool in settings.pools:
        quota = quota_of(pool.kinds[0], is_spot=pool.is_spot)
        needed[quota] = needed.get(quota, 0) + _cores(pool, kinds)
    for (name, code), cores in needed.items():
        try:
            answer = cloud.call(
                "service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode=code
            )
        except AwsError as error:
            found = f"'{name}' could not be asked for: {error.why}"
            yield Check(settings.region, "quota", _WARNING, found, error.next_step)
            continue
        limit = float(answer["Quota"]["Value"])
        found = f"'{name}' allows {limit:.0f} vCPUs in all, and this cluster needs {cores}"
        advice = f"{quota_page(settings.region, code)} raises it."
        is_enough = cores <= limit
        yield Check(
            settings.region,
            "quota",
            _OK if is_enough else _FAILED,
            found,
            "" if is_enough else advice,
        )


def _cores(pool: PoolWish, kinds: Mapping[str, Kind]) -> int:
    return pool.count * kinds[pool.kinds[0]].cores


def _way_in(settings: Settings) -> Check:
    if settings.security_group_id:
        found = f"{settings.security_group_id} decides who may log in"
        return Check(settings.region, "network", _OK, found)
    try:
        network = settings.ssh_from or own_network()
    except AwsError as error:
        return Check(settings.region, "network", _FAILED, error.why, error.next_step)
    return Check(settings.region, "network", _OK, f"{network} may log in, and nobody else")
