"""Clusters of a Jupyter server: they outlive kernels and servers, and nothing else."""

import json
import os
import pickle
import signal
import time

import psutil
import pytest

from labserver import LabServer
from notebook import SHARED_MEMORY
from waiting import eventually

PROFILES = """
[clusters.brief]
orphan_after = "10s"
[[clusters.brief.pools]]
workers = 1

[clusters.pair]
[[clusters.pair.pools]]
workers = 2
"""


@pytest.fixture
def lab(tmp_path):
    lab = LabServer(tmp_path, PROFILES)
    lab.start()
    yield lab
    lab.close()


def test_a_cell_brings_up_a_cluster_that_outlives_its_kernel(lab):
    kernel = lab.start_kernel()
    up = kernel.run("%scale up pair")
    assert "The cluster 'pair' is up: 2 workers." in up.stdout, up
    view = lab.clusters()["pair"]
    assert (view["owner"], view["status"]) == ("server", "running")
    assert kernel.run("%%scale\nx = 6 * 7").status == "ok"
    assert kernel.run("print(x)").stdout == "42\n"
    assert lab.commands("runner.host")
    assert "No run is kept" in lab.command("runs").stdout  # by now the end was acknowledged
    kernel.kill()

    gone = eventually(lambda: not lab.commands("jupyter_scale.runner"), 10)
    assert gone, lab.commands("jupyter_scale.runner")
    assert lab.clusters()["pair"]["status"] == "running"


def test_a_fresh_kernel_uses_the_one_running_cluster(lab):
    cluster = lab.start_cluster(profile="pair")
    kernel = lab.start_kernel()
    first = kernel.run("%%scale\nx = 1")
    assert first.status == "ok", first.traceback
    assert len(lab.clusters()) == 1
    assert "cluster  pair (local), running" in kernel.run("%scale").stdout
    assert kernel.run("%scale up pair --workers 1").ename == "ClusterError"
    assert kernel.run("%scale up --workers 1").stdout == "The cluster has 1 workers.\n"
    assert lab.scale("GET", f"clusters/{cluster['id']}")[1]["nodes"][0]["workers_wanted"] == 1
    assert kernel.run("%scale down").stdout == "The cluster has ended.\n"
    assert lab.clusters() == {}
    assert not lab.left()


def test_two_running_clusters_leave_the_choice_to_the_user(lab):
    lab.start_cluster(profile="pair")
    lab.start_cluster(profile="brief")
    kernel = lab.start_kernel()
    assert kernel.run("%%scale\nx = 1").status == "ok"
    assert {v["owner"] for v in lab.clusters().values()} == {"server", "kernel"}


def test_a_notebook_goes_from_cluster_to_cluster(lab):
    """As the panel has it do: also from a cluster of its own, which ends, with all its names."""
    kernel = lab.start_kernel()
    assert kernel.run("%%scale\nrows = [1]\nalias = rows").status == "ok"
    pair = lab.start_cluster(profile="pair")
    said = kernel.run(f"%scale use {pair['id']}")
    assert said.stdout == "This notebook uses the cluster 'pair'.\n", said
    assert eventually(lambda: list(lab.clusters()) == ["pair"], 10), lab.clusters()
    assert kernel.run("%%scale\nalias.append(2)\nimport os\nwhere = os.getppid()").status == "ok"
    assert kernel.run("print(rows)").stdout == "[1, 2]\n"
    lab.start_cluster(profile="brief")
    assert kernel.run("%%scale --keep big\nbig = [3]").status == "ok"
    refused = kernel.run("%scale use brief")
    assert refused.ename == "ClusterError"
    assert "'big' stays on the cluster so far" in refused.evalue
    assert kernel.run("big = big.get()").status == "ok"
    assert kernel.run("%scale use brief").status == "ok"
    assert kernel.run("%%scale\nrows += big").status == "ok"
    assert kernel.run("print(alias)").stdout == "[1, 2, 3]\n"
    assert set(lab.clusters()) == {"pair", "brief"}
    assert kernel.run("%scale use nosuch").ename == "NoCluster"


def test_runs_are_shown_as_they_go(lab):
    lab.start_cluster(profile="pair")
    kernel = lab.start_kernel("my notebook.ipynb")
    panel = lab.feed()
    cell = kernel.start(
        "%%scale\nimport time\nxs = [time.sleep(0.1) or i for i in range(40)]\nprint(sum(xs))"
    )
    panel.wait(lambda p: any(run["loops"] for run in p.runs.values()))
    [run] = panel.runs.values()
    assert run["status"] == "running"
    assert run["kernel_id"] == kernel.id
    assert run["notebook"] == "my notebook.ipynb"
    assert run["first_line"] == "import time"
    assert run["loops"][0]["total"] == 40
    outputs = cell.finish()
    assert "780" in outputs.stdout
    panel.wait(lambda p: p.runs[run["id"]]["status"] == "done")
    last = panel.runs[run["id"]]
    assert last["loops"][0]["done"] == 40
    assert last["ended_at"] >= last["started_at"]
    assert 1 <= len([f for f in panel.frames if f.get("runs") or f.get("loops")]) <= 30
    failing = kernel.run("%%scale\n1 / 0")
    assert failing.ename == "ZeroDivisionError"
    panel.wait(lambda p: any(r["status"] == "failed" for r in p.runs.values()))
    assert [r["error"] for r in panel.runs.values() if r["status"] == "failed"] == [
        "ZeroDivisionError: division by zero"
    ]
    panel.close()


def test_tasks_are_told_to_who_shows_them(lab):
    cluster = lab.start_cluster(profile="pair")["id"]
    kernel = lab.start_kernel()
    panel = lab.feed()
    kernel.run("%%scale\nimport time\nxs = [time.sleep(0.1) or i for i in range(60)]")
    panel.wait(lambda p: any(run["status"] == "done" for run in p.runs.values()))
    [run] = panel.runs
    assert not any(frame["type"] == "tasks" for frame in panel.frames)
    panel.watch(tasks=[cluster])
    panel.wait(lambda p: any(span.tasks for span in p.spans))
    of_loop = [span for span in panel.spans if span.run == run]
    assert len({span.worker for span in of_loop}) == 2
    # The first iterations run in place; short batches and what is made ready are not all of a run.
    assert 3 < sum(span.busy_s for span in of_loop) < 7
    cell = kernel.start("%%scale\nys = [time.sleep(2.5) or i for i in range(3)]")
    panel.wait(lambda p: any(span.tasks == 0 and span.run != run for span in p.spans), 60)
    begun = next(span for span in panel.spans if span.tasks == 0)
    assert panel.runs[begun.run]["status"] == "running"
    cell.finish()
    panel.wait(lambda p: any(s.run == begun.run and s.seconds > 2.4 for s in p.spans), 60)
    panel.close()


def test_the_first_cell_is_interrupted_from_the_panel(lab):
    lab.start_cluster(profile="pair")
    kernel = lab.start_kernel()
    panel = lab.feed()
    cell = kernel.start("%%scale\nwhile True: pass")
    panel.wait(lambda p: any(r["status"] == "running" for r in p.runs.values()))
    [run] = panel.runs
    assert lab.scale("POST", f"runs/{run}/interrupt")[0] == 204
    assert cell.finish().ename == "KeyboardInterrupt"
    panel.wait(lambda p: p.runs[run]["status"] == "interrupted")
    status, answer = lab.scale("POST", f"runs/{run}/interrupt")
    assert status == 409, answer
    panel.close()


@pytest.mark.parametrize("owner", ["server", "kernel"])
def test_a_run_ends_with_its_runner(lab, owner):
    if owner == "server":
        lab.start_cluster(profile="pair")
    kernel = lab.start_kernel()
    assert kernel.run("%%scale\nx = 1").status == "ok"
    panel = lab.feed()
    cell = kernel.start("%%scale\nimport time\nys = [time.sleep(0.1) or i for i in range(1000)]")
    panel.wait(lambda p: any(run["loops"] for run in p.runs.values()))
    [run] = [run["id"] for run in panel.runs.values() if run["status"] == "running"]
    [runner] = lab.runners()
    os.kill(runner.pid, signal.SIGKILL)
    panel.wait(lambda p: p.runs[run]["status"] == "lost")
    last = panel.runs[run]
    assert (last["error"], last["loops"][0]["running"]) == ("its runner has ended", 0)
    assert last["ended_at"] > last["started_at"]
    assert cell.finish().ename == "RunnerLost"
    again = kernel.run("%%scale\nx += 1\nprint(x)")
    assert again.stdout.startswith("2"), again
    panel.wait(lambda p: [r["status"] for r in p.runs.values()] == ["done", "lost", "done"])
    panel.close()


@pytest.mark.parametrize("is_over", [True, False])
def test_what_becomes_of_a_run_whose_kernel_is_killed(lab, tmp_path, is_over):
    lab.start_cluster(profile="pair")
    kernel = lab.start_kernel()
    panel = lab.feed()
    assert kernel.run("%%scale\nfirst = 1").status == "ok"
    panel.wait(lambda p: p.runs)  # its runner is connected
    cell = kernel.start("%%scale\nimport time\ntime.sleep(3)\nx = 1")
    if is_over:
        cell.finish()
        assert eventually(lambda: '"is_fetched": true' in lab.command("runs", "--json").stdout, 20)
    else:
        panel.wait(lambda p: len(p.runs) == 2)
    kernel.kill()
    panel.wait(lambda p: [r["status"] for r in p.runs.values()] == ["done", "done"])
    panel.close()
    if not is_over:  # it went on
        saved = tmp_path / "x.pkl"
        fetched = lab.command("fetch", "", "--save", str(saved))
        assert fetched.returncode == 0, fetched
        assert pickle.loads(saved.read_bytes())["x"] == 1
    assert eventually(lambda: not lab.runners(), 15)


@pytest.mark.parametrize("dies", ["kernel", "runner"])
def test_shared_memory_goes_with_its_session(lab, dies):
    shared = SHARED_MEMORY / lab.start_cluster(profile="pair")["id"]
    before = set(shared.iterdir())
    kernel = lab.start_kernel()
    assert kernel.run("%%scale\nimport time, numpy as np\nbig = np.arange(10**6)").status == "ok"
    cell = kernel.start("%%scale\nys = [time.sleep(0.1) or big[i] for i in range(1000)]")
    size = 8 * 10**6  # the loop's workers share what it reads
    assert eventually(lambda: any(p.stat().st_size >= size for p in shared.glob("*/*")), 20)
    if dies == "kernel":
        kernel.kill()
        # It is written down when it has lasted for a second.
        assert eventually(lambda: json.loads(lab.command("runs", "--json").stdout), 20)
        [run] = json.loads(lab.command("runs", "--json").stdout)
        assert lab.command("cancel", run["id"]).returncode == 0
        assert lab.command("fetch", run["id"], "--save", os.devnull).returncode == 1
    else:
        [runner] = lab.runners()
        runner.kill()
        assert cell.finish().ename == "RunnerLost"
    assert eventually(lambda: set(shared.iterdir()) <= before, 10), list(shared.rglob("*"))
    assert lab.clusters()["pair"]["status"] == "running"


@pytest.mark.parametrize("is_one_file", [False, True])
def test_two_kernels_on_a_cluster_have_names_of_their_own_and_know_of_each_other(lab, is_one_file):
    lab.start_cluster(profile="pair")
    first, second = lab.start_kernel("first.ipynb"), lab.start_kernel("second.ipynb")
    if is_one_file:  # as when two servers have it open
        path = first.run("import os; print(os.environ['JPY_SESSION_NAME'])").stdout.strip()
        assert second.run(f"import os; os.environ['JPY_SESSION_NAME'] = {path!r}").status == "ok"
    assert first.run("%%scale\nx = ['first']").status == "ok"
    assert "others" not in first.run("%scale").stdout
    assert second.run("%%scale\nx = ['second']").status == "ok"
    assert eventually(lambda: "others   1 other notebook" in first.run("%scale").stdout, 30)
    panel = lab.feed()
    endless = first.start("%%scale\nimport time\nys = [time.sleep(0.1) for _ in range(10**5)]")
    panel.wait(lambda p: any(run["loops"] for run in p.runs.values()))
    assert second.run("%%scale\nys").ename == "NameError"
    assert second.run("def square(i):\n    return i * i").status == "ok"
    said = second.run("%%scale\nx += [square(i) for i in range(4)]\nprint(x)").stdout
    assert said.startswith("['second', 0, 1, 4, 9]"), said
    [going] = [run for run in panel.runs.values() if run["loops"]]
    assert (going["status"], going["notebook"]) == ("running", "first.ipynb")
    assert lab.scale("POST", f"runs/{going['id']}/interrupt")[0] == 204
    assert endless.finish().ename == "KeyboardInterrupt"
    assert first.run("print(x)").stdout == "['first']\n"
    panel.close()


TIMED_LOOP = """%%scale
import time
def step(i):
    time.sleep(0.1)
    return time.time()
ends = [step(i) for i in range({count})]"""

TIMED_POOL = """%%scale
import time
from concurrent.futures import ProcessPoolExecutor
def step(i):
    time.sleep(0.1)
    return time.time()
with ProcessPoolExecutor(4) as pool:
    ends = list(pool.map(step, range({count})))"""


@pytest.mark.parametrize("cell", [TIMED_LOOP, TIMED_POOL], ids=["loops", "pools"])
def test_notebooks_share_the_workers(lab, cell):
    lab.start_cluster(profile="pair")
    first, second = lab.start_kernel("first.ipynb"), lab.start_kernel("second.ipynb")
    assert second.run("%%scale\nready = True").status == "ok"
    panel = lab.feed()
    long = first.start(cell.format(count=120))
    panel.wait(lambda p: any(loop["done"] >= 40 for r in p.runs.values() for loop in r["loops"]))
    assert second.run(cell.format(count=24)).status == "ok"
    assert long.finish().status == "ok"
    panel.close()

    def ends(kernel):
        return json.loads(kernel.run("print(ends)").stdout)

    short = ends(second)
    meanwhile = [end for end in ends(first) if min(short) < end < max(short)]
    # In turn: neither waits for the other's whole loop, whoever came first.
    assert 12 <= len(meanwhile) <= 48, len(meanwhile)


def test_an_embedded_cluster_is_shown_as_the_kernels(lab):
    kernel = lab.start_kernel()
    panel = lab.feed()
    assert kernel.run("%%scale\nx = 1").status == "ok"
    panel.wait(lambda p: any(c["status"] == "running" for c in p.clusters.values()))
    [view] = panel.clusters.values()
    assert view["owner"] == "kernel"
    panel.wait(lambda p: any(r["status"] == "done" for r in p.runs.values()))
    status, answer = lab.scale("PATCH", f"clusters/{view['id']}", {"workers": 1})
    assert status == 409
    assert "belongs to a kernel" in answer["message"]
    kernel.kill()
    panel.wait(lambda p: not p.clusters, 30)
    panel.close()


def test_kill_9_of_the_server_and_down_leaves_nothing(lab):
    lab.start_cluster(profile="pair")
    kernel = lab.start_kernel()
    assert kernel.run("%%scale\nx = 1").status == "ok"
    lab.kill()
    assert lab.left()
    down = lab.command("down")
    assert down.returncode == 0, down.stderr
    assert eventually(lambda: not lab.left(), 10), lab.left()


@pytest.mark.parametrize("when", ["running", "starting"])
def test_a_new_server_takes_over(lab, when):
    if when == "running":
        before = lab.start_cluster(profile="pair")
    else:
        before = lab.scale("POST", "clusters", {"profile": "pair"})[1]
        assert eventually((lab.runtime / "jupyter_scale" / before["id"] / "tls").exists, 10)
    lab.kill()
    lab.start()
    assert lab.comes_up("pair")
    panel = lab.feed()
    [node] = panel.clusters[before["id"]]["nodes"]
    panel.wait(lambda p: p.load(before["id"], node["name"]))
    panel.wait(lambda p: p.clusters[before["id"]]["nodes"][0]["workers"] == 2)
    panel.close()
    assert lab.scale("PATCH", f"clusters/{before['id']}", {"workers": 1})[0] == 200
    kernel = lab.start_kernel()
    assert kernel.run("%%scale\nx = 1").status == "ok"
    assert list(lab.clusters()) == ["pair"]
    assert lab.scale("DELETE", f"clusters/{before['id']}")[0] == 204
    assert not lab.left()


def test_an_orphan_ends_itself(lab):
    lab.start_cluster(profile="brief")
    kernel = lab.start_kernel()
    assert kernel.run("%%scale\nx = 1").status == "ok"
    time.sleep(12)  # longer than `orphan_after`: a living server is heard
    assert lab.clusters()["brief"]["status"] == "running"
    lab.kill()
    assert lab.left()
    assert eventually(lambda: not lab.left(), 25), lab.left()


@pytest.mark.parametrize("pause_s", [0.0, 0.01, 0.05, 0.3, 1.0])
def test_a_start_is_given_up(lab, pause_s):
    view = lab.scale("POST", "clusters", {"profile": "pair"})[1]
    time.sleep(pause_s)
    begun = time.monotonic()
    assert lab.scale("DELETE", f"clusters/{view['id']}")[0] == 204
    assert time.monotonic() - begun < 15
    assert lab.clusters() == {}
    assert not lab.left()


def test_an_idle_panel_costs_little(lab):
    lab.start_cluster(profile="pair")
    panel = lab.feed()
    panel.count_frames(5)  # things settle
    server = psutil.Process(lab.process.pid)
    before = sum(server.cpu_times()[:2])
    frames = panel.count_frames(10)
    cpu_percent = (sum(server.cpu_times()[:2]) - before) / 10 * 100
    assert frames <= 10
    assert cpu_percent < 5  # measured: 0.3, and 0.1 frames a second
    panel.close()


def test_a_node_that_dies_is_shown(lab):
    view = lab.start_cluster(profile="pair")
    panel = lab.feed()
    [node] = [p for p in lab.processes() if "jupyter_scale.providers.node" in p.cmdline()]
    os.kill(node.pid, signal.SIGKILL)
    panel.wait(lambda p: p.clusters[view["id"]]["status"] == "failed")
    assert "did not start" not in panel.clusters[view["id"]]["error"]
    panel.wait(lambda p: any(line["notice"] == "cluster-failed" for line in p.log))
    assert {line["name"] for line in panel.log} == {"pair"}
    assert "workers 2/2" in [line["text"] for line in panel.log]
    assert lab.scale("DELETE", f"clusters/{view['id']}")[0] == 204
    panel.wait(lambda p: not p.clusters)
    panel.close()
