"""The notebook's own modules and assigned attributes, between two sets of modules."""

import contextlib
import importlib
import pickle
import string
import sys
import types

import pytest

from jupyter_scale.analysis.stores import Store
from jupyter_scale.shipping.ambient.attributes import LibraryAttributes, Original
from jupyter_scale.shipping.ambient.importing import ImportWatch
from jupyter_scale.shipping.ambient.moduledata import ModuleData
from jupyter_scale.shipping.ambient.modules import OwnModules, is_own_file
from jupyter_scale.shipping.ambient.part import difference
from jupyter_scale.shipping.ambient.places import Places, is_constant

NAME = "ambient_mine"


class Process:
    """What one process has of a module of the notebook's own."""

    def __init__(self):
        self.modules = OwnModules(contextlib.nullcontext)
        self.data = ModuleData(self.modules)
        self.watch = ImportWatch()
        self.watch.source = self.modules
        self.module = None
        self.agreed = {}

    @contextlib.contextmanager
    def here(self):
        """Be this process."""
        if self.module is not None:
            sys.modules[NAME] = self.module
        self.watch.install()
        try:
            yield self
        finally:
            self.watch.remove()
            self.module = sys.modules.pop(NAME, None)

    def changes(self):
        now = {k: v for k, v in self.modules.read().items() if k == NAME}
        change = difference(self.agreed, now)
        self.agreed = now
        return pickle.dumps(change)

    def take(self, changes):
        change = pickle.loads(changes)
        if change is not None:
            self.modules.apply(change)
        self.agreed = {k: v for k, v in self.modules.read().items() if k == NAME}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Have no modules of other tests: they count as the notebook's own, whatever they hold."""
    for name in list(sys.modules):
        if name.rpartition(".")[2].startswith("test_") and name != __name__:
            monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / f"{NAME}.py"
    path.write_text("print('runs')\nstate = [1]\ndef f(): return 'old'\n")
    yield path
    sys.modules.pop(NAME, None)


def write(path, word):
    path.write_text(f"print('runs')\nstate = [9]\ndef f(): return {word!r}\n")
    importlib.invalidate_caches()


def test_the_other_side_runs_what_was_imported_here(file, capsys):
    one, other = Process(), Process()
    with one.here():
        importlib.import_module(NAME)
        changes = one.changes()
    write(file, "a new version")
    capsys.readouterr()
    with other.here():
        other.take(changes)
        assert NAME not in sys.modules
        assert importlib.import_module(NAME).f() == "old"
        assert pickle.loads(other.changes()) is None
    assert capsys.readouterr().out == ""


def test_an_edit_before_we_watch_is_seen_through(file, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    module = importlib.import_module(NAME)
    write(file, "a new version")
    one, other = Process(), Process()
    one.module = module
    with one.here():
        changes = one.changes()
    with other.here():
        other.take(changes)
        assert importlib.import_module(NAME).f() == "old"


def test_a_reload_is_done_in_the_same_module(file):
    one, other = Process(), Process()
    with one.here():
        importlib.import_module(NAME)
        changes = one.changes()
    with other.here():
        other.take(changes)
        module = importlib.import_module(NAME)
        module.extra = 1
    write(file, "a new version")
    with one.here():
        assert pickle.loads(one.changes()) is None
        importlib.reload(sys.modules[NAME])
        changes = one.changes()
    with other.here():
        other.take(changes)
        assert sys.modules[NAME] is module
        assert (module.f(), module.extra) == ("a new version", 1)


def test_a_module_taken_out_is_out_on_both_sides(file):
    one, other = Process(), Process()
    with one.here():
        importlib.import_module(NAME)
        changes = one.changes()
    with other.here():
        other.take(changes)
        first = importlib.import_module(NAME)
    with one.here():
        del sys.modules[NAME]
        gone = one.changes()
        importlib.import_module(NAME)
        back = one.changes()
    with other.here():
        other.take(gone)
        assert NAME not in sys.modules
        other.take(back)
        assert importlib.import_module(NAME) is not first


@pytest.mark.usefixtures("file")
def test_globals_wait_for_the_module():
    one, other = Process(), Process()
    with one.here():
        importlib.import_module(NAME).state.append(2)
        changes, data = one.changes(), one.data.read()
    assert data[f"{NAME}:state"] == [1, 2]
    with other.here():
        other.take(changes)
        other.data.put(f"{NAME}:state", [1, 2])
        assert other.data.read()[f"{NAME}:state"] == [1, 2]
        assert importlib.import_module(NAME).state == [1, 2]


def test_data_are_what_code_does_not_define(file):
    file.write_text(
        "import os\nfrom enum import Enum\nimport logging\nlog = logging.getLogger(__name__)\n"
        "class Box:\n    made = 0\n    items = []\n    def go(self): pass\n    x = property(go)\n"
        "class Color(Enum):\n    RED = 1\n"
        "size = 3\ndef f(): pass\nbox = Box()\n"
    )
    one = Process()
    with one.here():
        importlib.import_module(NAME)
        one.changes()
        names = {name.partition(":")[2] for name in one.data.read() if name.startswith(NAME)}
    assert names == {"Box.made", "Box.items", "size", "box"}


def test_a_module_made_by_hand():
    one, other = Process(), Process()
    made = types.ModuleType(NAME)
    with one.here():
        sys.modules[NAME] = made
        one.modules.seek_handmade()
        changes = one.changes()
    with other.here():
        other.take(changes)
        assert type(sys.modules[NAME]) is types.ModuleType
        assert pickle.loads(other.changes()) is None
        del sys.modules[NAME]
        gone = other.changes()
    with one.here():
        one.take(gone)
        assert NAME not in sys.modules


def test_whose_file(tmp_path):
    assert is_own_file(str(tmp_path / "x.py"))
    assert not is_own_file(string.__file__)
    assert not is_own_file(pytest.__file__)
    assert not is_own_file(sys.modules["jupyter_scale"].__file__)
    assert not is_own_file(str(tmp_path / "x.so"))


def test_what_an_installer_put_anywhere_is_not_the_notebooks(tmp_path):
    for directory in ("lib-1.0.dist-info", "lib", "lib/sub"):
        (tmp_path / directory).mkdir()
    (tmp_path / "lib-1.0.dist-info/RECORD").touch()
    (tmp_path / "lib/__init__.py").touch()
    (tmp_path / "lib/sub/__init__.py").touch()
    assert not is_own_file(str(tmp_path / "lib/sub/x.py"))
    assert not is_own_file(str(tmp_path / "single.py"))


# -- attributes ------------------------------------------------------------------------------


@pytest.fixture
def attributes():
    watch = ImportWatch()
    yield LibraryAttributes(OwnModules(contextlib.nullcontext), watch)
    for name in ("mine", "table"):
        vars(string).pop(name, None)


def note(attributes, *texts, **namespace):
    attributes.note([Store.parse(text) for text in texts], namespace)


def test_only_modules_and_their_classes_count(attributes):
    thing = types.SimpleNamespace(x=1)
    own = type("Own", (), {"__module__": "__main__"})
    note(attributes, "thing:x", "own:x", "unknown:x", thing=thing, own=own)
    note(attributes, "sys:path", "sys:stdout", "os:~environ['A']", sys=sys, os=__import__("os"))
    assert attributes.read() == {}


def test_attributes_and_items(attributes):
    string.mine, string.table = 1, {"a": 1, "b": 2}
    note(attributes, "s:mine", "s:~table['a']", "F:convert_field", s=string, F=string.Formatter)
    places = attributes.read()
    assert places.pop("string:Formatter.convert_field") is Original.ORIGINAL
    assert places == {"string:mine": 1, "string:table['a']": 1}
    attributes.put("string:table['a']", 5)
    attributes.put("string:mine", 6)
    assert (string.table, string.mine) == ({"a": 5, "b": 2}, 6)
    attributes.drop("string:table['a']")
    attributes.drop("string:mine")
    assert (string.table, hasattr(string, "mine")) == ({"b": 2}, False)
    assert set(attributes.read()) == {"string:Formatter.convert_field"}


def test_an_item_travels_with_a_container_that_was_assigned(attributes):
    string.mine = {"a": 1}
    note(attributes, "s:~mine['a']", "s:mine", s=string)
    assert attributes.read() == {"string:mine": {"a": 1}}


def test_places_are_filled_in_order_and_one_that_refuses_is_left(attributes):
    places = Places([attributes])
    read_only = "ambient: attribute string:Formatter.__dict__"
    item, container = "ambient: attribute string:mine['a']", "ambient: attribute string:mine"
    namespace = {item: 2, container: {}, read_only: 1, "x": 3}
    places.take_from(namespace, list(namespace))
    assert (namespace, string.mine) == ({"x": 3}, {"a": 2})
    places.drop_all([container, item, "ambient: attribute string:missing.x"])
    assert not hasattr(string, "mine")


def test_a_function_put_back_is_the_original(attributes):
    original = string.capwords
    attributes.put("string:capwords", len)
    try:
        assert string.capwords is len
        attributes.restored.apply(difference({}, {"string:capwords": True}))
        assert string.capwords is original
    finally:
        string.capwords = original


def test_what_cannot_change_inside():
    assert is_constant((1, "a", (2.0, None)))
    assert is_constant(string.capwords)
    assert not is_constant([1])
    assert not is_constant((1, []))
