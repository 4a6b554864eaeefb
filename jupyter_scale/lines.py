"""What can be written on a ``%scale`` or ``%%scale`` line."""

from __future__ import annotations

import argparse
import keyword
import shlex
from functools import cache, lru_cache
from typing import Literal, NoReturn

from jupyter_scale.errors import UsageError
from jupyter_scale.model.profile import Limits, parse_duration
from jupyter_scale.model.run import parse_bytes

_LEAST_S = 10.0


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of ending the kernel."""

    def error(self, message: str) -> NoReturn:
        text = f"{message}. Usage: {self.format_usage().removeprefix('usage: ').strip()}"
        raise UsageError(" ".join(text.split()))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _HelpShownError(status, message)


class _HelpShownError(Exception):
    """``--help`` was printed."""


@cache
def cell_parser() -> argparse.ArgumentParser:
    """Return the parser of the ``%%scale`` line."""
    parser = _Parser(
        prog="%%scale",
        description="Run the cell on the cluster; the notebook is afterwards as if it had run here."
        " Without a cluster, one starts on this machine.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="raise an error if the cell cannot run on the cluster, instead of running it here",
    )
    loops = parser.add_mutually_exclusive_group()
    loops.add_argument("--serial", action="store_true", help="do not spread loops over workers")
    loops.add_argument(
        "--spread",
        action="store_true",
        help="spread loops without checking that their iterations are independent: you vouch that"
        " neither what they share nor files and connections make their order matter",
    )
    parser.add_argument(
        "--seed-each",
        action="store_true",
        help="give every iteration of a loop random generators of its own ('random', numpy, torch),"
        " so that it spreads with the same numbers on any number of workers; other numbers than the"
        " plain cell's",
    )
    place = parser.add_argument_group(
        "where", "what the cell's node must have, else it is an error"
    )
    place.add_argument("--on", metavar="POOL", default="", help="a pool of the cluster's profile")
    place.add_argument("--gpu", type=_count, metavar="N", default=0, help="at least N GPUs")
    place.add_argument("--cpus", type=_count, metavar="N", default=0, help="at least N workers")
    place.add_argument(
        "--memory", type=_memory, metavar="SIZE", default=0, help="at least so much (16GB)"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="run nothing and start nothing: show where the cell would run, what would travel, and"
        " which loops may spread",
    )
    parser.add_argument(
        "--detach",
        nargs="?",
        const="",
        type=lambda text: text and _name(text),  # argparse applies it to `const`, too
        metavar="NAME",
        help="return at once, with a Run (bound to NAME): the cell runs on copies of what it reads,"
        " also without this notebook; NAME.result() brings home what it left",
    )
    parser.add_argument(
        "--then",
        default="",
        metavar="COMMAND",
        help="with --detach: a command of the system, run here when the cell has ended, with"
        " JUPYTER_SCALE_RUN and JUPYTER_SCALE_RUN_STATE",
    )
    parser.add_argument(
        "--keep",
        action="extend",
        nargs="+",
        type=_name,
        default=[],
        metavar="NAME",
        help="leave the new values of these names on the cluster; the notebook gets stand-ins,"
        " which later %%%%scale cells use as the values themselves",
    )
    parser.add_argument(
        "--keep-above",
        type=_size,
        metavar="SIZE",
        help="so too every new value larger than SIZE (500MB, 2GiB; off)",
    )
    return parser


def _name(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        msg = f"expected names, separated by spaces, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return text


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        msg = f"expected a number from 1 on, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _memory(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _size(text: str) -> int | Literal["off"]:
    """Return a size in bytes, ``"off"`` for none."""
    if text == "off":
        return "off"
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


@cache
def line_parser() -> argparse.ArgumentParser:
    """Return the parser of the ``%scale`` line."""
    parser = _Parser(
        prog="%scale",
        description="Without a command: show the cluster, and what it holds.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(
        dest="command",
        metavar="{up,use,scale,extend,down,data,free,get,runs,attach,fetch,cancel,quiet,keep-above}",
        parser_class=_Parser,
    )
    up = commands.add_parser("up", help="start a cluster", description="Start a cluster.")
    up.add_argument("profile", nargs="?", help="a profile of scale.toml (default: this machine)")
    up.add_argument("--workers", type=_positive, metavar="N", help="number of worker processes")
    up.add_argument("--dry-run", action="store_true", help="start nothing: show what it would cost")
    use = commands.add_parser(
        "use",
        help="use another cluster that runs",
        description="Use another cluster of the Jupyter server; the one so far is left, and ends if"
        " it was this notebook's own.",
    )
    use.add_argument("cluster", help="its name, or its id")
    scale = commands.add_parser(
        "scale",
        help="change the number of workers",
        description="Change the number of workers of pools, or with a number alone of the cluster.",
    )
    scale.add_argument("sizes", nargs="+", type=_pool_size, metavar="POOL=N|N")
    extend = commands.add_parser(
        "extend",
        help="change when the cluster ends by itself",
        description="Change when the cluster ends by itself; what is not said stays as it is.",
    )
    add_limits(extend)
    commands.add_parser("down", help="end the cluster", description="End the cluster.")
    _add_data(commands)
    _add_runs(commands)
    quiet = commands.add_parser(
        "quiet",
        help="show neither progress nor summary lines",
        description="Show neither progress nor summary lines, so that a cell's output is exactly"
        " the plain cell's.",
    )
    quiet.add_argument("state", nargs="?", choices=["on", "off"], default="on")
    keep_above = commands.add_parser(
        "keep-above",
        help="leave large results on the cluster",
        description="What --keep-above does for one cell, for all that follow. Without a SIZE, show"
        " what holds.",
    )
    keep_above.add_argument("size", nargs="?", type=_size, metavar="SIZE|off")
    return parser


def _add_data(commands: argparse._SubParsersAction[_Parser]) -> None:
    commands.add_parser(
        "data",
        help="show the names that the cluster holds",
        description="Show the names of this notebook that the cluster holds: type, size, and"
        " whether they are there as they are here.",
    )
    free = commands.add_parser(
        "free",
        help="have the cluster let go of names",
        description="Have the cluster let go of names. The notebook keeps what it has: a cell that"
        " reads such a name sends it again. A value that stays on the cluster only is lost.",
    )
    get = commands.add_parser(
        "get",
        help="bring values here that stay on the cluster",
        description="Bring values here that stay on the cluster, as NAME = NAME.get() does.",
    )
    for parser in (free, get):
        parser.add_argument("names", nargs="+", type=_name, metavar="NAME")


def _add_runs(commands: argparse._SubParsersAction[_Parser]) -> None:
    commands.add_parser(
        "runs",
        help="show runs that are kept for who was away",
        description="Show the cells of notebooks that were away when they ended, of those that run"
        " with --detach, and of those that take long.",
    )
    run = "how its id begins (default: the last one that was not fetched)"
    attach = commands.add_parser(
        "attach",
        help="go on with a cell of a kernel that is gone",
        description="Show what a run shows, wait for its end, and bring the names here that it"
        " left. An interrupt ends the waiting, not the run.",
    )
    attach.add_argument("run", nargs="?", default="", metavar="RUN", help=run)
    fetch = commands.add_parser(
        "fetch",
        help="bring a run's output and names here",
        description="As attach, for some names only if there are any.",
    )
    fetch.add_argument("run", metavar="RUN", help="how its id begins")
    fetch.add_argument("names", nargs="*", type=_name, metavar="NAME")
    fetch.add_argument(
        "--quiet", action="store_true", help="bring the names only: show nothing of the output"
    )
    cancel = commands.add_parser(
        "cancel",
        help="stop a run",
        description="Interrupt a run, whoever has begun it; once more: kill it.",
    )
    cancel.add_argument("run", metavar="RUN", help="how its id begins")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options that change limits of a cluster; `limits_in` reads them."""
    durations = {
        "--idle-timeout": "after so long without work",
        "--orphan-after": "when nobody was heard for so long",
        "--max-age": "when a machine is so old (aws)",
    }
    for option, text in durations.items():
        parser.add_argument(option, type=_duration, metavar="TIME", help=f"it ends {text}")
    parser.add_argument(
        "--max-cost", type=_amount, metavar="USD", help="it ends when it has cost so much (aws)"
    )


def limits_in(arguments: argparse.Namespace) -> Limits:
    """Return the limits that a line says."""
    return Limits(
        idle_timeout_s=arguments.idle_timeout,
        orphan_after_s=arguments.orphan_after,
        max_cost=arguments.max_cost,
        max_age=arguments.max_age,
    )


def _duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds is None or seconds < _LEAST_S:
        msg = (
            f"expected a duration of at least {_LEAST_S:.0f} s such as 30m, 2h or 7d, not {text!r}"
        )
        raise argparse.ArgumentTypeError(msg)
    return seconds


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        msg = f"expected an amount in USD above 0, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return amount


def _pool_size(text: str) -> tuple[str, int]:
    """Return a pool, none for all, and a number of workers."""
    pool, equals, count = text.rpartition("=")
    if equals and not pool:
        msg = f"expected POOL=N, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return pool, _positive(count)


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        msg = f"expected a number of workers from 1 on, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return value


def parse_line(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace | None:
    """Parse a magic line; None when it asked for help, which was printed.

    Raises
    ------
    UsageError
        In one line, with the right usage.
    """
    try:
        return _parse_words(parser, tuple(shlex.split(line, comments=True)))
    except ValueError as error:
        msg = f"{error}. Usage: {' '.join(parser.format_usage().removeprefix('usage: ').split())}"
        raise UsageError(msg) from None
    except _HelpShownError:
        return None


@lru_cache
def _parse_words(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> argparse.Namespace:
    arguments = parser.parse_args(list(words))
    if getattr(arguments, "then", "") and arguments.detach is None:
        parser.error("argument --then: goes with --detach")
    return arguments
