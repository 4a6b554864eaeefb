"""What a test does with Amazon as a user of boto3 would: images, groups, launches, logging in."""

import json

import paramiko
import pytest
from botocore.exceptions import ClientError

from awscloudinit import HEADER

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"


def image_of(aws, name):
    return aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]


def user_data(**config):
    return HEADER + json.dumps(config)


def permission(address):
    ranges = [{"CidrIp": f"{address}/32"}]
    return [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges}]


def group_of(aws, *, opened=True):
    """Make a security group, which lets the lab's client in to the port of SSH."""
    ec2 = aws.client()
    group = ec2.create_security_group(GroupName="tests", Description="tests")["GroupId"]
    if opened:
        rules = permission(aws.network.client_address)
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    return group


def launch(aws, image, count=1, **options):
    """Run instances that let the lab's key in; return them."""
    ec2 = aws.client()
    known = len(aws.instances)
    if "KeyName" not in options:
        public = (aws.directory / "id_ed25519.pub").read_bytes()
        ec2.import_key_pair(KeyName="tests", PublicKeyMaterial=public)
        options["KeyName"] = "tests"
    if "SecurityGroupIds" not in options:
        options["SecurityGroupIds"] = [group_of(aws)]
    ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=count, **options)
    return aws.instances[known:]


def log_in(aws, instance, address="", host_key="", user=""):
    """Return a connection whose host key is pinned."""
    address = address or instance.address
    line = host_key or (instance.machine.directory / "host_ed25519.pub").read_text()
    client = paramiko.SSHClient()
    kind, key = line.split()[:2]
    pinned = paramiko.hostkeys.HostKeyEntry.from_line(f"{address} {kind} {key}")
    client.get_host_keys().add(address, kind, pinned.key)
    try:
        with aws.inside():
            client.connect(
                address,
                username=user or instance.user,
                key_filename=str(aws.key),
                look_for_keys=False,
                allow_agent=False,
                timeout=5,
            )
    except BaseException:
        client.close()
        raise
    return client


def output(connection, command):
    with connection:
        return connection.exec_command(command)[1].read().decode()


def refusal(function, *arguments, **options):
    with pytest.raises(ClientError) as caught:
        function(*arguments, **options)
    return caught.value.response["Error"]["Code"]


def run(ec2, image, **options):
    given = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    return ec2.run_instances(**{**given, **options})["Instances"]
