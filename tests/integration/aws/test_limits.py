"""Instances that end themselves, whatever becomes of the laptop."""

import json
import time

import pytest

from awsprofiles import LIMITS, left, told, write_profile
from jupyter_scale.providers.aws.naming import EXPIRES, show_time
from waiting import eventually


def start(tmp_path, ec2_laptop, **options):
    """Return a laptop with a cluster of one instance."""
    write_profile(tmp_path / "notebooks", {"count": 1}, **options)
    laptop = ec2_laptop()
    laptop.run("%scale up train")
    return laptop


def rewrite(instance, **limits):
    """Change limits on an instance, so that a test need not wait for hours."""
    path = instance.machine.path(LIMITS)
    draft = path.with_suffix(".test")
    draft.write_text(json.dumps({**json.loads(path.read_text()), **limits}))
    draft.replace(path)


def why_ended(instance):
    return instance.read("/var/lib/jupyter-scale/ended")


def nothing_lives(aws, timeout_s=60):
    return eventually(lambda: not aws.living, timeout_s)


def test_a_laptop_that_dies_is_not_waited_for_forever(aws, tmp_path, ec2_laptop):
    laptop = start(tmp_path, ec2_laptop, orphan_after="10s")
    [instance] = aws.living
    laptop.run("%%scale\nx = 1")
    laptop.kill()
    assert nothing_lives(aws)
    assert "orphan_after" in why_ended(instance)


def test_a_cell_without_its_laptop_is_work_and_then_it_is_idle(aws, tmp_path, ec2_laptop):
    laptop = start(tmp_path, ec2_laptop, idle_timeout="10s")
    [instance] = aws.living
    rewrite(instance, grace_s=2.0)
    laptop.begin("%%scale\nimport time\ntime.sleep(20)")
    busy = instance.machine.home / ".cache/jupyter-scale/clusters"
    assert eventually(lambda: list(busy.glob("*/*/runners/*/busy")), 60)
    laptop.kill()
    begun = time.monotonic()
    assert nothing_lives(aws, 90)
    assert time.monotonic() - begun > 25  # the cell, then idle_timeout
    assert "its node process has ended" in why_ended(instance)


@pytest.mark.parametrize("ahead_s", [-30 * 86400.0, 30 * 86400.0])
def test_a_node_whose_clock_is_wrong_ends_all_the_same(aws, tmp_path, ec2_laptop, ahead_s):
    start(tmp_path, ec2_laptop, max_cost=5.0)
    [instance] = aws.living
    # Seen from a clock that is ahead, a moment is earlier than it is.
    is_slow = ahead_s < 0
    rewrite(instance, deadline_at=time.time() - ahead_s, life_s=1.0 if is_slow else 3600.0)
    assert nothing_lives(aws)
    assert "max_cost of 5.00 USD" in why_ended(instance)


def test_it_is_said_once_when_most_of_the_money_is_used(aws, tmp_path, ec2_laptop):
    aws.launched_ago_s = 3000.0
    write_profile(tmp_path / "notebooks", {"count": 1}, max_cost=0.0416)  # an hour
    laptop = ec2_laptop()
    said = laptop.run("%scale up train")
    assert said.count("most of max_cost (0.0416 USD) is used") == 1
    assert "`%scale extend --max-cost USD` raises it" in said
    laptop.run("%scale extend --max-cost 0.042")  # hardly more
    assert laptop.run("%%scale\nx = 1").count("most of max_cost (0.0420 USD) is used") == 1
    assert "max_cost" not in laptop.run("%%scale\nx = 2")
    status = laptop.run("%scale")
    assert "warning  most of max_cost is used" in status
    assert "at the latest (max_cost, max_age)" in status
    laptop.run("%scale extend --max-cost 1")
    assert "warning" not in laptop.run("%scale")
    laptop.run("%scale down")
    assert left(aws) == {}


def test_limits_are_seen_and_prolonged_and_kept(aws, tmp_path, ec2_laptop):
    laptop = start(tmp_path, ec2_laptop, max_cost=0.0416)
    [instance] = aws.living
    limits = told(instance)
    assert limits["life_s"] == pytest.approx(3600, abs=30)
    assert "max_cost of 0.0416 USD" in limits["why"]
    assert "so far of at most 0.0416 USD, 0.0416 USD an hour" in laptop.run("%scale")
    said = laptop.run("%scale extend --max-cost 0.0832 --orphan-after 3h --idle-timeout 1h")
    assert "idle_timeout 1h, orphan_after 3h, max_cost 0.0832 USD" in said
    limits = told(instance)
    assert limits["life_s"] == pytest.approx(7200, abs=30)
    tags = {one["key"]: one["value"] for one in instance.api.get_tags()}
    assert tags[EXPIRES] == show_time(limits["deadline_at"])
    assert limits["orphan_after_s"] == 10800
    assert "of at most 0.0832 USD" in laptop.run("%scale")
    assert "max_age 1h" in laptop.run("%scale extend --max-age 1h")
    assert told(instance)["life_s"] == pytest.approx(3600, abs=30)
    assert "(max_age)" in told(instance)["why"]
    laptop.run("%scale extend --max-age 1d")
    rewrite(instance, deadline_at=time.time() - 1)
    assert nothing_lives(aws)
    assert "max_cost" in why_ended(instance)
    assert "It cost 0.00" in laptop.run("%scale down")
    assert left(aws) == {}
