"""From a profile to instances, cells on them, and nothing left."""

import pytest

from awsprofiles import left, write_profile


@pytest.fixture
def laptop(tmp_path, ec2_laptop):
    write_profile(tmp_path / "notebooks", {"count": 2}, max_cost=5.0)
    return ec2_laptop()


def test_the_price_is_told_before(aws, laptop):
    said = laptop.run("%scale up train --dry-run")
    assert "train: nothing is started" in said
    assert "2 x t3.medium, pool cpu: 0.0416 USD an hour each (AWS price list of 2026-11-20)" in said
    assert "together 0.0832 USD an hour, in us-east-1" in said
    assert "max_cost of 5.00 USD allows 60.1 h" in said
    assert aws.instances == []
    assert left(aws) == {}


def test_the_whole_way(aws, laptop):
    said = laptop.run("%scale up train")
    assert "The cluster 'train' is up: 2 workers." in said
    laptop.run("%%scale\nimport socket\nwhere = socket.gethostname()")
    assert laptop.run("print(where)").strip() in aws.machines
    laptop.run(
        "import time, socket\ndef there(i):\n    time.sleep(0.05)\n    return socket.gethostname()"
    )
    laptop.run("%%scale\nhosts = [there(i) for i in range(40)]")
    assert laptop.run("print(len(set(hosts)))") == "2\n"
    assert "node     cpu-2: running" in laptop.run("%scale")
    laptop.run("%scale down")
    assert left(aws) == {}
    assert aws.count("RunInstances") == 1


def let_in(aws):
    """Return the networks that the cluster's group lets in to the port of SSH."""
    ec2 = aws.client(access_key="AKIAAUDITOR")
    groups = ec2.describe_security_groups()["SecurityGroups"]
    return [
        network["CidrIp"]
        for group in groups
        if group["GroupName"] != "default"
        for rule in group["IpPermissions"]
        for network in rule["IpRanges"]
    ]


def test_the_next_kernel_finds_the_cluster_from_another_network(aws, laptop, ec2_laptop):
    laptop.run("%scale up train")
    before = set(aws.machines)
    assert let_in(aws) == [f"{aws.network.client_address}/32"]
    laptop.kill()
    aws.move()
    second = ec2_laptop()
    assert "is up: 2 workers" in second.run("%scale up train")
    assert set(aws.machines) == before
    assert let_in(aws) == [f"{aws.network.client_address}/32"]  # and nobody from where it was
    second.run("%%scale\nx = 1")
    second.run("%scale down")
    assert left(aws) == {}
    assert aws.count("RunInstances") == 1
