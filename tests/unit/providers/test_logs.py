"""The logs of a cluster."""

import pytest

from jupyter_scale.errors import ClusterError
from jupyter_scale.providers.logs import log_path, read_lines


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("node", "node.log"),
        ("worker/0", "workers/0.log"),
        ("worker/h1-0", "workers/h1-0.log"),
        ("runner/s-1", "runners/s-1/runner.log"),
    ],
)
def test_where_they_are(name, path):
    assert log_path(name) == path


@pytest.mark.parametrize(
    "name", ["", "node/x", "worker/", "worker/../x", "runner/..", "runner/a/b", "state"]
)
def test_what_is_no_log(name):
    with pytest.raises(ClusterError, match="There is no log"):
        log_path(name)


def test_lines(tmp_path):
    log = tmp_path / "log"
    assert read_lines(log, 5) == ()
    log.write_bytes(b"one\ntwo\nhalf \xff")
    assert read_lines(log, 2) == ("two", "half �")
    assert read_lines(log, 99) == ("one", "two", "half �")
    assert read_lines(log, 0) == ()
