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
from pathlib import Path

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
    options = parser.parse_args()
    state = ClusterState.from_json((options.cluster_directory / "state.json").read_text())
    shared = None
    if state.shared_dir:
        shared = session_directory(Path(state.shared_dir), options.session)
        shared.mkdir(mode=0o700, exist_ok=True)
    sign(presence_path(options.directory))
    places = Options(options.directory, options.cluster_directory, options.session, shared)
    first = fork_first(places)
    asyncio.run(_serve(Supervisor(places, first), places, options.owner, state))


async def _serve(
    supervisor: Supervisor, options: Options, owner: Owner | None, cluster: ClusterState
) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, end.set)

    def on_owner_death() -> None:
        loop.call_soon_threadsafe(end.set)

    if owner is not None:
        watch(owner, on_owner_death)
    outlives_owner = cluster.ownership is Ownership.SERVER
    if outlives_owner and cluster.profile.orphan_after_s is not None:
        watch_heartbeat(options.cluster_directory, cluster.profile.orphan_after_s, on_owner_death)
    address = await supervisor.start()
    print(json.dumps({"pid": os.getpid(), "address": address}), flush=True)  # noqa: T201
    await end.wait()
    await supervisor.stop()
    if options.shared is not None:
        remove_directory(options.shared)
    if outlives_owner:
        shutil.rmtree(options.directory, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
