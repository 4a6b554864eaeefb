"""Credentials and clocks that go wrong, and are put right, in one process."""

import json
import time

import pytest

from awsdesk import assert_nothing_left, create, launched, refused
from awsprofiles import left, without_keys, write_credentials, write_profile
from jupyter_scale.errors import ClusterError

HOUR_S = 3600.0


@pytest.fixture
def credentials(tmp_path):
    return write_credentials(tmp_path / "credentials")


def use(monkeypatch, path):
    for name, value in without_keys(path).items():
        monkeypatch.setenv(name, value)


def test_the_next_down_takes_renewed_credentials(aws, desk, monkeypatch, credentials):
    use(monkeypatch, credentials)
    cluster = launched(aws, create(desk))
    aws.expire()
    for _ in range(2):
        with pytest.raises(ClusterError, match=r"expired[\s\S]*aws sso login"):
            cluster.stop()
    write_credentials(credentials, "AKIARENEWED")
    cluster.stop()
    assert_nothing_left(aws)


def test_the_next_start_takes_renewed_credentials(aws, desk, monkeypatch, credentials):
    use(monkeypatch, credentials)
    aws.expire()
    cluster = create(desk)
    assert "`aws configure` stores a key" in refused(aws, cluster)
    write_credentials(credentials, "AKIARENEWED")
    launched(aws, cluster)
    cluster.stop()
    assert_nothing_left(aws)


def test_a_notebook_goes_on_without_credentials(aws, tmp_path, ec2_laptop, credentials):
    write_profile(tmp_path / "notebooks", {"count": 1}, max_cost=5.0)
    laptop = ec2_laptop(**without_keys(credentials))
    laptop.run("%scale up train")
    aws.expire()
    laptop.run("%%scale\nx = 6 * 7")
    said = laptop.fails("%scale down")
    assert "the AWS credentials have expired" in said
    assert "aws sso login" in said
    assert len(aws.living) == 1
    assert "node     cpu-1: running" in laptop.run("%scale")
    write_credentials(credentials, "AKIARENEWED")
    assert "It cost 0.00" in laptop.run("%scale down")
    assert laptop.run("print(x)") == "42\n"
    assert left(aws) == {}


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
def test_the_clock_of_the_laptop_is_wrong(aws, desk, ahead_s):
    aws.set_clock(ahead_s)
    message = refused(aws, create(desk))
    assert "this machine's clock is wrong (by 60 min)" in message
    assert "timedatectl set-ntp true" in message
    aws.set_clock(0.0)
    assert_nothing_left(aws)
    cluster = launched(aws, create(desk, max_cost=5.0))
    aws.set_clock(ahead_s)
    with pytest.raises(ClusterError, match="clock is wrong"):
        cluster.stop()
    assert len(aws.living) == 1
    aws.set_clock(0.0)
    cluster.stop()
    assert_nothing_left(aws)


@pytest.mark.parametrize("ahead_s", [200.0, -200.0])
def test_limits_are_by_the_clock_of_amazon(aws, desk, ahead_s):
    aws.set_clock(ahead_s)
    cluster = launched(aws, create(desk, max_cost=0.0416))
    [one] = aws.instances
    [limits] = [f for f in one.user_data.write_files if f["path"].endswith("/limits.json")]
    limits = json.loads(limits["content"])
    assert limits["deadline_at"] == pytest.approx(time.time() + ahead_s + HOUR_S, abs=20)
    assert limits["life_s"] == pytest.approx(HOUR_S, abs=20)
    aws.set_clock(0.0)
    cluster.stop()
    assert_nothing_left(aws)
