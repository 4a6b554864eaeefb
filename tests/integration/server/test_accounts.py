"""What cells cost, in the feed: on the cluster, and in the notebook's own kernel."""

import pytest

from labserver import LabServer


@pytest.fixture
def lab(tmp_path):
    lab = LabServer(tmp_path)
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


def test_what_travelled_and_why_a_cell_ran_here(lab):
    kernel = lab.start_kernel()
    panel = lab.feed()
    assert kernel.run("import numpy as np\nbig = np.random.rand(200_000)\nfile = open('/dev/null')")
    assert kernel.run("%%scale\ntotal = big.sum()", timeout_s=90).status == "ok"
    assert kernel.run("%%scale\ntwice = 2 * big.sum()").status == "ok"
    assert kernel.run("%%scale\nname = file.name").status == "ok"
    assert kernel.run("%%scale\n1 / 0").status == "error"

    def runs():
        return {run["first_line"]: run for run in panel.runs.values()}

    def is_told(run):
        return run["traffic"] and run["status"] != "running"  # by the kernel, and by the runner

    panel.wait(lambda p: len(runs()) == 4 and all(map(is_told, runs().values())), 40)
    first, second = (runs()[f"{line} big.sum()"] for line in ("total =", "twice = 2 *"))
    assert first["traffic"]["sent_bytes"] > 1_600_000
    assert second["traffic"]["sent_bytes"] < 10_000
    assert second["traffic"]["reused_bytes"] >= 1_600_000
    assert first["cluster"] == second["cluster"] != ""
    here = runs()["name = file.name"]
    assert (here["cluster"], here["status"], here["traffic"]["where"]) == ("", "done", "here")
    assert "file" in here["traffic"]["why"]
    failed = runs()["1 / 0"]
    assert failed["error"] == "ZeroDivisionError: division by zero"
    assert "1 / 0" in failed["traceback"]
    assert "\x1b" not in failed["traceback"]
    panel.close()
