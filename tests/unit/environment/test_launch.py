"""What runs on a node needs an old Python and nothing else."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_scale.environment import launch, node

FOLDER = Path(node.__file__).parent
MODULES = [*sorted(FOLDER.glob("*.py")), FOLDER.parent / "installed.py"]
LIST = {"op": "list", "cache": "/nonexistent"}


def answer_of(python, request, **options):
    """Run what a node runs in one Python; return its last line."""
    arguments = [python, "-I", "-c", launch.command()[-2]]
    done = subprocess.run(
        arguments, input=launch.standard_input(request), capture_output=True, check=True, **options
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_is_written_in_old_python(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    packages = {
        name.partition(".")[0]
        for each in ast.walk(tree)
        for name in (
            [alias.name for alias in each.names]
            if isinstance(each, ast.Import)
            else [each.module]
            if isinstance(each, ast.ImportFrom)
            else []
        )
    }
    assert packages <= {*sys.stdlib_module_names, "jupyter_scale"}


def old_pythons():
    """Return the interpreters of this machine that are older than ours, found as on a node."""
    from jupyter_scale.environment.node.pythons import find_pythons

    ours = sys.version_info[:2]
    found = find_pythons(Path("/nonexistent"))
    versions = {tuple(map(int, v.split("."))): path for v, path in found.items() if "t" not in v}
    return [path for version, path in sorted(versions.items()) if (3, 8) <= version != ours]


def test_it_runs_in_other_pythons_of_this_machine():
    for python in old_pythons():
        answer = answer_of(python, LIST)
        assert answer == {"event": "environments", "environments": []}, python


def test_an_unknown_request_is_an_error_and_no_traceback_on_standard_output():
    done = subprocess.run(
        [sys.executable, "-I", "-c", launch.command()[-2]],
        input=launch.standard_input({"op": "nosuch"}),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["code"] == "bug"
    assert b"Traceback" in done.stderr


def test_a_host_without_python_is_told_so(tmp_path):
    """The shell finds none: every place where it looks is empty here."""
    argv = launch.command()
    argv[2] = argv[2].replace("/usr/", f"{tmp_path}/").replace("/opt/", f"{tmp_path}/")
    done = subprocess.run(
        ["/bin/sh", *argv[1:]],
        env={"HOME": str(tmp_path), "PATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "no-python"


def test_pythons_that_are_too_old_or_broken_are_passed_over(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in [("python3", "exit 127"), ("python3.13", "exit 1")]:
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    (folder / "python3.12").symlink_to(Path(sys.executable).resolve())
    argv = launch.command()
    argv[2] = argv[2].replace("/usr/", f"{tmp_path}/").replace("/opt/", f"{tmp_path}/")
    done = subprocess.run(
        ["/bin/sh", *argv[1:]],
        env={"HOME": str(tmp_path), "PATH": str(folder)},
        input=launch.standard_input(LIST),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"event": "environments", "environments": []}
