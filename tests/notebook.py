"""A notebook as its user has it: a real kernel, cells that run in it, and all that they show."""

import os
import queue
import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from jupyter_client import KernelManager

from waiting import deadline_in, eventually

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
SHARED_MEMORY = Path(f"/dev/shm/jupyter-scale-{os.getuid()}")


@dataclass
class CellOutputs:
    """What one cell showed, in order.

    `outputs` has tuples that begin with "stdout", "stderr", "display", "update", "clear", "result"
    or "error"; neighbouring texts of one stream are one.
    """

    outputs: list = field(default_factory=list)
    status: str = ""
    execution_count: int | None = None
    payload: list = field(default_factory=list)
    #: What widgets were told, as text.
    widgets: str = ""
    #: ``the id of a widget → its first state``.
    made: dict = field(default_factory=dict)

    def add_text(self, name, text):
        if self.outputs and self.outputs[-1][0] == name:
            text = self.outputs.pop()[1] + text
        self.outputs.append((name, text))

    def text_of(self, name):
        return "".join(output[1] for output in self.outputs if output[0] == name)

    @property
    def stdout(self):
        return self.text_of("stdout")

    @property
    def stderr(self):
        return self.text_of("stderr")

    @property
    def displays(self):
        return [output[1:] for output in self.outputs if output[0] in ("display", "update")]

    @property
    def result(self):
        """The mime bundle of the last expression, None if it was not shown."""
        return next((output[1] for output in self.outputs if output[0] == "result"), None)

    @property
    def error(self):
        """Name, value and traceback of the exception that was shown, None if there was none."""
        return next((output[1:] for output in self.outputs if output[0] == "error"), None)

    @property
    def ename(self):
        return self.error[0] if self.error else ""

    @property
    def evalue(self):
        return self.error[1] if self.error else ""

    @property
    def traceback(self):
        return self.error[2] if self.error else ""


class Run:
    """A cell on its way."""

    def __init__(self, client, source, answers=(), user_expressions=None):
        self._client, self._answers = client, list(answers)
        self.outputs = CellOutputs()
        #: What became of the user expressions, when the cell passed.
        self.expressions = {}
        self._id = client.execute(
            source, allow_stdin=True, stop_on_error=False, user_expressions=user_expressions
        )
        self._is_idle = False

    def wait_for(self, text, timeout_s=30):
        """Read what the cell shows, also in widgets, until it wrote `text`."""
        deadline = deadline_in(timeout_s)
        while text not in self.outputs.stdout + self.outputs.stderr + self.outputs.widgets:
            assert not self._is_idle, f"the cell ended: {self.outputs}"
            self._read(deadline)

    def finish(self, timeout_s=60):
        """Wait for the cell's end and return what it showed."""
        deadline = deadline_in(timeout_s)
        while not self._is_idle:
            self._read(deadline)
        while True:
            reply = self._client.get_shell_msg(timeout=max(0.1, deadline - time.monotonic()))
            if reply["parent_header"].get("msg_id") == self._id:
                break
        content = reply["content"]
        self.outputs.status = content["status"]
        self.outputs.execution_count = content.get("execution_count")
        self.outputs.payload = content.get("payload", [])
        self.expressions = content.get("user_expressions", {})
        return self.outputs

    def _read(self, deadline):
        self._answer()
        try:
            message = self._client.get_iopub_msg(timeout=0.1)
        except queue.Empty:
            assert time.monotonic() < deadline, f"the cell takes too long: {self.outputs}"
            return
        if message["parent_header"].get("msg_id") == self._id:
            self._take(message["msg_type"], message["content"])

    def _take(self, kind, content):
        outputs = self.outputs.outputs
        match kind:
            case "stream":
                self.outputs.add_text(content["name"], content["text"])
            case "display_data":
                outputs.append(("display", content["data"], content["metadata"]))
            case "update_display_data":
                outputs.append(("update", content["data"], content["metadata"]))
            case "clear_output":
                outputs.append(("clear", content["wait"]))
            case "execute_result":
                outputs.append(("result", content["data"], content["metadata"]))
            case "error":
                traceback = _ANSI.sub("", "\n".join(content["traceback"]))
                outputs.append(("error", content["ename"], content["evalue"], traceback))
            case "comm_open" | "comm_msg":
                self.outputs.widgets += str(content["data"])
                if kind == "comm_open":
                    self.outputs.made[content["comm_id"]] = content["data"].get("state", {})
            case "status":
                self._is_idle = content["execution_state"] == "idle"

    def _answer(self):
        if self._answers and self._client.stdin_channel.msg_ready():
            self._client.get_stdin_msg(timeout=1)
            self._client.input(self._answers.pop(0))


class Notebook:
    """A kernel of its own Jupyter, and what it may leave behind.

    Parameters
    ----------
    directory
        Empty; the kernel works in it and has its runtime files there.
    """

    def __init__(self, directory, **environment):
        self.directory = Path(directory)
        self.runtime = self.directory / "runtime"
        self.clusters = set()
        self._environment = {
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_CONFIG_DIR": str(self.directory / "config"),
            "IPYTHONDIR": str(self.directory / "ipython"),
            "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1",
            **environment,
        }
        self._environment.pop("JUPYTER_SCALE_QUIET", None)
        work = self.directory / "work"
        work.mkdir()
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env=self._environment, cwd=str(work))
        self._connect()

    def _connect(self):
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def pid(self):
        return self.manager.provisioner.pid

    def start(self, source, answers=(), user_expressions=None):
        """Begin a cell."""
        return Run(self.client, source, answers, user_expressions)

    def run(self, source, answers=(), timeout_s=60):
        """Run a cell and return what it showed."""
        try:
            return self.start(source, answers).finish(timeout_s)
        finally:
            self.note_clusters()

    def value(self, expression):
        """Return what a plain cell prints for an expression."""
        outputs = self.run(f"print({expression})")
        assert outputs.status == "ok", outputs.traceback
        return outputs.stdout.rstrip("\n")

    def interrupt(self):
        """Press the stop button."""
        self.manager.interrupt_kernel()

    def restart(self):
        """Restart the kernel, as the button does."""
        self.note_clusters()
        self.client.stop_channels()
        self.manager.restart_kernel()
        self._connect()

    def note_clusters(self):
        """Remember which clusters there are, to look for what they leave."""
        self.clusters |= {path.name for path in (self.runtime / "jupyter_scale").glob("*")}

    def processes(self, *words):
        """Return processes that the kernel started, those whose command has all `words`."""
        found = []
        for process in psutil.process_iter():
            try:
                is_ours = process.environ().get("JUPYTER_RUNTIME_DIR") == str(self.runtime)
                command = " ".join(process.cmdline())
                is_zombie = process.status() == psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            is_wanted = is_ours and not is_zombie and process.pid != self.pid
            if is_wanted and all(word in command for word in words):
                found.append(process)
        return found

    def left(self):
        """Return all that is there of the clusters of this notebook."""
        self.note_clusters()
        paths = [SHARED_MEMORY / cluster for cluster in self.clusters]
        paths += (self.runtime / "jupyter_scale").glob("*")
        commands = []
        for process in self.processes():
            try:
                commands.append(f"{process.pid} {' '.join(process.cmdline())}")
            except psutil.Error:
                continue
        return [str(path) for path in paths if path.exists()] + commands

    def kill(self):
        """End the kernel as a power cut would, and wait until its process is gone."""
        self.note_clusters()
        self.client.stop_channels()
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        self.manager.provisioner.process.wait(10)
        assert not psutil.pid_exists(pid)

    def close(self):
        """Shut the kernel down and make sure that nothing is left."""
        self.note_clusters()
        if self.manager.has_kernel:
            self.client.stop_channels()
            self.manager.shutdown_kernel()
            self.manager.cleanup_resources()
        is_clean = eventually(lambda: not self.left(), 15)
        left = self.left()
        for process in self.processes():
            process.kill()
        assert is_clean, left
