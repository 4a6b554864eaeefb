"""Shell processes as their supervisor sees them: how they are started, heard and ended.

The first one is a copy of the runner's process, made before that has a loop, so that what both
import is imported once. Those that come after a death are interpreters of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jupyter_scale.runner.host.interrupts import LOOK
from jupyter_scale.runner.host.link import MessageLink
from jupyter_scale.transport.forks import CAN_FORK, fork
from jupyter_scale.transport.local import python_argv

_MODULE = "jupyter_scale.runner.host.shell"
_SHELL_END_S = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """Where a runner's files are.

    Attributes
    ----------
    directory
        The runner's own directory.
    cluster_directory
        The cluster's: ``tls/``, ``scheduler.json``.
    session
        The session that it serves, and no other.
    shared
        The session's directory of shared memory segments, if there is one.
    """

    directory: Path
    cluster_directory: Path
    session: str
    shared: Path | None


@dataclass(frozen=True)
class First:
    """A shell process that was started before its supervisor, and our end of its socket."""

    pid: int
    socket: socket.socket


def fork_first(options: Options) -> First | None:
    """Start a shell as a copy of this process, in a process group of its own.

    Returns None where that cannot be done.
    """
    if not CAN_FORK:
        return None
    gc.disable()  # what is imported stays: to look for garbage in it takes a seventh of the time
    from jupyter_scale.runner.host import shell

    gc.enable()
    ours, theirs = socket.socketpair()
    arguments = _arguments(options, theirs)

    def run() -> None:
        os.setsid()
        sys.argv = [str(shell.__file__), *arguments]
        shell.main()

    with theirs, Path(os.devnull).open("rb") as nothing:
        files = [(nothing.fileno(), 0)]
        pid = fork(run, python_argv(_MODULE), kept=[theirs.fileno()], files=files)
    return First(pid, ours)


def _arguments(options: Options, sock: socket.socket) -> list[str]:
    """Return the command line of a shell."""
    arguments = ["--fd", str(sock.fileno()), "--session", options.session]
    arguments += ["--cluster-directory", str(options.cluster_directory)]
    return [*arguments, "--shared", str(options.shared)] if options.shared else arguments


class _Process(Protocol):
    """A child process, as far as a `Shell` is concerned; one of asyncio's, or a `_Copy`."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...


class _Copy:
    """A child process that asyncio has not started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = asyncio.create_task(asyncio.to_thread(os.waitpid, pid, 0))

    async def wait(self) -> int:
        """Wait until it has ended, and return its exit status."""
        _pid, status = await asyncio.shield(self._end)
        self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Shell:
    """A running shell process, as its supervisor sees it."""

    def __init__(
        self,
        process: _Process,
        on_message: Callable[[Shell, dict[str, Any]], None],
    ) -> None:
        self._process, self._on_message = process, on_message
        self._has_hung_up = asyncio.Event()
        self.link = MessageLink(self._take, lambda _link: self._has_hung_up.set())
        self.is_ready = False

    def _take(self, _link: MessageLink, message: dict[str, Any]) -> None:
        self._on_message(self, message)

    @classmethod
    async def start(
        cls, options: Options, on_message: Callable[[Shell, dict[str, Any]], None]
    ) -> Shell:
        """Start a shell process in a process group of its own."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *python_argv(_MODULE, *_arguments(options, theirs)),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return await cls._connect(process, ours, on_message)

    @classmethod
    async def adopt(
        cls, first: First, on_message: Callable[[Shell, dict[str, Any]], None]
    ) -> Shell:
        """Take over one that `fork_first` has started."""
        return await cls._connect(_Copy(first.pid), first.socket, on_message)

    @classmethod
    async def _connect(
        cls,
        process: _Process,
        ours: socket.socket,
        on_message: Callable[[Shell, dict[str, Any]], None],
    ) -> Shell:
        shell = cls(process, on_message)
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: shell.link, sock=ours)
        return shell

    def signal(self, number: signal.Signals) -> None:
        """Signal the shell and its children; gone already is fine."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def ask_to_stop(self, body: dict[str, Any]) -> None:
        """Ask the shell to stop a loop: the cell that runs there looks at once."""
        self.link.send({"id": 0, "kind": "stop", "body": body})
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, LOOK)

    async def wait_dead(self) -> str:
        """Wait until the process is gone and say how it ended; its children go too."""
        await self._has_hung_up.wait()
        try:
            await asyncio.wait_for(self._process.wait(), _SHELL_END_S)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._process.wait()
        self.signal(signal.SIGKILL)
        code = self._process.returncode or 0
        peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        peak_mb = peak_kib / (1e3 if sys.platform == "linux" else 1e6)
        if code < 0:
            how = f"its process was ended by {signal.Signals(-code).name}"
        else:
            how = f"its process ended itself with exit status {code}"
        return f"{how}; it had used up to {peak_mb:,.0f} MB of memory"
