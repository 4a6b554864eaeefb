"""Clusters that start, work, scale and stop."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from distributed import Client

from jupyter_scale.clusters import store
from jupyter_scale.errors import ClusterError, StartError
from jupyter_scale.model.cluster import Owner, Status
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.transport.lifeline import current_owner, is_alive, owner_of
from jupyter_scale.transport.processes import marked
from jupyter_scale.transport.tls import security
from waiting import eventually, stays


def client_of(cluster):
    return Client(
        cluster.state.scheduler_address,
        security=security(cluster.directory / "tls", "client"),
        timeout="10s",
    )


def node_of(cluster):
    return cluster.state.nodes[0]


def test_start_work_stop(make_cluster):
    events = []
    cluster = make_cluster(on_event=events.append)
    cluster.start()
    state = cluster.state
    assert state.status is Status.RUNNING
    assert node_of(cluster).joined == cluster.workers == 2
    assert store.load(state.id) == state
    assert state.scheduler_address.startswith("tls://127.0.0.1:")
    assert [e.step for e in events][:3] == ["security", "node", "scheduler"]
    assert [(e.done, e.total) for e in events if e.step == "workers"][-1] == (2, 2)
    assert events[-1].step == "running"
    with client_of(cluster) as client:
        assert client.submit(sum, [1, 2, 3]).result(10) == 6
    written = json.loads((cluster.directory / "scheduler.json").read_text())
    assert written["address"] == state.scheduler_address
    processes = marked(state.id)
    assert len(processes) >= 3
    cluster.stop()
    assert cluster.state.status is Status.STOPPED
    assert not any(is_alive(process) for process in processes)
    cluster.stop()


def test_start_again_after_stop(make_cluster):
    cluster = make_cluster(1)
    cluster.start()
    cluster.stop()
    cluster.start()
    assert cluster.workers == 1


def test_stop_before_start(make_cluster):
    cluster = make_cluster()
    cluster.stop()
    assert cluster.state.status is Status.STOPPED


def test_start_without_waiting(make_cluster):
    cluster = make_cluster(1)
    cluster.start(wait=False)
    assert cluster.state.status is Status.STARTING
    assert node_of(cluster).pid > 0
    assert store.load(cluster.state.id).nodes
    cluster.wait_ready()
    assert cluster.state.status is Status.RUNNING


def test_it_needs_no_event_loop_and_bears_one(make_cluster):
    async def as_in_a_kernel():
        cluster = make_cluster(1)
        cluster.start()
        cluster.scale(2)
        assert cluster.wait_workers(2, 20)

    asyncio.run(as_in_a_kernel())


def test_scale(make_cluster):
    cluster = make_cluster(1)
    cluster.start()
    cluster.scale(3)
    assert cluster.wait_workers(3, 20)
    with client_of(cluster) as client:
        kept = client.scatter(list(range(6)), broadcast=True)
        cluster.scale(1)
        assert cluster.wait_workers(1, 20)
        assert client.gather(kept) == list(range(6))
    assert node_of(cluster).workers == 1
    with pytest.raises(ClusterError, match="at least one"):
        cluster.scale(0)
    cluster.stop()
    with pytest.raises(ClusterError, match="not running"):
        cluster.scale(2)


def test_two_at_once(make_cluster):
    one, two = make_cluster(1), make_cluster(1)
    threads = [threading.Thread(target=cluster.start) for cluster in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert one.state.id != two.state.id
    one.stop()
    assert two.workers == 1
    with client_of(two) as client:
        assert client.submit(abs, -1).result(10) == 1


def test_workers_are_as_they_should_be(make_cluster, monkeypatch, tmp_path):
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside_the_notebook.py").write_text("ANSWER = 42\n")
    cluster = make_cluster(2)
    cluster.start()

    def facts(dask_worker):
        import multiprocessing
        import os
        import pathlib

        import beside_the_notebook

        return {
            "threads": dask_worker.state.nthreads,
            "omp": os.environ["OMP_NUM_THREADS"],
            "jpy": [key for key in os.environ if key.startswith("JPY_")],
            "seed": (os.environ["PYTHONHASHSEED"], hash("a")),
            "cwd": str(pathlib.Path.cwd()),
            "answer": beside_the_notebook.ANSWER,
            "may have children": not multiprocessing.current_process().daemon,
            "start method": multiprocessing.get_start_method(allow_none=True),
            "scratch": dask_worker.local_directory,
            "limit": dask_worker.memory_manager.memory_limit > 0,
        }

    def blas(dask_worker):
        import numpy as np  # noqa: F401
        from threadpoolctl import threadpool_info

        return [pool["num_threads"] for pool in threadpool_info()]

    with client_of(cluster) as client:
        all_facts = list(client.run(facts).values())
        all_threads = list(client.run(blas).values())
    assert len(all_facts) == 2
    assert all_facts[0]["seed"] == all_facts[1]["seed"]
    for fact in all_facts:
        assert fact["seed"][0] == "0"
        assert fact["threads"] == 1
        assert fact["omp"] == "1"
        assert fact["jpy"] == []
        assert fact["cwd"] == str(tmp_path)
        assert fact["answer"] == 42
        assert fact["may have children"]
        assert fact["start method"] is None  # the platform's own, as in a notebook
        assert fact["scratch"].startswith(str(cluster.directory))
    assert all(threads == 1 for pools in all_threads for threads in pools)


def test_nothing_listens_to_strangers_and_all_of_it_is_tls(make_cluster):
    cluster = make_cluster(2)
    cluster.start()
    listening = [
        connection.laddr
        for owner in marked(cluster.state.id)
        for connection in psutil.Process(owner.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 5  # scheduler, two nannies, two workers
    assert {address.ip for address in listening} == {"127.0.0.1"}
    for address in listening:
        with (
            socket.create_connection(address, timeout=5) as plain,
            suppress(ConnectionResetError),
        ):
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert not plain.recv(100).startswith(b"HTTP")


def test_output_of_tasks_goes_to_the_worker_log(make_cluster):
    cluster = make_cluster(1)
    cluster.start()
    with client_of(cluster) as client:
        client.submit(os.system, "echo from a child").result(10)
        client.submit(print, "from python", flush=True).result(10)
    log = (cluster.directory / "workers" / "0.log").read_text()
    assert "from a child" in log
    assert "from python" in log


def test_a_taken_port(make_cluster):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cluster = make_cluster(1, scheduler_port=port)
        with pytest.raises(StartError) as caught:
            cluster.start()
    assert f"port {port} on 127.0.0.1 is taken" in str(caught.value)
    assert "scheduler_port" in caught.value.next_step
    assert cluster.state.status is Status.FAILED
    assert str(port) in cluster.state.error


def test_a_fixed_port(make_cluster):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = make_cluster(1, scheduler_port=port)
    cluster.start()
    assert cluster.state.scheduler_address == f"tls://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("raise RuntimeError('no licence')", ["RuntimeError: no licence"]),
        ("import os, sys\nprint('giving up', file=sys.stderr)\nos._exit(3)", ["giving up"]),
    ],
)
def test_a_worker_that_cannot_start_shows_its_last_lines(
    make_cluster, monkeypatch, tmp_path, code, parts
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad_preload.py").write_text(code)
    cluster = make_cluster(1, preload=["bad_preload"])
    with pytest.raises(StartError) as caught:
        cluster.start(timeout_s=30)
    for part in ("worker 0 did not start", *parts):
        assert part in str(caught.value)
    assert caught.value.last_lines
    assert cluster.state.status is Status.FAILED


def test_a_start_that_takes_too_long(make_cluster):
    cluster = make_cluster(1)
    with pytest.raises(StartError, match="does not listen yet"):
        cluster.start(timeout_s=0.2)


def test_ctrl_c_while_starting(make_cluster):
    cluster = make_cluster(2)

    def press(event):
        if event.step == "workers":
            signal.raise_signal(signal.SIGINT)

    cluster._performer._on_event = press
    with pytest.raises(KeyboardInterrupt):
        cluster.start()
    assert cluster.state.status is Status.STOPPED
    assert marked(cluster.state.id) == []


@pytest.mark.parametrize("delay_s", [0.05, 0.3, 0.8])
def test_ctrl_c_at_any_time(make_cluster, delay_s):
    cluster = make_cluster(2)
    started = False
    timer = threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with contextlib.suppress(KeyboardInterrupt):
        cluster.start()
        started = True
        timer.join()  # the start was quicker: the test is of less use, but must not be hit later
    if started:
        cluster.stop()
    assert marked(cluster.state.id) == []
    assert not Path(cluster.state.directory).exists()


def test_it_ends_when_idle():
    from jupyter_scale.clusters.cluster import Cluster

    profile = Profile("test", "local", (Pool("local", workers=1),), idle_timeout_s=2.0)
    cluster = Cluster.create(profile)
    cluster.start()
    node = owner_of(node_of(cluster).pid)
    busy = cluster.directory / "runners" / "s" / "busy"
    busy.parent.mkdir()
    busy.write_text(str(current_owner()))
    try:
        assert stays(lambda: is_alive(node), 3)
        busy.unlink()
        assert eventually(lambda: not is_alive(node), 6)
        assert eventually(lambda: not cluster.directory.exists(), 5)
        with pytest.raises(StartError, match=r"has ended itself"):
            cluster.wait_ready(5)
    finally:
        cluster.stop()


RUNNER = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
for name in ("--directory", "--cluster-directory", "--session", "--owner"):
    parser.add_argument(name, required=True)
arguments = parser.parse_args()
(pathlib.Path(arguments.directory) / "told").write_text(arguments.owner)
print(json.dumps({"pid": os.getpid(), "address": "tls://127.0.0.1:1"}), flush=True)
import time
time.sleep(60)
"""


def test_a_runner_starts_beside_the_workers_and_ends_with_the_cluster(
    make_cluster, monkeypatch, tmp_path
):
    monkeypatch.setattr(
        "jupyter_scale.providers.local.provider.python_argv",
        lambda module, *arguments: (
            python_argv_of(module, *arguments)
            if module != "jupyter_scale.runner.host"
            else [os.sys.executable, str(tmp_path / "runner.py"), *arguments]
        ),
    )
    (tmp_path / "runner.py").write_text(RUNNER)
    cluster = make_cluster(1)
    with pytest.raises(ClusterError, match="not started"):
        cluster.start_runner("s1")
    cluster.start(wait=False)
    with pytest.raises(ClusterError, match="session's id"):
        cluster.start_runner("../s1")
    runner = cluster.start_runner("s1")
    assert runner.wait_ready(20) == {"pid": runner.pid, "address": "tls://127.0.0.1:1"}
    told = (cluster.directory / "runners" / "s1" / "told").read_text()
    assert Owner.parse(told) == cluster.state.owner
    assert store.load(cluster.state.id).runners[0].pid == runner.pid
    cluster.wait_ready()
    owner = owner_of(runner.pid)
    cluster.stop()
    assert not is_alive(owner)


from jupyter_scale.transport.local import python_argv as python_argv_of  # noqa: E402
