"""A laptop that is killed at a moment: a start and a stop in a process of its own."""

import multiprocessing
import multiprocessing.connection
import os
import signal
from pathlib import Path

from waiting import eventually

_FORKS = multiprocessing.get_context("forkserver")


def processes():
    """Return where processes come from that have imported everything already."""
    _FORKS.set_forkserver_preload(["jupyter_scale.clusters.cluster", "boto3", "awscrash"])
    return _FORKS


def begin(target, environment, *arguments):
    """Run a function of this module in a process of its own."""
    process = processes().Process(target=_run, args=(target, environment, *arguments))
    process.start()
    return process


def kill(process):
    """Kill it, and wait until it has ended; how it ended is for one thread to ask, the test's."""
    os.kill(process.pid, signal.SIGKILL)
    multiprocessing.connection.wait([process.sentinel], 10)


def _run(target, environment, *arguments):
    os.environ.update(environment)
    target(*arguments)


def up_and_down(folder):
    """Launch the instances of the profile "train", and end them."""
    from jupyter_scale.clusters.cluster import Cluster
    from jupyter_scale.clusters.profiles import load_profile
    from jupyter_scale.model.cluster import Ownership

    profile = load_profile("train", Path(folder))
    cluster = Cluster.create(profile, ownership=Ownership.SERVER)
    cluster.start(wait=False)

    def has_hosts():
        cluster.look()
        return all(node.machine.host for node in cluster.state.nodes)

    assert eventually(has_hosts, 60)
    cluster.stop()


def clean(folder):
    """Run `jupyter scale clean`."""
    from jupyter_scale.cli.ends import clean

    assert clean(None, Path(folder))
