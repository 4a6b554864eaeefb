"""The end of a cluster's resources: all of them, for certain, in whatever state they were left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from jupyter_scale.errors import AwsError
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.instances import LIVE, look_up, terminate
from jupyter_scale.providers.aws.naming import CLUSTER, resource_name
from jupyter_scale.providers.aws.refusals import is_gone

ENDING_S = 900.0
_PAUSES_S = (0.5, 1.0, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class Remains:
    """What may be left of a cluster.

    Parameters
    ----------
    cluster : str
        Its id.
    has_own_group : bool
        Whether its security group is its own. As long as there is an instance that uses it, AWS
        does not let go of it: so its end proves that there is none, also of those that AWS does not
        tell of yet.
    settles_at : float
        Unix time until which AWS may not yet tell of an instance that was asked for.
    """

    cluster: str
    has_own_group: bool = True
    settles_at: float = 0.0


def end_all(cloud: Cloud, remains: Remains, tell: Callable[[str], None] | None = None) -> None:
    """End instances, then group and key pair, and return when there are none; gone is success.

    Raises
    ------
    AwsError
        When AWS refuses, or something does not end in time.
    """
    deadline, trial = time.monotonic() + ENDING_S, 0
    while True:
        left = look_up(cloud, CLUSTER, remains.cluster, LIVE)
        if fresh := [one.id for one in left if one.state != "shutting-down"]:
            terminate(cloud, fresh)
        if tell is not None and left:
            tell(f"waiting until {len(left)} instance{'s' * (len(left) != 1)} have ended")
        is_settled = not left and time.time() >= remains.settles_at
        if is_settled and (not remains.has_own_group or _delete_group(cloud, remains.cluster)):
            break
        if time.monotonic() > deadline:
            what = ", ".join(one.id for one in left) or f"group {resource_name(remains.cluster)}"
            raise AwsError(
                what,
                f"it has not ended within {ENDING_S / 60:.0f} min",
                "It does not cost anything once it is shutting down; `jupyter scale clean` goes on"
                " with it.",
            )
        time.sleep(_PAUSES_S[min(trial, len(_PAUSES_S) - 1)])
        trial += 1
    # Last, because nothing hangs on it.
    cloud.call("ec2", "delete_key_pair", KeyName=resource_name(remains.cluster))


def _delete_group(cloud: Cloud, cluster: str) -> bool:
    """Delete a cluster's group; tell whether there is none any more."""
    groups = cloud.call(
        "ec2",
        "describe_security_groups",
        Filters=[{"Name": f"tag:{CLUSTER}", "Values": [cluster]}],
    )["SecurityGroups"]
    for group in groups:
        try:
            cloud.call("ec2", "delete_security_group", GroupId=group["GroupId"])
        except AwsError as error:
            if error.code == "DependencyViolation":
                return False
            if not is_gone(error):
                raise
    return True
