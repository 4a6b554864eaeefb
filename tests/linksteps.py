"""The steps of a cell's way, for tests that do something to its link at one of them.

It runs in a notebook's own process, `load` says how: `at` has something done, once, at the moment
when the next cell comes to a step.
"""

import threading
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_scale.model.messages import EventKind, RequestKind
from jupyter_scale.runner.client import RunnerClient
from jupyter_scale.runner.protocol import Caller, Deliver
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


def relayed(beat_s):
    """Have the next link go through a relay; both ends say so often that they are there."""
    relay = {}
    exec(Path(__file__).with_name("badlinks.py").read_text(), relay)
    relays = []

    def make(original):
        def init(self, address, *rest):
            place = urlsplit(address)
            relays.append(relay["Relay"](place.hostname, place.port))
            original(self, f"tls://127.0.0.1:{relays[-1].port}", *rest[:4], beat_s)
            relays[-1].client = self

        return init

    _patch(RunnerClient, "__init__", make)
    _restores.pop()  # for good
    return relays


def release_later(client, pair):
    """Let what a connection holds back arrive when the next one has taken over."""
    before = client._connection

    def wait():
        while client._connection in {before, None} or not client._caller._is_attached:
            threading.Event().wait(0.01)
        pair.release()

    threading.Thread(target=wait, daemon=True).start()


def hold_the_next(relays):
    """Break the link, and hold back the next connection from its first message on."""

    def break_it(connection):
        def make(original):
            def connected(self):
                _restores.pop()()  # the one after it is as usual
                pair = relays[-1].newest
                pair.hold("up", "down")
                release_later(relays[-1].client, pair)
                return original(self)

            return connected

        _patch(Caller, "connected", make)
        connection.abort()

    return break_it


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
    """Of the end; it may go alone, or with the next request."""
    ends = []

    def make_perform(original):
        def perform(self, actions):
            events = [action.event for action in actions if isinstance(action, Deliver)]
            ends.extend(event.seq for event in events if event.kind is EventKind.FINISHED)
            original(self, actions)

        return perform

    def make(original):
        def flush(self):
            acks = [wire["seq"] for wire in self._outgoing if wire["op"] == "ack"]
            if ends and acks and max(acks) >= ends[0]:
                fire(self._connection)
            return original(self)

        return flush

    _patch(RunnerClient, "_perform", make_perform)
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


def lines_in(text):
    """Return those of `LINES` that a text has, as it has them."""
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith("line "))


_WAITING = """
import pathlib
def wait(connection, gate=pathlib.Path({gate!r})):
    (gate / 'here').mkdir()
    while not (gate / 'go').exists():
        time.sleep(0.01)
reached = hooks['at']({step!r}, wait)
text = text + 'c'
data = {{'rows': [1]}}
"""


def waiting(step, gate):
    """Return a cell after which the next one waits at a step.

    There it makes ``here`` in the directory `gate`, and waits for ``go``.
    """
    return _WAITING.format(gate=str(gate), step=step)


def cell(place, mark="cell"):
    """Return a cell that shows `LINES`, takes and gives a long text, and cannot run twice.

    Its first line has the word `mark`.
    """
    return (
        f"%%scale\nmark = {mark!r}\nos.mkdir({str(place)!r})\nfor number in range(40):\n"
        "    print('line', number, flush=True)\n    time.sleep(0.03)\n"
        "back = text[::-1]\ndata['rows'].append(len(text))\nlen(back)"
    )
