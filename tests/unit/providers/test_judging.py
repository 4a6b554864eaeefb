"""What facts of a machine mean."""

import datetime as dt
from dataclasses import replace

import pytest
from cryptography import x509

from jupyter_scale.clusters.security import issue
from jupyter_scale.model.checkup import CheckStatus, LeftBehind, Reached
from jupyter_scale.model.environment import EnvironmentLock, NodeFacts
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.providers import judging
from jupyter_scale.transport.tls import ca_path

OK, WARNING, FAILED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.FAILED
GB = 10**9
LOCK = EnvironmentLock("3.11", "linux-x86_64", size_bytes=1 * GB)
FACTS = NodeFacts(
    host="h1",
    platform="linux-x86_64",
    glibc="2.36",
    cores=4,
    memory_bytes=16 * GB,
    free_bytes=50 * GB,
    gpus=(),
    clock_offset_s=0.1,
    pythons={"3.9": "/usr/bin/python3.9", "3.11": "/usr/bin/python3.11"},
    uv="",
    cache="/root/.cache/jupyter-scale",
    environments=(),
)
REACHED = Reached("https://index.example/simple")


def test_python():
    check = judging.judge_python("h1", FACTS, LOCK, REACHED)
    assert (check.status, check.found) == (OK, "3.11 (/usr/bin/python3.11)")
    other = replace(FACTS, pythons={"3.10": "a", "3.9": "b"})
    check = judging.judge_python("h1", other, LOCK, REACHED)
    assert (check.status, check.found) == (OK, "3.11 will be downloaded (there: 3.9, 3.10)")
    check = judging.judge_python("h1", other, LOCK, replace(REACHED, python_error="no route"))
    assert check.status is FAILED
    assert "runs Python 3.11" in check.found
    assert "there: 3.9, 3.10" in check.found
    assert "no route" in check.found
    assert "Install Python 3.11 there" in check.advice


@pytest.mark.parametrize(
    ("version", "missing", "status", "words"),
    [
        ("3.11", [], OK, "3.11 (/opt/python)"),
        ("3.9", [], FAILED, "the notebook runs Python 3.11, and /opt/python is 3.9"),
        ("3.11", ["dask", "xxhash"], FAILED, "/opt/python has no dask, xxhash"),
    ],
)
def test_a_python_that_the_pool_names(version, missing, status, words):
    check = judging.judge_own_python("h1", "/opt/python", version, missing, "3.11")
    assert (check.status, check.found) == (status, words)


@pytest.mark.parametrize(
    ("free", "environments", "status", "words"),
    [
        (50 * GB, (), OK, "50.0 GB free in /root/.cache/jupyter-scale; the environment needs"),
        (2 * GB, (), WARNING, "little is left"),
        (GB // 2, (), FAILED, "500.0 MB free in /root/.cache/jupyter-scale, and the environment"),
        (GB // 2, (LOCK.hash,), OK, "the environment is there"),
    ],
)
def test_disk(free, environments, status, words):
    facts = replace(FACTS, free_bytes=free, environments=environments)
    check = judging.judge_disk("h1", facts, LOCK)
    assert check.status is status
    assert words in check.found
    assert bool(check.advice) == (status is not OK)


@pytest.mark.parametrize(
    ("memory", "workers", "status"), [(8 * GB, 4, OK), (GB, 4, WARNING), (0, 4, WARNING)]
)
def test_memory(memory, workers, status):
    assert judging.judge_memory("h1", memory, workers).status is status


def test_cores():
    assert judging.judge_cores("h1", 4, 4).status is OK
    check = judging.judge_cores("h1", 4, 5)
    assert (check.status, check.found) == (WARNING, "4, for 5 workers")


@pytest.mark.parametrize(
    ("gpus", "found"),
    [((), "none that nvidia-smi knows"), (("A100", "A100", "T4"), "2 x A100, T4")],
)
def test_gpus(gpus, found):
    check = judging.judge_gpus("h1", gpus)
    assert (check.status, check.found) == (OK, found)


def test_index():
    assert judging.judge_index("h1", REACHED).found == "from https://index.example/simple"
    check = judging.judge_index("h1", replace(REACHED, index_error="timed out"))
    assert check.status is WARNING
    assert "(timed out): packages will be sent from here" in check.found


@pytest.mark.parametrize(
    ("offset_s", "status", "found"),
    [
        (0.0, OK, "right"),
        (-4.9, OK, "right"),
        (6.0, WARNING, "6 s ahead of this machine"),
        (-90.0, WARNING, "1.5 min behind this machine"),
        (-3700.0, FAILED, "1 h behind this machine: the cluster's certificates would not be valid"),
        (7200.0, WARNING, "2 h ahead of this machine"),
        (31 * 86400.0, FAILED, "31 days ahead of this machine: the cluster's certificates"),
    ],
)
def test_clock(offset_s, status, found):
    check = judging.judge_clock("h1", offset_s)
    assert check.status is status
    assert check.found.startswith(found)
    assert bool(check.advice) == (status is not OK)


def test_the_clock_may_be_as_wrong_as_certificates_allow(tmp_path):
    issue(tmp_path)
    made = x509.load_pem_x509_certificate(ca_path(tmp_path).read_bytes())
    now = dt.datetime.now(dt.UTC)
    behind_s = (now - made.not_valid_before_utc).total_seconds()
    ahead_s = (made.not_valid_after_utc - now).total_seconds()
    assert pytest.approx(behind_s, abs=60) == judging.CLOCK_BEHIND_S
    assert pytest.approx(ahead_s, abs=60) == judging.CLOCK_AHEAD_S


def test_leftovers():
    left = (
        LeftBehind("abc", (10, 11), ("/root/.cache/jupyter-scale/clusters/abc",), 7200.0),
        LeftBehind("def", (12,), (), 60.0),
    )
    assert judging.judge_leftovers("h1", left, {"abc", "def"}).found == "none"
    check = judging.judge_leftovers("h1", left, {"def"})
    assert check.status is WARNING
    assert check.found == (
        "cluster abc: 2 processes, /root/.cache/jupyter-scale/clusters/abc, for 2 h"
    )
    there = "ssh h1 'kill -9 10 11; rm -rf -- /root/.cache/jupyter-scale/clusters/abc'"
    assert check.advice.endswith(f"\n    {there}")


def test_meeting():
    assert judging.judge_meeting("h2", "h1", "10.0.0.1", "").found == "reaches h1 at 10.0.0.1"
    check = judging.judge_meeting("h2", "h1", "10.0.0.1", "timed out")
    assert (check.status, check.found) == (FAILED, "does not reach h1 at 10.0.0.1: timed out")
    assert "firewalls" in check.advice


def test_shared_memory_and_room():
    assert judging.judge_shared_memory("here", GB).status is OK
    assert "--shm-size" in judging.judge_shared_memory("here", 64 << 20).advice
    assert judging.judge_shared_memory("here", None).status is WARNING
    assert judging.judge_room("here", 10 * GB, "/run").status is OK
    assert judging.judge_room("here", GB, "/run").status is WARNING


def judge_profile(*pools, places):
    checks = judging.judge_profile(Profile("lab", "ssh", pools), places)
    assert all(
        (check.host, check.step, check.status) == ("lab", "profile", FAILED) for check in checks
    )
    return [check.found for check in checks]


def test_profiles():
    good = Pool("cpu", 1, 2, options={"hosts": ("h1", "h2")})
    assert judge_profile(good, places=[("h1", 1), ("h2", 2)]) == []
    assert judge_profile(replace(good, min=3), places=[("h1", 1), ("h2", 2)]) == [
        "pool 'cpu' is usable from 3 nodes on, and has 2"
    ]
    assert judge_profile(Pool("cpu"), places=[]) == ["pool 'cpu' names no hosts"]
    assert judge_profile(good, places=[("h1", 1), ("me@h1", 1)]) == [
        "'h1' and 'me@h1' are one host"
    ]
    assert judge_profile(good, places=[("h1", 1), ("h1", 1)]) == ["h1 is named twice"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.25, "0.2 s"), (59, "59 s"), (90, "1.5 min"), (86400 * 2, "2 days")]
)
def test_spans(seconds, shown):
    assert judging.show_seconds(seconds) == shown
