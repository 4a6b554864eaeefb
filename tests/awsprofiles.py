"""Profiles of provider "aws" for tests, what instances are told, and what is left of clusters."""

import json
import sys

LIMITS = "/var/lib/jupyter-scale/limits.json"


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


def write_credentials(path, key="AKIALAB"):
    """Write credentials as `aws configure` and programs for single sign-on do; return the path."""
    lines = ["[default]", f"aws_access_key_id = {key}", "aws_secret_access_key = secret"]
    path.write_text("\n".join(lines))
    return path


def without_keys(path):
    """Return the environment variables by which boto3 takes credentials from a file alone."""
    return {
        "AWS_SHARED_CREDENTIALS_FILE": str(path),
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }


def _lines(table):
    return [f"{key} = {_toml(value)}" for key, value in table.items()]


def _toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def told(instance):
    """Return the limits that an instance has."""
    return json.loads(instance.read(LIMITS))


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
