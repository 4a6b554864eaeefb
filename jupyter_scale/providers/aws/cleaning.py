"""What is ours in the account and no cluster knows of: found by tag in all regions used, ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_scale.errors import AwsError
from jupyter_scale.providers.aws import journal as journals
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.ending import Remains, end_all
from jupyter_scale.providers.aws.instances import LIVE, look_up
from jupyter_scale.providers.aws.journal import Place
from jupyter_scale.providers.aws.naming import CLUSTER, LAPTOP, NAME, tags_of


@dataclass(frozen=True)
class Forgotten:
    """What is left of one cluster in one region.

    Parameters
    ----------
    cluster, name : str
        Its id, and its profile's name.
    place : Place
        Where.
    resources : tuple of str
        Ids of instances and groups, and names of key pairs.
    """

    cluster: str
    name: str
    place: Place
    resources: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = ", ".join(self.resources)
        return f"{self.name} ({self.cluster}) in {self.place.region}: {what}"


def find(root: Path, known: Collection[str]) -> Iterator[Forgotten | AwsError]:
    """Yield what this machine has made and forgotten, and where that could not be asked.

    Parameters
    ----------
    root : Path
        Where the directories of all clusters are.
    known : collection of str
        Ids of clusters that are not forgotten.
    """
    if not journals.was_used(root):
        return
    used = journals.used(root)
    for place in used.places:
        try:
            found = _find_there(place, used.laptop)
        except AwsError as error:
            yield error
            continue
        yield from (one for one in found.values() if one.cluster not in known)


def end(forgotten: Forgotten) -> None:
    """End what was forgotten; gone is success.

    Raises
    ------
    AwsError
        When AWS refuses.
    """
    place = forgotten.place
    end_all(Cloud(place.region, place.aws_profile), Remains(forgotten.cluster))


def _find_there(place: Place, laptop: str) -> Mapping[str, Forgotten]:
    cloud = Cloud(place.region, place.aws_profile)
    found: dict[str, Forgotten] = {}

    def note(resource: str, tags: Mapping[str, str]) -> None:
        cluster = tags.get(CLUSTER, "")
        known = found.get(cluster) or Forgotten(cluster, tags.get(NAME, "?"), place)
        found[cluster] = replace(known, resources=(*known.resources, resource))

    for instance in look_up(cloud, LAPTOP, laptop, LIVE):
        note(instance.id, {CLUSTER: instance.cluster, NAME: instance.name})
    ours: list[dict[str, Any]] = [{"Name": f"tag:{LAPTOP}", "Values": [laptop]}]
    for group in cloud.call("ec2", "describe_security_groups", Filters=ours)["SecurityGroups"]:
        note(group["GroupId"], tags_of(group))
    for key in cloud.call("ec2", "describe_key_pairs", Filters=ours)["KeyPairs"]:
        note(key["KeyName"], tags_of(key))
    return found
