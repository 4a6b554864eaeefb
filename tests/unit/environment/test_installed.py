"""What is installed in an interpreter, as it is seen."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions

import pytest

from jupyter_scale.environment.installed import (
    Interpreter,
    changed,
    look_at_interpreter,
    packages_in,
    stamp,
    versions,
)
from jupyter_scale.environment.interpreter import interpreter_of, preparation_of
from jupyter_scale.errors import StartError
from tinywheels import write_wheel


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site-packages"
    for version in ("1.0", "2.0"):
        with zipfile.ZipFile(write_wheel(tmp_path, "tiny-a", version)) as archive:
            archive.extractall(folder if version == "1.0" else tmp_path / "later")
    return folder


def seen(*path):
    return {one.name: one for one in packages_in(distributions(path=list(map(str, path))))}


def test_one_package(site):
    (package,) = seen(site).values()
    assert (package.name, package.version, package.tags) == ("tiny-a", "1.0", ("py3-none-any",))
    assert (package.installer, package.direct_url, package.is_in_place) == ("", {}, False)
    assert package.size_bytes > 50
    assert package.digest


def test_the_first_on_the_path_counts(site):
    assert seen(site, site.parent / "later")["tiny-a"].version == "1.0"
    assert seen(site.parent / "later", site)["tiny-a"].version == "2.0"


def test_what_is_broken_is_passed_over(site):
    (site / "~iny_b-1.0.dist-info").mkdir()
    (site / "tiny_c-1.0.dist-info").mkdir()
    (site / "tiny_c-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe nothing")
    (site / "tiny_a-1.0.dist-info" / "direct_url.json").write_text("no json")
    assert list(seen(site)) == ["tiny-a"]


def test_installed_in_place(site, tmp_path):
    direct_url = {"url": "file:///src", "dir_info": {"editable": True}}
    (site / "tiny_a-1.0.dist-info" / "direct_url.json").write_text(json.dumps(direct_url))
    assert seen(site)["tiny-a"].is_in_place
    source = tmp_path / "src" / "own.egg-info"
    source.mkdir(parents=True)
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: own\nVersion: 0.1\n")
    assert seen(source.parent)["own"].is_in_place


def test_a_stamp_tells_of_an_installation(site):
    before = stamp([str(site), "/nonexistent"])
    assert stamp([str(site), "/nonexistent"]) == before
    shutil.rmtree(site / "tiny_a-1.0.dist-info")
    assert stamp([str(site), "/nonexistent"]) != before


def test_this_interpreter_and_another_one_see_the_same(tmp_path):
    here = look_at_interpreter()
    assert here.python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert {"pytest", "distributed", "jupyter-scale"} <= {one.name for one in here.packages}
    assert Interpreter.from_json(here.to_json()) == here
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    there = interpreter_of(str(venv / "bin" / "python"))
    assert (there.python, there.platform, there.packages) == (here.python, here.platform, ())


def test_an_interpreter_that_does_not_run(tmp_path):
    with pytest.raises(StartError, match="the look at the packages"):
        interpreter_of(str(tmp_path / "python"))


def test_what_hosts_get_of_this_kernel(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    prepared = preparation_of(cache="/scratch/me")
    assert prepared.cache == "/scratch/me"
    assert tmp_path in prepared.folder.parents
    names = {pin.name for pin in prepared.lock.pins}
    assert "distributed" in names
    assert "jupyter-scale" not in names
    assert set(prepared.needs.packages) <= names


def test_versions_are_read_from_names_alone(site, tmp_path):
    assert versions([str(site), str(tmp_path / "later"), str(tmp_path / "none")]) == {
        "tiny-a": "1.0"
    }
    seen_here = {one.name: one.version for one in look_at_interpreter().packages}
    found = versions()
    assert {name: found.get(name) for name in ("pytest", "jupyterlab")} == {
        name: seen_here.get(name) for name in ("pytest", "jupyterlab")
    }


def test_what_has_changed_is_there_before_and_now():
    before = {"same": "1", "newer": "1", "gone": "1"}
    assert changed(before, {"same": "1", "newer": "2", "new": "1"}) == {"newer": ("1", "2")}
