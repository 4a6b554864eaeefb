"""Ends iterations on workers that nobody wants any more, whatever code they are in."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from jupyter_scale.runner.host.engine import replace_workers
from jupyter_scale.runner.host.loops import worker

if TYPE_CHECKING:
    from distributed import Client

_STOP_S = 1.2
_POLL_S = 0.05


def stop_iterations(client: Client, loop: str, *, is_over: bool) -> None:
    """Stop the running iterations of a loop; a worker that does not is started anew."""
    deadline = time.monotonic() + _STOP_S
    stubborn: list[str] = []
    while True:
        stubborn = _interrupt(client, loop, is_over=is_over)
        if not stubborn or time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)
    if stubborn:
        with contextlib.suppress(OSError):
            replace_workers(client, stubborn)


def _interrupt(client: Client, loop: str, *, is_over: bool) -> list[str]:
    """Interrupt a loop's iterations; return the workers that were running one, or are silent."""
    addresses = list(client.scheduler_info(n_workers=-1)["workers"])
    answers: dict[str, Any] = {}
    with contextlib.suppress(OSError, TimeoutError):
        answers = client.sync(
            client._run,  # noqa: SLF001 - `run` takes no time limit
            worker.interrupt,
            loop,
            workers=addresses,
            is_over=is_over,
            on_error="return",
            callback_timeout=_STOP_S,
        )
    return [address for address in addresses if answers.get(address, True) is True]
