"""What the bench's instances promise: they are machines, and live and end as the API says."""

import json
import socket
import subprocess
import threading
import urllib.request

import paramiko
import psutil
import pytest

from awsclient import (
    UBUNTU,
    group_of,
    image_of,
    launch,
    log_in,
    output,
    permission,
    refusal,
    user_data,
)
from sshlab import make_key
from waiting import eventually

IMDS = """
import sys, urllib.request as u
def ask(path, method="GET", **headers):
    headers = {f"X-aws-ec2-metadata-{k.replace('_', '-')}": v for k, v in headers.items()}
    request = u.Request("http://169.254.169.254/latest/" + path, method=method, headers=headers)
    try:
        with u.urlopen(request, timeout=5) as answer:
            return answer.read().decode()
    except u.HTTPError as error:
        return str(error.code)
"""


# ---------------------------------------------------------------- machines


def test_a_machine_takes_its_user_data(aws, image, tmp_path):
    key = make_key(tmp_path / "host")
    public = (tmp_path / "host.pub").read_text()
    script = "#!/bin/sh\nid -u >/var/lib/ours/who\necho done\n"
    data = user_data(
        ssh_keys={"ed25519_private": key.read_text(), "ed25519_public": public},
        ssh_deletekeys=True,
        write_files=[{"path": "/var/lib/ours/begin", "permissions": "0700", "content": script}],
        runcmd=[["sh", "/var/lib/ours/begin"]],
    )
    [instance] = launch(aws, image, UserData=data)
    instance.wait_for_ssh()
    for address in (instance.address, instance.public_address):
        connection = log_in(aws, instance, address, host_key=public)
        assert output(connection, "whoami; pwd") == "ec2-user\n/home/ec2-user\n"
    finished = instance.machine.path("/var/lib/cloud/instance/boot-finished")
    assert eventually(finished.exists, 20)
    assert instance.read("/var/lib/ours/who") == "0\n"
    assert instance.read("/var/log/cloud-init-output.log") == "done\n"
    assert instance.run("stat", "-c", "%a", "/var/lib/ours/begin") == "700\n"
    with pytest.raises(paramiko.AuthenticationException):
        log_in(aws, instance, user="root")


def test_images_have_their_users(aws):
    [instance] = launch(aws, image_of(aws, UBUNTU))
    instance.wait_for_ssh()
    assert output(log_in(aws, instance), "whoami") == "ubuntu\n"


def test_a_stranger_has_another_host_key(aws, image, tmp_path):
    key = make_key(tmp_path / "host")
    public = (tmp_path / "host.pub").read_text()
    ssh_keys = {"ed25519_private": key.read_text(), "ed25519_public": public}
    aws.boot("stranger")
    [instance] = launch(aws, image, UserData=user_data(ssh_keys=ssh_keys))
    instance.wait_for_ssh()
    with pytest.raises(paramiko.BadHostKeyException):
        log_in(aws, instance, host_key=public)


def state_of(ec2, instance):
    found = ec2.describe_instances(InstanceIds=[instance.id])
    return found["Reservations"][0]["Instances"][0]


def test_a_machine_ends_when_terminated(aws, ec2, image):
    first, second = launch(aws, image, 2)
    for instance in (first, second):
        instance.wait_for_ssh()
    answer = ec2.terminate_instances(InstanceIds=[first.id])
    assert answer["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"
    first.wait_until("terminated")
    assert first.machine.process.poll() is not None
    assert state_of(ec2, first)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    ec2.terminate_instances(InstanceIds=[first.id])  # that is no error
    assert state_of(ec2, first)["State"]["Name"] == "terminated"
    assert state_of(ec2, second)["State"]["Name"] == "running"
    assert list(aws.machines) == [second.id]


@pytest.mark.parametrize("command", ["shutdown -h now", "/usr/sbin/shutdown -h now", "poweroff"])
def test_a_machine_that_shuts_down_is_terminated(aws, ec2, image, command):
    data = user_data(runcmd=[f"while [ ! -e /var/lib/go ]; do sleep 0.1; done; {command}"])
    [instance] = launch(aws, image, UserData=data, InstanceInitiatedShutdownBehavior="terminate")
    instance.wait_for_ssh()
    instance.machine.path("/var/lib/go").touch()
    instance.wait_until("terminated")
    assert state_of(ec2, instance)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_without_the_wish_to_terminate_it_is_only_stopped(aws, ec2, image):
    [instance] = launch(aws, image, UserData=user_data(runcmd=["poweroff"]))
    instance.wait_until("stopped")
    assert refusal(ec2.start_instances, InstanceIds=[instance.id]) == "UnsupportedOperation"
    ec2.terminate_instances(InstanceIds=[instance.id])
    instance.wait_until("terminated")


def test_a_machine_without_power_counts_as_running(aws, ec2, image):
    [instance] = launch(aws, image)
    instance.wait_for_ssh()
    instance.crash()
    assert state_of(ec2, instance)["State"]["Name"] == "running"
    with aws.inside(), pytest.raises(TimeoutError):
        socket.create_connection((instance.address, 22), 0.5)
    ec2.terminate_instances(InstanceIds=[instance.id])
    instance.wait_until("terminated")


def test_machines_that_do_not_start(aws, ec2, image):
    aws.boot("dies", "silent", "well")
    dead, silent, well = launch(aws, image, 3)
    dead.wait_until("terminated")
    assert state_of(ec2, dead)["StateReason"]["Code"] == "Server.InternalError"
    well.wait_for_ssh()
    assert state_of(ec2, silent)["State"]["Name"] == "running"
    with aws.inside(), pytest.raises(TimeoutError):
        socket.create_connection((silent.address, 22), 0.5)


def test_a_cable_can_be_pulled(aws, image):
    [instance] = launch(aws, image)
    instance.wait_for_ssh()
    instance.cut()
    assert not instance.machine._answers()
    instance.mend()
    instance.wait_for_ssh()


def test_groups_decide_who_is_heard(aws, ec2, image):
    group = group_of(aws, opened=False)
    first, second = launch(aws, image, 2, SecurityGroupIds=[group])
    for instance in (first, second):
        assert eventually(lambda: "listening" in instance.machine.log(), 20)  # noqa: B023
    assert not first.machine._answers()
    rules = permission(aws.network.client_address)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    first.wait_for_ssh()

    among = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ask = f"read -n 3 </dev/tcp/{second.address}/22 && echo $REPLY"
    call = ["timeout", "1", "bash", "-c", ask]
    with pytest.raises(AssertionError):
        first.run(*call)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=among)
    assert first.run(*call) == "SSH\n"

    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)
    assert not first.machine._answers()


def test_a_client_that_moves_is_a_stranger(aws, ec2, image):
    group = group_of(aws)
    [instance] = launch(aws, image, SecurityGroupIds=[group])
    instance.wait_for_ssh()
    aws.move()
    assert not instance.machine._answers()
    rules = permission(aws.network.client_address)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    for address in (instance.address, instance.public_address):
        log_in(aws, instance, address).close()


def test_addresses(aws, image):
    nic = {"DeviceIndex": 0, "AssociatePublicIpAddress": False}
    public = launch(aws, image)
    private = launch(aws, image, KeyName="tests", NetworkInterfaces=[nic], SecurityGroupIds=[])
    assert public[0].public_address
    assert not private[0].public_address


# ---------------------------------------------------------------- the metadata service


def ask(instance, source):
    return instance.run("python3", "-c", IMDS + source).strip()


def test_metadata_with_tokens_only(aws, image):
    [instance] = launch(aws, image)
    instance.wait_for_ssh()
    token = "token = ask('api/token', 'PUT', token_ttl_seconds='60')\n"
    assert ask(instance, "print(ask('meta-data/instance-id'))") == "401"
    assert ask(instance, "print(ask('meta-data/instance-id', token='made up'))") == "401"
    assert ask(instance, "print(ask('api/token', 'PUT'))") == "400"
    assert ask(instance, "print(ask('api/token', 'PUT', token_ttl_seconds='99999'))") == "400"
    for path, value in {
        "meta-data/instance-id": instance.id,
        "meta-data/placement/region": "us-east-1",
        "meta-data/placement/": "availability-zone\nregion",
        "meta-data/public-ipv4": instance.public_address,
        "meta-data/spot/instance-action": "404",
    }.items():
        assert ask(instance, f"{token}print(ask({path!r}, token=token))") == value


def test_spot_instances(aws, ec2, image):
    [instance] = launch(aws, image, InstanceMarketOptions={"MarketType": "spot"})
    known = state_of(ec2, instance)
    assert known["InstanceLifecycle"] == "spot"
    assert known["SpotInstanceRequestId"].startswith("sir-")
    instance.wait_for_ssh()
    instance.interrupt()
    source = "t = ask('api/token', 'PUT', token_ttl_seconds='60')\n"
    source += "print(ask('meta-data/spot/instance-action', token=t))"
    assert json.loads(ask(instance, source))["action"] == "terminate"
    instance.reclaim()
    instance.wait_until("terminated")
    assert state_of(ec2, instance)["StateReason"]["Code"] == "Server.SpotInstanceTermination"


# ---------------------------------------------------------------- the client, and the end


def test_a_laptop_finds_the_bench_and_its_machines(aws, image, tmp_path):
    laptop = aws.laptop(tmp_path, tmp_path / "home")
    try:
        laptop.run("import boto3; ec2 = boto3.client('ec2')")
        source = f"""
        answer = ec2.run_instances(
            ImageId={image!r}, InstanceType="t3.micro", MinCount=1, MaxCount=1
        )
        groups = [group["GroupId"] for group in answer["Instances"][0]["SecurityGroups"]]
        rules = {permission(aws.network.client_address)!r}
        answer = ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=rules)
        """
        laptop.run(source)
        [instance] = aws.instances
        instance.wait_for_ssh()
        laptop.run(f"import socket; sock = socket.create_connection(({instance.address!r}, 22), 5)")
        assert laptop.run("print(sock.recv(4)); sock.close()") == "b'SSH-'\n"
        assert aws.calls[-1].access_key == "AKIALAB"
    finally:
        laptop.close()


def test_a_laptop_can_die_between_call_and_answer(aws, image, tmp_path):
    laptop = aws.laptop(tmp_path, tmp_path / "home")
    try:
        aws.after("RunInstances", laptop.kill)
        laptop.begin(f"""
        import boto3
        boto3.client("ec2").run_instances(
            ImageId={image!r}, InstanceType="t3.micro", MinCount=1, MaxCount=1
        )
        """)
        assert eventually(lambda: laptop.process.poll() is not None, 60)
        assert len(aws.instances) == 1
    finally:
        laptop.close()


def test_it_tells_from_where_one_calls(aws):
    with aws.inside(), urllib.request.urlopen(aws.endpoint, timeout=5) as answer:
        assert answer.read().decode().strip() == aws.network.client_address


def test_nothing_is_left_of_a_test(aws, image):
    def spaces():
        listed = subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True)
        return set(listed.stdout.split())

    before, threads = spaces(), threading.active_count()
    instances = launch(aws, image, 3)
    instances[0].wait_for_ssh()
    processes = [psutil.Process(i.machine.process.pid) for i in instances if i.machine.process]
    processes += [child for one in processes for child in one.children(recursive=True)]
    aws.reset()
    assert spaces() == before
    assert eventually(lambda: not any(process.is_running() for process in processes), 5)
    assert eventually(lambda: threading.active_count() <= threads, 5)
    assert aws.client().describe_instances()["Reservations"] == []
    assert aws.client().describe_key_pairs()["KeyPairs"] == []
