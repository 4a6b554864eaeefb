"""Pools that grow and shrink while their cluster runs."""

import pytest

from awsprofiles import left, told, write_profile
from waiting import eventually

RUN = "RunInstances"


@pytest.fixture
def laptop(aws, tmp_path, ec2_laptop):
    write_profile(tmp_path / "notebooks", {"count": 1}, max_cost=0.0416)  # an hour of one
    laptop = ec2_laptop()
    laptop.run("%scale up train")
    laptop.run(
        "import time, socket\ndef there(i):\n    time.sleep(0.05)\n    return socket.gethostname()"
    )
    return laptop


def lives_s(instance):
    return told(instance)["life_s"]


def tokens(aws):
    return [call.parameters["ClientToken"] for call in aws.calls if call.action == RUN]


def test_a_pool_grows_and_shrinks(aws, laptop):
    [head] = aws.living
    assert lives_s(head) == pytest.approx(3600, abs=30)
    laptop.run("%%scale\nkept = list(range(1000))")
    laptop.run("%scale extend --orphan-after 3h")
    assert "The cluster has 3 workers." in laptop.run("%scale scale cpu=3")
    assert [told(instance)["orphan_after_s"] for instance in aws.living] == [10800.0] * 3
    assert len(set(tokens(aws))) == 2
    for instance in aws.living:
        assert lives_s(instance) == pytest.approx(1200, abs=60)
    laptop.run("%%scale\nhosts = [there(i) for i in range(60)]")
    assert laptop.run("print(len(set(hosts)))") == "3\n"

    assert "The cluster has 1 workers." in laptop.run("%scale scale cpu=1")
    assert eventually(lambda: aws.living == [head], 60)
    assert eventually(lambda: lives_s(head) > 2400, 30)
    status = laptop.run("%scale")
    assert "workers  1 of 1" in status
    assert "cpu-3" not in status
    assert "0.0416 USD an hour" in status
    laptop.run("%%scale\ntotal = sum(kept)")
    assert laptop.run("print(total)") == "499500\n"

    assert "The cluster has 2 workers." in laptop.run("%scale up --workers 2")
    assert "node     cpu-4: running" in laptop.run("%scale")
    laptop.run("%scale down")
    assert left(aws) == {}


def test_what_cannot_be_had_is_said_and_the_cluster_goes_on(aws, laptop):
    aws.fail(RUN, "InsufficientInstanceCapacity", times=None)
    said = laptop.run("%scale scale cpu=2")
    assert "The cluster has 1 workers." in said
    assert "cpu-2 failed: " in said
    assert "AWS has no capacity for 1 instance" in said
    assert laptop.run("%%scale\nx = 6 * 7\nprint(x)").startswith("42\n")
    assert "0.0416 USD an hour" in laptop.run("%scale")
    aws.heal()
    assert "The cluster has 2 workers." in laptop.run("%scale scale 2")
    laptop.run("%scale down")
    assert left(aws) == {}


def test_what_max_cost_does_not_allow_is_not_launched(aws, laptop):
    said = laptop.fails("%scale scale cpu=60")
    assert "max_cost of 0.0416 USD is used up" in said
    assert "Raise that limit" in said
    assert len(aws.living) == 1
    assert "workers  1 of 1" in laptop.run("%scale")
    laptop.run("%scale down")
    assert left(aws) == {}


def test_a_laptop_that_dies_while_the_pool_grows(aws, laptop, ec2_laptop):
    aws.after(RUN, laptop.kill)
    laptop.begin("%scale scale cpu=2")
    assert eventually(lambda: laptop.process.poll() is not None, 60)
    assert len(aws.living) == 2
    second = ec2_laptop()
    assert "is up" in second.run("%scale up train")
    assert eventually(lambda: "workers  2 of 2" in second.run("%scale"), 60)
    assert len(aws.living) == 2
    assert len(tokens(aws)) == 2
    second.run("%scale down")
    assert left(aws) == {}


def test_a_laptop_that_dies_while_the_pool_shrinks(aws, laptop, ec2_laptop):
    [head] = aws.living
    laptop.run("%scale scale cpu=2")
    aws.before("TerminateInstances", laptop.kill)
    laptop.begin("%scale scale cpu=1")
    assert eventually(lambda: laptop.process.poll() is not None, 120)
    second = ec2_laptop()
    assert "is up: 1 worker." in second.run("%scale up train")
    assert eventually(lambda: aws.living == [head], 60)
    second.run("%scale down")
    assert left(aws) == {}
