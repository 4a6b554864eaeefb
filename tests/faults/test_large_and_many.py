"""Much output, large values, two notebooks, a link that breaks: all arrives, once and in order."""

import pytest

from jupyter_scale.shipping.fingerprint import CHUNK_BYTES
from notebook import Notebook


def test_ten_megabytes_of_text_arrive(notebook):
    outputs = notebook.run("%%scale\nprint('0123456789' * 1024 * 1024)", timeout_s=60)
    assert outputs.stdout == "0123456789" * 1024 * 1024 + "\n"


def test_ten_thousand_prints_arrive_in_order(notebook):
    outputs = notebook.run("%%scale\nfor i in range(10_000): print(i)")
    assert outputs.stdout.split() == [str(i) for i in range(10_000)]


def test_a_large_value_goes_there_and_comes_back_changed(notebook):
    notebook.run("import numpy as np, jupyter_scale\nbig = np.zeros(300 * 2**17); alias = big")
    assert notebook.run("%%scale\nbig += 1", timeout_s=60).status == "ok"
    assert notebook.value("alias is big, big.min(), big.max()") == "True 1.0 1.0"
    assert notebook.run("%%scale\nbig[5] = 7").status == "ok"
    sent_and_received = "jupyter_scale.last_run.sent_bytes, jupyter_scale.last_run.received_bytes"
    sent, received = map(int, notebook.value(sent_and_received).split())
    assert sent < 1000
    assert CHUNK_BYTES <= received < 1.1 * CHUNK_BYTES
    assert notebook.value("alias[5]") == "7.0"
    notebook.run("del big, alias")


def test_a_link_that_breaks_loses_and_repeats_nothing(notebook):
    """Whatever moment it breaks at, the cell goes on and its output is complete."""
    assert notebook.run("%%scale\n1").status == "ok"
    notebook.run(
        "import gc, threading, time\n"
        "from jupyter_scale.runner.client import RunnerClient\n"
        "[client] = [o for o in gc.get_objects() if type(o) is RunnerClient and not o.is_lost]\n"
        "def cut():\n"
        "    for _ in range(4):\n"
        "        time.sleep(0.15)\n"
        "        client.break_connection()\n"
        "cutter = threading.Thread(target=cut); cutter.start()\n"
        "gc.collect(); del RunnerClient"
    )
    outputs = notebook.run(
        "%%scale\nimport time\n"
        "for i in range(2000):\n    print(i)\n    time.sleep(0.0005)\ndone = [i]"
    )
    assert outputs.stdout.split() == [str(i) for i in range(2000)]
    assert outputs.status == "ok"
    notebook.run("cutter.join(10); del client, cutter, cut")
    assert notebook.value("done") == "[1999]"
    assert notebook.run("%%scale\ndone.append(1)\ndone").result["text/plain"] == "[1999, 1]"


def test_two_notebooks_at_once(notebook, tmp_path):
    other = Notebook(tmp_path)
    try:
        other.run("%load_ext jupyter_scale\n%scale quiet")
        source = "%%scale\nimport os, time\nwho = {!r}\ntime.sleep(0.5)\npid = os.getpid()\nwho"
        runs = [notebook.start(source.format("a")), other.start(source.format("b"))]
        assert [run.finish().result["text/plain"] for run in runs] == ["'a'", "'b'"]
        assert notebook.value("pid") != other.value("pid")
    finally:
        other.close()
    assert notebook.run("%%scale\nwho").result["text/plain"] == "'a'"


def test_down_from_a_thread_while_a_cell_runs(notebook):
    notebook.run("x = [1]")
    assert notebook.run("%%scale\nx.append(2)").status == "ok"
    notebook.run(
        "import threading, time\n"
        "def down():\n"
        "    time.sleep(1)\n"
        "    get_ipython().run_line_magic('scale', 'down')\n"
        "thread = threading.Thread(target=down); thread.start()"
    )
    outputs = notebook.run("%%scale\nx.append(3)\nimport time; time.sleep(600)", timeout_s=30)
    assert outputs.ename == "RunnerLost"
    notebook.run("thread.join(10); del thread, down")
    assert notebook.value("x") == "[1, 2]"
    assert notebook.run("%%scale\nx.append(4)\nx").result["text/plain"] == "[1, 2, 4]"


@pytest.fixture
def broken(tmp_path):
    """A notebook whose profile has workers that cannot start."""
    notebook = Notebook(tmp_path)
    work = tmp_path / "work"
    (work / "fails_at_import.py").write_text("raise RuntimeError('no such device: cafe')\n")
    (work / "scale.toml").write_text(
        "[clusters.broken]\nprovider = 'local'\n[[clusters.broken.pools]]\nname = 'cpu'\n"
        "workers = 1\nworker_preload = ['fails_at_import']\n"
    )
    notebook.run("%load_ext jupyter_scale\n%scale quiet")
    yield notebook
    notebook.close()


def test_a_worker_that_cannot_start_shows_its_last_lines(broken):
    outputs = broken.run("%scale up broken", timeout_s=90)
    assert outputs.ename == "StartError"
    assert "worker" in outputs.evalue
    assert "no such device: cafe" in outputs.evalue
    assert "Traceback (most recent call last)\nCell In" not in outputs.traceback
    assert broken.run("%%scale\n40 + 2").result["text/plain"] == "42"
