"""The kernel ends at any moment: within 15 s nothing of it is left."""

import pytest

from waiting import eventually

SLOW = "def slow(i):\n    import time\n    time.sleep(0.2)\n    return i\n"


def assert_nothing_left(notebook):
    assert eventually(lambda: not notebook.left(), 15), notebook.left()


def test_killed_while_the_cluster_starts(doomed):
    run = doomed.start("%%scale\n1")
    assert eventually(lambda: doomed.processes("jupyter_scale"), 20)
    doomed.kill()
    del run
    assert_nothing_left(doomed)


def test_killed_while_idle(doomed):
    assert doomed.run("%%scale\nx = 1").status == "ok"
    doomed.kill()
    assert_nothing_left(doomed)


@pytest.mark.parametrize(
    "cell",
    [
        "print('here', flush=True)\nwhile True: pass",
        "print('here', flush=True)\nimport time\ntime.sleep(600)",
        "import subprocess\nprint('here', flush=True)\nsubprocess.run(['sleep', '600'])",
    ],
    ids=["busy", "asleep", "waiting for a child"],
)
def test_killed_while_a_cell_runs(doomed, cell):
    doomed.run("%%scale\n1")
    doomed.start("%%scale\n" + cell).wait_for("here")
    doomed.kill()
    assert_nothing_left(doomed)


def test_killed_while_a_loop_is_spread(doomed):
    doomed.run(SLOW)
    doomed.run("%%scale\n1")
    run = doomed.start("%%scale\nr = [slow(i) for i in range(400)]")
    run.wait_for("line 1:", timeout_s=30)
    doomed.kill()
    del run
    assert_nothing_left(doomed)


def test_killed_with_a_large_value_there(doomed):
    doomed.run("import numpy as np\nbig = np.ones(10_000_000)")
    assert doomed.run("%%scale\nbig[0] = 2").status == "ok"
    doomed.kill()
    assert_nothing_left(doomed)


def test_shut_down_while_a_cell_runs(doomed):
    doomed.run("%%scale\n1")
    doomed.start("%%scale\nprint('here', flush=True)\nwhile True: pass").wait_for("here")
    doomed.manager.shutdown_kernel(now=True)
    assert_nothing_left(doomed)


def test_restarted(doomed):
    assert doomed.run("%%scale\nx = 1").status == "ok"
    before = set(doomed.clusters)
    doomed.restart()
    assert_nothing_left(doomed)
    doomed.run("%load_ext jupyter_scale")
    assert doomed.run("%%scale\ny = 2\ny").result["text/plain"] == "2"
    doomed.note_clusters()
    assert doomed.clusters != before


def test_an_ended_kernel_leaves_nothing_at_once(doomed):
    assert doomed.run("%%scale\nx = 1").status == "ok"
    doomed.client.shutdown()
    doomed.manager.provisioner.process.wait(20)
    assert_nothing_left(doomed)
