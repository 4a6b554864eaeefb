"""The stop button: the cell ends, both sides stay coherent."""

import json
import os
import signal
import threading
import time

import psutil
import pytest

from waiting import eventually

SLOW = "def slow(i):\n    import time\n    time.sleep(0.2)\n    return i\n"


@pytest.mark.parametrize(
    "endless",
    [
        "while True: pass",
        "import time; time.sleep(600)",
        "import subprocess; subprocess.run(['sleep', '600'])",
    ],
    ids=["busy", "asleep", "waiting for a child"],
)
def test_python_code_stops(notebook, endless):
    notebook.run("items = [1]")
    run = notebook.start(f"%%scale\nitems.append(2)\nprint('here', flush=True)\n{endless}")
    run.wait_for("here")
    notebook.interrupt()
    began = time.monotonic()
    outputs = run.finish(20)
    assert outputs.ename == "KeyboardInterrupt"
    assert time.monotonic() - began < 10
    assert endless.split(";")[-1].strip() in outputs.traceback
    # What the cell did before it was stopped is kept, as without %%scale.
    assert notebook.value("items") == "[1, 2]"
    assert notebook.run("%%scale\nitems.append(3)\nitems").result["text/plain"] == "[1, 2, 3]"


def test_a_spread_loop_stops(notebook):
    notebook.run(SLOW + "results = None")
    notebook.run("%scale quiet off")
    run = notebook.start("%%scale\nresults = [slow(i) for i in range(600)]")
    run.wait_for("line 1:")
    notebook.interrupt()
    assert run.finish(20).ename == "KeyboardInterrupt"
    notebook.run("%scale quiet")
    assert notebook.value("results") == "None"
    done = notebook.run("%%scale\nresults = [slow(i) for i in range(6)]\nresults")
    assert done.result["text/plain"] == "[0, 1, 2, 3, 4, 5]"


def test_iterations_in_native_code_are_ended_with_their_process(notebook):
    notebook.run(f"""
import hashlib, os, signal, time
def native(i):
    if not i:
        return time.sleep(0.2)
    os.kill({os.getpid()}, signal.SIGUSR1)
    return hashlib.pbkdf2_hmac("sha256", b"x", b"y", 10**9)
def whose(i):
    time.sleep(0.05)
    return os.getpid()
""")
    notebook.run("%%scale\nworkers = {whose(i) for i in range(12)} - {os.getpid()}")
    workers = json.loads(notebook.value("sorted(workers)"))
    assert workers
    is_there = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: is_there.set())
    try:
        run = notebook.start("%%scale\nresults = [native(i) for i in range(6)]")
        assert is_there.wait(60)
        notebook.interrupt()
        assert run.finish(20).ename == "KeyboardInterrupt"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert eventually(lambda: not all(map(psutil.pid_exists, workers)), 20)
    again = notebook.run("%%scale\nworkers = {whose(i) for i in range(12)}")
    assert again.status == "ok"


def test_a_second_stop_kills_native_code(notebook, tmp_path):
    notebook.run("import itertools, os\nsurvivor = 1")
    begun = tmp_path / "begun"
    # Made by the native code itself: an interrupt can no longer come before that.
    first = f"map(os.open, [{str(begun)!r}], [os.O_CREAT])"
    run = notebook.start(f"%%scale --serial\nsum(itertools.chain({first}, range(10**12)))")
    assert eventually(begun.exists, 60)
    notebook.interrupt()
    run.wait_for("interrupt once more to kill it", timeout_s=30)
    notebook.interrupt()
    assert run.finish(30).ename == "KeyboardInterrupt"
    assert notebook.run("%%scale\nsurvivor + 1").result["text/plain"] == "2"


def test_a_stop_between_cells_does_not_hit_the_next(notebook):
    notebook.run("%%scale\n1")
    notebook.interrupt()
    assert notebook.run("%%scale\n2").result["text/plain"] == "2"
