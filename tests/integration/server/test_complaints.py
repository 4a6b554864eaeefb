"""What nodes complain of, and clusters that are about to end, in the log of all pages."""

import psutil

from labserver import LabServer

PROFILES = """
[clusters.pair]
[[clusters.pair.pools]]
workers = 2

[clusters.brief]
idle_timeout = "12s"
[[clusters.brief.pools]]
workers = 1
"""

GREEDY = """%%scale
import dask, os, time
def greedy(mark):
    if os.path.exists(mark):
        return "enough"
    open(mark, "w").close()
    held = []
    for _ in range(600):  # of which some forty are more than it may have
        held.append(b"x" * 10_000_000 if len(held) < 50 else b"")
        time.sleep(0.1)
said = dask.delayed(greedy)({mark!r}).compute()
"""

PAUSE_BYTES, MOST_BYTES = 300e6, 450e6


def lines(panel, **wanted):
    return [line for line in panel.log if wanted.items() <= line.items()]


def test_a_worker_that_is_ended_for_its_memory_is_in_the_log(tmp_path):
    limit = psutil.virtual_memory().total / 2
    memory = "DASK_DISTRIBUTED__WORKER__MEMORY__"
    shares = {
        f"{memory}PAUSE": f"{PAUSE_BYTES / limit:.4f}",
        f"{memory}TERMINATE": f"{MOST_BYTES / limit:.4f}",
    }
    lab = LabServer(tmp_path, PROFILES, **shares)
    try:
        lab.start()
        cluster = lab.start_cluster(profile="pair")
        panel = lab.feed()
        kernel = lab.start_kernel()
        assert kernel.run("%%scale\nx = sum(i for i in range(100))").status == "ok"
        assert not [line for line in panel.log if line["source"]]  # who is well does not complain
        told = kernel.run(GREEDY.format(mark=str(tmp_path / "mark")))
        assert told.status == "ok", told.traceback
        assert kernel.run("print(said)").stdout == "enough\n"
        panel.wait(lambda p: lines(p, notice="memory"))
        panel.wait(lambda p: any("exceeded" in line["text"] for line in p.log))
        panel.close()
        [lost] = lines(panel, notice="memory")
        [node] = [node["name"] for node in panel.clusters[cluster["id"]]["nodes"]]
        assert (lost["cluster"], lost["node"]) == (cluster["id"], node)
        assert (lost["name"], lost["level"], lost["source"]) == ("pair", "warning", "scheduler")
        assert "has used more memory than it may: 1 task runs again" in lost["text"]
        [ended] = [line for line in lines(panel, source="nanny") if "exceeded" in line["text"]]
        assert (ended["node"], ended["level"], ended["notice"]) == (node, "warning", None)
        [paused] = [line for line in lines(panel, source="worker") if "Pausing" in line["text"]]
        assert (paused["node"], paused["level"]) == (node, "warning")
        assert paused["text"].startswith("worker ")
    finally:
        lab.close()


def test_that_a_cluster_is_about_to_end_is_told_also_where_no_panel_is_seen(tmp_path):
    lab = LabServer(tmp_path, PROFILES)
    try:
        lab.start()
        panel = lab.feed()
        panel.watch(is_visible=False)
        lab.start_cluster(profile="brief")
        panel.wait(lambda p: lines(p, notice="ending"), 40)
        panel.close()
        [last_call] = lines(panel, notice="ending")
        assert last_call["text"].startswith("nothing runs: it stops in ")
        assert not panel.loads
    finally:
        lab.close()
