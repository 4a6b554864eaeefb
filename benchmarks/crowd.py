"""A cluster of very many nodes that are not there, to measure what the feed and the panel cost.

::

    JUPYTER_RUNTIME_DIR=... python benchmarks/crowd.py [NODES] [GPUS] [ITERATIONS]

A real scheduler answers the observers of a Jupyter server as the survey of a cluster would, with
loads that change each second, and tells of a cell that spreads 100,000 iterations, a hundred a
second; when it has ended it is run again. All else is
real: the server with the same runtime directory shows it as a kernel's cluster. It ends when its
standard input is closed. ``npm run measure`` in ui-tests measures with it.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

from distributed import Scheduler

from jupyter_scale.clusters import security, store
from jupyter_scale.model.cluster import ClusterState, NodeState, Status, Target
from jupyter_scale.model.facts import TOPIC, LoopFact, RunFact, to_message
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.monitor.survey import LOOK
from jupyter_scale.monitor.tasks import TASKS, TaskWatch
from jupyter_scale.transport import tls
from jupyter_scale.transport.lifeline import current_owner

WORKERS = 8
TELL_EVERY_S = 0.25
ITERATIONS_PER_S = 100


class Crowd:
    """Nodes whose loads wander, each at its own pace.

    Parameters
    ----------
    count, gpus : int
        How many nodes, and how many GPUs each of them has.
    """

    def __init__(self, count: int, gpus: int) -> None:
        self.names = [f"node-{number}" for number in range(count)]
        self._gpus = gpus
        dice = random.Random(7)  # noqa: S311 - no secret
        self._phases = {name: dice.uniform(0, 2 * math.pi) for name in self.names}

    async def look(self, nodes: Collection[str] | None = None) -> dict[str, Any]:
        """Answer as `Survey.look`."""
        names = self.names if nodes is None else nodes
        return {"idle_since_s": None, "nodes": {name: self._load(name) for name in names}}

    def _load(self, name: str) -> dict[str, Any]:
        part = 0.5 + 0.5 * math.sin(time.time() / 5 + self._phases[name])
        gib = 1 << 30
        gpus = [
            {
                "index": index,
                "name": "NVIDIA A100-SXM4-80GB",
                "utilisation_percent": round(100 * part ** (1 + index % 3)),
                "memory_used_bytes": int(80 * gib * part),
                "memory_total_bytes": 80 * gib,
                "temperature_c": 40.0 + round(40 * part),
                "power_w": 100.0 + round(300 * part),
                "processes": 1,
            }
            for index in range(self._gpus)
        ]
        traffic = [1e8 * part, 1e7 * part, 0.0, 5e7 * part]
        return {
            "workers": WORKERS,
            "busy": round(WORKERS * part),
            "cpu": 100 * WORKERS * part,
            "memory": int(500 * gib * part),
            "memory_limit": 512 * gib,
            "machine": {"traffic": traffic, "gpus": gpus},
        }


def make_state(names: Collection[str], directory: Path, address: str) -> ClusterState:
    """Return the state of such a cluster, as a kernel that lives would save it."""
    pool = Pool("crowd")
    nodes = tuple(
        NodeState(name, pool.name, 0, 0.0, Status.RUNNING, WORKERS, joined=WORKERS)
        for name in names
    )
    return ClusterState(
        id=directory.name,
        name="crowd",
        profile=Profile("crowd", "local", (pool,)),
        status=Status.RUNNING,
        target=Target.UP,
        owner=current_owner(),
        directory=str(directory),
        shared_dir="",
        started_at=time.time(),
        nodes=nodes,
        scheduler_address=address,
    )


async def tell_progress(scheduler: Scheduler, iterations: int) -> None:
    """Tell how a cell's loop goes on, as its runner would; then of the next."""
    started, seq, count = time.time(), 0, 1
    while True:
        now = time.time()
        done = min(iterations, int((now - started) * ITERATIONS_PER_S))
        is_done = done == iterations
        seq += 1
        loop = LoopFact(
            line=2,
            total=iterations,
            done=done,
            running=0 if is_done else 256,
            failed=0,
            workers=256,
            rate_per_s=float(ITERATIONS_PER_S),
            speedup=200.0,
            done_before=0,
            started_at=started,
            ends_at=now + (iterations - done) / ITERATIONS_PER_S,
        )
        fact = RunFact(
            id=f"crowd-run-{count}",
            seq=seq,
            session="crowd",
            kernel_id="",
            notebook="crowd.ipynb",
            cell_id="",
            execution_count=count,
            first_line=f"results = [simulate(seed) for seed in range({iterations:_})]",
            status="done" if is_done else "running",
            started_at=started,
            ended_at=now if is_done else None,
            loops=(loop,),
        )
        scheduler.log_event(TOPIC, to_message([fact]))
        if is_done:
            started, seq, count = now, 0, count + 1
        await asyncio.sleep(TELL_EVERY_S)


async def main() -> None:
    """Be there until standard input is closed."""
    defaults = ["1000", "8", "100000"]
    count, gpus, iterations = map(int, [*sys.argv[1:], *defaults[len(sys.argv) - 1 :]])
    directory = store.directory_of(uuid.uuid4().hex[:12])
    crowd = Crowd(count, gpus)
    state = make_state(crowd.names, directory, "")
    store.make_directories(state)
    security.issue(directory / "tls")
    scheduler = Scheduler(
        host="tls://127.0.0.1",
        port=0,
        protocol="tls",
        security=tls.security(directory / "tls", "scheduler"),
        dashboard=False,
    )
    scheduler.handlers[LOOK] = crowd.look
    scheduler.handlers[TASKS] = TaskWatch(scheduler, crowd.names[0]).read
    async with scheduler:
        state = make_state(crowd.names, directory, scheduler.address)
        store.save(state)
        telling = asyncio.create_task(tell_progress(scheduler, iterations))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        telling.cancel()
    store.remove(state)


if __name__ == "__main__":
    asyncio.run(main())
