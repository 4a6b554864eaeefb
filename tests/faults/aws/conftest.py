"""Amazon that refuses, laptops that die."""

from pathlib import Path

from awsdesk import desk  # noqa: F401 - fixtures are found by name
from awsfixtures import aws, aws_bench, ec2_laptop  # noqa: F401 - fixtures are found by name
from sshfixtures import mark, nothing_is_left  # noqa: F401 - the same


def pytest_collection_modifyitems(items):
    mark(items, Path(__file__).parent, "aws")
