"""Amazon's API with real machines."""

from pathlib import Path

import pytest

from awsfixtures import aws, aws_bench, ec2, image  # noqa: F401 - fixtures are found by name
from sshfixtures import mark, nothing_is_left  # noqa: F401 - the same


def pytest_collection_modifyitems(items):
    mark(items, Path(__file__).parent)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.aws)
