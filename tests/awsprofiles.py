"""Profiles of provider "aws" for tests, and what is left of their clusters."""

import sys


def write_profile(folder, *pools, name="train", python=sys.executable, **options):
    """Write a profile; pools are tables, whose nodes take the Python of this one."""
    options = {"region": "us-east-1", "provider": "aws", **options}
    lines = [f"[clusters.{name}]", *_lines(options)]
    for pool in pools or ({},):
        table = {"name": "cpu", "instance_type": "t3.medium", "workers": 1, **pool}
        if python:
            table.setdefault("python", python)
        lines += [f"[[clusters.{name}.pools]]", *_lines(table)]
    folder.mkdir(exist_ok=True)
    (folder / "scale.toml").write_text("\n".join(lines))


def _lines(table):
    return [f"{key} = {_toml(value)}" for key, value in table.items()]


def _toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def left(aws):
    """Return what the account has that ends only when somebody ends it."""
    found = {}
    for region in ("us-east-1", "us-west-2"):
        ec2 = aws.client(region=region, access_key="AKIAAUDITOR")
        groups = ec2.describe_security_groups()["SecurityGroups"]
        found[region] = {
            "instances": [
                one["InstanceId"]
                for reservation in ec2.describe_instances()["Reservations"]
                for one in reservation["Instances"]
                if one["State"]["Name"] not in ("terminated", "shutting-down")
            ],
            "groups": [g["GroupName"] for g in groups if g["GroupName"] != "default"],
            "keys": [key["KeyName"] for key in ec2.describe_key_pairs()["KeyPairs"]],
        }
    return {
        region: {kind: ones for kind, ones in kinds.items() if ones}
        for region, kinds in found.items()
        if any(kinds.values())
    }
