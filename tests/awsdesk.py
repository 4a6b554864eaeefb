"""This process as the laptop: clusters of Amazon's instances, without a kernel."""

import pytest

from awsprofiles import left, write_profile
from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.errors import StartError
from jupyter_scale.model.cluster import Ownership
from waiting import eventually


@pytest.fixture
def desk(aws, tmp_path, monkeypatch):
    """A place where this process is the laptop; the folder of its notebooks."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUPYTER_SCALE_ADDRESS_URL", aws.endpoint)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    sit_at(monkeypatch, tmp_path / "runtime")
    return tmp_path / "notebooks"


def sit_at(monkeypatch, directory):
    """Be the laptop whose clusters are recorded there."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(directory))


def create(desk, *pools, **options):
    """Return a cluster of the profile "train", of which nothing is started."""
    write_profile(desk, *pools, **options)
    return Cluster.create(load_profile("train", desk), ownership=Ownership.SERVER)


def refused(aws, cluster):
    """Return what is said when a cluster cannot start."""
    with aws.inside(), pytest.raises(StartError) as caught:
        cluster.start()
    return str(caught.value)


def launched(aws, cluster):
    """Start until there are instances."""
    with aws.inside():
        cluster.start(wait=False)

    def has_hosts():
        cluster.look()
        return all(node.machine.host for node in cluster.state.nodes)

    assert eventually(has_hosts, 30)
    return cluster


def assert_nothing_left(aws):
    """See that neither the account nor this machine has anything of a cluster."""
    assert left(aws) == {}
    assert store.cluster_ids() == []
