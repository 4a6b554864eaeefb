"""What AWS refuses: what is said of it, and that nothing is left."""

from pathlib import Path

import pytest

from awsdesk import assert_nothing_left, create, launched, refused, sit_at
from jupyter_scale.cli.ends import clean
from jupyter_scale.clusters import store
from jupyter_scale.clusters.costs import quote_lines
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.errors import ClusterError

RUN = "RunInstances"


def offered(aws):
    """Return what was asked for, in order: zone, whether spot, type."""
    return [(c.zone, c.spot, c.instance_type) for c in aws.calls if c.action == RUN]


@pytest.mark.parametrize(
    ("action", "code", "pool", "said"),
    [
        (
            "DescribeInstanceTypeOfferings",
            "AuthFailure",
            {},
            ("AWS does not take the credentials", "aws configure"),
        ),
        (
            "DescribeInstanceTypeOfferings",
            "RequestExpired",
            {},
            ("the AWS credentials have expired", "aws sso login"),
        ),
        (
            "CreateSecurityGroup",
            "UnauthorizedOperation",
            {},
            ("CreateSecurityGroup", "may not do that", "docs/iam-policy.json"),
        ),
        (
            RUN,
            "VcpuLimitExceeded",
            {},
            ("Running On-Demand Standard", "quotas/L-1216C47A", "t3.medium"),
        ),
        (
            RUN,
            "MaxSpotInstanceCountExceeded",
            {"spot": True, "instance_type": "g5.xlarge"},
            ("All G and VT Spot Instance Requests", "quotas/L-3819A6DF"),
        ),
        (
            RUN,
            "InsufficientInstanceCapacity",
            {},
            ("pool cpu", "no capacity for 1 instance", 'fallback = ["zones"]'),
        ),
        (
            RUN,
            "InsufficientInstanceCapacity",
            {"spot": True, "fallback": ["zones", "t3.large"]},
            ("t3.medium spot in us-east-1b", "t3.large spot", '"on-demand"'),
        ),
        (
            "DescribeImages",
            "InvalidAMIID.NotFound",
            {"ami": "ami-0123456789abcdef0"},
            ("ami-0123456789abcdef0", "there is no such image", "belong to one region"),
        ),
        (
            "DescribeInstanceTypeOfferings",
            "OptInRequired",
            {},
            ("OptInRequired",),
        ),
        (
            "CreateSecurityGroup",
            "SecurityGroupLimitExceeded",
            {},
            ("SecurityGroupLimitExceeded", "servicequotas"),
        ),
    ],
)
def test_a_refusal_is_explained(aws, desk, action, code, pool, said):
    aws.fail(action, code, times=None)
    message = refused(aws, create(desk, pool))
    for part in said:
        assert part in message
    assert_nothing_left(aws)


def test_there_are_no_credentials(aws, desk, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    message = refused(aws, create(desk))
    assert "there are no AWS credentials" in message
    assert "`aws configure`" in message
    assert aws.calls == []


def test_there_is_no_such_profile(aws, desk):
    message = refused(aws, create(desk, aws_profile="work"))
    assert "there is no profile 'work'" in message
    assert "aws sso login --profile work" in message


def test_a_type_that_is_not_offered(aws, desk):
    message = refused(aws, create(desk, {"instance_type": "m5.huge"}))
    assert "instance type m5.huge" in message
    assert "m5.large" in message
    assert_nothing_left(aws)


def test_another_zone_is_tried(aws, desk):
    aws.fail(RUN, "InsufficientInstanceCapacity", zone="")
    aws.fail(RUN, "InsufficientInstanceCapacity", zone="us-east-1a")
    cluster = launched(aws, create(desk, {"fallback": ["zones"]}))
    assert [zone for zone, _, _ in offered(aws)] == ["", "us-east-1a", "us-east-1b"]
    tokens = [c.parameters["ClientToken"] for c in aws.calls if c.action == RUN]
    assert len(set(tokens)) == 3
    cluster.stop()
    assert_nothing_left(aws)


def test_on_demand_instead_of_spot(aws, desk):
    aws.fail(RUN, "InsufficientInstanceCapacity", times=None, spot=True)
    pool = {"spot": True, "fallback": ["t3.large", "on-demand"]}
    cluster = launched(aws, create(desk, pool))
    tried = [(spot, kind) for _, spot, kind in offered(aws)]
    assert tried == [(True, "t3.medium"), (True, "t3.large"), (False, "t3.medium")]
    [node] = cluster.state.nodes
    assert not node.machine.rental.is_spot
    assert node.machine.rental.usd_per_h == 0.0416
    cluster.stop()
    assert_nothing_left(aws)


def test_throttling_is_waited_out(aws, desk):
    aws.throttle(times=1)
    aws.fail(RUN, "RequestLimitExceeded", times=2)
    aws.fail("DescribeInstances", "RequestLimitExceeded", times=1)
    cluster = launched(aws, create(desk))
    cluster.stop()
    assert_nothing_left(aws)
    assert len(aws.instances) == 1


def test_an_answer_that_is_lost_does_not_launch_twice(aws, desk):
    aws.fail(RUN, "InternalError", after=True)
    cluster = launched(aws, create(desk, {"count": 2}))
    assert len(aws.instances) == 2
    cluster.stop()
    assert_nothing_left(aws)


def test_credentials_expire_in_the_middle_of_a_start(aws, desk, monkeypatch):
    aws.after(RUN, aws.expire)
    message = refused(aws, create(desk))
    assert "credentials have expired" in message
    assert "aws sso login" in message
    [cluster] = store.cluster_ids()  # what is there is not forgotten
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWED")
    assert clean(None, desk)
    assert_nothing_left(aws)
    assert cluster not in store.cluster_ids()


def test_credentials_expire_while_it_runs(aws, desk, monkeypatch):
    cluster = launched(aws, create(desk))
    aws.expire()
    with pytest.raises(ClusterError, match=r"expired[\s\S]*aws sso login"):
        cluster.stop()
    assert store.load(cluster.state.id)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWED")
    assert clean(None, desk)
    assert_nothing_left(aws)


def test_an_instance_that_dies_while_it_starts(aws, desk):
    aws.boot("dies")
    message = refused(aws, create(desk))
    assert "has ended while it started: Server.InternalError" in message
    assert "%scale up" in message
    assert_nothing_left(aws)


def test_an_instance_that_is_never_reachable(aws, desk):
    aws.boot("silent")
    message = refused(aws, create(desk, boot_timeout="12s"))
    assert "it could not be reached for 12 s" in message
    assert "get-console-output" in message
    assert_nothing_left(aws)


def test_an_instance_that_is_another(aws, desk):
    aws.boot("stranger")
    message = refused(aws, create(desk, boot_timeout="10s"))
    assert "key" in message
    assert_nothing_left(aws)


def test_a_price_that_is_not_known(aws, desk):
    aws.fail("GetProducts", "InternalErrorException", times=None)
    create(desk)
    lines = "\n".join(quote_lines(load_profile("train", desk)))
    assert "an unknown price an hour each (the price list cannot be asked" in lines
    message = refused(aws, create(desk, max_cost=5.0))
    assert "so max_cost could not be kept" in message
    assert "usd_per_h = 1.23" in message
    cluster = launched(aws, create(desk, {"usd_per_h": 0.05}, max_cost=5.0))
    cluster.stop()
    assert_nothing_left(aws)


def test_the_address_of_this_machine_cannot_be_found_out(aws, desk, monkeypatch):
    monkeypatch.setenv("JUPYTER_SCALE_ADDRESS_URL", "http://127.0.0.1:9/")
    message = refused(aws, create(desk))
    assert "the address of this machine" in message
    assert "ssh_from" in message
    assert_nothing_left(aws)


def test_two_laptops_with_one_profile(aws, desk, monkeypatch, tmp_path):
    first = launched(aws, create(desk))
    sit_at(monkeypatch, tmp_path / "other")
    second = launched(aws, create(desk))
    assert len(aws.living) == 2
    assert clean(None, desk)
    second.stop()
    assert len(aws.living) == 1
    assert clean(None, desk)
    assert len(aws.living) == 1
    sit_at(monkeypatch, tmp_path / "runtime")
    first.stop()
    assert_nothing_left(aws)


def test_what_was_forgotten_is_found_by_its_tags(aws, desk, capsys):
    cluster = launched(aws, create(desk, {"count": 2}))
    cluster.leave()
    store.remove(cluster.state)
    assert len(aws.living) == 2
    assert clean(None, desk)
    assert (
        f"Forgotten in AWS: train ({cluster.state.id}) in us-east-1: i-" in capsys.readouterr().out
    )
    assert_nothing_left(aws)


def test_files_of_a_cluster_are_private(aws, desk):
    cluster = launched(aws, create(desk))
    directory = Path(cluster.state.directory)
    for path in directory.rglob("*"):
        assert not path.stat().st_mode & 0o077, path
    cluster.stop()
    assert_nothing_left(aws)
