"""Paths between two machines: what travels, and what it is on the other side."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_scale.shipping.ambient.part import difference
from jupyter_scale.shipping.ambient.process import Directory, Environment, SearchPath
from jupyter_scale.shipping.ambient.sites import Crossing, Site, node_site, notebook_site

KEY = "files-12"
FOLDERS = {"nb-1": "/laptop/me/nb", "lib-2": "/laptop/me/nb/inner/lib", "metadata": ""}


def laptop() -> Site:
    site = notebook_site(KEY, "/laptop/me/nb", "nb-1", FOLDERS)
    return Site(site.folder, site.places, "/laptop/me")


def node() -> Site:
    site = node_site(laptop().folder, "/node/you/.cache/mirrors")
    return Site(site.folder, site.places, "/node/you")


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("/laptop/me/nb", "/node/you/.cache/mirrors/files-12/nb-1"),
        ("/laptop/me/nb/a/b.py", "/node/you/.cache/mirrors/files-12/nb-1/a/b.py"),
        ("/laptop/me/nb/inner/lib/x.py", "/node/you/.cache/mirrors/files-12/lib-2/x.py"),
    ],
)
def test_a_path_there_and_back(here: str, there: str) -> None:
    travelling = laptop().outward(here)
    assert travelling is not None
    assert node().inward(travelling) == there
    assert node().outward(there) == travelling
    assert laptop().inward(travelling) == here


@pytest.mark.parametrize("path", ["/laptop/me/nbs/x", "/laptop/me", "relative", "/node/you", ""])
def test_other_paths_do_not_travel(path: str) -> None:
    assert laptop().outward(path) is None


@pytest.mark.parametrize("path", ["mirror:files-99/nb-1/x", "mirror:files-12/other/x", "/x", "x"])
def test_what_is_in_no_folder_here(path: str) -> None:
    assert laptop().inward(path) is None


def test_texts_name_the_files_of_here() -> None:
    text = (
        "File ~/.cache/mirrors/files-12/nb-1/a.py:3, in f\n"
        "from '/node/you/.cache/mirrors/files-12/lib-2/b.py' and /node/you/other"
    )
    assert laptop().inward_text(node().outward_text(text)) == (
        "File ~/nb/a.py:3, in f\nfrom '/laptop/me/nb/inner/lib/b.py' and /node/you/other"
    )


class Ends:
    """The parts of a kind on both sides, as if each had this process for itself."""

    def __init__(self) -> None:
        self.home, self.away = Crossing(), Crossing("/node/you/.cache/mirrors")
        self.home.site, self.away.site = laptop(), node()


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = list(sys.path), dict(os.environ), Path.cwd()
    yield
    sys.path[:] = before[0]
    os.environ.clear()
    os.environ.update(before[1])
    os.chdir(before[2])


def test_only_changed_variables_travel(ends: Ends) -> None:
    os.environ.clear()
    base = {"PATH": "/laptop/bin", "A": "1", "GONE": "x", "LANG": "C"}
    os.environ.update({"PATH": "/laptop/bin:/more", "A": "2", "NEW": "n", "LANG": "C"})
    os.environ["SSH_AUTH_SOCK"] = os.environ["VIRTUAL_ENV"] = "/laptop/x"
    value = Environment(ends.home, base).read()
    assert value == {"A": "2", "NEW": "n", "GONE": None}

    os.environ.clear()
    os.environ.update({"PATH": "/node/bin", "A": "node's", "GONE": "node's"})
    part = Environment(ends.away, dict(os.environ))
    assert part.read() == {}
    part.apply(difference({}, value))
    assert dict(os.environ) == {"PATH": "/node/bin", "A": "2", "NEW": "n"}
    assert part.read() == {"A": "2", "NEW": "n", "GONE": None}
    # What is as it was at home is as it was there.
    part.apply(difference(value, {"NEW": "n"}))
    assert dict(os.environ) == {"PATH": "/node/bin", "A": "node's", "GONE": "node's", "NEW": "n"}


def test_the_search_path_there_and_back(ends: Ends) -> None:
    own = [f"{sys.prefix}/lib/zip", f"{sys.prefix}/lib"]
    at_home = ["", "/laptop/me/nb", *own, "/laptop/me/nb/src", "/elsewhere"]
    sys.path[:] = ["", "/laptop/me/nb", *own]
    home = SearchPath(ends.home)
    sys.path[:] = at_home
    value = home.read()
    mirror = "/node/you/.cache/mirrors/files-12"

    sys.path[:] = ["/node/lib", f"{mirror}/../jupyter-scale-1"]
    away = SearchPath(ends.away)
    away.apply(value)
    assert sys.path == [
        *("", f"{mirror}/nb-1", f"{mirror}/lib-2"),
        *("/node/lib", f"{mirror}/../jupyter-scale-1"),
        *(f"{mirror}/nb-1/src", "/elsewhere"),
    ]
    assert away.read() == value

    sys.path.append(f"{mirror}/nb-1/added")
    back = away.read()
    sys.path[:] = at_home
    home.apply(back)
    assert sys.path == [*at_home, "/laptop/me/nb/added"]


def test_the_working_directory(tmp_path: Path) -> None:
    crossing, away = Crossing(), Crossing(str(tmp_path / "mirrors"))
    folder = tmp_path / "nb"
    (folder / "below").mkdir(parents=True)
    crossing.site = notebook_site(KEY, str(folder), "nb-1", {})
    away.site = node_site(crossing.site.folder, str(tmp_path / "mirrors"))
    home, there = Directory(crossing), Directory(away)

    os.chdir(folder / "below")
    inside = home.read()
    os.chdir(tmp_path)
    outside = home.read()
    assert inside is not None
    assert outside is not None
    there.apply(inside)
    assert Path.cwd() == tmp_path / "mirrors" / KEY / "nb-1" / "below"
    assert there.read() == inside
    there.apply(outside)
    assert Path.cwd() == tmp_path / "mirrors" / KEY / "nb-1"
    home.apply(inside)
    assert Path.cwd() == folder / "below"
