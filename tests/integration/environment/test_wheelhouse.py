"""Wheels for hosts of other platforms come from the laptop's index."""

from __future__ import annotations

import pytest

from jupyter_scale.environment.installed import Interpreter
from jupyter_scale.environment.wheelhouse import collect_pins, download
from jupyter_scale.errors import StartError
from jupyter_scale.model.environment import EnvironmentLock, NodeFacts, Pin

PINS = (Pin("iniconfig", "2.0.0"), Pin("iniconfig-xyzzy", "1.0"))


def facts(platform, glibc=""):
    return NodeFacts("h", platform, glibc, 1, 1, 1, (), 0.0, {}, "", "/cache", ())


def test_wheels_for_another_platform(tmp_path):
    lock = EnvironmentLock("3.12", "linux-x86_64", PINS)
    house = collect_pins(
        lock, Interpreter("3.12", "linux-x86_64", ()), facts("darwin-arm64"), tmp_path
    )
    assert {name: wheel.name for name, wheel in house.wheels.items()} == {
        "iniconfig": "iniconfig-2.0.0-py3-none-any.whl"
    }
    (unmatched,) = house.unmatched
    assert unmatched.name == "iniconfig-xyzzy"


def test_the_laptop_has_no_index_either(tmp_path, monkeypatch, closed_index):
    monkeypatch.setenv("PIP_INDEX_URL", closed_index)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(StartError, match="The laptop needs an index"):
        download(PINS[:1], "3.12", facts("linux-x86_64", "2.31"), tmp_path)
