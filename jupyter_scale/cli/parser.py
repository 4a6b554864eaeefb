"""What can be written after ``jupyter scale``."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_scale import __version__
from jupyter_scale.lines import add_limits

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Commands = _SubParsersAction[argparse.ArgumentParser]

_WIDTH = 78
_STATUSES = "Exit status: 0 done, 1 failed, 2 the command cannot be understood."


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="jupyter scale",
        description="Start, look at and end this user's clusters, and check their hosts.",
        epilog=_STATUSES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"jupyter-scale {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_up(commands)
    _add_looks(commands)
    _add_logs(commands)
    _add_runs(commands)
    _add_extend(commands)
    _add_ends(commands)
    _add_doctor(commands)
    return parser


def _add_up(commands: Commands) -> None:
    up = _add(
        commands,
        "up",
        "start a cluster that goes on when this terminal is closed",
        "The profile NAME of scale.toml, in the directory or in Jupyter's config directory, says"
        " what it shall be; 'local' exists always. The cluster ends itself when it is idle for"
        " idle_timeout, or when no Jupyter server was heard for orphan_after: one that runs finds"
        " it and takes it over. `%scale up NAME` in a notebook uses it. When it runs already, that"
        " is all right.",
        "jupyter scale up lab\n  jupyter scale up local --workers 4",
    )
    up.add_argument("name", metavar="NAME", help="the profile")
    up.add_argument("--workers", type=_count, metavar="N", help="so many workers on each node")
    up.add_argument("--dry-run", action="store_true", help="start nothing: show what it would cost")
    _add_directory(up)


def _add_looks(commands: Commands) -> None:
    ls = _add(
        commands,
        "ls",
        "show the clusters that there are",
        "One line for each cluster, with its id.",
        "jupyter scale ls\n  jupyter scale ls --json | jq '.[].id'",
        aliases=["list"],
    )
    status = _add(
        commands,
        "status",
        "show all that is known of clusters",
        "Nodes, workers, address, sessions, and when it ends by itself.",
        "jupyter scale status\n  jupyter scale status lab --json",
    )
    status.add_argument("cluster", nargs="?", metavar="CLUSTER", help="id or name (default: all)")
    for command in (ls, status):
        command.add_argument("--json", action="store_true", help="write JSON, for programs")


def _add_logs(commands: Commands) -> None:
    logs = _add(
        commands,
        "logs",
        "show the log of a node, a worker or a session",
        "Without an option: of the node with the scheduler.",
        "jupyter scale logs lab -f\n  jupyter scale logs lab --worker 0 -n 200",
    )
    logs.add_argument("cluster", metavar="CLUSTER", help="id or name")
    logs.add_argument("--node", metavar="NODE", help="of that node")
    which = logs.add_mutually_exclusive_group()
    which.add_argument("--worker", metavar="W", help="of the worker of that name")
    which.add_argument("--session", metavar="S", help="of the runner of that session")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    logs.add_argument(
        "-n", "--lines", type=_count, default=50, metavar="N", help="so many lines (default: 50)"
    )


def _add_runs(commands: Commands) -> None:
    runs = _add(
        commands,
        "runs",
        "show cells whose output and results are kept",
        "Those of notebooks that were away when they ended, those that run with --detach, and"
        " lately those that took long.",
        "jupyter scale runs\n  jupyter scale runs lab --json",
    )
    runs.add_argument("cluster", nargs="?", metavar="CLUSTER", help="id or name (default: all)")
    runs.add_argument("--json", action="store_true", help="write JSON, for programs")
    fetch = _add(
        commands,
        "fetch",
        "show what a run has shown, wait for its end, and save what it left",
        "Without --save its values stay on the cluster: `%scale fetch RUN` brings them into a"
        " notebook. Ctrl-C ends the waiting, not the run. The exit status is 1 when the cell"
        " failed.",
        "jupyter scale fetch 3f2a\n  jupyter scale fetch 3f2a model scores --save results.pkl",
    )
    fetch.add_argument("run", metavar="RUN", help="how its id begins")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="only these (default: all)")
    fetch.add_argument("--save", type=Path, metavar="FILE", help="write a pickled dictionary")
    fetch.add_argument(
        "--files", type=Path, metavar="FOLDER", help="bring the files here that it has written"
    )
    cancel = _add(
        commands,
        "cancel",
        "stop a run",
        "Interrupts it; said once more, its process is killed.",
        "jupyter scale cancel 3f2a",
    )
    cancel.add_argument("run", metavar="RUN", help="how its id begins")


def _add_ends(commands: Commands) -> None:
    down = _add(
        commands,
        "down",
        "end clusters",
        "Ends their processes, wherever they are, and removes their directories.",
        "jupyter scale down lab\n  jupyter scale down",
    )
    down.add_argument("cluster", nargs="*", metavar="CLUSTER", help="ids or names (default: all)")
    clean = _add(
        commands,
        "clean",
        "remove what crashed clusters left",
        "Clusters that run are not touched. Environments that are in use stay.",
        "jupyter scale clean\n  jupyter scale clean --environments --unused 30",
    )
    clean.add_argument(
        "--environments",
        action="store_true",
        help="also remove the environments that hosts of all profiles keep for the next start",
    )
    clean.add_argument(
        "--unused",
        type=float,
        default=0.0,
        metavar="DAYS",
        help="with --environments: only those that nobody asked for so long (default: 0, all)",
    )
    _add_directory(clean)


def _add_extend(commands: Commands) -> None:
    extend = _add(
        commands,
        "extend",
        "change when a cluster ends by itself",
        "What is not said stays as it is. The cluster's nodes are told at once.",
        "jupyter scale extend train --max-cost 40 --idle-timeout 2h",
    )
    extend.add_argument("cluster", metavar="CLUSTER", help="id or name")
    add_limits(extend)


def _add_doctor(commands: Commands) -> None:
    doctor = _add(
        commands,
        "doctor",
        "check the hosts of a profile before a cluster starts there",
        "Goes through all hosts side by side, and says at each step what to do. Nothing is started"
        " or changed. The exit status is 1 when a check failed.",
        "jupyter scale doctor lab\n  jupyter scale doctor lab --json",
    )
    doctor.add_argument("name", metavar="NAME", help="the profile")
    doctor.add_argument("--json", action="store_true", help="write JSON, for programs")
    _add_directory(doctor)


def _add(
    commands: Commands,
    name: str,
    summary: str,
    description: str,
    examples: str,
    aliases: list[str] | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        aliases=aliases or [],
        help=summary,
        description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}. {description}", _WIDTH),
        epilog=f"examples:\n  {examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=name)
    return parser


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where to look for scale.toml first (default: here)",
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than one")
    return number
