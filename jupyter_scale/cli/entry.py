"""From the words of a command line to what is done, and to an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jupyter_scale.cli.parser import build_parser
from jupyter_scale.cli.terminal import complain
from jupyter_scale.errors import ScaleError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace

_DONE, _FAILED, _MISUSED = 0, 1, 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    0 when it is done, 1 when it failed, 2 when it cannot be understood, 130 after Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    try:
        is_well = _run(options)
        sys.stdout.flush()
    except UsageError as error:
        complain(str(error))
        return _MISUSED
    except ScaleError as error:
        complain(str(error))
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    return _DONE if is_well else _FAILED


def _run(options: Namespace) -> bool:
    """Carry out a command; tell whether all is well. Its module is imported only now."""
    match options.command:
        case "up" if options.dry_run:
            from jupyter_scale.cli.start import dry_run

            dry_run(options.name, options.directory)
        case "up":
            from jupyter_scale.cli.start import up

            up(options.name, options.workers, options.directory)
        case "ls":
            from jupyter_scale.cli.looks import ls

            ls(as_json=options.json)
        case "status":
            from jupyter_scale.cli.looks import status

            status(options.cluster, as_json=options.json)
        case "logs":
            from jupyter_scale.cli.logs import logs

            which = {"worker": options.worker, "runner": options.session}
            logs(options.cluster, options.node, which, options.lines, follow=options.follow)
        case "runs" | "fetch" | "cancel":
            return _run_of_runs(options)
        case "extend":
            from jupyter_scale.cli.ends import prolong
            from jupyter_scale.lines import limits_in

            prolong(options.cluster, limits_in(options))
        case "down":
            from jupyter_scale.cli.ends import down

            down(options.cluster)
        case "clean":
            from jupyter_scale.cli.ends import clean

            unused_days = options.unused if options.environments else None
            return clean(unused_days, options.directory)
        case _:
            from jupyter_scale.cli.doctor import doctor

            return doctor(options.name, options.directory, as_json=options.json)
    return True


def _run_of_runs(options: Namespace) -> bool:
    """Carry out a command about runs."""
    from jupyter_scale.cli import runs

    match options.command:
        case "runs":
            runs.runs(options.cluster, as_json=options.json)
        case "fetch":
            return runs.fetch(options.run, options.names, options.save, options.files)
        case _:
            runs.stop(options.run)
    return True
