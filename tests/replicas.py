"""Two replicas, one of them in another process, and a plain namespace to compare with.

Run as a program, this file is that other process: it serves commands on its standard streams.
"""

import os
import pickle
import subprocess
import sys
import types
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

from jupyter_scale.runner import cargo
from jupyter_scale.shipping import quotes
from jupyter_scale.shipping.parcel import UnknownTokensError
from jupyter_scale.shipping.replica import Replica
from portrait import portrait

TRIALS = 3
quotes.QUOTED_BYTES = 1  # small programs are to quote, too
QUOTE_BYTES = 32


def names_of(namespace):
    return [name for name in namespace if not name.startswith("__")]


@contextmanager
def as_main(module):
    """Let a module be ``__main__``, as a kernel's namespace is."""
    before, sys.modules["__main__"] = sys.modules["__main__"], module
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def in_main(method):
    """Run a method of something with a `main` while that is ``__main__``."""

    @wraps(method)
    def wrapped(self, *arguments):
        with as_main(self.main):
            return method(self, *arguments)

    return wrapped


class Side:
    """One namespace with its replica."""

    def __init__(self, *, is_notebook):
        self.is_notebook = is_notebook
        self.begin()

    def begin(self):
        self.main = types.ModuleType("__main__")
        self.namespace = self.main.__dict__
        self.replica = Replica(self.namespace, is_notebook=self.is_notebook)
        self.packed = None

    @in_main
    def run(self, source):
        """Execute source; return what it raised, as text."""
        self.before = set(names_of(self.namespace))
        try:
            exec(compile(source, "<cell>", "exec"), self.namespace)
        except Exception as error:  # noqa: BLE001 - whatever the cell raises
            return repr(error)
        return ""

    @in_main
    def changed(self):
        """Return the names that differ from what the other side is known to hold."""
        snapshots = self.replica.look(names_of(self.namespace))
        return self.replica.changed(snapshots)

    @in_main
    def pack(self, forget=((), ())):
        """Pack all that changed; None when nothing has."""
        self.replica.forget(*forget)
        changed = self.changed()
        gone = [n for n in self.replica.records if n not in self.namespace]
        gone += [n for n in getattr(self, "before", ()) if n not in self.namespace]
        if not changed and not gone:
            self.packed = None
            return None
        self.packed = self.replica.pack(changed, sorted(set(gone)))
        return cargo.to_body(self.packed.parcel, None)

    @in_main
    def unpack(self, body):
        """Take a parcel; return ``(kept, what is lacking: tokens and chunks)``."""
        try:
            parcel = cargo.from_body(body, None, self.replica.recall)
            return self.replica.unpack(parcel), ((), ())
        except UnknownTokensError as error:
            return None, (error.tokens, error.chunks)

    @in_main
    def commit(self, kept):
        self.replica.commit(self.packed, kept)

    # For the other process: plain values only.

    def changed_names(self):
        return sorted(self.changed())

    @in_main
    def portrait(self):
        return portrait(self.namespace, names_of(self.namespace))

    @in_main
    def evaluate(self, source):
        return repr(eval(source, self.namespace))

    def sweep(self):
        self.replica.sweep()


class Two:
    """This side, the other one, and a plain namespace in which everything happens too."""

    def __init__(self):
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.begin()

    def begin(self):
        self.here = Side(is_notebook=True)
        self.ask("begin")
        self.main = types.ModuleType("__main__")
        self.plain = self.main.__dict__
        self.sent = []

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def ask(self, command, *arguments):
        """Have the other side do something."""
        pickle.dump((command, arguments), self._process.stdin)
        self._process.stdin.flush()
        is_error, answer = pickle.load(self._process.stdout)
        if is_error:
            raise answer
        return answer

    @in_main
    def run_plain(self, source):
        try:
            exec(compile(source, "<cell>", "exec"), self.plain)
        except Exception as error:  # noqa: BLE001 - whatever the cell raises
            return repr(error)
        return ""

    def run_here(self, source):
        assert self.here.run(source) == self.run_plain(source)

    def run_there(self, source):
        """Sync, execute over there, bring home."""
        self.sync()
        assert self.ask("run", source) == self.run_plain(source)
        self.home()

    def sync(self):
        """Send what changed; return the body of the parcel, None if there was none."""
        unknown = (), ()
        for _ in range(TRIALS):
            body = self.here.pack(unknown)
            if body is None:
                return None
            self.sent.append(body)
            kept, unknown = self.ask("unpack", body)
            if kept is not None:
                self.here.commit(kept)
                return body
        raise AssertionError("the sides cannot agree")

    def home(self):
        """Fetch what changed over there."""
        unknown = (), ()
        for _ in range(TRIALS):
            body = self.ask("pack", unknown)
            if body is None:
                return None
            kept, unknown = self.here.unpack(body)
            if kept is not None:
                self.ask("commit", kept)
                return body
        raise AssertionError("the sides cannot agree")

    def check(self):
        """Compare both sides with the plain namespace; nothing may count as changed."""
        wanted = portrait(self.plain, names_of(self.plain))
        assert self.here.portrait() == wanted
        self.sync()
        assert self.ask("portrait") == wanted
        assert self.here.changed_names() == []
        assert self.ask("changed_names") == []


def size_of(body):
    """Return how many bytes a parcel has."""
    if body is None:
        return 0
    quoted = QUOTE_BYTES * len(body["quotes"])
    return (
        len(body["stream"])
        + sum(len(piece) for pieces in body["inline"] for piece in pieces)
        + quoted
    )


def serve():
    side = Side(is_notebook=False)
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            command, arguments = pickle.load(stdin)
        except EOFError:
            return
        try:
            answer = False, getattr(side, command)(*arguments)
        except Exception as error:  # noqa: BLE001 - it is told to the other side
            answer = True, RuntimeError(f"{type(error).__name__}: {error}")
        pickle.dump(answer, stdout)
        stdout.flush()


if __name__ == "__main__":
    serve()
