"""Bodies of requests: what is right comes through, what is wrong is said."""

import pytest

from jupyter_scale.errors import UsageError
from jupyter_scale.server.bodies import read_body

KEYS = ("profile", "workers", "directory")


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"", {}),
        (b"{}", {}),
        (b'{"workers": null}', {}),
        (b'{"workers": 2, "profile": "lab"}', {"workers": 2, "profile": "lab"}),
    ],
)
def test_right(body, values):
    assert read_body(body, KEYS) == values


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", r"not an object: found \[\]"),
        (b"1", "not an object"),
        (b'{"worker": 1}', r"Unknown key 'worker' \(did you mean 'workers'\?\)"),
        (b'{"x": 1}', r"Unknown key 'x'\. Expected one of: directory, profile, workers"),
        (b'{"workers": 0}', "Found workers = 0, expected a number from 1 to 1024"),
        (b'{"workers": 1025}', "expected a number from 1"),
        (b'{"workers": true}', "Found workers = true"),
        (b'{"workers": "2"}', 'Found workers = "2"'),
        (b'{"workers": 1.5}', "Found workers = 1.5"),
        (b'{"profile": ""}', "expected the name of a profile"),
        (b'{"profile": {}}', "expected the name of a profile"),
    ],
)
def test_wrong(body, message):
    with pytest.raises(UsageError, match=message):
        read_body(body, KEYS)


def test_missing():
    with pytest.raises(UsageError, match="'workers' is missing: expected a number"):
        read_body(b"{}", KEYS, required=("workers",))
