"""Runs that go on without their kernel, as pages and the next kernel are told of them."""

import json
import urllib.request

from labserver import LabServer
from waiting import eventually


def lines_of(lab, path):
    """Return the objects of an answer that has one in each line."""
    headers = {"Authorization": f"token {lab.token}"}
    request = urllib.request.Request(f"{lab.url}/jupyter-scale/api/{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [json.loads(line) for line in answer]


def test_a_run_is_listed_shown_and_fetched(tmp_path):
    lab = LabServer(tmp_path, "[clusters.one]\n[[clusters.one.pools]]\nworkers = 1\n")
    lab.start()
    try:
        cluster = lab.start_cluster(profile="one")["id"]
        kernel = lab.start_kernel()
        assert kernel.greeting == ""
        begun, go = tmp_path / "begun", tmp_path / "go"
        kernel.start(
            f"%%scale\nimport os, time\nprint('before')\nos.mkdir({str(begun)!r})\n"
            f"while not os.path.exists({str(go)!r}): time.sleep(0.05)\n"
            "x = 41\nprint('after')\nx + 1"
        )
        assert eventually(begun.exists, 60)
        kernel.kill()

        def kept():
            return lab.scale("GET", "runs/kept")[1]["runs"]

        assert eventually(kept, 30)
        [run] = kept()
        assert (run["status"], run["names"], run["cluster"]) == ("running", [], cluster)
        assert run["notebook"] == "work.ipynb"
        second = lab.start_kernel()
        assert "1 cell runs that nobody waits for" in second.greeting
        second.run("%scale up one")
        others = "others   1 other notebook: work.ipynb (this one, in another kernel)\n"
        assert others in second.run("%scale").stdout
        go.mkdir()
        *batches, last = lines_of(lab, f"clusters/{cluster}/runs/{run['id']}/output")
        assert last["status"] == "done"
        outputs = [output for batch in batches for output in batch["outputs"]]
        texts = "".join(output.get("text", "") for output in outputs)
        assert texts == "before\nafter\n"
        assert outputs[-1]["output_type"] == "execute_result"
        assert outputs[-1]["data"] == {"text/plain": "42"}

        assert eventually(lambda: kept()[0]["names"] == ["os", "time", "x"], 30), kept()
        assert not kept()[0]["is_shown"]
        assert lab.scale("POST", f"clusters/{cluster}/runs/{run['id']}/shown")[0] == 204
        assert kept()[0]["is_shown"]
        fetched = second.run(f"%scale fetch --quiet {run['id']}")
        assert "before" not in fetched.stdout, fetched
        assert "here now: os, time, x" in fetched.stdout
        assert second.run("print(x)").stdout == "41\n"
        assert kept()[0]["names"] == []
        status, answer = lab.scale("GET", f"clusters/{cluster}/runs/nosuch/output")
        assert (status, answer["message"]) == (409, "The run nosuch is not kept any more.")
    finally:
        lab.close()


def test_a_command_runs_when_a_detached_run_has_ended_and_its_failure_is_said(tmp_path):
    lab = LabServer(tmp_path, "[clusters.one]\n[[clusters.one.pools]]\nworkers = 1\n")
    lab.start()
    try:
        lab.start_cluster(profile="one")
        kernel = lab.start_kernel()
        told = tmp_path / "told"
        write = f"echo $JUPYTER_SCALE_RUN $JUPYTER_SCALE_RUN_STATE >> {told}"
        assert kernel.run(f"%%scale --detach well --then '{write}'\nx = 1").status == "ok"
        assert kernel.run(f"%%scale --detach ill --then '{write}; exit 3'\n1 / 0").status == "ok"
        endings = eventually(lambda: told.exists() and len(told.read_text().split("\n")) == 3, 60)
        assert endings, kernel.run("print(well, ill)").stdout
        ids = kernel.run("print(well.id, ill.id)").stdout.split()
        expected = {f"{ids[0]} done", f"{ids[1]} failed"}
        assert set(told.read_text().splitlines()) == expected
        said = "its command failed (exit status 3)"
        assert eventually(lambda: said in kernel.run("print(ill)").stdout, 20)
        assert "its command" not in kernel.run("print(well)").stdout
        assert kernel.run("print(well.result(), x)").stdout == "None 1\n"
    finally:
        lab.close()
