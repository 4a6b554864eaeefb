"""Locks: which packages a node gets and how, from facts; and what is written of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from jupyter_scale.environment.installed import Installed, Interpreter, normalised
from jupyter_scale.environment.lock import make_lock
from jupyter_scale.errors import StateError
from jupyter_scale.model.environment import (
    Carried,
    EnvironmentLock,
    LockChange,
    Pin,
    Unmatched,
    compare_locks,
)

SITE = "/env/lib/python3.12/site-packages"
PURE, COMPILED = ("py3-none-any",), ("cp312-cp312-linux_x86_64",)


def package(name="lib", version="1.0", **fields):
    known = {
        "metadata_path": f"{SITE}/{name}-{version}.dist-info",
        "installer": "pip",
        "direct_url": {},
        "tags": PURE,
        "is_in_place": False,
        "size_bytes": 1000,
        "digest": "abc",
    }
    return Installed(name=name, version=version, **{**known, **fields})


def lock_of(*packages):
    return make_lock(Interpreter("3.12", "linux-x86_64", packages))


def vcs(url):
    return {"url": url, "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}


FOLDER = {"url": "file:///src/lib", "dir_info": {}}
WHEEL = {"url": "file:///tmp/lib-1.0-py3-none-any.whl", "archive_info": {}}
ADDRESS = {"url": "https://example.org/lib.zip", "archive_info": {"hashes": {"sha256": "12"}}}
CARRIED = Carried("lib", "1.0", PURE, "abc")
NO_RECORD = "has no record of its files"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Pin("lib", "1.0")),
        ({"installer": "uv"}, Pin("lib", "1.0")),
        ({"version": "2.4.0+cu121"}, Pin("lib", "2.4.0+cu121")),
        # of conda or the operating system: the same, but never built
        ({"installer": "conda"}, Pin("lib", "1.0", only_wheels=True)),
        ({"installer": "conda", "direct_url": FOLDER}, Pin("lib", "1.0", only_wheels=True)),
        ({"installer": "debian"}, Pin("lib", "1.0", only_wheels=True)),
        ({"installer": "", "digest": "", "tags": ()}, Pin("lib", "1.0", only_wheels=True)),
        (
            {"installer": "", "metadata_path": "/usr/lib/python3/dist-packages/lib.egg-info"},
            Pin("lib", "1.0", only_wheels=True),
        ),
        # from somewhere else than an index
        ({"direct_url": FOLDER}, CARRIED),
        ({"direct_url": WHEEL}, CARRIED),
        ({"direct_url": FOLDER, "tags": COMPILED}, replace(CARRIED, tags=COMPILED)),
        ({"direct_url": vcs("https://example.org/lib")}, CARRIED),
        ({"direct_url": ADDRESS}, CARRIED),
        (
            {"direct_url": vcs("https://example.org/lib"), "tags": COMPILED},
            Pin("lib", "1.0", "git+https://example.org/lib@c0ffee"),
        ),
        (
            {
                "direct_url": {**vcs("https://example.org/lib"), "subdirectory": "py"},
                "tags": COMPILED,
            },
            Pin("lib", "1.0", "git+https://example.org/lib@c0ffee#subdirectory=py"),
        ),
        (
            {"direct_url": ADDRESS, "tags": COMPILED},
            Pin("lib", "1.0", "https://example.org/lib.zip#sha256=12"),
        ),
        # files that travel by themselves
        ({"is_in_place": True}, None),
        ({"name": "jupyter-scale"}, None),
    ],
)
def test_how_a_node_gets_a_package(fields, expected):
    lock = lock_of(package(**fields))
    assert [*lock.pins, *lock.carried] == ([] if expected is None else [expected])
    assert lock.unmatched == ()


def test_what_no_node_can_get():
    (unmatched,) = lock_of(package(direct_url=FOLDER, tags=(), digest="")).unmatched
    assert NO_RECORD in unmatched.why
    assert str(unmatched).startswith("lib 1.0: ")


def test_a_lock_is_sorted_and_knows_its_size():
    lock = lock_of(package("b"), package("a"), package("own", is_in_place=True))
    assert [pin.requirement for pin in lock.pins] == ["a==1.0", "b==1.0"]
    assert lock.size_bytes == 2000


def test_a_requirement_with_an_address():
    assert Pin("lib", "1.0", "git+https://x/y@c").requirement == "lib @ git+https://x/y@c"


LOCK = EnvironmentLock(
    "3.12",
    "linux-x86_64",
    (Pin("a", "1.0"), Pin("b", "2.0", "https://x/b.whl", only_wheels=True)),
    (Carried("c", "3.0", PURE, "abc"),),
    (Unmatched("d", "4.0", "why"),),
    size_bytes=17,
    micro=4,
)


def test_round_trip():
    assert EnvironmentLock.from_json(LOCK.to_json()) == LOCK
    assert EnvironmentLock.from_json(LOCK.to_json()).size_bytes == 17


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("no json", "not the lock"),
        ("[]", "not the lock"),
        ("{}", "not the lock"),
        (json.dumps({"version": 99}), "version 99"),
        (LOCK.to_json().replace('"pins"', '"pens"'), "not the lock"),
    ],
)
def test_what_is_not_a_lock(text, match):
    with pytest.raises(StateError, match=match):
        EnvironmentLock.from_json(text)


@pytest.mark.parametrize(
    ("fields", "is_other"),
    [
        ({"python": "3.13"}, True),
        ({"pins": LOCK.pins[:1]}, True),
        ({"pins": (Pin("a", "1.1"), LOCK.pins[1])}, True),
        ({"carried": ()}, True),
        ({"carried": (replace(LOCK.carried[0], digest="def"),)}, True),
        ({"unmatched": ()}, False),
        ({"size_bytes": 1}, False),
        ({"micro": 9}, False),
        ({"platform": "darwin-arm64"}, False),
    ],
)
def test_what_decides_the_hash(fields, is_other):
    assert (replace(LOCK, **fields).hash != LOCK.hash) == is_other


def test_the_hash_stays_the_same_from_release_to_release():
    assert EnvironmentLock("3.12", "linux-x86_64", (Pin("a", "1.0"),)).hash == HASH_OF_A


HASH_OF_A = "2f0f155269b9d89399d0"


def test_what_is_different():
    after = replace(LOCK, pins=(Pin("a", "1.1"), Pin("e", "1.0")), carried=LOCK.carried)
    assert compare_locks(LOCK, after) == LockChange(
        added=("e 1.0",), removed=("b 2.0",), changed=("a 1.0 → 1.1",)
    )
    assert not compare_locks(LOCK, LOCK)
    recompiled = replace(LOCK, carried=(replace(LOCK.carried[0], digest="def"),))
    assert compare_locks(LOCK, recompiled).changed == ("c 3.0 → 3.0",)


@pytest.mark.parametrize(
    ("name", "expected"), [("A_b.C--d", "a-b-c-d"), ("numpy", "numpy"), ("zope.i", "zope-i")]
)
def test_normalised_names(name, expected):
    assert normalised(name) == expected
