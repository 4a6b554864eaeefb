"""The steps of a cell's way, for tests that do something to its link at one of them.

It runs in a notebook's own process, `load` says how: `at` has something done, once, at the moment
when the next cell comes to a step.
"""

from jupyter_scale.model.messages import EventKind, RequestKind
from jupyter_scale.runner.client import RunnerClient
from jupyter_scale.runner.protocol import Deliver
from jupyter_scale.transport.secure import SecureConnection

#: A text of so many characters is sent, and comes back, in several pieces.
LONG = 6_000_000
_LONG_BYTES = 1 << 20
_restores = []


def load(name):
    """Return the line that makes this module known to a notebook, as `name`."""
    return (
        f"{name} = {{'__file__': {__file__!r}}}\n"
        f"exec(__import__('pathlib').Path({__file__!r}).read_text(), {name})"
    )


def at(step, act):
    """Have `act(connection)` called when the next cell comes to a step; it is called once."""
    while _restores:
        _restores.pop()()
    done = []

    def fire(connection):
        if not done:
            done.append(step)
            act(connection)

    STEPS[step](fire)
    return done


def _patch(kind, name, make):
    original = getattr(kind, name)
    _restores.append(lambda: setattr(kind, name, original))
    setattr(kind, name, make(original))


def _before_the_request(fire):
    def make(original):
        def submit(self, kind, body):
            if kind is RequestKind.CELL:
                fire(self._connection)
            return original(self, kind, body)

        return submit

    _patch(RunnerClient, "submit", make)


class _Counting:
    """Encrypts, and counts the pieces."""

    def __init__(self, tls, on_third):
        self._inner, self._left, self._on_third = tls, 3, on_third

    def write(self, data):
        self._left -= 1
        if self._left == 0:
            self._on_third()
        return self._inner.write(data)

    def __getattr__(self, name):
        return getattr(self._inner, name)


def _while_uploading(fire):
    def make(original):
        def send(self, messages):
            inner = self._tls
            self._tls = _Counting(inner, lambda: fire(self))
            try:
                original(self, messages)
            finally:
                self._tls = inner

        return send

    _patch(SecureConnection, "send", make)


def _at_text(number):
    def patch(fire):
        texts = []

        def make(original):
            def perform(self, actions):
                original(self, actions)
                for action in actions:
                    if isinstance(action, Deliver) and action.event.kind is EventKind.STREAM:
                        texts.append(action.event.body["text"])
                        if len(texts) == number:
                            fire(self._connection)

            return perform

        _patch(RunnerClient, "_perform", make)

    return patch


def _while_results_travel(fire):
    def make(original):
        def decrypt(self):
            if self._frames._size > _LONG_BYTES:
                fire(self)
            return original(self)

        return decrypt

    _patch(SecureConnection, "_decrypt", make)


def _before_the_acknowledgement(fire):
    def make(original):
        def flush(self):
            if not self._caller.outstanding and any(w["op"] == "ack" for w in self._outgoing):
                fire(self._connection)
            return original(self)

        return flush

    _patch(RunnerClient, "_flush", make)


STEPS = {
    "before the request": _before_the_request,
    "while uploading": _while_uploading,
    "while running": _at_text(1),
    "while streaming": _at_text(3),
    "while results travel": _while_results_travel,
    "before the acknowledgement": _before_the_acknowledgement,
}

LINES = "".join(f"line {number}\n" for number in range(40))


def prepare(name="hooks"):
    """Return the cell after which `cell` can run."""
    return f"{load(name)}\nimport os, time\ntext = 'ab' * {LONG // 2}\ndata = {{'rows': [1]}}"


def cell(place):
    """Return a cell that shows `LINES`, takes and gives a long text, and cannot run twice."""
    return (
        f"%%scale\nos.mkdir({str(place)!r})\nfor number in range(40):\n"
        "    print('line', number, flush=True)\n    time.sleep(0.03)\n"
        "back = text[::-1]\ndata['rows'].append(len(text))\nlen(back)"
    )
