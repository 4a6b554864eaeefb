"""What the bench promises to tests with Amazon: an API that refuses, and machines that obey it."""

import json
import socket
import subprocess
import threading
import time
import urllib.request

import paramiko
import psutil
import pytest
from botocore.exceptions import ClientError

from awscloudinit import HEADER
from awstables import FAKE_USD_PER_H, fake_spot_price
from sshlab import make_key
from waiting import eventually

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
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


@pytest.fixture
def ec2(aws):
    return aws.client()


@pytest.fixture
def image(aws):
    return image_of(aws, AL2023)


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
    with aws.inside():
        client.connect(
            address,
            username=user or instance.user,
            key_filename=str(aws.key),
            look_for_keys=False,
            allow_agent=False,
            timeout=5,
        )
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


# ---------------------------------------------------------------- the API


def test_a_token_is_one_launch(aws, ec2, image):
    first = run(ec2, image, ClientToken="a", MaxCount=2)
    again = run(ec2, image, ClientToken="a", MaxCount=2)
    assert [one["InstanceId"] for one in first] == [one["InstanceId"] for one in again]
    assert len(aws.instances) == 2
    code = refusal(run, ec2, image, ClientToken="a", InstanceType="t3.small", MaxCount=2)
    assert code == "IdempotentParameterMismatch"
    assert run(ec2, image, ClientToken="b")[0]["InstanceId"] not in [
        one["InstanceId"] for one in first
    ]
    found = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["a"]}])
    assert len(found["Reservations"]) == 1


def test_a_lost_answer_is_no_second_launch(aws, image):
    aws.fail("RunInstances", "ServiceUnavailable", after=True)
    run(aws.client(attempts=3), image, ClientToken="a")
    assert aws.count("RunInstances") == 2
    assert len(aws.instances) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "t3.monster"}, "InvalidInstanceType"),
        ({"InstanceType": "t4g.medium"}, "InvalidParameterValue"),  # another architecture
        ({"KeyName": "nobody's"}, "InvalidKeyPair.NotFound"),
        ({"SecurityGroupIds": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
        ({"UserData": HEADER + json.dumps({"runcmd": ["x" * 20000]})}, "InvalidParameterValue"),
        ({"UserData": "echo hello"}, "InvalidParameterValue"),
        ({"UserData": user_data(run_cmd=["true"])}, "InvalidParameterValue"),
        ({"InstanceType": "g5.xlarge", "MaxCount": 3}, "VcpuLimitExceeded"),
        (
            {"InstanceType": "p4d.24xlarge", "InstanceMarketOptions": {"MarketType": "spot"}},
            "MaxSpotInstanceCountExceeded",
        ),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_refused_launches(aws, ec2, image, options, code):
    assert refusal(run, ec2, image, **options) == code
    assert aws.instances == []


def test_quotas_count_what_lives(aws, ec2, image):
    aws.quotas["L-1216C47A"] = 2.0  # vCPUs: one t3.micro
    one = run(ec2, image)[0]["InstanceId"]
    assert refusal(run, ec2, image) == "VcpuLimitExceeded"
    ec2.terminate_instances(InstanceIds=[one])
    assert len(run(ec2, image)) == 1


def test_a_group_in_use_stays(aws, ec2, image):
    [instance] = launch(aws, image)
    group = ec2.describe_security_groups(GroupNames=["tests"])["SecurityGroups"][0]["GroupId"]
    assert refusal(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[instance.id])
    instance.wait_until("terminated")
    ec2.delete_security_group(GroupId=group)


def test_calls_are_written_down(aws, image):
    aws.client(region="eu-west-1", access_key="AKIAOTHER").describe_instances()
    call = aws.calls[-1]
    assert (call.name, call.region) == ("ec2:DescribeInstances", "eu-west-1")
    assert call.access_key == "AKIAOTHER"
    assert aws.calls[0].name == "ssm:GetParameter"
    assert aws.calls[0].parameters["Name"] == AL2023
    aws.reset()
    assert aws.calls == []


def test_regions_are_apart(aws, ec2, image):
    run(ec2, image)
    assert aws.client(region="eu-west-1").describe_instances()["Reservations"] == []
    assert refusal(run, aws.client(region="eu-west-1"), image) == "InvalidAMIID.NotFound"


def test_credentials(aws):
    aws.accept_only("AKIALAB")
    assert refusal(aws.client(access_key="AKIANO").describe_regions) == "AuthFailure"
    sts, ssm = aws.client("sts"), aws.client("ssm")
    assert sts.get_caller_identity()["Account"]
    aws.expire()
    assert refusal(sts.get_caller_identity) == "ExpiredToken"
    assert refusal(ssm.get_parameter, Name=AL2023) == "ExpiredTokenException"
    assert refusal(aws.client().describe_regions) == "RequestExpired"


# ---------------------------------------------------------------- disturbances


def test_faults_are_counted_out(aws, ec2):
    aws.fail("DescribeRegions", "InternalError", "one of those days", times=2)
    for _ in range(2):
        with pytest.raises(ClientError, match="one of those days"):
            ec2.describe_regions()
    assert ec2.describe_regions()["Regions"]
    aws.throttle("DescribeRegions", times=2)
    assert aws.client(attempts=3).describe_regions()["Regions"]
    assert aws.count("DescribeRegions") == 6


def test_faults_of_one_kind_of_call(aws, ec2, image):
    full = {"times": None, "zone": "us-east-1a"}
    aws.fail("RunInstances", "InsufficientInstanceCapacity", **full)
    aws.fail("RunInstances", "InsufficientInstanceCapacity", times=None, spot=True)
    in_a = {"Placement": {"AvailabilityZone": "us-east-1a"}}
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    subnets = ec2.describe_subnets(
        Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}]
    )
    subnet = {"SubnetId": subnets["Subnets"][0]["SubnetId"]}
    for options in (in_a, spot, subnet):
        assert refusal(run, ec2, image, **options) == "InsufficientInstanceCapacity"
    assert run(ec2, image)[0]["Placement"]["AvailabilityZone"] == "us-east-1b"


def test_denied_actions(aws, ec2, image):
    aws.deny("RunInstances")
    assert refusal(run, ec2, image) == "UnauthorizedOperation"
    aws.deny("ssm:GetParameter")
    assert refusal(image_of, aws, AL2023) == "AccessDeniedException"
    assert ec2.describe_regions()["Regions"]


def test_calls_that_take_time(aws, ec2):
    aws.delay("DescribeRegions", 0.3)
    began = time.monotonic()
    ec2.describe_regions()
    assert time.monotonic() - began >= 0.3


def test_moments_before_and_after_calls(aws, ec2, image):
    seen = []
    aws.before("RunInstances", lambda: seen.append(len(aws.instances)), n=2)
    aws.after("RunInstances", lambda: seen.append(len(aws.instances)), n=2)
    for _ in range(3):
        run(ec2, image)
    assert seen == [1, 2]


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
    [instance] = launch(aws, image, UserData=data)
    instance.wait_for_ssh()
    instance.machine.path("/var/lib/go").touch()
    instance.wait_until("terminated")
    assert state_of(ec2, instance)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


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


# ---------------------------------------------------------------- tables


def test_prices(aws):
    pricing = aws.client("pricing")
    filters = {
        "instanceType": "g5.xlarge",
        "regionCode": "us-east-1",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "preInstalledSw": "NA",
    }
    wanted = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in filters.items()]
    [found] = pricing.get_products(ServiceCode="AmazonEC2", Filters=wanted)["PriceList"]
    [term] = json.loads(found)["terms"]["OnDemand"].values()
    [dimension] = term["priceDimensions"].values()
    assert float(dimension["pricePerUnit"]["USD"]) == FAKE_USD_PER_H["g5.xlarge"]
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonEC2", Filters=wanted[:2], PaginationConfig={"PageSize": 3}
    )
    assert sum(len(page["PriceList"]) for page in pages) == 8


def test_spot_prices(aws, ec2):
    history = ec2.describe_spot_price_history(
        InstanceTypes=["g5.xlarge"], ProductDescriptions=["Linux/UNIX"]
    )["SpotPriceHistory"]
    prices = {one["AvailabilityZone"]: float(one["SpotPrice"]) for one in history}
    assert prices["us-east-1a"] == fake_spot_price("g5.xlarge", "us-east-1a")
    assert len(set(prices.values())) > 1


def test_quotas(aws):
    quotas = aws.client("service-quotas")
    aws.quotas["L-DB2E81BA"] = 4.0
    found = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-DB2E81BA")["Quota"]
    assert (found["Value"], found["Adjustable"]) == (4.0, True)
    assert len(quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]) == 6
    unknown = refusal(quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-0")
    assert unknown == "NoSuchResourceException"


@pytest.mark.parametrize(
    "name",
    [
        AL2023,
        UBUNTU,
        "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-al2023/latest/ami-id",
    ],
)
def test_images(aws, ec2, name):
    [found] = ec2.describe_images(ImageIds=[image_of(aws, name)])["Images"]
    assert found["Architecture"] == "x86_64"
    assert refusal(image_of, aws, f"{name}-not") == "ParameterNotFound"


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
