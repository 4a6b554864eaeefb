"""Start a runner: ``python -m jupyter_scale.runner.host --directory DIR ...``.

Prints one JSON line, ``{"pid": ..., "address": ...}``, when it can be reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_scale.archive.needs import is_needed
from jupyter_scale.model.cluster import ClusterState, Owner, Ownership
from jupyter_scale.runner.host.shells import Options, fork_first
from jupyter_scale.runner.host.supervisor import Supervisor
from jupyter_scale.transport.lifeline import watch, watch_heartbeat
from jupyter_scale.transport.presence import presence_path, sign
from jupyter_scale.transport.segments import remove_directory, session_directory


def main() -> None:
    """Run until the owner ends or SIGTERM comes, or nobody was heard of for long."""
    parser = argparse.ArgumentParser(description="Hold one notebook's namespace on a cluster.")
    parser.add_argument("--directory", type=Path, required=True, help="the runner's own files")
    parser.add_argument("--cluster-directory", type=Path, required=True)
    parser.add_argument("--session", required=True, help="the session that may use it")
    parser.add_argument("--owner", type=Owner.parse, help="PID:CREATED to live with")
    parser.add_argument(
        "--detached", action="store_true", help="nobody waits: end when what it left was fetched"
    )
    options = parser.parse_args()
    state = ClusterState.from_json((options.cluster_directory / "state.json").read_text())
    shared = None
    if state.shared_dir:
        shared = session_directory(Path(state.shared_dir), options.session)
        shared.mkdir(mode=0o700, exist_ok=True)
    sign(presence_path(options.directory))
    places = Options(options.directory, options.cluster_directory, options.session, shared)
    first = fork_first(places)
    supervisor = Supervisor(places, first, state.profile.kept_for_s)
    asyncio.run(_serve(supervisor, places, options.owner, state, is_detached=options.detached))


async def _serve(
    supervisor: Supervisor,
    options: Options,
    owner: Owner | None,
    cluster: ClusterState,
    *,
    is_detached: bool,
) -> None:
    end, is_deserted = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    outlives_owner = cluster.ownership is Ownership.SERVER
    if owner is not None:
        # On a cluster that goes on, what its notebook's kernel has begun goes on, too.
        event = is_deserted if outlives_owner else end
        watch(owner, partial(_set, loop, event))
    if is_detached:
        is_deserted.set()
    profile = cluster.profile
    if outlives_owner and profile.orphan_after_s is not None:
        watch_heartbeat(
            options.cluster_directory,
            profile.orphan_after_s,
            partial(_set, loop, end),
            lambda: is_needed(options.cluster_directory, profile.kept_for_s),
        )
    address = await supervisor.start()
    print(json.dumps({"pid": os.getpid(), "address": address}), flush=True)  # noqa: T201
    endings: list[asyncio.Future[Any]] = [asyncio.ensure_future(end.wait())]
    if outlives_owner:
        endings.append(asyncio.ensure_future(supervisor.wait_needless(is_deserted)))
    await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
    await supervisor.stop()
    if options.shared is not None:
        remove_directory(options.shared)
    if outlives_owner:
        shutil.rmtree(options.directory, ignore_errors=True)
    os._exit(0)


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


if __name__ == "__main__":
    main()
