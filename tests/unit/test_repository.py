"""What is committed is clean: no machine's paths, no package hosts, no notebook outputs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 1_000_000

# Written in parts, so that this file does not contain what it looks for.
PACKAGE_HOSTS = [
    ".".join(parts)
    for parts in [
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("deb", "debian", "org"),
    ]
]
MACHINE_PATH = re.compile(r"/(?:home|Users)/(?!ec2-user\b|ubuntu\b|jovyan\b|USER\b)\w+/")


def committed_files() -> list[Path]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return []
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


FILES = committed_files()
pytestmark = pytest.mark.skipif(not FILES, reason="not a git work tree")


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def offenders(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in FILES
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_package_hosts():
    assert offenders(re.compile("|".join(map(re.escape, PACKAGE_HOSTS)))) == []


def test_no_paths_of_one_machine():
    here = re.escape(str(ROOT)) + r"(?![\w.-])"
    assert offenders(re.compile(f"{here}|{MACHINE_PATH.pattern}")) == []


def test_lock_files_have_no_addresses():
    for path in FILES:
        if path.name == "package-lock.json":
            packages = json.loads(path.read_text())["packages"]
            assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_notebooks_have_no_outputs():
    for path in FILES:
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text())["cells"]
            code = [cell for cell in cells if cell["cell_type"] == "code"]
            assert [c for c in code if c["outputs"] or c["execution_count"]] == [], path


def test_no_large_files():
    large = [path.relative_to(ROOT) for path in FILES if path.stat().st_size > LARGEST_BYTES]
    assert large == []
