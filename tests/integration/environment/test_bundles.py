"""Own modules and files on a host: brought, edited, removed, and never out of their place."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from jupyter_scale.analysis.paths import NamedPath
from jupyter_scale.environment.bundling import BundleMaker, find_named_files
from jupyter_scale.environment.courier import Courier, Ourselves, mirror_key
from jupyter_scale.environment.host import ask
from jupyter_scale.environment.ownmodules import find_own_modules
from jupyter_scale.environment.prepare import look
from jupyter_scale.errors import EnvironmentFailed


@pytest.fixture
def notebook_folder(tmp_path, monkeypatch):
    folder = tmp_path / "my notebooks"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def courier(host, notebook_folder):
    return Courier(host, mirror_key(notebook_folder))


def bring(courier, maker):
    return courier.bring(maker.make(), maker.paths)


def run_there(courier, maker, source):
    """Import on the node what was brought; this Python plays the environment's."""
    path = [f"{courier.directory}/{label}" for label in maker.folders]
    lines = f"import sys; sys.path[:0] = {path!r}; {source}"
    return subprocess.run(
        [sys.executable, "-I", "-c", lines], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_neighbours_travel_and_edits_follow(courier, host, notebook_folder):
    (notebook_folder / "helping.py").write_text("import helped\nanswer = helped.number\n")
    (notebook_folder / "helped.py").write_text("number = 42\n")
    (notebook_folder / "not_imported.py").write_text("")
    maker = BundleMaker()
    maker.add_modules(find_own_modules(["helping", "json", "pytest", "nosuchmodule"]))
    change = bring(courier, maker)
    assert [file.path.split("/")[1] for file in change.put] == ["helped.py", "helping.py"]
    assert run_there(courier, maker, "import helping; print(helping.answer)") == "42"

    before = host.conversations
    assert not bring(courier, maker)
    assert host.conversations == before

    (notebook_folder / "helped.py").write_text("number = 43\n")
    change = bring(courier, maker)
    assert [file.path.split("/")[1] for file in change.put] == ["helped.py"]
    assert run_there(courier, maker, "import helping; print(helping.answer)") == "43"


def test_a_package_travels_with_its_data_and_what_is_gone_goes(courier, notebook_folder):
    package = notebook_folder / "packed"
    (package / "inner" / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text(
        "import pathlib\ntext = (pathlib.Path(__file__).parent / 'data.txt').read_text()\n"
    )
    (package / "inner" / "data.txt").write_text("data")
    (package / "inner" / "__pycache__" / "old.pyc").write_bytes(b"old")
    maker = BundleMaker()
    maker.add_modules(find_own_modules(["packed"]))
    assert len(bring(courier, maker).put) == 3
    assert run_there(courier, maker, "from packed import inner; print(inner.text)") == "data"

    (package / "inner" / "data.txt").unlink()
    maker = BundleMaker(maker.digests)
    maker.add_modules(find_own_modules(["packed"]))
    (gone,) = bring(courier, maker).remove
    assert gone.endswith("/packed/inner/data.txt")
    found = "import os, packed; print(os.listdir(os.path.dirname(packed.__file__) + '/inner'))"
    assert "data.txt" not in run_there(courier, maker, found)


def test_a_second_courier_sends_nothing_that_is_there(courier, host, notebook_folder):
    (notebook_folder / "data.csv").write_text("a,b\n" * 10000)
    maker = BundleMaker()
    files, left_out = find_named_files([NamedPath("data.csv")], notebook_folder)
    maker.add_files(notebook_folder, files)
    assert left_out == ()
    assert bring(courier, maker).size_bytes == 40000
    assert host.sent_bytes < 200_000
    again = Courier(host, mirror_key(notebook_folder))
    assert not bring(again, maker)
    assert again.directory == courier.directory
    assert again.sent_bytes == 0


def test_equal_contents_travel_once(courier, notebook_folder):
    for name in ("a.txt", "b.txt", "c.txt"):
        (notebook_folder / name).write_text("same" * 1000)
    maker = BundleMaker()
    maker.add_files(notebook_folder, [notebook_folder / "a.txt", notebook_folder / "b.txt"])
    assert bring(courier, maker).size_bytes == 4000
    maker.add_files(notebook_folder, [notebook_folder / "c.txt"])
    change = bring(courier, maker)
    assert (len(change.put), change.size_bytes) == (1, 0)


def test_a_file_that_a_cell_has_changed_there(courier, host, notebook_folder):
    (notebook_folder / "data.csv").write_text("here")
    maker = BundleMaker()
    maker.add_files(notebook_folder, [notebook_folder / "data.csv"])
    bring(courier, maker)
    (there,) = maker.paths
    append(f"{courier.directory}/{there}", " and there")
    assert not bring(courier, maker)  # what a cell has written stays
    courier.forget()
    assert bring(courier, maker)  # until somebody looks again
    # The content that was here is gone: a copy of it has to travel, though it was believed there.
    append(f"{courier.directory}/{there}", " and there")
    (notebook_folder / "copy.csv").write_text("here")
    maker.add_files(notebook_folder, [notebook_folder / "copy.csv"])
    bring(courier, maker)
    copy = there.replace("data", "copy")
    assert Path(f"{courier.directory}/{copy}").read_text() == "here"


def test_jupyter_scale_itself_travels(host):
    path = Ourselves().bring(host)
    assert host.sent_bytes < 5_000_000
    assert not list(Path(path).rglob("labextension"))
    found = subprocess.run(
        [sys.executable, "-P", "-c", "import jupyter_scale; print(jupyter_scale.__file__)"],
        env={**host.env, "PYTHONPATH": path},
        cwd=host.home,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert found.startswith(path)
    before = host.sent_bytes
    assert Ourselves().bring(host) == path
    assert host.sent_bytes - before < 200_000  # the programs that look, and nothing else


def test_executable_files_stay_executable(courier, notebook_folder):
    script = notebook_folder / "script.sh"
    script.write_text("#!/bin/sh\necho ran\n")
    script.chmod(0o755)
    maker = BundleMaker()
    maker.add_files(notebook_folder, [script])
    bring(courier, maker)
    (path,) = maker.paths
    assert subprocess.check_output([f"{courier.directory}/{path}"]) == b"ran\n"


def append(path, text):
    with Path(path).open("a") as file:
        file.write(text)


def put(host, path, content=b"x", **fields):
    import hashlib

    sha256 = hashlib.sha256(content).hexdigest()
    file = {"path": path, "sha256": sha256, "size_bytes": len(content), "mode": 0o644}
    request = {"op": "unpack", "key": "k", "put": [{**file, **fields}], "remove": []}
    request["contents"] = [request["put"][0]["sha256"]]
    return ask(host, request, [zlib.compress(content)])


@pytest.mark.parametrize(
    "path", ["../out", "/etc/out", "a/../../out", "a//b", "./a", "", "a\\b", "a/\0"]
)
def test_paths_that_lead_out_are_refused(host, path):
    with pytest.raises(EnvironmentFailed, match="Not a path below"):
        put(host, path)
    with pytest.raises(EnvironmentFailed, match="Not a path below"):
        ask(host, {"op": "unpack", "key": "k", "put": [], "remove": [path], "contents": []})
    assert not list(host.home.rglob("out"))


def test_a_link_that_leads_out_is_not_followed(host, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    directory = put(host, "a/first.txt")["directory"]
    (tmp_path / "x").write_text("x")
    subprocess.run(["ln", "-s", outside, f"{directory}/linked"], check=True)
    put(host, "linked/second.txt")
    assert list(outside.iterdir()) == []
    assert Path(f"{directory}/linked/second.txt").read_text() == "x"


@pytest.mark.parametrize("key", ["../k", "", "a/b", ".", "k" * 200])
def test_keys_are_names(host, key):
    with pytest.raises(EnvironmentFailed, match="Not the key"):
        ask(host, {"op": "known", "key": key})


def test_what_has_changed_on_its_way_is_refused(host):
    with pytest.raises(EnvironmentFailed, match="changed on its way"):
        put(host, "a.txt", sha256="0" * 64)
    with pytest.raises(EnvironmentFailed, match="too early"):
        put(host, "a.txt", size_bytes=2)
    assert ask(host, {"op": "known", "key": "k"})["files"] == []


def test_a_file_where_a_folder_was_and_the_other_way_round(host):
    directory = put(host, "a/b.txt")["directory"]
    put(host, "a")
    put(host, "a/b.txt")
    assert Path(f"{directory}/a/b.txt").read_text() == "x"


def test_a_look_at_a_host(host):
    facts = look(host)
    assert facts.cores >= 1
    assert facts.memory_bytes > 1e8
    assert facts.free_bytes > 0
    assert abs(facts.clock_offset_s) < 5
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in facts.pythons
    assert facts.uv
    assert facts.cache == str(host.home / ".cache/jupyter-scale")
    assert facts.environments == ()
    assert json.dumps(facts.pythons)
