"""Plain parts of the ambient state: what is a change, what waits for a library."""

import decimal
import logging
import sys
import types
import warnings

import pytest

from jupyter_scale.shipping.ambient import log, options, process, randomness
from jupyter_scale.shipping.ambient.importing import ImportWatch
from jupyter_scale.shipping.ambient.part import ABSENT, Delta, difference
from jupyter_scale.shipping.ambient.tracker import Tracker
from jupyter_scale.shipping.ambient.watching import changed_part

DIFFERENCES = [
    (1, 1, ABSENT),
    (1, 2, 2),
    (None, 2, 2),
    ({"a": 1}, {"a": 1}, ABSENT),
    (None, {"a": 1}, Delta({"a": 1})),
    ({"a": 1, "b": 2}, {"a": 1, "c": 3}, Delta({"c": 3}, ("b",))),
    ({"a": [1]}, {"a": [1, 2]}, Delta({"a": [1, 2]})),
]


@pytest.mark.parametrize(("before", "now", "wanted"), DIFFERENCES)
def test_difference(before, now, wanted):
    assert difference(before, now) == wanted
    if isinstance(wanted, Delta):
        assert wanted.applied_to(before or {}) == now


def test_two_deltas_are_one():
    first, second = Delta({"a": 1, "b": 2}, ("c",)), Delta({"c": 3}, ("a",))
    start = {"a": 0, "c": 0, "d": 0}
    assert first.then(second).applied_to(start) == second.applied_to(first.applied_to(start))


class Setting:
    """A library's setting that begins as 1."""

    name, library, has_defaults = "setting", "fake_library", True

    def read(self):
        return dict(sys.modules["fake_library"].settings)

    def apply(self, change):
        sys.modules["fake_library"].settings.update(change.set)


@pytest.fixture
def fake_library(tmp_path, monkeypatch):
    (tmp_path / "fake_library.py").write_text("settings = {'x': 1, 'y': 1}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("fake_library", None)


def test_a_library_that_is_being_imported_has_no_state_yet(fake_library, tmp_path):
    (tmp_path / "fake_library.py").write_text("import inside_it\nsettings = {'x': 1}\n")
    (tmp_path / "inside_it.py").write_text("import sys; sys.tracker.read()\n")
    sys.tracker = Tracker([Setting()], ImportWatch())
    try:
        import fake_library  # noqa: F401

        assert sys.tracker.read() == {"setting": {"x": 1}}
    finally:
        del sys.tracker, sys.modules["inside_it"]


@pytest.fixture
def tracker():
    watch = ImportWatch()
    watch.install()
    yield Tracker([Setting()], watch)
    watch.remove()


def other_sides_changes(**settings):
    other = Tracker([Setting()], ImportWatch())
    sys.modules["fake_library"] = types.SimpleNamespace(settings={"x": 1, "y": 1})
    other.settle()
    sys.modules["fake_library"].settings.update(settings)
    changes = other.changes()
    del sys.modules["fake_library"]
    return changes


@pytest.mark.usefixtures("fake_library")
def test_defaults_at_import_are_no_change(tracker):
    tracker.settle()
    import fake_library

    assert tracker.changes() == {}
    fake_library.settings["x"] = 2
    assert list(tracker.changes()) == ["setting"]


@pytest.mark.usefixtures("fake_library")
def test_a_setting_waits_for_its_library(tracker):
    tracker.apply(other_sides_changes(x=5))
    tracker.apply(other_sides_changes(y=6))
    tracker.settle()
    assert "fake_library" not in sys.modules
    import fake_library

    assert fake_library.settings == {"x": 5, "y": 6}
    assert tracker.changes() == {}


@pytest.mark.usefixtures("fake_library")
def test_what_waits_is_told_to_a_new_side(tracker):
    tracker.apply(other_sides_changes(x=5))
    assert tracker.changes() == {}
    tracker.reset()
    assert list(tracker.changes()) == ["setting"]
    assert tracker.changes() == {}


@pytest.mark.usefixtures("fake_library")
def test_a_whole_state_is_taken_over_where_it_differs(tracker):
    import fake_library

    other = other_sides_changes(x=5)
    sys.modules["fake_library"] = fake_library
    tracker.apply_everything(other)
    assert fake_library.settings == {"x": 5, "y": 1}


class FakeTensor(bytes):
    """Stands for a tensor of bytes."""

    def numpy(self):
        return self


class FakeTorch(types.ModuleType):
    """Stands for torch, which the tests do without: its generators' functions only."""

    uint8 = "uint8"

    def __init__(self, *, gpus):
        super().__init__("torch")
        self.state, self.seed = b"cpu", 1
        self.gpus = gpus
        self.cuda = types.SimpleNamespace(
            is_initialized=lambda: bool(self.gpus),
            get_rng_state_all=lambda: [FakeTensor(state) for state in self.gpus],
            device_count=lambda: len(self.gpus),
            set_rng_state=lambda tensor, number: self.gpus.__setitem__(number, bytes(tensor)),
            manual_seed_all=lambda seed: setattr(self, "seed_of_gpus", seed),
        )

    def get_rng_state(self):
        return FakeTensor(self.state)

    def set_rng_state(self, tensor):
        self.state = bytes(tensor)

    def frombuffer(self, buffer, dtype):
        assert dtype == "uint8"
        return FakeTensor(buffer)

    def initial_seed(self):
        return self.seed


def test_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", here := FakeTorch(gpus=[]))
    cpu, cuda = randomness.Torch(), randomness.TorchCuda()
    assert (cpu.read(), cuda.read()) == (b"cpu", ("seed", 1))
    cpu.apply(b"moved")
    cuda.apply(("seed", 9))
    cuda.apply(("states", (b"a",)))
    assert (here.state, here.seed_of_gpus) == (b"moved", 9)
    monkeypatch.setitem(sys.modules, "torch", there := FakeTorch(gpus=[b"0", b"1"]))
    assert cuda.read() == ("states", (b"0", b"1"))
    cuda.apply(("states", (b"x",)))
    assert there.gpus == [b"x", b"1"]


def test_numpy_random_is_read_as_it_is():
    import numpy as np

    part = randomness.NumpyRandom()
    np.random.seed(3)  # noqa: NPY002 - what it is about
    start = part.read()
    assert part.read() is start
    first = np.random.randn(3)  # noqa: NPY002 - an odd number of them: one more is kept
    middle = part.read()
    second = np.random.randn(1)  # noqa: NPY002
    assert part.read() != middle != start
    part.apply(middle)
    assert np.random.randn(1) == second  # noqa: NPY002
    part.apply(start)
    assert (np.random.randn(3) == first).all()  # noqa: NPY002


def test_rc_params():
    import matplotlib as mpl

    part = options.MatplotlibOptions()
    before = part.read()
    assert part.read() is before
    assert "backend" not in before
    try:
        mpl.rcParams["font.family"].append("serif")
        mpl.rcParams["lines.linewidth"] = 9
        change = difference(before, part.read())
        assert set(change.set) == {"font.family", "lines.linewidth"}
    finally:
        mpl.rcdefaults()
    part.apply(change)
    assert mpl.rcParams["lines.linewidth"] == 9
    mpl.rcdefaults()


def test_settings_of_numpy_pandas_and_sklearn():
    import numpy as np
    import pandas as pd
    import sklearn

    parts = [options.numpy_printing(), options.numpy_errors(), options.sklearn_options()]
    parts.append(options.PandasOptions())
    before = [part.read() for part in parts]
    np.set_printoptions(precision=2)
    np.seterr(over="raise")
    sklearn.set_config(assume_finite=True)
    pd.set_option("display.max_rows", 7)
    now = [part.read() for part in parts]
    for part, old, new in zip(parts, before, now, strict=True):
        assert len(difference(old, new).set) == 1
        part.apply(difference(new, old))
        assert part.read() == old


def test_the_interpreters_own(monkeypatch):
    monkeypatch.setenv("AMBIENT_TEST", "1")
    parts = [process.RecursionLimit(), process.DecimalContext(), process.Environment()]
    before = [part.read() for part in parts]
    sys.setrecursionlimit(sys.getrecursionlimit() + 7)
    decimal.getcontext().prec = 5
    decimal.getcontext().traps[decimal.Inexact] = True
    monkeypatch.delenv("AMBIENT_TEST")
    for part, old in zip(parts, before, strict=True):
        new = part.read()
        assert new != old
        part.apply(difference(new, old))
        assert part.read() == old


def test_warning_filters_for_a_class_that_only_one_side_has_are_left():
    part = process.WarningFilters()
    with warnings.catch_warnings():
        local = type("Local", (Warning,), {"__module__": "nowhere"})
        warnings.simplefilter("ignore", local)
        assert part.read() is None


def test_log_levels():
    part = log.LogLevels()
    before = part.read()
    logger = logging.getLogger("ambient.test")
    logger.setLevel(logging.ERROR)
    logging.getLogger("distributed.test").setLevel(logging.ERROR)
    change = difference(before, part.read())
    assert set(change.set) == {"ambient.test"}
    part.apply(Delta({}, ("ambient.test",)))
    assert logger.level == logging.NOTSET


def test_what_an_iteration_may_not_change():
    before = {"pandas": {"a": 1}, "warnings": b"1", "logging": {"": 30}, "decimal": (28, "flags")}
    assert changed_part(before, {**before, "warnings": b"2"}, is_in_task=True) == ""
    assert changed_part(before, {**before, "new": 2}, is_in_task=True) == ""
    assert (
        changed_part(before, {**before, "pandas": {"a": 2}}, is_in_task=True) == "pandas' options"
    )
    assert changed_part(before, {**before, "decimal": (28, "x")}, is_in_task=True) == ""
    assert changed_part(before, {**before, "decimal": (5, "x")}, is_in_task=True) != ""
    assert changed_part(before, {**before, "decimal": (5, "x")}, is_in_task=False) == ""
    imported = {"": 30, "sys.part": 40}
    assert changed_part(before, {**before, "logging": imported}, is_in_task=True) == ""
    assert changed_part(before, {**before, "logging": {"": 10}}, is_in_task=True) != ""
