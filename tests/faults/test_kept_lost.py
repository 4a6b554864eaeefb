"""Values that stayed on the cluster when that, or their process, ends."""

import os
import signal

import pytest

from waiting import eventually


@pytest.fixture
def kept(notebook):
    notebook.run("import numpy as np")
    made = notebook.run("%%scale --keep big\nbig = np.ones(1000)")
    assert made.status == "ok", made.outputs
    return notebook


def assert_lost(notebook):
    failed = notebook.run("%%scale\nran = 1\nbig.sum()")
    assert failed.ename == "ValueLost", failed.outputs
    assert "'big' stayed on the cluster and is lost" in failed.evalue
    assert "Run the cell that makes it again" in failed.evalue
    assert notebook.value("'ran' in globals()") == "False"
    assert "lost" in notebook.value("repr(big)")
    assert notebook.run("big.get()").ename == "ValueLost"
    assert "is lost" in notebook.run("big.sum()").evalue
    assert notebook.run("%%scale\n40 + 2").result["text/plain"] == "42"
    notebook.run("del big")


def test_the_cells_process_dies(kept):
    assert kept.run("%%scale\nimport os; os._exit(3)").ename == "RunnerLost"
    assert_lost(kept)


def test_it_dies_between_cells(kept):
    [shell] = kept.processes("jupyter_scale.runner.host.shell")
    os.kill(shell.pid, signal.SIGKILL)
    shell.wait(10)
    failed = kept.run("%%scale\nran = 1\nbig.sum()")
    assert failed.ename == "ValueLost", failed.outputs
    assert_lost(kept)


def test_get_after_it_died_between_cells(kept):
    [shell] = kept.processes("jupyter_scale.runner.host.shell")
    os.kill(shell.pid, signal.SIGKILL)
    shell.wait(10)
    assert kept.run("big.get()").ename == "ValueLost"
    assert_lost(kept)


def test_the_supervisor_is_killed(kept):
    [supervisor] = kept.processes("-m jupyter_scale.runner.host ")
    os.kill(supervisor.pid, signal.SIGKILL)
    assert eventually(lambda: not kept.processes("-m jupyter_scale.runner.host "), 15)
    assert kept.run("big.get()").ename == "ValueLost"
    assert_lost(kept)


def test_the_cluster_is_ended(kept):
    kept.run("%scale down")
    assert_lost(kept)


def test_a_cell_that_fails_to_start_loses_nothing(kept):
    kept.run("import threading\nlock = threading.Lock()")
    kept.run("%%scale\nlock")
    kept.run("%%scale\n(i for i in range(3))")
    assert kept.run("%%scale\nbig.sum()").result["text/plain"] == "np.float64(1000.0)"
