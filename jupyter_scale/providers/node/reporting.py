"""What the keeper of a node hands to a scheduler elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from distributed.core import rpc

from jupyter_scale.model.complaints import RAW, Complaint, to_message

_TIMEOUT_S = 5.0


class Reporter:
    """Reports what this process complains of; when nobody answers, its log has it all the same.

    Parameters
    ----------
    scheduler : str
        The address.
    connection_args : mapping
        How it is reached.
    """

    def __init__(self, scheduler: str, connection_args: Mapping[str, Any]) -> None:
        self._scheduler, self._connection_args = scheduler, connection_args
        self._under_way: set[asyncio.Task[None]] = set()

    def report(self, complaints: list[Complaint]) -> None:
        """Begin to."""
        task = asyncio.create_task(self._report(complaints))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def settle(self) -> None:
        """Wait until what was begun is done."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _report(self, complaints: list[Complaint]) -> None:
        with contextlib.suppress(OSError):
            async with (
                asyncio.timeout(_TIMEOUT_S),
                rpc(self._scheduler, connection_args=dict(self._connection_args)) as scheduler,
            ):
                await scheduler.log_event(topic=RAW, msg=to_message(complaints))
