"""Instances as AWS describes them: all of a cluster by one call, found by its tag."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.naming import CLUSTER, LAUNCH, NAME, tags_of

LIVE = ("pending", "running", "stopping", "stopped", "shutting-down")
_AT_ONCE = 500
_PAGE = 1000
_TAKEN_AWAY = ("Server.",)


@dataclass(frozen=True)
class Instance:
    """One instance at a moment.

    Parameters
    ----------
    id : str
        What AWS calls it.
    state : str
        ``"pending"``, ``"running"``, ``"shutting-down"``, ``"terminated"``, ...
    token, index : str, int
        The launch that it comes from, and which one of it.
    kind, zone : str
        Its type, and where it stands.
    public, private : str
        Its addresses; empty while it has none.
    launched_at : float
        Unix time by AWS's clock.
    is_spot : bool
        Whether it is a spot instance.
    why : str
        Why it has ended, as AWS says it.
    cluster, name : str
        Whose it is: the cluster's id, and its profile's name.
    """

    id: str
    state: str
    token: str
    index: int
    kind: str
    zone: str
    public: str
    private: str
    launched_at: float
    is_spot: bool
    why: str
    cluster: str
    name: str

    @property
    def is_ending(self) -> bool:
        """Whether it has ended, or does."""
        return self.state not in ("pending", "running")

    @property
    def was_taken_away(self) -> bool:
        """Whether AWS has ended it, and neither its user nor itself."""
        return self.is_ending and self.why.startswith(_TAKEN_AWAY)

    def address(self, *, is_public: bool) -> str:
        """Return where it is reached, empty while that is not known."""
        return self.public if is_public else self.private


def instance_of(described: Mapping[str, Any]) -> Instance:
    """Return an instance from what EC2 says of it. Pure."""
    tags = tags_of(described)
    reason = described.get("StateReason", {})
    said = str(described.get("StateTransitionReason") or "")
    why = str(reason.get("Message") or said)
    if said.startswith(("Server.", "Client.")) and not why.startswith(("Server.", "Client.")):
        why = said
    launched = described.get("LaunchTime")
    return Instance(
        id=described["InstanceId"],
        state=described.get("State", {}).get("Name", "pending"),
        token=tags.get(LAUNCH, ""),
        index=int(described.get("AmiLaunchIndex", 0)),
        kind=described.get("InstanceType", ""),
        zone=described.get("Placement", {}).get("AvailabilityZone", ""),
        public=str(described.get("PublicIpAddress") or ""),
        private=str(described.get("PrivateIpAddress") or ""),
        launched_at=launched.timestamp() if launched is not None else 0.0,
        is_spot=described.get("InstanceLifecycle") == "spot",
        why=why,
        cluster=tags.get(CLUSTER, ""),
        name=tags.get(NAME, ""),
    )


def look_up(cloud: Cloud, tag: str, value: str, states: Collection[str] = ()) -> list[Instance]:
    """Return all instances that have a tag, in one call for a thousand.

    Parameters
    ----------
    states : collection of str
        Only those in such a state; in any when empty.
    """
    wanted = [{"Name": f"tag:{tag}", "Values": [value]}]
    if states:
        wanted.append({"Name": "instance-state-name", "Values": list(states)})
    pages = cloud.pages("ec2", "describe_instances", Filters=wanted, MaxResults=_PAGE)
    return [
        instance_of(one)
        for page in pages
        for reservation in page["Reservations"]
        for one in reservation["Instances"]
    ]


def tag(cloud: Cloud, ids: Sequence[str], tags: Mapping[str, str]) -> None:
    """Put tags on instances, or other values on those that they have."""
    values = [{"Key": key, "Value": value} for key, value in tags.items()]
    for first in range(0, len(ids), _AT_ONCE):
        some = list(ids[first : first + _AT_ONCE])
        cloud.call("ec2", "create_tags", Resources=some, Tags=values)


def terminate(cloud: Cloud, ids: Sequence[str]) -> None:
    """Have instances ended."""
    for first in range(0, len(ids), _AT_ONCE):
        cloud.call("ec2", "terminate_instances", InstanceIds=list(ids[first : first + _AT_ONCE]))
