"""The process that keeps a node: how it starts quickly, and how it ends for certain.

Run as ``python -m jupyter_scale.providers.node``. It writes lines of JSON, see
`jupyter_scale.providers.node.events`, to a file of its directory and to its standard output.
Nobody has to read the latter: a full pipe loses lines, but does not hold up the node.

It ends on SIGTERM, when its scheduler closes, when it was idle for long, and when its owner is
gone (``--owner``), or no owner was heard for long (``--orphan-after``). Whatever the way, it then
kills every process on this machine that carries the cluster's mark, and removes the directories.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.model.cluster import Owner
from jupyter_scale.providers.node.events import events_path
from jupyter_scale.transport.lifeline import watch, watch_heartbeat
from jupyter_scale.transport.processes import descendants, kill_marked
from jupyter_scale.transport.segments import remove_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_scale.providers.node.keeper import NodeOptions

CLOSE_TIMEOUT_S = 3.0
WAIT = "--wait"
"""Before the shared directory, alone on the command line: the arguments come by standard input."""
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def main(given: Sequence[str] | None = None) -> None:
    """Run a node until it ends.

    Parameters
    ----------
    given : sequence of str, optional
        Its command line; that of this process when None.
    """
    given = sys.argv[1:] if given is None else given
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    arguments = _wait(given[1]) if given[:1] == [WAIT] else _start(given)
    tell = _take_stdout(events_path(arguments.directory))
    end = _Ending(arguments.cluster, arguments.directory, arguments.shared_directory)
    if arguments.owner is not None:
        watch(arguments.owner, end)
    else:
        watch_heartbeat(arguments.directory, arguments.orphan_after, end)
    environment = {"PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "6640")}
    try:
        asyncio.run(_keep(_options(arguments), tell, end, environment))
    except Exception as error:  # noqa: BLE001 - said to whoever waits for the ready line
        traceback.print_exc()
        tell(error=f"{type(error).__name__}: {error}")
        end(with_directories=False)  # the owner lives, wants to read the log, and removes it
    finally:
        end()


def _start(given: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, with all that takes long done."""
    arguments = _parse(given)
    _get_ready(arguments.shared_directory)
    return arguments


def _wait(shared_directory: str) -> argparse.Namespace:
    """Get ready, and return the arguments when they come; end when there will be none."""
    _get_ready(Path(shared_directory))
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    return _parse(json.loads(line))


def _get_ready(shared_directory: Path) -> None:
    """Import all that node and workers need, which takes half a second, once for both.

    What is imported stays. To look for garbage in it takes a seventh of that time, and in workers
    would copy memory that they share.
    """
    gc.disable()
    import jupyter_scale.providers.node.keeper  # noqa: F401
    from jupyter_scale.providers.node.nursery import open_nursery

    gc.freeze()
    gc.enable()
    open_nursery(shared_directory)


async def _keep(
    options: NodeOptions,
    tell: Callable[..., None],
    end: Callable[[], None],
    environment: dict[str, str],
) -> None:
    from jupyter_scale.providers.node.keeper import Keeper, configure

    configure(options.directory)
    is_stopped = asyncio.Event()

    def stop() -> None:
        is_stopped.set()
        timer = threading.Timer(CLOSE_TIMEOUT_S, end)
        timer.daemon = True
        timer.start()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    await Keeper(options, tell, environment).run(is_stopped)


class _Ending:
    """Ends all that belongs to the cluster, then this process; callable from any thread.

    Parameters
    ----------
    cluster : str
        The mark of the cluster's processes.
    directories : Path
        What is removed.
    """

    def __init__(self, cluster: str, *directories: Path) -> None:
        self._cluster, self._directories = cluster, directories
        self._lock = threading.Lock()

    def __call__(self, *, with_directories: bool = True) -> None:
        with self._lock:  # never released: the first caller ends the process
            try:
                kill_marked(self._cluster, also=descendants())
                if with_directories:
                    for directory in self._directories:
                        remove_directory(directory)
                        _remove_if_empty(directory.parent)
            finally:
                os._exit(0 if with_directories else 1)


def _remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return


def _take_stdout(record: Path) -> Callable[..., None]:
    """Keep standard output for lines of JSON; what else is written there goes to the log.

    Parameters
    ----------
    record : Path
        The file that gets all lines, also those that nobody hears.
    """
    pipe = os.dup(1)
    os.set_blocking(pipe, False)
    os.dup2(2, 1)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    file = os.open(record, flags, 0o600)

    def tell(**message: Any) -> None:
        line = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError):  # the disk is full: who listens hears it all the same
            os.write(file, line)
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(pipe, line)

    return tell


def _options(arguments: argparse.Namespace) -> NodeOptions:
    from jupyter_scale.providers.node.keeper import NodeOptions

    return NodeOptions(
        cluster=arguments.cluster,
        name=arguments.name,
        directory=arguments.directory,
        tls_dir=arguments.tls_directory,
        workers=arguments.workers,
        host=arguments.host,
        prefix=arguments.worker_prefix,
        scheduler=arguments.scheduler,
        scheduler_port=arguments.scheduler_port,
        idle_timeout_s=arguments.idle_timeout,
        preloads=tuple(arguments.worker_preload),
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--shared-directory", type=Path, required=True)
    parser.add_argument("--tls-directory", type=Path, required=True)
    lifeline = parser.add_mutually_exclusive_group(required=True)
    lifeline.add_argument("--owner", type=Owner.parse)
    lifeline.add_argument("--orphan-after", type=float)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--worker-prefix", default="", help="begins the names of its workers")
    parser.add_argument("--scheduler", help="join this one instead of having one")
    parser.add_argument("--scheduler-port", type=int, default=0)
    parser.add_argument("--idle-timeout", type=float)
    parser.add_argument("--worker-preload", action="append", default=[])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
