"""GPUs of a node in the feed: every one, once, and read by one process."""

import fakenvml
from labserver import LabServer

PAIR = """
[clusters.pair]
[[clusters.pair.pools]]
workers = 2
"""


@fakenvml.needs_compiler
def test_each_gpu_of_a_node_is_shown_once(tmp_path, monkeypatch):
    (tmp_path / "driver").mkdir()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(fakenvml.build(tmp_path / "driver")))
    lab = LabServer(tmp_path, PAIR)
    try:
        lab.start()
        cluster = lab.start_cluster(profile="pair")["id"]
        panel = lab.feed()
        [node] = panel.clusters[cluster]["nodes"]
        panel.watch([(cluster, node["name"])])
        panel.wait(lambda p: (load := p.load(cluster, node["name"])) and load.gpus)
        load = panel.load(cluster, node["name"])
        panel.wait(lambda p: p.clusters[cluster]["nodes"][0]["workers"] == 2)
        panel.close()
        gib = 1 << 30
        assert load.gpus == [
            [0, "Fake GPU", 30.0, gib, 16 * gib, 50.0, 100.5, 0],
            [1, "Fake GPU", 31.0, 2 * gib, 16 * gib, 51.0, 101.5, 1],
        ]
        assert load.gpu == [2, 30.5, 3 * gib, 32 * gib, 51.0, 202.0]
        readers = [p for p in lab.processes() if any("nvidia" in m.path for m in p.memory_maps())]
        assert ["jupyter_scale.providers.node" in reader.cmdline() for reader in readers] == [True]
    finally:
        lab.close()
