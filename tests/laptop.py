"""A laptop: an IPython in a process of its own, in the network of a lab's client.

It is driven over pipes, so that it can be cut off, interrupted and killed like one.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import textwrap

from waiting import eventually


class Laptop:
    """Runs cells; `begin` and `result` for those that are to be disturbed.

    `folder` is the notebook's; `home` holds what jupyter-scale keeps here; `options` are Python's.
    """

    def __init__(self, lab, folder, home, options=(), **variables):
        home.mkdir(exist_ok=True)
        self.environment = {
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "IPYTHONDIR": str(home / "ipython"),
            "PYTHONHASHSEED": "6640",
            **variables,
        }
        with lab.inside():
            self.process = subprocess.Popen(
                [sys.executable, *options, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=folder,
                env=self.environment,
                start_new_session=True,
            )
        self._buffer = b""

    def begin(self, source):
        self.process.stdin.write(json.dumps(textwrap.dedent(source)).encode() + b"\n")
        self.process.stdin.flush()

    def result(self, timeout_s=150):
        """Return what the cell printed; its error as text is raised."""
        answer = self.answer(timeout_s)
        if answer["error"]:
            raise AssertionError(answer["error"] + "\n" + answer["out"])
        return answer["out"]

    def answer(self, timeout_s=150):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                assert selector.select(timeout_s), f"no answer in {timeout_s} s"
                data = os.read(self.process.stdout.fileno(), 65536)
                assert data, "the laptop has ended"
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def run(self, source, timeout_s=150):
        self.begin(source)
        return self.result(timeout_s)

    def fails(self, source, timeout_s=150):
        """Run a cell that raises; return the error."""
        self.begin(source)
        answer = self.answer(timeout_s)
        assert answer["error"], answer["out"]
        return answer["error"] + answer["out"]

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def kill(self):
        """End it without a word."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def close(self):
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.kill()
        self.process.stdout.close()


def write_profile(folder, lab, hosts, **options):
    """Write the profile "lab"; see `profile_text`."""
    folder.mkdir(exist_ok=True)
    (folder / "scale.toml").write_text(profile_text(lab, hosts, **options))


def profile_text(lab, hosts, more="", pool="", workers=1, python=sys.executable, name="lab"):
    """Return a profile, whose hosts take the Python of this one unless told otherwise."""
    names = ", ".join(f'"{host}"' for host in hosts)
    lines = [
        f"[clusters.{name}]",
        'provider = "ssh"',
        f'ssh_config = "{lab.ssh_config}"',
        more,
        f"[[clusters.{name}.pools]]",
        'name = "cpu"',
        f"hosts = [{names}]",
        f"workers = {workers}",
        f'python = "{python}"' if python else "",
        pool,
    ]
    return "\n".join([*lines, ""])


def is_clean(lab):
    """Tell whether nothing of ours runs or listens on any machine, and no cluster is left there."""
    return all(map(is_clean_there, lab.machines.values()))


def is_clean_there(machine):
    return (
        not machine.processes()
        and all(port == machine.port for _, port in machine.ports())
        and not list(machine.home.glob(".cache/jupyter-scale/clusters/*"))
    )


def why_unclean(lab):
    return {
        machine.name: (
            machine.processes(),
            machine.ports(),
            list(machine.home.glob(".cache/jupyter-scale/clusters/*")),
        )
        for machine in lab.machines.values()
    }


def assert_clean(lab, timeout_s=60):
    assert eventually(lambda: is_clean(lab), timeout_s), why_unclean(lab)


def _main():
    """Run cells as they come, until the pipe ends."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    sys.path[0] = ""  # as in a kernel: what is beside the notebook can be imported
    pipe = os.dup(1)
    os.dup2(2, 1)
    shell = InteractiveShell.instance()
    for line in sys.stdin:
        with capture_output() as captured:
            try:
                result = shell.run_cell(json.loads(line))
                error = result.error_before_exec or result.error_in_exec
            except KeyboardInterrupt as interrupt:
                error = interrupt
        answer = {
            "out": captured.stdout + captured.stderr,
            "error": f"{type(error).__name__}: {error}" if error else "",
        }
        os.write(pipe, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    _main()
