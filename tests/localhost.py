"""A host that is this machine with another home directory."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import threading
import time

from jupyter_scale.errors import StartError
from waiting import deadline_in

# A host has an index, or not, by its own configuration: what this machine has is passed on.
PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR", "LANG", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
PASSED_ON += ("PIP_INDEX_URL", "PIP_CONFIG_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


class LocalHost:
    """Runs commands with a home directory of its own.

    Parameters
    ----------
    home : Path
        It is made.
    path : sequence of str
        Directories of programs.
    env : mapping
        Further variables.
    """

    def __init__(self, home, path=("/usr/bin", "/bin"), **env):
        self.name = home.name
        self.home = home
        self.conversations = 0
        self.sent_bytes = 0
        home.mkdir(parents=True, exist_ok=True)
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.env = {**passed_on, "HOME": str(home), "PATH": os.pathsep.join(path), **env}

    def start(self, argv, stdin):
        """Start a command in a session of its own, as sshd does."""
        self.conversations += 1
        process = subprocess.Popen(
            argv,
            env=self.env,
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.home / "stderr.log").open("ab"),
            start_new_session=True,
        )

        def feed():
            try:
                for piece in stdin:
                    self.sent_bytes += len(piece)
                    process.stdin.write(piece)
                process.stdin.close()
            except OSError:
                return

        threading.Thread(target=feed, daemon=True).start()
        return process

    def converse(self, argv, stdin, silence_s):
        process = self.start(argv, stdin)
        rest = b""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                while True:
                    if not selector.select(silence_s):
                        raise StartError(argv[0], f"it said nothing for {silence_s} s")
                    chunk = os.read(process.stdout.fileno(), 1 << 16)
                    if not chunk:
                        return
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from map(json.loads, lines)
        finally:
            end(process)


def end(process, number=signal.SIGTERM):
    """End a command; it gets five seconds to clean up."""
    if process.poll() is None:
        try:
            process.wait(0.5)  # its last line was read: it is about to end
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            process.wait(5)
    process.stdout.close()


def wait_for_step(process, word, timeout_s=30.0):
    """Read lines until one has a word; return it."""
    deadline = deadline_in(timeout_s)
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            assert chunk, "the command has ended"
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if word in line.decode():
                    return json.loads(line)
    raise AssertionError(f"no line with {word!r} in time")
