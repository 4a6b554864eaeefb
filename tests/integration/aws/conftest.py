"""Amazon on this machine, and a laptop that uses it."""

from pathlib import Path

from awsdesk import desk  # noqa: F401 - fixtures are found by name
from awsfixtures import (  # noqa: F401 - fixtures are found by name
    aws,
    aws_bench,
    ec2,
    ec2_laptop,
    image,
)
from sshfixtures import mark, nothing_is_left  # noqa: F401 - the same


def pytest_collection_modifyitems(items):
    mark(items, Path(__file__).parent, "aws")
