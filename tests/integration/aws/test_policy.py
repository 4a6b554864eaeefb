"""The policy in docs/ suffices, and names nothing that is not needed."""

import json
from pathlib import Path

import pytest

from awsdesk import create, launched
from awsprofiles import left
from jupyter_scale.cli.ends import clean
from jupyter_scale.clusters import store
from jupyter_scale.clusters.costs import quote_lines
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.clusters.steps import request_for
from jupyter_scale.providers.provider import load_provider
from waiting import eventually

POLICY = Path(__file__).resolve().parents[3] / "docs" / "iam-policy.json"


def allowed():
    found = set()
    for statement in json.loads(POLICY.read_text())["Statement"]:
        actions = statement["Action"]
        found |= {actions} if isinstance(actions, str) else {*actions}
    return found


@pytest.mark.timeout(240)
def test_the_policy_names_exactly_the_calls(aws, desk):
    subnet = aws.client(access_key="AKIAAUDITOR").describe_subnets()["Subnets"][0]["SubnetId"]
    aws.calls.clear()
    pools = ({}, {"name": "spot", "spot": True, "fallback": ["on-demand"]})
    cluster = create(desk, *pools, subnet_id=subnet, max_cost=5.0)
    profile = load_profile("train", desk)
    assert "together" in "\n".join(quote_lines(profile))
    checks = list(load_provider("aws").examine(profile, None))
    assert {check.status.value for check in checks} == {"ok"}
    launched(aws, cluster)
    load_provider("aws").limit(cluster.state.nodes, request_for(cluster.state))
    aws.move()
    with aws.inside():
        # It is told as soon as the links have been silent for long enough to be taken for broken.
        assert eventually(lambda: aws.count("RevokeSecurityGroupIngress"), 120)
    cluster.stop()
    second = launched(aws, create(desk))
    second.leave()
    store.remove(second.state)
    assert clean(None, desk)
    assert left(aws) == {}
    named = {call.name for call in aws.calls if call.access_key != "AKIAAUDITOR"}
    assert named == allowed()
