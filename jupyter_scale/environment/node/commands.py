"""Programs that run for long: heard line by line, and ended when this process is.

A program inherits the file of the lock under which it works. If this process is killed, the lock
is held until the program has ended as well, so that two never write to one directory.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator

from jupyter_scale.environment.node.report import HEARTBEAT_S, Refused, Report

_GRACE_S = 3.0


def run(
    argv: list[str],
    report: Report,
    on_line: Callable[[str], None] = lambda _: None,
    *,
    env: dict[str, str] | None = None,
    cwd: str | None = None,
    inherited: tuple[int, ...] = (),
) -> tuple[int, list[str]]:
    """Run a program to its end; return its exit status and all lines that it wrote.

    Parameters
    ----------
    on_line : callable
        Told each line of its output as it comes.
    inherited : tuple of int
        File descriptors that it keeps open.

    Raises
    ------
    Interrupted
        When nobody listens to this process any more. The program has ended then, too.
    Refused
        When it cannot be started.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, **(env or {})),
            cwd=cwd,
            start_new_session=True,  # so that it can be ended with all that it has started
            pass_fds=inherited,
        )
    except OSError as error:
        raise Refused("system", f"{argv[0]} does not start: {error}") from error
    lines = []
    try:
        for line in _lines(process, report):
            lines.append(line)
            on_line(line)
        return process.wait(), lines
    finally:
        _end(process)


def _lines(process: subprocess.Popen[bytes], report: Report) -> Iterator[str]:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    pipe = process.stdout.fileno()
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(HEARTBEAT_S):
                report.beat()
                continue
            chunk = os.read(pipe, 65536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace").rstrip() for line in whole)
    if rest:
        yield rest.decode(errors="replace").rstrip()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it has started, if it has not ended by itself."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except OSError:
        return
