"""Environments are listed with their sizes, and removed when nobody needs them."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from jupyter_scale.environment.cleaning import clean, list_environments
from jupyter_scale.environment.host import ask
from jupyter_scale.environment.prepare import prepare


@pytest.fixture
def two(host, prepared, wheels):
    host.env.update(UV_FIND_LINKS=str(wheels), UV_NO_INDEX="1")
    return [prepare(host, prepared(pin)) for pin in ("tiny-a==1.0", "tiny-b==1.0")]


def test_inventory(host, two):
    found = list_environments(host)
    assert [one.is_complete for one in found] == [True, True]
    assert all(one.size_bytes > 1000 and one.unused_days < 1 for one in found)


def test_those_that_were_not_used_lately_are_removed(host, two):
    first, second = list_environments(host)
    days_ago = time.time() - 10 * 86400
    os.utime(f"{first.path}/used", (days_ago, days_ago))
    assert [one.path for one in clean(host, unused_days=5)] == [first.path]
    assert [one.path for one in list_environments(host)] == [second.path]


def test_mirrors_that_were_not_used_lately_are_removed(host, two):
    for key in ("old", "new"):
        ask(host, {"op": "unpack", "key": key, "put": [], "remove": [], "contents": []})
    mirrors = host.home / ".cache/jupyter-scale/mirrors"
    days_ago = time.time() - 10 * 86400
    os.utime(mirrors / "old.json", (days_ago, days_ago))
    clean(host, unused_days=5)
    assert [path.name for path in mirrors.iterdir() if path.is_dir()] == ["new"]


def test_those_in_use_stay(host, two):
    with subprocess.Popen(
        [two[0].python, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        kept = two[0].python.removesuffix("/bin/python")
        assert kept not in [one.path for one in clean(host, unused_days=0)]
        assert [one.path for one in list_environments(host)] == [kept]
        process.stdin.close()
        process.wait(5)
    assert [one.path for one in clean(host, unused_days=0)] == [kept]
    assert not (host.home / ".cache/jupyter-scale").exists()


def test_runs_that_are_set_aside_stay_until_their_time_is_over(host, two):
    places = host.home / ".cache/jupyter-scale/kept"
    for name, until in (("waits", time.time() + 60), ("over", time.time() - 1)):
        (places / name).mkdir(parents=True)
        (places / name / "until").write_text(str(until))
    assert len(clean(host, unused_days=0)) == 2
    assert [path.name for path in places.parent.iterdir()] == ["kept"]
    assert [path.name for path in places.iterdir()] == ["waits"]
    (places / "waits" / "until").write_text("0")
    clean(host, unused_days=5)
    assert not places.exists()


def test_what_a_cluster_needs_stays(host, two):
    cache = host.home / ".cache/jupyter-scale"
    node = cache / "clusters" / "0123456789ab" / "lab-1"
    node.mkdir(parents=True)
    ask(host, {"op": "unpack", "key": "code", "put": [], "remove": [], "contents": []})
    assert len(clean(host, unused_days=0)) == 2
    assert node.is_dir()
    assert (cache / "mirrors" / "code").is_dir()
    node.rmdir()
    node.parent.rmdir()
    clean(host, unused_days=0)
    assert not cache.exists()
