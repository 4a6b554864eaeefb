"""A Jupyter server that owns a cluster of machines: from the panel's request to its end."""

import pytest

from labserver import LabServer
from laptop import assert_clean, profile_text
from sshlab import SshLab, require_lab
from waiting import eventually

pytestmark = [pytest.mark.ssh, pytest.mark.timeout(300)]


@pytest.fixture
def hosts(tmp_path):
    require_lab()
    (tmp_path / "hosts").mkdir()
    hosts = SshLab(tmp_path / "hosts")
    hosts.add()
    hosts.add()
    yield hosts
    hosts.close()


@pytest.fixture
def lab(hosts, tmp_path):
    (tmp_path / "server").mkdir()
    text = profile_text(hosts, ["h1", "h2"])
    text += profile_text(hosts, ["h1", "h2"], pool="min = 1", name="few")
    lab = LabServer(tmp_path / "server", text)
    lab.start()
    yield lab
    lab.close()


def test_a_servers_machines_serve_kernels_and_are_watched(lab, hosts):
    kernel = lab.start_kernel()
    up = kernel.run("%scale up lab", timeout_s=120)
    assert "The cluster 'lab' is up: 2 workers." in up.stdout, up
    view = lab.clusters()["lab"]
    assert [(node["name"], node["status"]) for node in view["nodes"]] == [
        ("h1", "running"),
        ("h2", "running"),
    ]
    assert [step["step"] for step in view["steps"]].count("node h2") == 1
    cell = "%%scale\nimport socket\nwhere = socket.gethostname()"
    assert kernel.run(cell, timeout_s=120).status == "ok"
    assert kernel.run("print(where)").stdout == "h1\n"

    panel = lab.feed()
    panel.wait(lambda p: any(run["status"] == "done" for run in p.runs.values()))
    panel.wait(
        lambda p: (load := p.load(view["id"], "h2")) and load.network_in_bytes_per_s is not None
    )
    assert panel.clusters[view["id"]]["nodes"][1]["ssh"].endswith(" h2")
    servers = hosts.machines["h2"].find("multiprocessing.forkserver")
    pids = {server.pid for server in servers}
    [worker] = [server for server in servers if server.ppid() in pids]
    worker.kill()
    panel.wait(lambda p: any(line["source"] == "nanny" for line in p.log))
    [told] = [line for line in panel.log if line["source"] == "nanny"]
    assert (told["node"], told["level"]) == ("h2", "warning")
    assert told["text"].startswith("Restarting worker")
    panel.close()
    assert kernel.run("%scale down", timeout_s=120).status == "ok"
    assert_clean(hosts)


def test_a_failed_machine_is_tried_again_by_the_next_start(lab, hosts):
    hosts.machines["h2"].kill()
    kernel = lab.start_kernel()
    up = kernel.run("%scale up few", timeout_s=120)
    assert "is up: 1 worker." in up.stdout, up
    assert (
        "h2" in next(n for n in lab.clusters()["few"]["nodes"] if n["status"] == "failed")["error"]
    )
    hosts.machines["h2"].start()
    kernel.run("%scale up few", timeout_s=120)

    def statuses():
        return [node["status"] for node in lab.clusters()["few"]["nodes"]]

    assert eventually(lambda: statuses() == ["running", "running"], 40), lab.clusters()
    assert list(lab.clusters()) == ["few"]
    kernel.run("%scale down", timeout_s=120)
    assert_clean(hosts)


def test_what_has_failed_is_tried_again_on_demand(lab, hosts):
    hosts.machines["h2"].kill()
    lab.start_cluster(profile="few")
    cluster = lab.clusters()["few"]["id"]
    hosts.machines["h2"].start()

    def statuses():
        return [node["status"] for node in lab.clusters()["few"]["nodes"]]

    assert statuses() == ["running", "failed"]
    status, answer = lab.scale("POST", f"clusters/{cluster}/retry", {"node": "h1"})
    assert (status, answer["message"]) == (409, "Node 'h1' of cluster few has not failed.")
    assert lab.scale("POST", f"clusters/{cluster}/retry", {"node": "h2"})[0] == 200
    assert eventually(lambda: statuses() == ["running", "running"], 40), lab.clusters()
    status, answer = lab.scale("POST", f"clusters/{cluster}/retry")
    assert (status, answer["message"]) == (409, "Nothing of cluster few has failed.")
    assert lab.scale("DELETE", f"clusters/{cluster}")[0] == 204
    # A cluster that did not start at all starts anew.
    hosts.machines["h2"].kill()
    cluster = lab.scale("POST", "clusters", {"profile": "lab"})[1]["id"]
    assert eventually(lambda: lab.clusters()["lab"]["status"] == "failed", 40)
    hosts.machines["h2"].start()
    assert eventually(lambda: lab.scale("POST", f"clusters/{cluster}/retry")[0] == 200, 10)
    assert lab.comes_up("lab")
    assert lab.clusters()["lab"]["id"] == cluster
    assert lab.scale("DELETE", f"clusters/{cluster}")[0] == 204
    assert_clean(hosts)


def test_a_new_server_takes_machines_over(lab, hosts):
    kernel = lab.start_kernel()
    kernel.run("%scale up lab", timeout_s=120)
    nodes = {p.pid for m in hosts.machines.values() for p in m.find("jupyter_scale.providers.node")}
    lab.kill()
    lab.start()
    assert eventually(lambda: lab.clusters().get("lab", {}).get("status") == "running", 30)
    again = {p.pid for m in hosts.machines.values() for p in m.find("jupyter_scale.providers.node")}
    assert again == nodes
    kernel = lab.start_kernel()
    assert kernel.run("%%scale\nx = 6 * 7", timeout_s=120).status == "ok"
    assert kernel.run("print(x)").stdout == "42\n"
    kernel.run("%scale down", timeout_s=120)
    assert_clean(hosts)
