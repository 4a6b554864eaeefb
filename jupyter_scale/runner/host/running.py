"""Running one source as IPython does: in a loop of its own only if it may await something."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from jupyter_scale.runner.host.interactive import RunnerShell
from jupyter_scale.runner.host.interrupts import InterruptGate


async def run_source(shell: RunnerShell, gate: InterruptGate, source: str) -> Any:
    """Run a cell's source, and return IPython's result.

    Raises
    ------
    KeyboardInterrupt
        It was interrupted outside of the cell's own code.
    """
    if not _may_wait(source, shell):
        with gate:
            return shell.run_cell(source, store_history=True)
    try:
        transformed, failure = shell.transform_cell(source), None
    except Exception:  # noqa: BLE001 - IPython shows it as for the plain cell
        transformed, failure = source, sys.exc_info()
    if not shell.should_run_async(
        source, transformed_cell=transformed, preprocessing_exc_tuple=failure
    ):
        with gate:
            return shell.run_cell(source, store_history=True)
    task = asyncio.ensure_future(
        shell.run_cell_async(
            source,
            store_history=True,
            transformed_cell=transformed,
            preprocessing_exc_tuple=failure,
        )
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        result = await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        gate.install()
    shell.events.trigger("post_execute")
    shell.events.trigger("post_run_cell", result)
    return result


def _may_wait(source: str, shell: Any) -> bool:
    """Tell whether a cell may await something; IPython's answer takes as long as a short cell."""
    return "await" in source or "async" in source or bool(shell.input_transformers_post)
