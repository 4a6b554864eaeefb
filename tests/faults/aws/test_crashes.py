"""A laptop that is killed at any call of AWS; what is left then."""

import pytest

import awscrash
from awsprofiles import left, write_profile
from waiting import eventually

#: Every call of a start and a stop, in order; `test_these_are_all_calls` holds them true.
CALLS = [
    "DescribeInstanceTypeOfferings",
    "DescribeInstanceTypes",
    "GetParameters",
    "DescribeImages",
    "GetProducts",
    "ImportKeyPair",
    "CreateSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "RunInstances",
    "DescribeInstances",
    "TerminateInstances",
    "DescribeSecurityGroups",
    "DeleteSecurityGroup",
    "DeleteKeyPair",
]
#: Calls after which there is something else than before.
CHANGES = [call for call in CALLS if not call.startswith(("Describe", "Get"))]


@pytest.fixture
def laptop(aws, tmp_path):
    folder = tmp_path / "notebooks"
    write_profile(folder, {"count": 2}, max_cost=5.0)
    environment = {
        **aws.environment(),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_SCALE_ADDRESS_URL": aws.endpoint,
    }

    def begin(target):
        return awscrash.begin(target, environment, str(folder))

    return begin


def assert_clean(aws, laptop, tmp_path):
    process = laptop(awscrash.clean)
    process.join(60)
    assert process.exitcode == 0
    assert left(aws) == {}
    assert list((tmp_path / "runtime" / "jupyter_scale").glob("*/")) == []


def test_these_are_all_calls(aws, laptop, tmp_path):
    process = laptop(awscrash.up_and_down)
    process.join(60)
    assert process.exitcode == 0
    assert left(aws) == {}
    asked = list(dict.fromkeys(call.action for call in aws.calls))
    assert asked[: len(CALLS)] == CALLS
    assert aws.count("RunInstances") == 1


@pytest.mark.parametrize(
    ("when", "action"),
    [("before", action) for action in CALLS] + [("after", action) for action in CHANGES],
)
def test_a_crash_leaves_nothing(aws, laptop, tmp_path, when, action):
    process = None

    def crash():
        awscrash.kill(process)

    (aws.before if when == "before" else aws.after)(action, crash)
    process = laptop(awscrash.up_and_down)
    assert eventually(lambda: process.exitcode is not None, 60)
    assert process.exitcode == -9
    assert_clean(aws, laptop, tmp_path)
