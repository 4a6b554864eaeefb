"""The workers of one node, at a real scheduler."""

import asyncio

from distributed import Scheduler, Worker

from jupyter_scale.clusters import security
from jupyter_scale.providers.node.crew import Crew, CrewOptions
from jupyter_scale.transport import tls
from waiting import eventually


async def comes_true(predicate):
    assert await asyncio.to_thread(eventually, predicate, 60)


def test_a_worker_waits_for_the_name_of_one_that_has_gone_without_a_word(tmp_path):
    told = []
    security.issue(tmp_path / "tls")
    log = tmp_path / "workers" / "0.log"

    async def run():
        common = {"protocol": "tls", "dashboard": False}
        at = {"host": "tls://127.0.0.1", "port": 0, **common}
        keys = tls.security(tmp_path / "tls", "scheduler"), tls.security(tmp_path / "tls", "worker")
        async with Scheduler(**at, security=keys[0]) as scheduler:
            ghost = await Worker(scheduler.address, name="n-1/0", security=keys[1], **common)
            options = CrewOptions("127.0.0.1", "n-1/", tmp_path, tmp_path / "tls")
            crew = Crew(scheduler.address, options, lambda **news: told.append(news), {})
            await crew.scale(1)
            await comes_true(lambda: log.exists() and "name taken" in log.read_text())
            await ghost.close()
            await comes_true(lambda: not crew.is_starting)
            [worker] = scheduler.workers.values()
            assert (worker.name, worker.address != ghost.address) == ("n-1/0", True)
            await crew.close()

    asyncio.run(run())
    assert told == []
