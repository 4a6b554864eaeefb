"""The librarian: ``python -m jupyter_scale.runner.host.away --cluster-directory DIR``.

It hands out what runs of a cluster's node have left, whether or not their runners live, and ends by
itself when nobody has asked for a while. Prints one JSON line, ``{"pid": ..., "address": ...}``,
when it can be reached.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_scale.archive.archive import Archive
from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.cluster import ClusterState
from jupyter_scale.model.messages import Cancel, to_wire
from jupyter_scale.runner.host.link import MessageLink
from jupyter_scale.transport.secure import SecureConnection, notice_silence
from jupyter_scale.transport.tls import context

_UNASKED_S = 30.0
_MOST_BYTES = 4 * 1024**2
_LOOK_S = 0.05
_LOOK_STATE_S = 0.25
_MOST_WAIT_S = 20.0
_CONNECT_S = 5.0


def main() -> None:
    """Serve until nobody has asked for a while."""
    parser = argparse.ArgumentParser(description="Hand out what runs of a cluster have left.")
    parser.add_argument("--cluster-directory", type=Path, required=True)
    options = parser.parse_args()
    directory: Path = options.cluster_directory
    state = ClusterState.from_json((directory / "state.json").read_text())
    Archive(directory).prune(state.profile.kept_for_s)
    asyncio.run(Librarian(directory).serve())


class Librarian:
    """Answers questions about one node's runs.

    Each question is a message with ``id``, ``ask`` (the name of a method below) and its arguments;
    the answer has the same ``id``, and ``error`` when there is none.
    """

    def __init__(self, cluster_directory: Path) -> None:
        self._archive = Archive(cluster_directory)
        self._tls = cluster_directory / "tls"
        self._links: set[MessageLink] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._questions: dict[str, Callable[..., Any]] = {
            "runs": self.runs,
            "output": self.output,
            "state": self.state,
            "result": self.result,
            "file": self.file,
            "fetched": self.fetched,
            "cancel": self.cancel,
        }

    async def serve(self) -> None:
        """Listen, say where, and return when nobody has asked for a while."""
        server = await asyncio.get_running_loop().create_server(
            lambda: MessageLink(self._take, self._links.discard),
            "127.0.0.1",
            0,
            ssl=context(self._tls, "worker", is_server=True),
        )
        host, port = server.sockets[0].getsockname()
        message = {"pid": os.getpid(), "address": f"tls://{host}:{port}"}
        print(json.dumps(message), flush=True)  # noqa: T201
        quiet_s = 0.0
        while quiet_s < _UNASKED_S:
            await asyncio.sleep(1.0)
            quiet_s = 0.0 if self._links else quiet_s + 1.0
        os._exit(0)

    def _take(self, link: MessageLink, question: dict[str, Any]) -> None:
        if link not in self._links:
            self._links.add(link)
            notice_silence(link.socket)
        task = asyncio.get_running_loop().create_task(self._answer(link, question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, link: MessageLink, question: Mapping[str, Any]) -> None:
        arguments = {k: v for k, v in question.items() if k not in {"id", "ask"}}
        answer: Mapping[str, Any]
        try:
            answer = await self._questions[question["ask"]](**arguments)
        except (KeyError, TypeError, ProtocolError, OSError) as error:
            print(f"a question without an answer: {error!r}", file=sys.stderr)  # noqa: T201
            answer = {"error": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(RuntimeError):  # whoever asked has gone
            link.send({"id": question.get("id"), **answer})

    # -- questions ---------------------------------------------------------------------------

    async def runs(self) -> dict[str, Any]:
        """Return all runs that are kept here: ``runs``."""
        found = [self._archive.look(run.id) for run in self._archive.runs()]
        return {"runs": [run.to_wire() for run in found if run is not None]}

    async def output(self, run: str, offset: int, wait_s: float) -> dict[str, Any]:
        """Return a part of what a run showed: ``data``; and what is known of it: ``run``.

        Waits for so long, if there is no more by now and the run goes on. No data, and a run that
        is over: that was all.
        """
        path = self._archive.output_path(run)
        deadline = asyncio.get_running_loop().time() + min(wait_s, _MOST_WAIT_S)
        while True:
            known = self._archive.look(run)  # before the output: that may grow until it is over
            data = _read(path, offset)
            is_over = known is None or known.is_settled
            if data or is_over or asyncio.get_running_loop().time() >= deadline:
                return {"data": data, "run": None if known is None else known.to_wire()}
            await asyncio.sleep(_LOOK_S)

    async def state(
        self, run: str, seen: Mapping[str, Any] | None, wait_s: float
    ) -> dict[str, Any]:
        """Return what is known of a run: ``run``; waits so long for something other than `seen`."""
        deadline = asyncio.get_running_loop().time() + min(wait_s, _MOST_WAIT_S)
        while True:
            known = self._archive.look(run)
            wire = None if known is None else known.to_wire()
            if wire != seen or asyncio.get_running_loop().time() >= deadline:
                return {"run": wire}
            await asyncio.sleep(_LOOK_STATE_S)

    async def result(self, run: str, offset: int) -> dict[str, Any]:
        """Return a part of what a run left: ``data``; none at its end."""
        return {"data": _read(self._archive.result_path(run), offset)}

    async def file(self, run: str, path: str, offset: int, length: int) -> dict[str, Any]:
        """Return a part of a file that a run has written, as it is now: ``data``."""
        known = self._archive.read(run)
        if known is None or path not in {name for name, _, _ in known.files}:
            msg = f"the run has not written {path!r}"
            raise FileNotFoundError(msg)
        with (Path(known.folder) / path).open("rb") as file:
            file.seek(offset)
            return {"data": file.read(min(length, _MOST_BYTES))}

    async def fetched(self, run: str) -> dict[str, Any]:
        """Take note that a notebook has all of a run."""
        self._archive.note_fetched(run)
        return {}

    async def cancel(self, run: str) -> dict[str, Any]:
        """Have a run stopped, by its runner; asked for again: killed."""
        known = self._archive.read(run)
        if known is not None and not known.is_over:
            await asyncio.get_running_loop().run_in_executor(None, self._tell, known.runner, run)
        return {}

    def _tell(self, runner: str, run: str) -> None:
        place, tls = urlsplit(runner), context(self._tls, "client", is_server=False)
        connection = SecureConnection.open(
            str(place.hostname), int(place.port or 0), tls, _CONNECT_S
        )
        connection.send([to_wire(Cancel(run))])
        connection.receive()  # it hangs up when it has heard
        connection.close()


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(_MOST_BYTES)
    except FileNotFoundError:
        return b""


if __name__ == "__main__":
    main()
