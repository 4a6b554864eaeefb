"""The shell process: IPython on the main thread, in a loop that lives as long as the session.

Run as ``python -m jupyter_scale.runner.host.shell --fd N ...`` by the supervisor, never by hand;
or as a copy of the runner's process, see `jupyter_scale.runner.host.shells`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import functools
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_scale.environment.additions import look_there
from jupyter_scale.model.messages import (
    CellOutcome,
    CellRequest,
    EventKind,
    FetchRequest,
    FileRequest,
    FreeRequest,
    RequestKind,
)
from jupyter_scale.runner.host import frames
from jupyter_scale.runner.host.cells import CellRunner
from jupyter_scale.runner.host.engine import Engine
from jupyter_scale.runner.host.interactive import RunnerShell, make_shell
from jupyter_scale.runner.host.interrupts import InterruptGate
from jupyter_scale.runner.host.link import ShellLink
from jupyter_scale.runner.host.loops.entry import Spreader
from jupyter_scale.runner.host.loops.standing import Standing
from jupyter_scale.runner.host.mirrored import mirrors_root
from jupyter_scale.runner.host.pools.arming import Pools
from jupyter_scale.runner.host.streams import DescriptorCapture, Outbox, TextStream
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.transport.random_state import isolate


def main() -> None:
    """Serve one session until the supervisor closes the link."""
    parser = argparse.ArgumentParser(
        description="Run a notebook's cells (started by a supervisor)."
    )
    parser.add_argument("--fd", type=int, required=True, help="socket to the supervisor")
    parser.add_argument("--cluster-directory", type=Path, required=True)
    parser.add_argument("--session", required=True, help="the session that it serves")
    parser.add_argument("--shared", type=Path, help="directory of shared memory segments")
    options = parser.parse_args()
    if options.shared:
        # joblib's own memory files go with the session's, also when nobody ends joblib.
        os.environ.setdefault("JOBLIB_TEMP_FOLDER", str(options.shared))
    look_there(options.cluster_directory)
    faulthandler.enable(file=os.fdopen(os.dup(2), "w"))
    process = ShellProcess(
        ShellLink(socket.socket(fileno=options.fd)),
        Engine(options.cluster_directory, options.session),
        options.shared,
    )
    asyncio.run(process.serve(options.fd))
    # Daemon threads and the user's own must not keep a closed session alive.
    os._exit(0)


class ShellProcess:
    """What one shell process consists of."""

    def __init__(self, link: ShellLink, engine: Engine, shared: Path | None) -> None:
        self._link = link
        self._request = 0
        self._gate = InterruptGate()
        self._gate.install()
        self._outbox = Outbox(self._emit, self._gate.shield)
        captures = [
            DescriptorCapture(1, partial(self._outbox.write, "stdout")),
            DescriptorCapture(2, partial(self._outbox.write, "stderr")),
        ]
        sys.stdout = TextStream("stdout", self._outbox, 1)
        sys.stderr = TextStream("stderr", self._outbox, 2)
        shell = make_shell(self._outbox)
        shell.drain_descriptors = partial(_drain, captures)
        _hide_own_frames(shell)
        self._engine = engine
        ambience = Ambience(shell, mirrors=mirrors_root())
        shell.travelling_text = partial(_travelling_text, ambience)
        self._standing = Standing(link, self._gate)
        spreader = Spreader(shell, self._engine, self._outbox, shared, ambience, self._standing)
        pools = Pools(shell, self._engine, self._outbox, shared, ambience)
        self._gate.on_interrupt = pools.interrupt
        self._cells = CellRunner(shell, self._outbox, spreader, pools, shared, self._gate)

    def _emit(self, kind: EventKind, body: dict[str, Any]) -> None:
        self._link.send({"request": self._request, "kind": kind.value, "body": body})

    async def serve(self, descriptor: int) -> None:
        """Carry out requests one by one; between them the user's tasks run."""
        isolate()
        self._link.send({"request": 0, "kind": "ready", "body": {}})
        loop = asyncio.get_running_loop()
        while True:
            readable = asyncio.Event()
            loop.add_reader(descriptor, readable.set)
            await readable.wait()
            loop.remove_reader(descriptor)
            message = self._link.receive()
            if message is None:
                return
            if message["kind"] == "keep":
                body = self._cells.keep_results(Path(message["body"]["path"]))
                self._link.send({"request": 0, "kind": "kept", "body": body})
                continue
            if message["kind"] == "stop":
                self._standing.refuse(message["body"])
                continue
            self._request = message["id"]
            # An interrupt from before this line was meant for an earlier cell; the supervisor
            # sends none for this one until it hears that it has begun.
            self._gate.forget()
            self._link.send({"request": self._request, "kind": "begun", "body": {}})
            outcome = await self._carry_out(RequestKind(message["kind"]), message["body"])
            if told := [asdict(inputs) for inputs in self._cells.take_inputs()]:
                self._link.send({"request": self._request, "kind": "inputs", "body": told})
            self._outbox.send(EventKind.FINISHED, outcome.to_body())
            self._engine.warm()

    async def _carry_out(self, kind: RequestKind, body: dict[str, Any]) -> CellOutcome:
        if kind is RequestKind.CELL:
            return await self._cells.run(CellRequest.from_body(body))
        if kind is RequestKind.FETCH:
            return self._cells.fetch(FetchRequest.from_body(body))
        if kind is RequestKind.FILE:
            return self._cells.send_file(FileRequest.from_body(body))
        if kind is RequestKind.FREE:
            return self._cells.free(FreeRequest.from_body(body))
        return self._cells.send_again(body["tokens"], body["chunks"], body["refused"])


def _travelling_text(ambience: Ambience, text: str) -> str:
    return text if ambience.site is None else ambience.site.outward_text(text)


def _drain(captures: list[DescriptorCapture]) -> None:
    _flush_c_streams()
    for capture in captures:
        capture.drain()


def _flush_c_streams() -> None:
    with contextlib.suppress(OSError, AttributeError):
        _c_library().fflush(None)


@functools.cache
def _c_library() -> Any:
    import ctypes

    return ctypes.CDLL(None)


def _hide_own_frames(shell: RunnerShell) -> None:
    """Show tracebacks as the plain cell's: without the frames that run loops."""
    original: Callable[..., None] = shell.showtraceback

    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        kind, value, traceback = exc_tuple or sys.exc_info()
        if traceback is not None and value is not None:
            # The first frame is IPython's own, which it skips itself.
            stripped = frames.strip(traceback)
            exc_tuple = kind, value.with_traceback(stripped), stripped
        original(exc_tuple, *args, **kwargs)

    shell.showtraceback = showtraceback  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
