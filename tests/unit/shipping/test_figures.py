"""Figures: many small objects of a library that counts while it is pickled."""

import io
import time

import pytest

from jupyter_scale.shipping.replica import Replica

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def sides():
    plt.switch_backend("agg")
    figure, axes = plt.subplots(2)
    for axis in axes:
        for n in range(10):
            axis.plot([0, 1, n], [n, 1, 0], "o")
    figure.savefig(io.BytesIO())
    plt.close(figure)
    namespace = {"figure": figure, "axes": axes}
    return Replica(namespace, is_notebook=False), Replica({}, is_notebook=True)


def travel(sender, receiver, snapshots):
    packed = sender.pack(snapshots)
    sender.commit(packed, receiver.unpack(packed.parcel))
    return packed.parcel


def test_a_figure_that_nobody_touched_is_unchanged(sides):
    sender, receiver = sides
    travel(sender, receiver, sender.look(sender.namespace))
    for replica in sides:
        snapshots = replica.look(replica.namespace)
        assert not [n for n, s in snapshots.items() if replica.is_changed(n, s)]


def test_fingerprints_leave_the_numbers_of_callbacks_alone(sides):
    sender, _ = sides
    registry = sender.namespace["figure"].canvas.callbacks
    before = registry.connect("draw_event", print)
    for _ in range(3):
        sender.look(["figure"])
    assert registry.connect("draw_event", repr) == before + 1


def test_a_changed_figure_travels_in_few_walks(sides):
    sender, receiver = sides
    clock = time.perf_counter()
    travel(sender, receiver, sender.look(sender.namespace))
    first_s = time.perf_counter() - clock
    sender.namespace["axes"][0].set_title("changed")
    clock = time.perf_counter()
    parcel = travel(sender, receiver, sender.look(sender.namespace))
    assert time.perf_counter() - clock < 5 * first_s
    assert parcel.patches
    assert receiver.namespace["axes"][0].get_title() == "changed"
    assert receiver.namespace["axes"][0].figure is receiver.namespace["figure"]
