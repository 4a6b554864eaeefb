"""What is ours in the account and in no record here: in all regions that were ever used."""

import pytest

from awsdesk import assert_nothing_left, create, launched
from awsprofiles import left
from jupyter_scale.cli.ends import clean
from jupyter_scale.clusters import store

REGIONS = ("us-east-1", "us-west-2")


@pytest.fixture
def forgotten(aws, desk):
    """One cluster in each region, whose records are lost; the folder of notebooks."""
    for region in REGIONS:
        cluster = launched(aws, create(desk, region=region))
        cluster.leave()
        store.remove(cluster.state)
    assert sorted(left(aws)) == sorted(REGIONS)
    return desk


def test_all_regions_are_cleaned(aws, forgotten, capsys):
    assert clean(None, forgotten)
    said = capsys.readouterr().out
    assert all(f" in {region}: i-" in said for region in REGIONS)
    assert_nothing_left(aws)


def test_a_region_that_cannot_be_asked_does_not_hold_up_the_others(aws, forgotten, capsys):
    aws.fail(
        "DescribeInstances",
        "UnauthorizedOperation",
        times=None,
        region=REGIONS[0],
        access_key="AKIALAB",
    )
    assert not clean(None, forgotten)
    captured = capsys.readouterr()
    assert "may not do that" in captured.out + captured.err
    aws.heal()
    assert list(left(aws)) == [REGIONS[0]]
    assert clean(None, forgotten)
    assert_nothing_left(aws)
