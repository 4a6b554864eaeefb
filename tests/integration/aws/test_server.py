"""A Jupyter server that owns a cluster of instances: asked by REST, as its panel does."""

import pytest

from awsprofiles import left, told, without_keys, write_credentials, write_profile
from labserver import LabServer
from waiting import eventually

RUN = "RunInstances"


@pytest.fixture
def credentials(tmp_path):
    return write_credentials(tmp_path / "credentials")


@pytest.fixture
def lab(aws, tmp_path, credentials):
    """A server in the network of the lab's client, where this thread is meanwhile, too."""
    (tmp_path / "server").mkdir()
    variables = {**aws.environment(), **without_keys(credentials)}
    variables["JUPYTER_SCALE_ADDRESS_URL"] = aws.endpoint
    with aws.inside():
        lab = LabServer(tmp_path / "server", **variables)
        write_profile(lab.root, {"count": 1}, max_cost=0.0416)
        lab.start()
        yield lab
        lab.close()


def runs(lab, nodes):
    view = lab.clusters().get("train")
    return view is not None and [node["status"] for node in view["nodes"]] == ["running"] * nodes


def test_a_server_prices_starts_limits_scales_and_ends_it(aws, lab):
    status, quote = lab.scale("GET", "profiles/train/quote")
    assert status == 200
    assert (quote["usd_per_h"], quote["lasts_s"]) == (0.0416, 3600.0)
    assert "1 x t3.medium, pool cpu: 0.0416 USD an hour each" in "\n".join(quote["lines"])
    assert aws.instances == []

    status, view = lab.scale("POST", "clusters", {"profile": "train"})
    assert status == 201
    assert eventually(lambda: runs(lab, 1), 120), lab.clusters()
    cluster, cost = view["id"], lab.clusters()["train"]["cost"]
    assert (cost["usd_per_h"], cost["max_usd"]) == (0.0416, 0.0416)
    assert cost["ends_at"] == pytest.approx(cost["at"] + 3600, abs=1)

    changes = {"max_cost": 0.0832, "idle_timeout_s": 3600}
    status, view = lab.scale("PATCH", f"clusters/{cluster}/limits", changes)
    assert (status, view["idle_timeout_s"]) == (200, 3600)
    assert (view["cost"]["max_usd"], view["cost"]["usd_per_h"]) == (0.0832, 0.0416)
    [instance] = aws.living
    assert told(instance)["life_s"] == pytest.approx(7200, abs=60)

    status, view = lab.scale("PATCH", f"clusters/{cluster}", {"workers": 2, "pool": "cpu"})
    assert (status, [node["name"] for node in view["nodes"]]) == (200, ["cpu-1", "cpu-2"])
    assert eventually(lambda: runs(lab, 2), 120), lab.clusters()
    assert lab.scale("PATCH", f"clusters/{cluster}", {"workers": 1})[0] == 200
    assert eventually(lambda: aws.living == [instance], 60)
    assert lab.scale("DELETE", f"clusters/{cluster}")[0] == 204
    assert left(aws) == {}


def test_a_new_server_takes_it_over(aws, lab):
    lab.scale("POST", "clusters", {"profile": "train"})
    assert eventually(lambda: runs(lab, 1), 120), lab.clusters()
    lab.kill()
    lab.start()
    assert eventually(lambda: runs(lab, 1), 60), lab.clusters()
    assert len(aws.instances) == 1
    [cluster] = [view["id"] for view in lab.clusters().values()]
    assert lab.scale("PATCH", f"clusters/{cluster}", {"workers": 2})[0] == 200
    assert eventually(lambda: runs(lab, 2), 120), lab.clusters()
    assert aws.count(RUN) == 2
    assert lab.scale("DELETE", f"clusters/{cluster}")[0] == 204
    assert left(aws) == {}


def test_a_server_that_dies_while_it_starts(aws, lab):
    aws.after(RUN, lab.kill)
    lab.scale("POST", "clusters", {"profile": "train"})
    assert eventually(lambda: lab.process.poll() is not None, 60)
    lab.start()
    assert eventually(lambda: runs(lab, 1), 120), lab.clusters()
    assert (aws.count(RUN), len(aws.instances)) == (1, 1)
    [cluster] = [view["id"] for view in lab.clusters().values()]
    assert lab.scale("DELETE", f"clusters/{cluster}")[0] == 204
    assert left(aws) == {}


def test_it_is_told_when_credentials_expire(aws, lab, credentials):
    cluster = lab.scale("POST", "clusters", {"profile": "train"})[1]["id"]
    assert eventually(lambda: runs(lab, 1), 120), lab.clusters()
    aws.expire()

    def steps():
        return "\n".join(step["message"] for step in lab.clusters()["train"]["steps"])

    assert eventually(lambda: "cpu-1: AWS cannot be asked: the AWS creden" in steps(), 60), steps()
    assert "aws sso login" in steps()
    assert runs(lab, 1)
    status, answer = lab.scale("DELETE", f"clusters/{cluster}")
    assert status == 409
    assert "the AWS credentials have expired" in answer["message"]
    assert len(aws.living) == 1
    write_credentials(credentials, "AKIARENEWED")
    assert lab.scale("DELETE", f"clusters/{cluster}")[0] == 204
    assert left(aws) == {}
