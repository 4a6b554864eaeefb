"""Measure what a start on EC2 costs besides EC2's own boot: time, and calls of its API.

The API is moto's, on this machine. For the time, instances are machines with a real sshd
(`tests/awslab.py`; root on Linux) that boot at once. For the calls there are no machines: as many
instances as are asked for, until the address of each is known.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cells import format_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.model.cluster import Ownership
from jupyter_scale.providers.aws.cloud import Cloud
from jupyter_scale.providers.aws.prices import Price, _Kept

_KIND, _REGION = "t3.medium", "us-east-1"


@contextmanager
def _laptop() -> Iterator[Path]:
    """Yield a folder for notebooks; what is kept for its clusters goes with it."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        os.environ["JUPYTER_RUNTIME_DIR"] = str(home / "runtime")
        os.environ["JUPYTER_CONFIG_DIR"] = str(home / "config")
        root = home / "runtime" / "jupyter_scale"
        root.mkdir(parents=True)
        # Moto has no price list; a laptop that has asked within a day does not ask again.
        _Kept(root / "aws-prices.json").put(_REGION, _KIND, Price(0.0416, "a fake one"))
        yield home


def _create(folder: Path, nodes: int) -> Cluster:
    from awsprofiles import write_profile

    options = {"ssh_from": "203.0.113.7/32", "boot_timeout": "10m"}
    write_profile(folder, {"count": nodes, "instance_type": _KIND}, **options)
    return Cluster.create(load_profile("train", folder), ownership=Ownership.SERVER)


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Count calls of AWS while this lasts."""
    calls: Counter[str] = Counter()
    plain = Cloud.call

    def call(self: Cloud, service: str, action: str, *rest: Any, **parameters: Any) -> Any:
        calls[action] += 1
        return plain(self, service, action, *rest, **parameters)

    Cloud.call = call  # type: ignore[method-assign] # counted for a while
    try:
        yield calls
    finally:
        Cloud.call = plain  # type: ignore[method-assign] # as before


def count_calls(nodes: int) -> tuple[Counter[str], float]:
    """Return the calls of one start until the address of each instance is known, and its time."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        os.environ |= {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
        }
        with _laptop() as folder, _counted() as calls:
            cluster = _create(folder, nodes)
            started = time.perf_counter()
            cluster._provider._machines.begin = lambda *_, **__: None  # type: ignore[attr-defined, method-assign] # noqa: SLF001 - nobody is there to log in to
            cluster.start(wait=False)
            while not all(node.machine and node.machine.host for node in cluster.state.nodes):
                cluster.look()
                time.sleep(0.05)
            seconds = time.perf_counter() - started
            said = Counter(calls)
            cluster.stop()
            return said, seconds
    finally:
        server.stop()


def time_start(nodes: int) -> tuple[float, float]:
    """Return the seconds from `up` until it is usable, and of the first cell."""
    from awslab import AwsLab
    from awsprofiles import write_profile

    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        lab = AwsLab(directory)
        folder = Path(directory, "notebooks")
        write_profile(folder, {"count": nodes, "instance_type": _KIND})
        laptop = lab.laptop(folder, Path(directory, "home"), JUPYTER_SCALE_ADDRESS_URL=lab.endpoint)
        try:
            laptop.run("%load_ext jupyter_scale")
            started = time.perf_counter()
            laptop.run("%scale up train")
            up = time.perf_counter()
            laptop.run("%%scale\nx = 1")
            done = time.perf_counter()
            laptop.run("%scale down")
            return up - started, done - up
        finally:
            laptop.close()
            lab.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--machines", type=int, nargs="*", default=[1, 4])
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    for nodes in options.sizes:
        calls, seconds = count_calls(nodes)
        each = ", ".join(f"{action} {count}" for action, count in calls.items())
        total = sum(calls.values()) - calls["describe_instances"]
        print(
            f"{nodes} nodes: {total} calls and {calls['describe_instances']} looks,",
            end=" ",
            flush=True,
        )
        print(f"{format_time(seconds)} ({each})", flush=True)
    for nodes in options.machines:
        up, first = time_start(nodes)
        print(f"{nodes} machines: up {format_time(up)}, first result {format_time(first)}")


if __name__ == "__main__":
    main()
