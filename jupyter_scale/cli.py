"""``jupyter scale``: look at this machine's clusters, and end them, from a terminal."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from jupyter_scale import __version__
from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import stop_saved
from jupyter_scale.errors import NoCluster, ScaleError
from jupyter_scale.model.cluster import ClusterState


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="jupyter scale", description="Look at this user's clusters, and end them."
    )
    parser.add_argument("--version", action="version", version=f"jupyter-scale {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{list,down,clean}")
    commands.add_parser("list", help="show the clusters that run")
    down = commands.add_parser("down", help="end clusters")
    down.add_argument("cluster", nargs="*", help="ids or names (default: all)")
    commands.add_parser("clean", help="remove what crashed clusters left")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        if options.command == "list":
            _list()
        elif options.command == "down":
            _down(options.cluster)
        else:
            swept = store.sweep()
            _say(f"Removed: {', '.join(swept)}" if swept else "Nothing was left.")
    except ScaleError as error:
        print(f"jupyter scale: {error}", file=sys.stderr)
        return 1
    return 0


def _list() -> None:
    states = _states()
    if not states:
        _say("No clusters.")
    for state in states:
        minutes = (time.time() - state.started_at) / 60
        workers = sum(node.workers for node in state.nodes)
        _say(
            f"{state.id}  {state.name:<12} {state.status.value:<9} {workers} workers,"
            f" up {minutes:.0f} min, owner {state.ownership.value} {state.owner.pid}"
        )


def _down(wanted: Sequence[str]) -> None:
    states = _states()
    known = {key for state in states for key in (state.id, state.name)}
    unknown = [key for key in wanted if key not in known]
    if unknown:
        msg = f"There is no cluster {unknown[0]!r}; `jupyter scale list` shows those that run."
        raise NoCluster(msg)
    chosen = [s for s in states if not wanted or s.id in wanted or s.name in wanted]
    for state in chosen:
        stop_saved(state)
        _say(f"Ended {state.id} ({state.name}).")
    if not chosen:
        _say("No clusters.")


def _states() -> list[ClusterState]:
    return [store.load(cluster) for cluster in store.cluster_ids()]


def _say(text: str) -> None:
    print(text)


if __name__ == "__main__":
    sys.exit(main())
