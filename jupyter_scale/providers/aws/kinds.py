"""Types of instances, the zones that have them, and the images that suit them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_scale.errors import AwsError
from jupyter_scale.model.cluster import Machine
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.options import PoolWish
from jupyter_scale.providers.aws.refusals import Asked

_SIZES = ("nano", "micro", "small", "medium", "large", "xlarge")
_METAL = 15
_NEAREST = 4
_USUAL_GB = 64
_GPU_GB = 100
_AMAZON = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{arch}"
_UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{arch}/hvm/ebs-gp3/ami-id"
_GPU = "/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
_DEBIAN_NAMES = {"x86_64": "amd64", "arm64": "arm64"}
_USERS = (("ubuntu", "ubuntu"), ("debian", "admin"), ("fedora", "fedora"), ("rocky", "rocky"))


@dataclass(frozen=True)
class Kind:
    """A type of instances.

    Parameters
    ----------
    name : str
        What AWS calls it.
    arch : str
        ``"x86_64"`` or ``"arm64"``.
    cores, memory_bytes : int
        What one has.
    gpus : tuple of str
        Names of its GPUs.
    zones : tuple of str
        Where it is offered.
    """

    name: str
    arch: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    zones: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    """An image to start from: its id, its root device, its size, and who logs in there."""

    id: str
    root_device: str
    disk_gb: int
    user: str


def look_up_kinds(cloud: Cloud, names: Sequence[str]) -> Mapping[str, Kind]:
    """Return what is known of types of instances, in two calls.

    Raises
    ------
    AwsError
        When the region does not offer one: the nearest that it does.
    """
    zones: dict[str, set[str]] = {}
    wanted = [{"Name": "instance-type", "Values": list(names)}]
    for page in cloud.pages(
        "ec2",
        "describe_instance_type_offerings",
        LocationType="availability-zone",
        Filters=wanted,
    ):
        for offer in page["InstanceTypeOfferings"]:
            zones.setdefault(offer["InstanceType"], set()).add(offer["Location"])
    if missing := [name for name in names if name not in zones]:
        raise _not_offered(cloud, missing[0])
    answer = cloud.call("ec2", "describe_instance_types", InstanceTypes=list(names))
    return {
        one["InstanceType"]: _kind(one, zones[one["InstanceType"]])
        for one in answer["InstanceTypes"]
    }


def _kind(described: Mapping[str, Any], zones: Collection[str]) -> Kind:
    archs = described.get("ProcessorInfo", {}).get("SupportedArchitectures", ["x86_64"])
    gpus = described.get("GpuInfo", {}).get("Gpus", ())
    return Kind(
        name=described["InstanceType"],
        arch="arm64" if "arm64" in archs else "x86_64",
        cores=int(described.get("VCpuInfo", {}).get("DefaultVCpus", 0)),
        memory_bytes=int(described.get("MemoryInfo", {}).get("SizeInMiB", 0)) << 20,
        gpus=tuple(f"{gpu.get('Name', 'GPU')}" for gpu in gpus for _ in range(gpu["Count"])),
        zones=tuple(sorted(zones)),
    )


def _not_offered(cloud: Cloud, name: str) -> AwsError:
    offered = {
        offer["InstanceType"]
        for page in cloud.pages("ec2", "describe_instance_type_offerings", LocationType="region")
        for offer in page["InstanceTypeOfferings"]
    }
    near = ", ".join(nearest(name, offered)) or "none like it"
    return AwsError(
        f"instance type {name}",
        f"{cloud.region} does not offer it",
        f"The nearest there: {near}. Name one of them in the profile, or another region.",
        "InvalidInstanceType",
    )


def nearest(name: str, offered: Iterable[str]) -> list[str]:
    """Return the types that are most like one: its family in other sizes, then its like. Pure."""
    family, _, size = name.partition(".")
    letters = re.match(r"[a-z]*", family)
    stem = letters[0] if letters else family

    def distance(other: str) -> tuple[int, int, float, str]:
        its_family, _, its_size = other.partition(".")
        its_stem = re.match(r"[a-z]*", its_family)
        kin = 0 if its_family == family else 1 if its_stem and its_stem[0] == stem else 2
        apart = abs(_rank(its_size) - _rank(size))
        return kin, apart, -difflib.SequenceMatcher(None, its_family, family).ratio(), other

    return sorted({*offered} - {name}, key=distance)[:_NEAREST]


def _rank(size: str) -> int:
    """Return how large a size is: each step doubles it."""
    if size in _SIZES:
        return _SIZES.index(size)
    times = re.match(r"(\d+)xlarge", size)
    if times:
        return len(_SIZES) - 1 + int(times[1]).bit_length()
    return _METAL if size.startswith("metal") else _SIZES.index("large")


def why_no_gpu(kind: Kind, machine: Machine) -> str:
    """Return why the GPUs of a type cannot be used on a machine, empty when they can. Pure."""
    if not kind.gpus or machine.gpus or not machine.directory:
        return ""
    return (
        f"the GPUs of its type ({len(kind.gpus)} x {kind.gpus[0]}): its image has no NVIDIA driver,"
        " which `nvidia-smi` would show. Leave `ami` out: then it gets an image that has it"
    )


def parameter_of(ami: str, kind: Kind) -> str:
    """Return the public parameter that names a type's image; empty for an image's id. Pure."""
    match ami:
        case "" if kind.gpus:
            return _GPU.format(arch=kind.arch)
        case "" | "amazon-linux":
            return _AMAZON.format(arch=kind.arch)
        case "ubuntu":
            return _UBUNTU.format(arch=_DEBIAN_NAMES[kind.arch])
        case _:
            return ""


def look_up_images(
    cloud: Cloud, pools: Sequence[PoolWish], kinds: Mapping[str, Kind], user: str
) -> Mapping[tuple[str, str], Image]:
    """Return ``(pool, type) → image``, in two calls.

    Parameters
    ----------
    user : str
        Who logs in, if the profile says so.

    Raises
    ------
    AwsError
        When there is no such image.
    """
    names: dict[tuple[str, str], str] = {}
    ids: dict[tuple[str, str], str] = {}
    for pool in pools:
        for kind in pool.kinds:
            if parameter := parameter_of(pool.ami, kinds[kind]):
                names[pool.name, kind] = parameter
            else:
                ids[pool.name, kind] = pool.ami
    if names:
        known = _parameters(cloud, sorted(set(names.values())))
        ids |= {place: known[name] for place, name in names.items()}
    asked = Asked(
        "DescribeImages", cloud.region, what=f"image {', '.join(sorted(set(ids.values())))}"
    )
    answer = cloud.call("ec2", "describe_images", asked, ImageIds=sorted(set(ids.values())))
    images = {image["ImageId"]: image for image in answer["Images"]}
    found = {}
    for (pool_name, kind), ami in ids.items():
        if ami not in images:
            raise AwsError(
                f"image {ami}",
                f"there is none in {cloud.region}",
                "Images belong to one region: name another in the profile (ami), or none.",
                "InvalidAMIID.NotFound",
            )
        wish = next(pool for pool in pools if pool.name == pool_name)
        hint = names.get((pool_name, kind), "")
        found[pool_name, kind] = _image(images[ami], kinds[kind], wish.disk_gb, user, hint)
    return found


def _parameters(cloud: Cloud, names: Sequence[str]) -> Mapping[str, str]:
    asked = Asked("GetParameters", cloud.region, what="the latest images")
    answer = cloud.call("ssm", "get_parameters", asked, Names=list(names))
    known = {one["Name"]: str(one["Value"]) for one in answer["Parameters"]}
    if missing := [name for name in names if name not in known]:
        raise AwsError(
            f"image {missing[0]}",
            f"{cloud.region} has no such public parameter",
            "Name an image in the profile (ami).",
            "ParameterNotFound",
        )
    return known


def _image(described: Mapping[str, Any], kind: Kind, wished_gb: int, user: str, hint: str) -> Image:
    device = described.get("RootDeviceName") or "/dev/xvda"
    volumes = [
        mapping.get("Ebs", {}).get("VolumeSize", 0)
        for mapping in described.get("BlockDeviceMappings", ())
        if mapping.get("DeviceName") == device
    ]
    least = max([8, *map(int, volumes)])
    usual = _GPU_GB if kind.gpus else _USUAL_GB
    name = f"{hint} {described.get('Name', '')}".lower()
    guessed = next((who for word, who in _USERS if word in name), "ec2-user")
    return Image(
        id=described["ImageId"],
        root_device=device,
        disk_gb=max(least, wished_gb or usual),
        user=user or guessed,
    )
