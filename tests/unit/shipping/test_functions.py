"""A plain function's snapshot is remembered until any part of the function is another."""

import types
import weakref

import pytest

from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.snapshot import take_snapshot
from jupyter_scale.shipping.tokens import TokenTable


def make(namespace, source="def f(x, y=1):\n    return x + z"):
    exec(source, namespace)
    return namespace["f"]


@pytest.fixture
def table():
    return TokenTable({"__name__": "__main__"})


def look(table, function):
    return take_snapshot("f", function, table, DigestCache())


def test_the_same_function_gives_the_same_snapshot(table):
    function = make(table.namespace)
    first = look(table, function)
    again = look(table, function)
    assert again == table.functions.find(function)
    assert (again.root, again.digest, again.global_reads) == (function, first.digest, {"z"})
    assert again.objects == (function,)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: setattr(f, "__code__", (lambda x, y=1: x - y).__code__),
        lambda f: setattr(f, "__defaults__", (2,)),
        lambda f: setattr(f, "__defaults__", (True,)),
        lambda f: setattr(f, "__kwdefaults__", {"y": 3}),
        lambda f: setattr(f, "__doc__", "new"),
        lambda f: setattr(f, "__name__", "g"),
        lambda f: setattr(f, "__qualname__", "g"),
        lambda f: setattr(f, "__module__", "elsewhere"),
        lambda f: f.__annotations__.update(x=int),
        lambda f: setattr(f, "cached", {}),
    ],
)
def test_any_change_is_seen(table, change):
    function = make(table.namespace)
    before = look(table, function)
    change(function)
    assert look(table, function).digest != before.digest


def test_what_can_change_inside_is_looked_at_each_time(table):
    function = make(table.namespace, "def f(x, seen=[]):\n    seen.append(x)")
    before = look(table, function)
    function(1)
    assert table.functions.find(function) is None
    assert look(table, function).digest != before.digest


COUNTER = """
def outer():
    n = 0
    def f():
        nonlocal n
        n += 1
    return f
f = outer()
"""


def test_a_closure_is_looked_at_each_time(table):
    function = make(table.namespace, COUNTER)
    before = look(table, function)
    function()
    assert look(table, function).digest != before.digest


def test_a_function_that_stays_on_the_cluster_travels_by_its_key(table):
    function = make(table.namespace)
    look(table, function)

    class Stays:
        def __len__(self):
            return 1

        def key_of(self, obj):
            return "key" if obj is function else None

    table.staying = Stays()
    assert look(table, function).stays == ("key",)


def test_a_function_is_not_kept_alive(table):
    function = make(table.namespace)
    look(table, function)
    gone = weakref.ref(function)
    del function, table.namespace["f"]
    assert gone() is None


def test_functions_of_other_namespaces_are_not_remembered(table):
    function = types.FunctionType(make({}).__code__, {"__name__": "__main__"}, "f")
    look(table, function)
    assert table.functions.find(function) is None
