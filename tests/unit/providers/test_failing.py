"""What went wrong with a machine, as its user is told."""

import pytest

from jupyter_scale.errors import ClusterError, HostError, HostLost, StartError
from jupyter_scale.providers.provider import Failure
from jupyter_scale.providers.ssh.failing import failure_of


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            StartError("the node", "it has ended", ("last",), "Look there."),
            Failure("the node", "it has ended", ("last",), "Look there."),
        ),
        (
            HostError("h1", "login", "it refuses the key", "Give another."),
            Failure("host h1", "it refuses the key", (), "Give another.", "failed"),
        ),
        (
            HostLost("h1", "node", "the connection broke"),
            Failure("host h1", "the connection broke, after 'making it'", happened="failed"),
        ),
        (ClusterError("It is over."), Failure("host h0", "It is over.", happened="failed")),
    ],
)
def test_errors_become_failures(error, expected):
    assert failure_of(error, "h0", "making it") == expected
