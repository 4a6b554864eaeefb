"""Nothing is left, whoever dies without a word."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from distributed import Client

from jupyter_scale.clusters import store
from jupyter_scale.errors import StartError
from jupyter_scale.model.cluster import Owner
from jupyter_scale.transport.lifeline import is_alive, owner_of
from jupyter_scale.transport.processes import MARK, marked
from jupyter_scale.transport.tls import security
from waiting import eventually

OWNER = """
import json, sys, time
from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.model.profile import embedded_profile
cluster = Cluster.create(embedded_profile(2))
cluster.start(wait=sys.argv[1] == "ready")
print(cluster.state.id, flush=True)
time.sleep(100)
"""


@pytest.fixture
def owner():
    started = []

    def start(when):
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, when], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process, store.load(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.wait(5)
        process.stdout.close()


def mentions(cluster):
    """Return the processes whose command line or environment names a cluster."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.environ().get(MARK, "")]
        except psutil.Error:
            continue
        if any(cluster in word for word in words):
            found.append(process.pid)
    return found


def submit_busy_task(client):
    """Let a worker run for long, with a child in a session of its own and a stubborn one."""

    def run():
        subprocess.Popen(["sleep", "100"], start_new_session=True)
        subprocess.Popen(["bash", "-c", "trap '' TERM; sleep 100"])
        time.sleep(100)

    return client.submit(run, pure=False)


def is_gone(state):
    return (
        not mentions(state.id)
        and not Path(state.directory).exists()
        and not Path(state.shared_dir).exists()
    )


@pytest.mark.parametrize("when", ["ready", "starting"])
def test_kill_9_of_the_owner(owner, when):
    process, state = owner(when)
    processes = marked(state.id)
    assert processes
    process.send_signal(signal.SIGKILL)  # and not waited for: it stays a zombie
    # One that is about to be gone has no command line any more.
    assert eventually(lambda: is_gone(state) and not any(map(is_alive, processes)), 15)


def test_kill_9_of_the_owner_while_tasks_run(owner):
    process, state = owner("ready")
    client = Client(
        state.scheduler_address, security=security(Path(state.directory) / "tls", "client")
    )
    try:
        futures = [submit_busy_task(client) for _ in range(2)]
        assert eventually(lambda: len(marked(state.id)) >= 8, 10)
        process.send_signal(signal.SIGKILL)
        assert eventually(lambda: is_gone(state), 15)
        del futures
    finally:
        client.close(timeout=1)


def test_kill_9_of_the_node(make_cluster):
    cluster = make_cluster(2)
    cluster.start()
    before = marked(cluster.state.id)
    os.kill(cluster.state.nodes[0].pid, signal.SIGKILL)
    assert eventually(lambda: not any(is_alive(process) for process in before), 10)
    with pytest.raises(StartError, match=r"SIGKILL|have ended"):
        cluster.wait_ready(5)


def test_kill_9_of_the_node_while_tasks_run(make_cluster):
    cluster = make_cluster(1)
    cluster.start()
    tls_dir = cluster.directory / "tls"
    client = Client(cluster.state.scheduler_address, security=security(tls_dir, "client"))
    try:
        future = submit_busy_task(client)
        assert eventually(lambda: len(marked(cluster.state.id)) >= 6, 10)
        os.kill(cluster.state.nodes[0].pid, signal.SIGKILL)
        cluster.stop()
        assert marked(cluster.state.id) == []
        del future
    finally:
        client.close(timeout=1)


def test_kill_9_of_a_worker_brings_another(make_cluster):
    cluster = make_cluster(1)
    cluster.start()
    tls_dir = cluster.directory / "tls"
    with Client(cluster.state.scheduler_address, security=security(tls_dir, "client")) as client:
        first = client.submit(os.getpid, pure=False).result(10)
        os.kill(first, signal.SIGKILL)
        assert client.submit(os.getpid, pure=False).result(20) != first


def test_kill_9_of_owner_and_node_is_swept_later(owner):
    process, state = owner("ready")
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(state.nodes[0].pid, signal.SIGKILL)
    process.send_signal(signal.SIGKILL)
    process.wait(5)
    assert eventually(lambda: not mentions(state.id), 10)
    assert Path(state.directory).exists()
    assert state.id in store.sweep()
    assert is_gone(state)


def test_a_client_that_shuts_down_the_scheduler_ends_the_node(make_cluster):
    cluster = make_cluster(1)
    cluster.start()
    node = owner_of(cluster.state.nodes[0].pid)
    client = Client(
        cluster.state.scheduler_address, security=security(cluster.directory / "tls", "client")
    )
    client.shutdown()
    assert eventually(lambda: not is_alive(node), 10)


def test_sigterm_of_the_node_ends_all(make_cluster):
    cluster = make_cluster(2)
    cluster.start()
    state = cluster.state
    os.kill(state.nodes[0].pid, signal.SIGTERM)
    assert eventually(lambda: is_gone(state), 10)


def test_stop_is_bounded_while_tasks_run(make_cluster):
    cluster = make_cluster(1)
    cluster.start()
    tls_dir = cluster.directory / "tls"
    client = Client(cluster.state.scheduler_address, security=security(tls_dir, "client"))
    try:
        future = submit_busy_task(client)
        assert eventually(lambda: len(marked(cluster.state.id)) >= 6, 10)
        begun = time.monotonic()
        cluster.stop()
        assert time.monotonic() - begun < 8
        del future
    finally:
        client.close(timeout=1)


def test_an_interrupt_of_the_kernels_group_does_not_reach_the_cluster(owner):
    _, state = owner("ready")
    node = state.nodes[0]
    assert os.getsid(node.pid) == node.pid
    assert all(os.getpgid(process.pid) == node.pid for process in marked(state.id))
    assert json.loads(state.to_json())["owner"]["pid"] != node.pid
    assert is_alive(Owner(node.pid, node.created))
