"""Wheels made of what is installed hold what was installed."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile

import pytest

from jupyter_scale.environment.wheelhouse import platform_tags
from jupyter_scale.environment.wheels import CannotCarry, make_wheel
from jupyter_scale.model.environment import NodeFacts
from tinywheels import write_wheel


@pytest.fixture
def installed(tmp_path):
    site = tmp_path / "site-packages"
    with zipfile.ZipFile(write_wheel(tmp_path, "tiny-own", "3.0")) as archive:
        archive.extractall(site)
    return site / "tiny_own-3.0.dist-info"


def test_a_wheel_of_what_is_installed(installed, tmp_path):
    (installed / "INSTALLER").write_text("pip")
    wheel = make_wheel(str(installed), tmp_path / "out")
    assert wheel.name == "tiny_own-3.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert sorted(archive.namelist()) == [
            "tiny_own-3.0.dist-info/METADATA",
            "tiny_own-3.0.dist-info/RECORD",
            "tiny_own-3.0.dist-info/WHEEL",
            "tiny_own.py",
        ]
        record = archive.read("tiny_own-3.0.dist-info/RECORD").decode()
    assert "tiny_own.py,sha256=" in record
    first = wheel.read_bytes()
    assert make_wheel(str(installed), tmp_path / "again").read_bytes() == first


@pytest.mark.parametrize("name", ["msgpack", "jupyterlab-pygments", "tqdm"])
def test_pip_takes_wheels_of_real_packages(name, tmp_path):
    distribution = importlib.metadata.distribution(name)
    wheel = make_wheel(str(distribution._path), tmp_path)
    argv = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run(
        [*argv, "--disable-pip-version-check", "--target", tmp_path / "site", wheel], check=True
    )
    installed = importlib.metadata.Distribution.at(next((tmp_path / "site").glob("*.dist-info")))
    before = {str(file) for file in distribution.files or () if is_compared(file)}
    after = {str(file) for file in installed.files or () if is_compared(file)}
    assert after == before


def is_compared(file):
    inside = ".." not in file.parts and file.suffix != ".pyc" and file.parts[0] != "share"
    return inside and file.name not in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


def test_what_is_not_complete_cannot_be_carried(installed, tmp_path):
    (installed.parent / "tiny_own.py").unlink()
    with pytest.raises(CannotCarry, match="not complete"):
        make_wheel(str(installed), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    (installed / "RECORD").unlink()
    with pytest.raises(CannotCarry, match="no record"):
        make_wheel(str(installed), tmp_path / "out")


@pytest.mark.parametrize(
    ("platform", "glibc", "first", "last"),
    [
        ("linux-x86_64", "2.31", "manylinux_2_31_x86_64", "linux_x86_64"),
        ("linux-aarch64", "", "musllinux_1_2_aarch64", "musllinux_1_1_aarch64"),
        ("darwin-arm64", "", "macosx_15_0_arm64", "macosx_11_0_arm64"),
    ],
)
def test_tags_of_a_platform(platform, glibc, first, last):
    facts = NodeFacts("h", platform, glibc, 1, 1, 1, (), 0.0, {}, "", "/c", ())
    tags = platform_tags(facts)
    assert (tags[0], tags[-1]) == (first, last)
