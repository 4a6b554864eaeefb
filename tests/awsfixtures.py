"""Fixtures for tests with Amazon's API and machines."""

import pytest

from awsclient import AL2023, image_of
from awslab import AwsLab
from sshlab import require_lab


@pytest.fixture(scope="module")
def aws_bench(tmp_path_factory):
    """One bench for a module; `aws` gives it to a test."""
    require_lab()
    bench = AwsLab(tmp_path_factory.mktemp("aws"))
    yield bench
    bench.close()


@pytest.fixture
def aws(aws_bench):
    """The bench, as new; nothing of it lives after the test."""
    yield aws_bench
    aws_bench.reset()


@pytest.fixture
def ec2(aws):
    return aws.client()


@pytest.fixture
def image(aws):
    return image_of(aws, AL2023)


@pytest.fixture
def ec2_laptop(aws, tmp_path):
    """Make laptops with the profile "train"; they are closed at the end."""
    made = []

    def make(folder="notebooks", **variables):
        laptop = aws.laptop(
            tmp_path / folder,
            tmp_path / "home",
            JUPYTER_SCALE_ADDRESS_URL=aws.endpoint,
            **variables,
        )
        laptop.run("%load_ext jupyter_scale")
        made.append(laptop)
        return laptop

    yield make
    for laptop in made:
        laptop.close()
