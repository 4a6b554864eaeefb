"""What is in a folder, told cheaply again and again."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from jupyter_scale.analysis.paths import NamedPath
from jupyter_scale.environment.belongings import Belongings
from jupyter_scale.environment.folders import Limits, Skeleton, take_snapshot
from jupyter_scale.errors import BundleTooLarge


def test_a_snapshot_has_files_and_directories_that_are_the_users(tmp_path: Path) -> None:
    for path in ("a.txt", "in/b.txt", "in/deep/c.pyc", "__pycache__/x", ".git/y", "nb.ipynb"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    snapshot = take_snapshot(tmp_path)
    assert set(snapshot.files) == {"a.txt", "in/b.txt"}
    assert snapshot.folders == {"in", "in/deep"}
    assert take_snapshot(tmp_path) == snapshot
    (tmp_path / "a.txt").write_text("longer")
    assert take_snapshot(tmp_path) != snapshot
    assert take_snapshot(tmp_path / "nowhere").files == {}


def test_a_skeleton_follows_what_comes_and_goes(tmp_path: Path) -> None:
    skeleton = Skeleton(tmp_path, most=3)
    (tmp_path / "b" / "in").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file").write_text("")
    assert skeleton.read() == ["b", "b/in"]
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "in" / "deep").mkdir()
    assert skeleton.read() == ["a", "b", "b/in"]
    shutil.rmtree(tmp_path / "b")
    assert skeleton.read() == ["a"]


def age(folder: Path) -> None:
    """Make all of it look as if nobody had touched it for long."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1e9, 1e9))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "nb"
    (folder / "pack").mkdir(parents=True)
    (folder / "pack" / "__init__.py").write_text("")
    own = [entry for entry in sys.path if entry.startswith((sys.prefix, sys.base_prefix))]
    monkeypatch.setattr("sys.path", ["", str(folder), *own])
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "pack" / "__init__.py").write_text("x"),
        lambda folder: (folder / "pack" / "new.py").write_text("x"),
        lambda folder: (folder / "pack" / "sub").mkdir(),
        lambda folder: (folder / "data.csv").write_text("x"),
        lambda folder: (folder / "later.py").write_text("x"),
        lambda folder: (folder / "many" / "2.txt").write_text("x"),
        lambda folder: shutil.rmtree(folder / "pack"),
    ],
)
def test_nothing_that_changes_is_overlooked(folder: Path, change: object) -> None:
    (folder / "many").mkdir()
    (folder / "many" / "1.txt").write_text("")
    age(folder)
    belongings = Belongings(folder)
    named = [NamedPath("data.csv"), NamedPath("many/*.txt", is_pattern=True)]
    first = belongings.collect(["pack", "later"], named)
    assert belongings.collect(["pack", "later"], named) is first
    change(folder)  # type: ignore[operator]
    again = belongings.collect(["pack", "later"], named)
    assert again is not first
    is_empty = change.__code__.co_names[-1:] == ("mkdir",)  # type: ignore[attr-defined]
    assert (again.bundle == first.bundle) == is_empty


def test_what_is_too_large_is_not_asked_for_again(folder: Path) -> None:
    (folder / "small.py").write_text("")
    (folder / "pack" / "data.bin").write_bytes(bytes(1000))
    belongings = Belongings(folder, Limits(total_bytes=500))
    with pytest.raises(BundleTooLarge):
        belongings.collect(["pack"])
    assert len(belongings.collect(["small"]).bundle.files) == 1
