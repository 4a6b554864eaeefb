"""The cell's process, its supervisor, a worker or the node ends: it is said, and one can go on."""

import os
import signal

import pytest

from waiting import eventually


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    ],
)
def test_the_cells_process_dies(notebook, code, said):
    notebook.run("kept = list(range(10))\nx = 'before'")
    assert notebook.run("%%scale\nkept.append(1)\nkept.pop()").status == "ok"
    died = notebook.run(f"%%scale\nx = 'after'\nkept.append(99)\n{code}")
    assert died.ename == "RunnerLost"
    assert said in died.evalue
    assert "MB of memory" in died.evalue
    assert "next %%scale cell gets a fresh process" in died.evalue
    # The notebook is as before the cell, and what is needed travels again by itself.
    assert notebook.value("(x, kept == list(range(10)))") == "('before', True)"
    again = notebook.run("%%scale\nkept.append(10)\nlen(kept)")
    assert again.result["text/plain"] == "11"
    assert notebook.value("kept[-1]") == "10"


def test_largest_inputs_are_named(notebook):
    notebook.run("import numpy as np\nlarge_input = np.ones(1_000_000)")
    notebook.run("%%scale\nlarge_input.sum()")
    died = notebook.run("%%scale\nlarge_input.sum()\nimport os; os._exit(1)")
    assert "large_input (8.0 MB)" in died.evalue


def test_the_supervisor_is_killed(notebook):
    notebook.run("%%scale\ny = [1]")
    run = notebook.start("%%scale\ny.append(2)\nprint('here', flush=True)\nwhile True: pass")
    run.wait_for("here")
    [supervisor] = notebook.processes("-m jupyter_scale.runner.host ")
    os.kill(supervisor.pid, signal.SIGKILL)
    died = run.finish(30)
    assert died.ename == "RunnerLost"
    assert notebook.value("y") == "[1]"
    assert notebook.run("%%scale\ny.append(3)\ny").result["text/plain"] == "[1, 3]"


def test_a_worker_is_killed_while_it_has_iterations(notebook):
    notebook.run("def square(i):\n    import time\n    time.sleep(0.1)\n    return i * i")
    notebook.run("%scale quiet off")
    run = notebook.start("%%scale\nsquares = [square(i) for i in range(60)]")
    run.wait_for("line 1:")
    workers = [p for p in notebook.processes() if "forkserver" in " ".join(p.cmdline())]
    children = [c for p in workers for c in p.children()] or notebook.processes("spawn_main")
    os.kill(children[0].pid, signal.SIGKILL)
    assert run.finish(60).status == "ok"
    notebook.run("%scale quiet")
    assert notebook.value("squares == [i * i for i in range(60)]") == "True"


def test_the_node_is_killed(notebook):
    notebook.run("%%scale\nz = 1")
    run = notebook.start("%%scale\nprint('here', flush=True)\nimport time\ntime.sleep(2)\nz = 2")
    run.wait_for("here")
    found = notebook.processes("jupyter_scale.providers.node")
    [node] = [process for process in found if "jupyter_scale.providers.node" in process.cmdline()]
    os.kill(node.pid, signal.SIGKILL)
    run.finish(30)
    # Whether that cell ended well or not, the notebook goes on; at the latest with a new cluster.
    notebook.run("%scale down")
    assert notebook.run("%%scale\nz = 5\nz").result["text/plain"] == "5"
    assert eventually(lambda: len(notebook.processes("jupyter_scale.runner.host ")) == 1, 15)


def test_the_cells_process_dies_between_two_cells(notebook):
    notebook.run("between = [1]\nimport math")
    notebook.run("%%scale\nbetween.append(math.floor(2.5))")
    # Those of a cluster that an earlier test ended may still be on their way out.
    assert eventually(lambda: len(notebook.processes("jupyter_scale.runner.host.shell")) == 1, 15)
    [shell] = notebook.processes("jupyter_scale.runner.host.shell")
    os.kill(shell.pid, signal.SIGKILL)
    shell.wait(10)
    again = notebook.run("%%scale\nbetween.append(math.floor(3.5))\nbetween")
    assert again.result["text/plain"] == "[1, 2, 3]"
    assert notebook.value("between") == "[1, 2, 3]"
