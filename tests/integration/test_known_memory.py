"""Memory that the other side has already does not travel, whatever it is called."""

import pytest

from jupyter_scale.shipping.fingerprint import CHUNK_BYTES

MB = 2**20
SETUP = """
import threading, time
import numpy as np, pandas as pd
a = np.random.default_rng(0).random(16 * 2**17)
df = pd.DataFrame({c: a[: 2**18] + i for i, c in enumerate("pqrs")})
"""


@pytest.fixture(autouse=True)
def values(notebook):
    notebook.run("%scale quiet")
    notebook.run(SETUP)
    run(notebook, "%%scale\na[0], len(df); None")


def run(notebook, source):
    """Run a cell; return the bytes that it sent, received and reused."""
    outputs = notebook.run(source)
    assert outputs.status == "ok", outputs.traceback
    facts = ("sent_bytes", "received_bytes", "reused_bytes")
    return tuple(int(notebook.value(f"__import__('jupyter_scale').last_run.{f}")) for f in facts)


def test_to_the_cluster(notebook):
    notebook.run("b = {'a': a.copy(), 'df': df.assign(t=a[: 2**18])}; checks = a.sum()")
    sent, _, reused = run(notebook, "%%scale\nsame = b['a'].sum() == checks and b['df']['t'].sum()")
    assert sent < 20_000
    assert reused >= 22 * MB  # two columns are the same
    assert notebook.value("same == a[: 2**18].sum()") == "True"


def test_home(notebook):
    _, received, _ = run(notebook, "%%scale\nb = a.copy(); df['p'] = a[2**18 : 2**19]; del a")
    assert received < 20_000
    notebook.run("rng = np.random.default_rng(0).random(16 * 2**17)")
    assert notebook.value("(b == rng).all() and 'a' not in globals()") == "True"
    assert notebook.value("(df['p'] == rng[2**18 : 2**19]).all()") == "True"


def test_what_the_notebook_changed_meanwhile_is_asked_for(notebook):
    notebook.run("a = np.random.default_rng(7).random(16 * 2**17)")
    run(notebook, "%%scale\na[0]; None")
    notebook.run("def change(): a[0] = -1.0\nthreading.Timer(1.0, change).start()")
    _, received, _ = run(notebook, "%%scale\nb = a.copy()\ntime.sleep(2)")
    assert CHUNK_BYTES < received < 1.1 * CHUNK_BYTES
    assert notebook.value("a[0] == -1.0, b[0] > 0, (b[1:] == a[1:]).all()") == ("True True True")
