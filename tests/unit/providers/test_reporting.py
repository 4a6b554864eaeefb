"""The keeper of a node tells a scheduler elsewhere what it complains of."""

import asyncio

from distributed import Scheduler

from jupyter_scale.model.complaints import RAW, Complaint, from_message
from jupyter_scale.providers.node.reporting import Reporter

COMPLAINT = Complaint(node="n", source="nanny", text="slow", gist="slow")


def test_a_complaint_is_an_event_of_the_scheduler_and_nothing_when_that_is_gone(
    caplog, monkeypatch
):
    async def report():
        async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
            reporter = Reporter(scheduler.address, {})
            reporter.report([COMPLAINT])
            await reporter.settle()
            [(_, message)] = scheduler.get_events(RAW)
        monkeypatch.setattr("jupyter_scale.providers.node.reporting._TIMEOUT_S", 0.5)
        reporter.report([COMPLAINT])
        await reporter.settle()
        return message

    assert from_message(asyncio.run(report())) == [COMPLAINT]
    assert not [said for said in caplog.records if said.name.startswith("jupyter_scale")]
