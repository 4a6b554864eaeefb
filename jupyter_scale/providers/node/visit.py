"""What is done on a node by whoever came there over SSH: ``python -m ....visit COMMAND``.

===========  ====================================================================================
``bring``    make the node's private directory, of what comes as a line of JSON; start the node
             process unless it runs, and give it the arguments that come as a second line; then
             tell what it says until nobody listens
``follow``   tell what it says, without starting it
``end``      end all processes of the cluster on this machine, and remove its directory; with
             ``--broken`` what waits to be fetched is set aside for the next cluster
===========  ====================================================================================

All answer in lines of JSON. The node process gets ready while its arguments are not known yet,
because where the scheduler is has to be found out first; it ends when there will be none.

While it tells, each line ``beat`` that it reads renews the heartbeat,
and the end of its standard input, which comes when the link breaks, ends it; the node goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import os
import select
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import psutil

from jupyter_scale.archive.aside import set_aside, take_up
from jupyter_scale.environment.node.leftovers import ASIDE, CLUSTERS
from jupyter_scale.environment.node.mirror import is_whole
from jupyter_scale.errors import StateError
from jupyter_scale.model.cluster import ClusterState, Owner
from jupyter_scale.model.profile import Profile
from jupyter_scale.providers.node.events import events_path, read_events
from jupyter_scale.providers.node.lease import renew_lease
from jupyter_scale.transport.forks import CAN_FORK, fork
from jupyter_scale.transport.lifeline import heartbeat_path, is_alive, owner_of
from jupyter_scale.transport.local import python_argv, read_last_lines
from jupyter_scale.transport.processes import end_groups, end_trackers, kill_marked
from jupyter_scale.transport.segments import remove_directory

_NODE = "jupyter_scale.providers.node"
_PRIVATE = 0o700
#: In a node's directory: which process is the node, and which was told what to do.
_NODE_FILE, _TOLD = "node", "told"
_LOOK_S = 0.1
_ALIVE_S = 5.0
_SHARED_NAME = 30
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a private directory is made there


def main() -> None:
    """Do what the command line says."""
    options = _parser().parse_args()
    try:
        options.do(options)
    except OSError as error:
        _say(error=_explain(error))
        sys.exit(1)


def _bring(options: argparse.Namespace) -> None:
    if options.mirror and not is_whole(Path(os.environ["PYTHONPATH"]).parent):
        _say(error="the copy of jupyter-scale is not whole")
        return
    with open(0, "rb", buffering=0, closefd=False) as lines:  # what follows is read by `_tell`
        wanted = json.loads(lines.readline())
        directory, is_new = _lay(wanted)
        owner, warm, news = _at_work(directory), None, -1
        if owner is None:
            events_path(directory).unlink(missing_ok=True)
            owner, warm, news = _start(directory)
        arguments = b""
        try:
            _say_laid(directory, wanted["network"])
            arguments = lines.readline()
        finally:
            # Not if the link broke for long: whoever came over another one has its own by now.
            is_ours = warm is not None and _owner_in(directory / _NODE_FILE) == owner
            if is_ours and arguments:
                _write_owner(directory / _TOLD, owner)
            if warm is not None:
                with contextlib.suppress(BrokenPipeError), warm:  # if it has ended: that is told
                    warm.write(arguments)
            if is_ours and is_new and not arguments:  # it is given up, and nobody may know of it
                _remove(directory)
    if arguments:
        _tell(directory, owner, news)


def _at_work(directory: Path) -> Owner | None:
    """Return the node process that runs here, None where there is none that is of any use.

    One that was never told what to do is ended: whoever started it waits for a link that is broken,
    which this machine may not learn for hours.
    """
    owner = _owner_in(directory / _NODE_FILE)
    if owner is None or not is_alive(owner):
        return None
    if _owner_in(directory / _TOLD) != owner:
        end_groups([owner.pid], 0.0)
        return None
    return owner


def _lay(wanted: dict[str, Any]) -> tuple[Path, bool]:
    """Make the directory, private from the first moment on; tell whether there was none."""
    umask = os.umask(0o077)
    directory: Path = _root() / wanted["cluster"] / wanted["node"]
    is_new = not directory.exists()
    for name in ("tls", "workers", "runners"):
        (directory / name).mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    for name, text in wanted["files"].items():
        draft = directory / f"{name}.new"
        draft.write_text(text)
        draft.replace(directory / name)
    heartbeat_path(directory).touch()
    take_up(directory, _places(), _profile_of(directory).name)
    _shared(directory).mkdir(mode=_PRIVATE, exist_ok=True)
    os.umask(umask)  # files that cells write are as this user wants them
    return directory, is_new


def _say_laid(directory: Path, network: str) -> None:
    from jupyter_scale.monitor.gpus import GpuReader  # late: the node process is on its way

    _say(
        search_path=os.environ["PYTHONPATH"],
        shared=str(_shared(directory)),
        directory=str(directory),
        address=_address(network),
        workers=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        gpus=len(GpuReader().read()),
        memory_bytes=psutil.virtual_memory().total,
        python=f"{sys.version_info[0]}.{sys.version_info[1]}",
    )


def _root() -> Path:
    return Path.home() / ".cache" / "jupyter-scale" / CLUSTERS


def _address(network: str) -> str:
    """Return this machine's address in a network; without one, where SSH was connected to.

    Empty when it has none there.
    """
    if not network:
        words = os.environ.get("SSH_CONNECTION", "").split()
        return words[2].removeprefix("::ffff:") if len(words) > 2 else "127.0.0.1"  # noqa: PLR2004
    wanted = ipaddress.ip_network(network)
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            try:
                if ipaddress.ip_address(one.address.partition("%")[0]) in wanted:
                    return one.address
            except ValueError:  # of hardware
                continue
    return ""


def _start(directory: Path) -> tuple[Owner, IO[bytes], int]:
    """Start the node process in a session of its own, and note who it is.

    Returns who it is, where it reads its arguments, and its standard output.
    """
    log = os.open(directory / "node.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    pid, arguments, news = (_fork if CAN_FORK else _spawn)(str(_shared(directory)), log)
    os.close(log)
    owner = owner_of(pid) or Owner(pid, 0.0)
    _write_owner(directory / _NODE_FILE, owner)
    return owner, arguments, news


def _fork(shared: str, log: int) -> tuple[int, IO[bytes], int]:
    """Let a copy of this process become the node process: it needs all that is imported here."""
    theirs, ours = os.pipe()
    news, told = os.pipe()

    def run() -> None:
        from jupyter_scale.providers.node.__main__ import WAIT, main

        os.setsid()
        os.chdir(Path.home())
        main([WAIT, shared])

    pid = fork(run, python_argv(_NODE), files=[(theirs, 0), (told, 1), (log, 2)])
    os.close(theirs)
    os.close(told)
    return pid, os.fdopen(ours, "wb"), news


def _spawn(shared: str, log: int) -> tuple[int, IO[bytes], int]:
    from jupyter_scale.providers.node.__main__ import WAIT

    process = subprocess.Popen(
        python_argv(_NODE, WAIT, shared),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=Path.home(),
        start_new_session=True,
    )
    process.returncode = 0  # it is not waited for
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    assert process.stdout is not None  # noqa: S101 - as well
    return process.pid, process.stdin, os.dup(process.stdout.fileno())


def _follow(options: argparse.Namespace) -> None:
    owner = _owner_in(options.directory / _NODE_FILE)
    if owner is not None and is_alive(owner):
        _tell(options.directory, owner)
        return
    for message in read_events(options.directory):
        if message.get("event") == "failed" or "error" in message:
            _say(**message)  # all else that was said holds no more
    _say_end(options.directory)


def _owner_in(file: Path) -> Owner | None:
    try:
        return Owner.parse(file.read_text())
    except (OSError, ValueError):
        return None


def _write_owner(file: Path, owner: Owner) -> None:
    draft = file.with_name(f"{file.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(str(owner))
    draft.replace(file)


def _tell(directory: Path, owner: Owner, news: int = -1) -> None:
    """Tell what the node process says until it ends, or nobody listens.

    Parameters
    ----------
    news : int
        Its standard output, where this process has started it: it says all there, too, and so
        nothing has to be looked for. That is not read for what it says, some of which may be lost.
    """
    told, last, heard = 0, time.monotonic(), b""
    watched = [0] if news < 0 else [0, news]
    while True:
        lives = is_alive(owner)
        new = _read_from(events_path(directory), told)
        if new:
            told += len(new)
            os.write(1, new)
            last = time.monotonic()
        if not lives:
            _say_end(directory)
            return
        if time.monotonic() > last + _ALIVE_S:
            _say(event="alive")
            last = time.monotonic()
        ready = select.select(watched, [], [], _LOOK_S)[0]
        if news in ready and not os.read(news, 65536):
            watched.remove(news)  # it has ended
        if 0 in ready:
            data = os.read(0, 4096)
            if not data:
                return
            *lines, heard = (heard + data).split(b"\n")
            if b"beat" in lines:
                os.utime(heartbeat_path(directory))
                renew_lease()


def _read_from(path: Path, offset: int) -> bytes:
    """Return the whole lines of a file from there on."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return b""
    return data[: data.rfind(b"\n") + 1]


def _say_end(directory: Path) -> None:
    if directory.is_dir():
        _say(event="ended", last_lines=read_last_lines(directory / "node.log"))
    else:
        _say(event="removed")


def _end(options: argparse.Namespace) -> None:
    """End what runs, and remove what is there; gone already is success."""
    directory = _root() / options.cluster / options.name
    owner = _owner_in(directory / _NODE_FILE)
    if owner is not None and is_alive(owner):
        end_groups([owner.pid], options.grace)
    kill_marked(options.cluster)
    end_trackers(options.cluster)
    if options.broken:
        with contextlib.suppress(OSError, StateError):  # its start came to nothing
            profile = _profile_of(directory)
            set_aside(directory, _places(), profile.name, profile.kept_for_s)
    _remove(directory)
    _say(event="removed")


def _profile_of(directory: Path) -> Profile:
    """Return the profile of a node's cluster, whose state is in its directory."""
    return ClusterState.from_json((directory / "state.json").read_text()).profile


def _places() -> Path:
    """Return where runs are set aside on this machine."""
    return _root().with_name(ASIDE)


def _remove(directory: Path) -> None:
    shared = _shared(directory)
    remove_directory(shared)
    remove_directory(directory)
    for parent in (shared.parent, directory.parent, _root()):
        with contextlib.suppress(OSError):  # other nodes or clusters are there
            parent.rmdir()


def _shared(directory: Path) -> Path:
    """Return where sockets of a node's processes go: a short path, in memory where there is some.

    Parameters
    ----------
    directory : Path
        The node's own, ``.../CLUSTER/NODE``.
    """
    parent = _SHARED_MEMORY / f"jupyter-scale-{os.getuid()}"
    if _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK):
        parent.mkdir(mode=_PRIVATE, exist_ok=True)
        status = parent.lstat()
        if status.st_uid == os.getuid() and status.st_mode == stat.S_IFDIR | _PRIVATE:
            return parent / f"{directory.parent.name}-{directory.name}"[:_SHARED_NAME]
    return directory / "shared"


def _explain(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _say(**message: Any) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, do in (("bring", _bring), ("follow", _follow), ("end", _end)):
        command = commands.add_parser(name)
        command.set_defaults(do=do)
        if name == "bring":
            command.add_argument("--mirror", action="store_true", help="see that it is whole")
        if name == "follow":
            command.add_argument("--directory", type=Path, required=True)
        if name == "end":
            command.add_argument("--cluster", required=True)
            command.add_argument("--name", required=True, help="the node's")
            command.add_argument("--grace", type=float, default=3.0)
            command.add_argument("--broken", action="store_true", help="nobody has ended it")
    return parser


if __name__ == "__main__":
    main()
