"""Runs that a page has missed: which there are, what they have shown, and which are seen by now.

What runs have shown and left is on the disks of their nodes, see `jupyter_scale.archive`. Which of
them a notebook file has is this server's own knowledge: ``shown`` in a cluster's directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_scale.archive.archive import Archive
from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.guest import Guest
from jupyter_scale.clusters.visiting import list_runs, nodes_with_runs, visiting
from jupyter_scale.errors import RunnerError, ScaleError
from jupyter_scale.model.cluster import ClusterState
from jupyter_scale.model.feed import KeptRun
from jupyter_scale.model.run import Run
from jupyter_scale.model.stored import StoredRun
from jupyter_scale.runner.pseudo import is_pseudo
from jupyter_scale.server.bodies import read_body
from jupyter_scale.server.claims import Claim
from jupyter_scale.server.handlers import ScaleHandler, explained
from jupyter_scale.server.outputs import note_output, to_outputs
from jupyter_scale.server.threads import in_thread, iterate
from jupyter_scale.server.views import relative

_logger = logging.getLogger(__name__)

#: A node that cannot be asked within so long is left out of the list.
_ASKED_S = 15.0
_MOST_SHOWN = 1000
#: So many batches of output wait for a page that reads slowly.
_MOST_WAITING = 4
#: A run that is quiet gives a sign of life that often: a proxy may cut an answer that pauses.
_HEARTBEAT_S = 1.0

Place = Cluster | ClusterState
"""A cluster of this server's own, or what a kernel has saved of its own."""


def kept_runs(places: Sequence[Place], root: str) -> list[Future[list[KeptRun]]]:
    """Ask clusters, each in a thread of its own, which runs they keep."""
    return [in_thread(partial(_kept_of, place, root)) for place in places]


def _kept_of(place: Place, root: str) -> list[KeptRun]:
    state = place.state if isinstance(place, Cluster) else place
    if state.is_elsewhere:
        with _asked(place) as cluster:
            runs = [run for _, run in list_runs(cluster)]
    else:
        archive = Archive(Path(state.directory))
        runs = [run for each in archive.runs() if (run := archive.look(each.id)) is not None]
    shown = read_shown(Path(state.directory))
    return [view_kept(run, state.id, root, is_shown=run.id in shown) for run in runs]


def view_kept(run: StoredRun, cluster: str, root: str, *, is_shown: bool) -> KeptRun:
    """Return what a page is told of a run.

    Parameters
    ----------
    root
        The server's directory: notebooks below it are told by their relative path.
    """
    waits = run.is_over and run.is_waiting
    told = {field.name: getattr(run, field.name) for field in fields(Run)}
    return KeptRun(
        **{**told, "notebook": relative(run.notebook, root)},
        cluster=cluster,
        names=tuple(name for name in run.names if waits and not is_pseudo(name)),
        result_bytes=run.result_bytes,
        output_bytes=run.output_bytes,
        is_shown=is_shown,
        dropped=run.dropped,
    )


def read_shown(directory: Path) -> list[str]:
    """Return the runs whose output a notebook file has, as a cluster's directory says."""
    try:
        return (directory / "shown").read_text().split()
    except FileNotFoundError:
        return []


def note_shown(directory: Path, run: str) -> None:
    """Take note that a notebook file has the output of a run."""
    shown = [one for one in read_shown(directory) if one != run]
    (directory / "shown").write_text("\n".join([*shown, run][-_MOST_SHOWN:]))


def follow_output(place: Place, run: str) -> Generator[dict[str, Any], None, None]:
    """Yield what a run has shown, and what it shows until it is over.

    Yields
    ------
    dict
        ``outputs``, see `to_outputs`; of the last one also ``status``. Without any: the run goes
        on, and is quiet.

    Raises
    ------
    RunnerError
        It is not kept (any more), or what it has shown is not.
    ClusterError
        Its node cannot be asked.
    """
    with _asked(place) as cluster:
        for node in nodes_with_runs(cluster.state):
            with visiting(cluster, node) as visitor:
                known = next((one for one in visitor.runs() if one.id == run), None)
                if known is None:
                    continue
                if known.dropped:
                    msg = f"What the run {run[:8]} has shown was dropped: {known.dropped}."
                    raise RunnerError(msg)
                for events, known in visitor.follow(run):
                    yield {"outputs": to_outputs(events, known.execution_count)}
                    if known.is_over and not events:
                        break
                yield {"outputs": _last_outputs(known), "status": known.status}
                return
    raise RunnerError(f"The run {run[:8]} is not kept any more.")


def _last_outputs(run: StoredRun) -> list[dict[str, Any]]:
    notes = [*run.notes, f"the run is lost: {run.error}"] if run.status == "lost" else run.notes
    return [note_output(note) for note in notes]


@contextlib.contextmanager
def _asked(place: Place) -> Iterator[Cluster | Guest]:
    """Give a cluster that can be asked."""
    if isinstance(place, Cluster):
        yield place
        return
    guest = Guest(place)
    try:
        yield guest
    finally:
        guest.leave()


class KeptRunsHandler(ScaleHandler):
    """The runs that clusters keep."""

    @web.authenticated
    @authorized
    @explained
    async def get(self) -> None:
        """List those of the clusters that can be asked at once."""
        asked = kept_runs(self.registry.places(), self.registry.root)
        waiting = [asyncio.wrap_future(future) for future in asked]
        if waiting:
            await asyncio.wait(waiting, timeout=_ASKED_S)
        runs: list[KeptRun] = []
        for future in waiting:
            if not future.done():
                future.cancel()
            elif (error := future.exception()) is None:
                runs += future.result()
            elif isinstance(error, ScaleError | OSError):
                _logger.info("runs: %s", error)
            else:
                raise error
        runs.sort(key=lambda run: run.started_at)
        self.answer({"runs": [asdict(run) for run in runs]})


class OutputHandler(ScaleHandler):
    """What a run has shown."""

    @web.authenticated
    @authorized
    @explained
    async def get(self, cluster: str, run: str) -> None:
        """Tell it line by line, each a JSON object, see `follow_output`; until the run is over.

        An answer whose last line has no ``status`` is not whole. Empty lines are signs of life;
        what went wrong after one of them is told in a line, as ``error``.
        """
        self.set_header("Content-Type", "application/x-ndjson")
        self.set_header("X-Accel-Buffering", "no")  # a proxy passes lines on as they come
        output = follow_output(self.registry.place(cluster), run)
        batches = iterate(output, _MOST_WAITING, _HEARTBEAT_S)
        try:
            async for batch in batches:
                self.write(("" if batch is None else json.dumps(batch)) + "\n")
                await self.flush()
        except StreamClosedError:
            return  # the page has gone
        except (ScaleError, OSError) as error:
            if not self._headers_written:
                raise
            _logger.info("output of run %s: %s", run, error)
            self.write(json.dumps({"error": str(error)}) + "\n")
        finally:
            await batches.aclose()
        self.finish()


class ClaimHandler(ScaleHandler):
    """Which page saves a run's output, when several have its notebook open."""

    @web.authenticated
    @authorized
    @explained
    async def post(self, cluster: str, run: str) -> None:
        """Tell a page whether it is the one, and whether a file has it already."""
        body = read_body(self.request.body, ("page", "has_changes"), ("page",))
        place = self.registry.place(cluster)
        state = place.state if isinstance(place, Cluster) else place
        wanted = Claim(body["page"], has_changes=body.get("has_changes", False))
        is_mine = self.feed.claims.claim(run, wanted, time.monotonic())
        is_shown = run in read_shown(Path(state.directory))
        self.answer({"is_mine": is_mine, "is_shown": is_shown})


class ShownHandler(ScaleHandler):
    """That a notebook file has a run's output."""

    @web.authenticated
    @authorized
    @explained
    async def post(self, cluster: str, run: str) -> None:
        """Take note of it: it is not put under its cell again by itself."""
        place = self.registry.place(cluster)
        state = place.state if isinstance(place, Cluster) else place
        note_shown(Path(state.directory), run)
        self.set_status(204)
        self.finish()


def routes() -> list[tuple[str, type[web.RequestHandler]]]:
    """Return ``pattern → handler`` of these endpoints, without the server's base address."""
    one = r"([\w-]+)"
    return [
        (r"/jupyter-scale/api/runs/kept", KeptRunsHandler),
        (rf"/jupyter-scale/api/clusters/{one}/runs/{one}/output", OutputHandler),
        (rf"/jupyter-scale/api/clusters/{one}/runs/{one}/claim", ClaimHandler),
        (rf"/jupyter-scale/api/clusters/{one}/runs/{one}/shown", ShownHandler),
    ]
