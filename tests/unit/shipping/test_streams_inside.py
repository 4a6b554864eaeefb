"""Objects that hold this process's own streams."""

import sys

from jupyter_scale.runner.host.streams import TextStream
from jupyter_scale.shipping.replica import Replica


class Logger:
    def __init__(self, file):
        self.file = file


def test_a_stream_stays_the_process_s_own_when_its_holder_changes(monkeypatch):
    stdout = TextStream("stdout", None, 1)
    stdout.frame = sys._getframe()  # what cannot travel
    monkeypatch.setattr(sys, "stdout", stdout)
    sender = Replica({"log": Logger(stdout)}, is_notebook=False)
    receiver = Replica({}, is_notebook=True)
    for text in ("one", "two"):
        sender.namespace["log"].text = text
        packed = sender.pack(sender.look(["log"]))
        sender.commit(packed, receiver.unpack(packed.parcel))
        assert receiver.namespace["log"].text == text
        assert receiver.namespace["log"].file is stdout
