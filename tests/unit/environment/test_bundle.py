"""Bundles: what is different, what belongs to one, and what does not."""

from __future__ import annotations

import os

import pytest

from jupyter_scale.analysis.paths import NamedPath
from jupyter_scale.environment.belongings import Belongings
from jupyter_scale.environment.bundling import (
    BundleMaker,
    check_size,
    find_named_files,
    label_of,
)
from jupyter_scale.environment.folders import Digests, Limits, walk
from jupyter_scale.environment.installed import Installed, Interpreter
from jupyter_scale.environment.ownmodules import find_own_modules
from jupyter_scale.errors import BundleTooLarge
from jupyter_scale.model.bundle import Bundle, BundleFile, difference

A1, A2 = BundleFile("f/a", "1" * 64, 10), BundleFile("f/a", "2" * 64, 20)
B1, A1X = BundleFile("f/b", "1" * 64, 10), BundleFile("f/a", "1" * 64, 10, 0o755)


@pytest.mark.parametrize(
    ("wanted", "known", "put", "remove", "contents"),
    [
        ([], [], (), (), ()),
        ([A1], [], (A1,), (), (A1.sha256,)),
        ([A1], [A1], (), (), ()),
        ([A2], [A1], (A2,), (), (A2.sha256,)),
        ([], [A1], (), ("f/a",), ()),
        ([A1, B1], [], (A1, B1), (), (A1.sha256,)),
        ([B1], [A1], (B1,), ("f/a",), ()),
        ([A1X], [A1], (A1X,), (), ()),
    ],
)
def test_difference(wanted, known, put, remove, contents):
    change = difference(wanted, known)
    assert (change.put, change.remove, change.contents) == (put, remove, contents)
    assert bool(change) == (set(wanted) != set(known))


def test_sizes_and_hashes():
    assert difference([A1, B1, A2], []).size_bytes == 30
    assert Bundle((A1, B1), {}).size_bytes == 20
    assert Bundle((A1,), {}).hash == Bundle((A1,), {"f": "/elsewhere"}).hash
    assert Bundle((A1,), {}).hash != Bundle((A2,), {}).hash


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def write(folder, *names, text=""):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_what_tools_have_put_there_stays(folder):
    write(folder, "a.py", "sub/b.txt", "x.pyc", ".hidden")
    write(folder, ".git/config", "sub/__pycache__/b.pyc", "node_modules/x.js", "env/pyvenv.cfg")
    write(folder, "env/lib/x.py", "cached/CACHEDIR.TAG", "cached/y", "a.ipynb")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "sub" / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    assert [str(path.relative_to(folder)) for path in walk(folder)] == [
        ".hidden",
        "a.py",
        "sub/b.txt",
    ]


def test_own_modules_and_what_they_import(folder):
    write(folder, "first_own.py", text="def f():\n    import second_own.deep\nimport json, pytest")
    write(folder, "second_own/__init__.py", "second_own/deep.py", "second_own/data.json")
    write(folder, "second_own/other.py", text="from importlib import import_module as i\n")
    write(folder, "spaced_own/part.py", text="import first_own")
    write(folder, "broken_own.py", text="this is no Python")
    write(folder, "unused_own.py")
    found = find_own_modules(["first_own", "spaced_own", "broken_own", "os", "pytest", "missing"])
    assert {module.name: len(module.files) for module in found} == {
        "broken_own": 1,
        "first_own": 1,
        "second_own": 4,
        "spaced_own": 1,
    }
    assert all(module.folder == folder for module in found)


def test_ourselves_and_installed_packages_are_not_own():
    assert find_own_modules(["jupyter_scale", "pytest", "numpy", "__main__", "sys"]) == ()


def test_a_module_that_is_too_large_names_the_largest_files(folder):
    write(folder, "large_own/__init__.py", "large_own/small.txt")
    write(folder, "large_own/huge.bin", text="x" * 3000)
    with pytest.raises(BundleTooLarge, match=r"'large_own' has .* largest: .*huge\.bin"):
        find_own_modules(["large_own"], Limits(total_bytes=2000))
    with pytest.raises(BundleTooLarge, match="in 3 files"):
        find_own_modules(["large_own"], Limits(files=2))
    maker = BundleMaker()
    maker.add_modules(find_own_modules(["large_own"]))
    with pytest.raises(BundleTooLarge, match="own code"):
        check_size(maker, Limits(total_bytes=2000))


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (NamedPath("data/a.csv"), ["data/a.csv"]),
        (NamedPath("data/*.csv", is_pattern=True), ["data/a.csv", "data/b.csv"]),
        (NamedPath("**/*.txt", is_pattern=True), ["data/deep/c.txt"]),
        (NamedPath("data", may_be_folder=True), ["data/a.csv", "data/b.csv", "data/deep/c.txt"]),
        (NamedPath("data"), []),
        (NamedPath("missing.csv"), []),
        (NamedPath("leads_out"), []),
        (NamedPath(".git", may_be_folder=True), []),
        (NamedPath("scores"), []),
    ],
)
def test_files_that_a_cell_names(folder, tmp_path_factory, named, found):
    outside = tmp_path_factory.mktemp("outside")
    write(outside, "secret")
    write(folder, "data/a.csv", "data/b.csv", "data/deep/c.txt", ".git/config")
    (folder / "leads_out").symlink_to(outside / "secret")
    files, left_out = find_named_files([named], folder)
    assert [str(path.relative_to(folder)) for path in files] == found
    assert left_out == ()


def test_a_named_file_that_is_too_large_is_told(folder):
    write(folder, "large.csv", text="x" * 3000)
    files, (left_out,) = find_named_files([NamedPath("large.csv")], folder, Limits(2000))
    assert files == ()
    assert left_out.path == "large.csv"
    assert "too much" in left_out.why


def test_metadata_of_what_is_installed_in_place(folder):
    write(folder, "own-1.0.dist-info/METADATA", "own-1.0.dist-info/RECORD", text="x")
    info = folder / "own-1.0.dist-info"
    package = Installed(
        "own", "1.0", str(info), "pip", {}, (), is_in_place=True, size_bytes=0, digest=""
    )
    maker = BundleMaker()
    maker.add_metadata(Interpreter("3.12", "linux-x86_64", (package,)))
    assert list(maker.paths) == ["metadata/own-1.0.dist-info/METADATA"]
    assert list(maker.folders) == ["metadata"]


def test_labels(tmp_path):
    assert label_of(tmp_path / "a b/ü c").startswith("c-")
    assert label_of(tmp_path / "x") != label_of(tmp_path / "y" / "x")


def test_digests_notice_edits(tmp_path):
    digests = Digests()
    path = tmp_path / "a.txt"
    path.write_text("one")
    first, _ = digests.sha256(path)
    path.write_text("two")  # the same length, and maybe the same time
    assert digests.sha256(path)[0] != first
    long_ago = path.stat().st_mtime - 100
    os.utime(path, (long_ago, long_ago))
    second, _ = digests.sha256(path)
    path.write_text("six")
    os.utime(path, (long_ago, long_ago))
    assert digests.sha256(path)[0] == second  # nobody can see that edit without reading the file
    os.utime(path)
    assert digests.sha256(path)[0] != second


def test_belongings_grow_and_follow_edits(folder):
    write(folder, "near_own.py", text="one = 1")
    write(folder, "data/a.csv", "data/b.csv", "large.csv")
    belongings = Belongings(folder, Limits(total_bytes=100))
    label = label_of(folder)
    first = belongings.collect(["near_own"], [NamedPath("data/a.csv")])
    assert list(first.paths) == [f"{label}/near_own.py", f"{label}/data/a.csv"]
    write(folder, "large.csv", text="x" * 200)
    second = belongings.collect([], [NamedPath("data/b.csv"), NamedPath("large.csv")])
    assert len(second.bundle.files) == 3
    assert [one.path for one in second.left_out] == ["large.csv"]
    write(folder, "near_own.py", text="one = 2")
    (folder / "data" / "a.csv").unlink()
    change = difference(belongings.collect([]).bundle.files, second.bundle.files)
    assert [file.path for file in change.put] == [f"{label}/near_own.py"]
    assert change.remove == (f"{label}/data/a.csv",)
