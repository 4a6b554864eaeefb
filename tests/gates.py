"""Gates at the steps of a start over SSH: a machine stays at a step until it is let go, or dies."""

import contextlib
import sys

import psutil

from jupyter_scale.environment.wheelhouse import laptop_uv
from waiting import eventually

#: What `SshLab.add` has to be told for machines that get gates.
OPTIONS = "SetEnv PATH=/root/bin:/usr/local/bin:/usr/bin:/bin"
#: The interpreter that a profile names for them.
PYTHON = "/root/bin/python3"
#: A module that workers import at their start.
PRELOAD = "/root/bin/preload.py"

_BRING = "providers.node.visit bring"
#: ``step → the words in the command line of the process that takes it``.
_COMMANDS = {
    "checking": "import json,sys;start",
    "laying": _BRING,
    "opening a session": "-m jupyter_scale.runner.host ",
}
_WAIT = "while [ -e /root/gate ]; do touch /root/reached; sleep 0.05; done"
#: The second line that comes is what the node process is told.
_HOLD_ARGUMENTS = (
    '{ IFS= read -r a && printf "%s\\n" "$a" && IFS= read -r b || exit; '
    + _WAIT
    + '; printf "%s\\n" "$b"; exec cat; }'
)
_PRELOAD = """\
import pathlib, time
while pathlib.Path("/root/gate").exists():
    pathlib.Path("/root/reached").touch()
    time.sleep(0.05)
"""
MAKING = "making an environment"


class Gate:
    """One machine's gate at one step, closed.

    Steps are: connecting, checking, `MAKING`, laying, starting (of the node process), joining (of
    its workers), and opening a session.
    """

    def __init__(self, machine, step):
        self._machine, self._step = machine, step
        programs = machine.home / "bin"
        programs.mkdir(exist_ok=True)
        words = _COMMANDS.get(step, "no such words")
        script = f'case "$*" in *"{words}"*) {_WAIT};; esac\nexec {sys.executable} "$@"'
        if step == "starting":
            script = f'case "$*" in *"{_BRING}"*) {_HOLD_ARGUMENTS} | exec {sys.executable} "$@";; '
            script += f'*) exec {sys.executable} "$@";; esac'
        self._write("python3", script)
        if step == MAKING:
            script = f'case "$1 $2" in "pip install") {_WAIT};; esac\nexec {laptop_uv()} "$@"'
            self._write("uv", script)
        (programs / "preload.py").write_text(_PRELOAD if step == "joining" else "")
        if step == "connecting":
            self._sshd().suspend()
        else:
            (machine.home / "gate").touch()

    def _write(self, name, script):
        program = self._machine.home / "bin" / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def _sshd(self):
        [sshd] = psutil.Process(self._machine.process.pid).children()
        return sshd

    def is_reached(self):
        """Tell whether a start has come to the step."""
        if self._step == "connecting":
            return self._machine.callers() > 0
        return (self._machine.home / "reached").exists()

    def wait(self):
        """Wait until a start has come to the step."""
        assert eventually(self.is_reached, 60), self._step

    def open(self):
        """Let whoever waits go on."""
        if self._step == "connecting":
            with contextlib.suppress(psutil.NoSuchProcess):
                self._sshd().resume()
        for name in ("gate", "reached"):
            (self._machine.home / name).unlink(missing_ok=True)
