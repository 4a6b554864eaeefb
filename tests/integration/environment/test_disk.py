"""A disk that is full: a small file system in memory, where this user may mount one."""

from __future__ import annotations

import subprocess

import pytest

from jupyter_scale.environment.prepare import prepare
from jupyter_scale.errors import EnvironmentFailed
from tinywheels import write_wheel

SIZE_BYTES = 4 << 20


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(folder)]
    try:
        subprocess.run(argv, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def large_package(host, tmp_path):
    write_wheel(tmp_path, "tiny-large", "1.0", size_bytes=2 * SIZE_BYTES)
    host.env.update(UV_FIND_LINKS=str(tmp_path), UV_NO_INDEX="1")


@pytest.mark.parametrize("size_bytes", [0, 3 * SIZE_BYTES])
def test_a_full_disk_says_where_and_how_much(host, prepared, small_disk, large_package, size_bytes):
    from dataclasses import replace

    wanted = prepared("tiny-large==1.0", cache=str(small_disk))
    wanted = replace(wanted, lock=replace(wanted.lock, size_bytes=size_bytes))
    with pytest.raises(EnvironmentFailed) as caught:
        prepare(host, wanted)
    assert caught.value.code == "disk"
    assert str(small_disk) in caught.value.why
    assert "MB are free" in caught.value.why
    assert ("needs about 13 MB" in caught.value.why) == bool(size_bytes)
    assert not [path for path in (small_disk / "environments").iterdir() if path.is_dir()]
