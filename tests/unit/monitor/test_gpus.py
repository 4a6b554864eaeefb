"""GPUs, read by the real bindings out of a fake driver."""

import asyncio
import json
import os
import subprocess
import sys
import threading

import pytest

import fakenvml
from jupyter_scale.model.feed import GpuView
from jupyter_scale.monitor.gpus import GpuReader
from jupyter_scale.monitor.gpuwatch import GpuWatch

READ = """
import json, sys
from dataclasses import asdict
from jupyter_scale.monitor.gpus import GpuReader
assert "pynvml" not in sys.modules
reader = GpuReader()
import pynvml
opened, real = [], pynvml.nvmlInit
pynvml.nvmlInit = lambda: opened.append(1) or real()
first = reader.read()
assert reader.read() == first
assert len(opened) == 1
print(json.dumps([asdict(gpu) for gpu in first]))
"""
GIB = 1 << 30
GPUS = (
    GpuView(0, "Fake GPU", 30.0, GIB, 16 * GIB, 50.0, 100.5, 0),
    GpuView(1, "Fake GPU", 31.0, 2 * GIB, 16 * GIB, 51.0, 101.5, 1),
)


def read_with(library):
    answer = subprocess.run(
        [sys.executable, "-c", READ],
        env={**os.environ, "LD_LIBRARY_PATH": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return tuple(GpuView(**gpu) for gpu in json.loads(answer.stdout))


@fakenvml.needs_compiler
def test_every_gpu_with_all_that_is_known(tmp_path):
    assert read_with(fakenvml.build(tmp_path)) == GPUS


@fakenvml.needs_compiler
def test_a_missing_function_costs_its_own_field_only(tmp_path):
    gpus = read_with(fakenvml.build(tmp_path, "WITHOUT_POWER"))
    assert [(gpu.temperature_c, gpu.power_w) for gpu in gpus] == [(50.0, None), (51.0, None)]
    assert [gpu.utilisation_percent for gpu in gpus] == [30.0, 31.0]
    assert [gpu.processes for gpu in gpus] == [None, None]


@fakenvml.needs_compiler
def test_what_one_gpu_does_not_know_is_none_there_only(tmp_path):
    first, second = read_with(fakenvml.build(tmp_path, "UNSUPPORTED"))
    assert first == GPUS[0]
    assert second == GpuView(1, "Fake GPU", None, None, None, 51.0, 101.5, 1)


@fakenvml.needs_compiler
def test_a_gpu_of_another_user_is_left_out_and_the_others_keep_their_number(tmp_path):
    assert read_with(fakenvml.build(tmp_path, "FORBIDDEN")) == GPUS[1:]


@fakenvml.needs_compiler
def test_a_library_without_a_driver_has_none(tmp_path):
    assert read_with(fakenvml.build(tmp_path, "NO_DRIVER")) == ()


def test_a_library_that_is_none_has_none(tmp_path):
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    assert read_with(tmp_path) == ()


def test_this_machine_has_any_number():
    assert all(gpu.memory_total_bytes != 0 for gpu in GpuReader().read())


def test_a_watch_tells_what_was_read():
    async def look():
        watch = GpuWatch(lambda: GPUS)
        return [await watch.look(), await watch.look()]

    assert asyncio.run(look()) == [GPUS, GPUS]


@pytest.mark.parametrize("known", [(), GPUS])
def test_a_driver_that_hangs_holds_nobody_up(known, monkeypatch, caplog):
    monkeypatch.setattr("jupyter_scale.monitor.gpuwatch._PATIENCE_S", 0.02)
    monkeypatch.setattr("jupyter_scale.monitor.gpuwatch._OLDEST_S", 0.3)
    go_on, begun = threading.Event(), []

    def read():
        begun.append(1)
        if len(begun) == 2 or not known:
            go_on.wait(10)
        return GPUS

    async def look():
        watch = GpuWatch(read)
        if known:
            assert await watch.look() == GPUS
        assert await watch.look() == known  # what is fresh enough is told once more
        await asyncio.sleep(0.3)
        assert await watch.look() == ()
        assert await watch.look() == ()
        before = len(begun)
        go_on.set()
        assert await watch.look() == GPUS
        assert before == 1 + bool(known)  # one reading at a time, however often one looks

    asyncio.run(asyncio.wait_for(look(), 20))
    assert [said.getMessage() for said in caplog.records] == [
        "the driver of the GPUs does not answer: nothing is known of them",
        "the driver of the GPUs answers again",
    ]


def test_a_reading_that_fails_is_said_once(monkeypatch, caplog):
    monkeypatch.setattr("jupyter_scale.monitor.gpuwatch._PATIENCE_S", 0.02)

    def read():
        raise ZeroDivisionError

    async def look():
        watch = GpuWatch(read)
        return [await watch.look(), await watch.look()]

    assert asyncio.run(look()) == [(), ()]
    assert [said.getMessage() for said in caplog.records] == ["GPUs cannot be read any more"]
