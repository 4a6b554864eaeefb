"""Outside effects are noticed, or stopped before they happen; reading is none."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jupyter_scale.runner.host.effects import OutsideEffect, watching


def test_writing_a_file_is_stopped_before_it_exists(tmp_path: Path) -> None:
    with pytest.raises(OutsideEffect, match="open"), watching(stop=True):
        (tmp_path / "new").write_text("x")
    assert not (tmp_path / "new").exists()


def test_the_first_effect_is_told_of_before_it_happens(tmp_path: Path) -> None:
    told: list[bool] = []
    with watching(before_first=lambda: told.append((tmp_path / "new").exists())):
        (tmp_path / "new").write_text("x")
        (tmp_path / "other").write_text("x")
    assert told == [False]


def test_removing_is_stopped(tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_text("x")
    with pytest.raises(OutsideEffect), watching(stop=True):
        file.unlink()
    assert file.exists()


def test_a_child_process_is_stopped() -> None:
    with pytest.raises(OutsideEffect), watching(stop=True):
        subprocess.run([sys.executable, "-c", "pass"], check=True)


def test_a_connection_is_stopped() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with pytest.raises(OutsideEffect), watching(stop=True):
            client.connect(server.getsockname())


def test_except_exception_does_not_swallow_the_stop(tmp_path: Path) -> None:
    def careless() -> None:
        with contextlib.suppress(Exception):
            (tmp_path / "new").write_text("x")

    with pytest.raises(OutsideEffect), watching(stop=True):
        careless()


def test_reading_and_importing_are_no_effects(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("x")
    with watching(stop=True) as watch:
        assert file.read_text() == "x"
        file.stat()
    assert watch.seen is None


def test_effects_are_noted_and_happen_without_stop(tmp_path: Path) -> None:
    with watching() as watch:
        (tmp_path / "new").write_text("x")
    assert (tmp_path / "new").exists()
    assert watch.seen is not None
    assert watch.seen.startswith("open(")


def test_other_threads_are_not_watched(tmp_path: Path) -> None:
    thread = threading.Thread(target=(tmp_path / "new").write_text, args=("x",))
    with watching(stop=True) as watch:
        thread.start()
        thread.join(10)
    assert (tmp_path / "new").exists()
    assert watch.seen is None
