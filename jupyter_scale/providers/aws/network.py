"""Who may reach a cluster's instances: its key pair, its security group, and from where."""

from __future__ import annotations

import ipaddress
import os
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_scale.errors import AwsError
from jupyter_scale.providers.aws import journal as journals
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.journal import Journal
from jupyter_scale.providers.aws.keys import login_public_key
from jupyter_scale.providers.aws.options import Settings

ADDRESS_URL = "JUPYTER_SCALE_ADDRESS_URL"
"""The variable that names another page which answers with the address that it is asked from."""

_ADDRESS_PAGE = "https://checkip.amazonaws.com/"
_ADDRESS_S = 10.0


@dataclass(frozen=True)
class Doorway:
    """What of the network belongs to one cluster.

    Parameters
    ----------
    cloud : Cloud
        Where.
    settings : Settings
        What its profile says.
    directory : Path
        Its directory, where the journal is.
    name : str
        Of key pair and group.
    tags : sequence of mapping
        Of both.
    """

    cloud: Cloud
    settings: Settings
    directory: Path
    name: str
    tags: Sequence[Mapping[str, str]]

    def make(self, journal: Journal) -> Journal:
        """Have key pair, group and rules; return the journal with what they are.

        Raises
        ------
        AwsError
            When AWS refuses; what was made is in the journal.
        """
        self._import_key()
        if not journal.is_own_group:
            return journal
        let_in = self.settings.ssh_from or own_network()
        group = journal.group_id or self._make_group()
        journal = replace(journal, group_id=group, let_in=let_in)
        journals.save(self.directory, journal)
        self._allow(group, [self._ssh_rule(let_in), _among(group)])
        return journal

    def follow(self, journal: Journal) -> Journal:
        """Let this machine in from where it is now, and nobody any more from where it was.

        Raises
        ------
        AwsError
            When that cannot be found out, or AWS refuses.
        """
        if not journal.is_own_group or not journal.group_id or self.settings.ssh_from:
            return journal
        let_in = own_network()
        if let_in == journal.let_in:
            return journal
        self._allow(journal.group_id, [self._ssh_rule(let_in)])
        try:
            self.cloud.call(
                "ec2",
                "revoke_security_group_ingress",
                GroupId=journal.group_id,
                IpPermissions=[self._ssh_rule(journal.let_in)],
            )
        except AwsError as error:
            if error.code != "InvalidPermission.NotFound":
                raise
        journal = replace(journal, let_in=let_in)
        journals.save(self.directory, journal)
        return journal

    def _import_key(self) -> None:
        try:
            self.cloud.call(
                "ec2",
                "import_key_pair",
                KeyName=self.name,
                PublicKeyMaterial=login_public_key(self.directory).encode(),
                TagSpecifications=[{"ResourceType": "key-pair", "Tags": list(self.tags)}],
            )
        except AwsError as error:
            if error.code != "InvalidKeyPair.Duplicate":  # by an earlier start of this cluster
                raise

    def _make_group(self) -> str:
        network: dict[str, Any] = {}
        if self.settings.subnet_id:
            subnets = self.cloud.call(
                "ec2", "describe_subnets", SubnetIds=[self.settings.subnet_id]
            )["Subnets"]
            network = {"VpcId": subnets[0]["VpcId"]}
        try:
            answer = self.cloud.call(
                "ec2",
                "create_security_group",
                GroupName=self.name,
                Description="SSH from the notebook; everything between the nodes",
                TagSpecifications=[{"ResourceType": "security-group", "Tags": list(self.tags)}],
                **network,
            )
            return str(answer["GroupId"])
        except AwsError as error:
            if error.code != "InvalidGroup.Duplicate":
                raise
        [group] = self.cloud.call(
            "ec2",
            "describe_security_groups",
            Filters=[{"Name": "group-name", "Values": [self.name]}],
        )["SecurityGroups"]
        return str(group["GroupId"])

    def _allow(self, group: str, rules: Sequence[Mapping[str, Any]]) -> None:
        try:
            self.cloud.call(
                "ec2",
                "authorize_security_group_ingress",
                GroupId=group,
                IpPermissions=list(rules),
            )
        except AwsError as error:
            if error.code != "InvalidPermission.Duplicate":
                raise
            if len(rules) > 1:  # one is there already: then none of them was added
                for rule in rules:
                    self._allow(group, [rule])

    def _ssh_rule(self, network: str) -> Mapping[str, Any]:
        port = self.settings.ssh_port
        rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        if ipaddress.ip_network(network).version == 4:  # noqa: PLR2004 - of IP
            return {**rule, "IpRanges": [{"CidrIp": network}]}
        return {**rule, "Ipv6Ranges": [{"CidrIpv6": network}]}


def _among(group: str) -> Mapping[str, Any]:
    return {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}


def own_network() -> str:
    """Return the network that is this machine alone, as AWS sees it.

    Raises
    ------
    AwsError
        When that cannot be found out.
    """
    page = os.environ.get(ADDRESS_URL, _ADDRESS_PAGE)
    what = "the address of this machine"
    try:
        with urllib.request.urlopen(page, timeout=_ADDRESS_S) as answer:  # noqa: S310 - the user's own
            text = answer.read(100).decode("ascii", "replace").strip()
        return str(ipaddress.ip_network(text))
    except (OSError, ValueError) as error:
        raise AwsError(
            what,
            f"it cannot be found out from {page} ({error})",
            'Say in the profile from where SSH comes: ssh_from = "NETWORK", such as'
            ' "203.0.113.7/32".',
        ) from error
