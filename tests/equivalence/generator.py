"""Notebooks made at random: a few cells over shared names, full of aliases and changes in place.

Every statement is one that people write. Many fail, as a name holds something else at that time:
an error must then be the same error.
"""

from hypothesis import strategies as st

#: Runs first, plain in one half of the programs.
PRELUDE = """
import collections, copy, dataclasses, functools, itertools, math, random, warnings
import numpy as np
import pandas as pd
class Node:
    kind = []
    def __init__(self, value=None): self.value = value
    def add(self, other): self.value = other; return self
class Slots:
    __slots__ = ("left", "right")
@dataclasses.dataclass
class Point:
    x: object = 0
    tags: list = dataclasses.field(default_factory=list)
class Stack(list):
    def push(self, item): self.append(item); self.last = item
class Failure(Exception):
    def __init__(self, what, where): super().__init__(what); self.where = where
def put(target, item, key=0):
    if isinstance(target, (list, collections.deque)): target.append(item)
    elif isinstance(target, dict): target[key] = item
    elif isinstance(target, np.ndarray): target[key % max(1, len(target))] = key + 0.5
    elif isinstance(target, pd.DataFrame): target[f"c{key}"] = key
    elif isinstance(target, set): target.add(key)
    else: target.value = item
    return target
def counter():
    count = 0
    def bump(by=1):
        nonlocal count
        count += by
        return count
    def read(): return count
    return bump, read
a, b, c, d = [1, 2], {"k": [3]}, np.arange(8.0), pd.DataFrame({"x": [1, 2, 3], "y": list("uvw")})
e, f = Node([4]), put
g, h = counter()
"""

NAMES = tuple("abcdefgh")
NAME = st.sampled_from(NAMES)
KEY = st.integers(0, 3)
NUMBER = st.integers(-3, 9)

NEW = st.sampled_from(
    [
        "[]",
        "{}",
        "[[], {}, 'text']",
        "{'k': [1], 2: {'deep': []}}",
        "{1, 2, 3}",
        "(1, [2])",
        "collections.deque([1, 2], maxlen=5)",
        "collections.defaultdict(list)",
        "collections.Counter('abca')",
        "collections.OrderedDict(b=1, a=2)",
        "bytearray(b'bytes')",
        "Node()",
        "Node([1])",
        "Slots()",
        "Point(1)",
        "Stack([1])",
        "Failure('what', 'where')",
        "np.arange(6)",
        "np.arange(12.0).reshape(3, 4)",
        "np.zeros(1000)",
        "np.array(['x', None, [1]], dtype=object)",
        "np.zeros(3, dtype=[('p', 'i4'), ('q', 'f8')])",
        "np.array([True, False, True])",
        "np.float64(2.5)",
        "pd.DataFrame({'x': [1.5, 2.5], 'z': ['p', 'q']})",
        "pd.Series([3, 1, 2], index=list('cab'))",
        "pd.date_range('2024-01-01', periods=3)",
        "pd.Categorical(['a', 'b', 'a'])",
        "np.random.default_rng(3)",
        "random.Random(5)",
        "functools.partial(put, key=2)",
        "counter()",
        "lambda x=[]: x",
        "5",
        "'text'",
        "None",
        "1.5",
        "float('nan')",
        "2 ** 80",
        "range(4)",
        "slice(1, 3)",
        "Node",
        "put",
        "math",
        "itertools.count(3)",
        "iter([1, 2, 3])",
    ]
)


def _form(text, **parts):
    """Return a strategy for statements: `text` with its parts drawn."""
    return st.fixed_dictionaries(parts).map(lambda drawn: text.format(**drawn))


_XY = {"x": NAME, "y": NAME}
_XYK = {**_XY, "k": KEY}
_XYZ = {**_XY, "z": NAME}

BINDINGS = [
    _form("{x} = {v}", x=NAME, v=NEW),
    _form("{x} = {v}", x=NAME, v=NEW),
    _form("{x} = {y}", **_XY),
    _form("{x} = {y} = {v}", v=NEW, **_XY),
    _form("{x}, {y} = {y}, {x}", **_XY),
    _form("{x} = [{y}, {z}]", **_XYZ),
    _form("{x} = ({y}, {z})", **_XYZ),
    _form("{x} = {{'k': {y}, 'l': {z}}}", **_XYZ),
    _form("{x} = {y}[{k}]", **_XYK),
    _form("{x} = {y}['k']", **_XY),
    _form("{x} = {y}.value", **_XY),
    _form("{x} = {y}[1:]", **_XY),
    _form("{x} = {y}[::-1]", **_XY),
    _form("{x} = {y}.T", **_XY),
    _form("{x} = {y}.reshape(2, -1)", **_XY),
    _form("{x} = {y}.ravel()", **_XY),
    _form("{x} = {y}['x']", **_XY),
    _form("{x} = {y}.copy()", **_XY),
    _form("{x} = copy.deepcopy({y})", **_XY),
    _form("{x} = copy.copy({y})", **_XY),
    _form("{x} = list({y})", **_XY),
    _form("{x} = {y} + {z}", **_XYZ),
    _form("{x} = {y} * 2", **_XY),
    _form("{x} = {y} if {z} else None", **_XYZ),
    _form("*{x}, {y} = {z}", **_XYZ),
    _form("{x} = [put({y}, i) for i in range(2)]", **_XY),
    _form("{x} = {{i: [i] for i in range({k})}}", x=NAME, k=KEY),
    _form("{x} = Node({y})", **_XY),
    _form("{x} = Point({y}, tags=[{z}])", **_XYZ),
    _form("{x} = functools.partial(put, {y})", **_XY),
    _form("{x} = {y}.add", **_XY),
    _form("{x} = {y}.append", **_XY),
    _form("{x} = type({y})", **_XY),
    _form("{x} = {y}()", **_XY),
    _form("{x} = {y}({z})", **_XYZ),
    _form("{x} = next({y})", **_XY),
    _form("{x} = {y}.random({k})", **_XYK),
    _form("{x} = random.random() + np.random.rand()", x=NAME),
    _form("{x} = len({y})", **_XY),
    _form("{x} = {y} is {z}", **_XYZ),
    _form("for {x} in {y}: pass", **_XY),
    _form("if ({x} := {y}): pass", **_XY),
    _form("with warnings.catch_warnings() as {x}: {y} = 1", **_XY),
    _form("del {x}", x=NAME),
    _form("import math as {x}", x=NAME),
]
CHANGES = [
    _form("put({x}, {y}, {k})", **_XYK),
    _form("put({x}, {y}, {k})", **_XYK),
    _form("put({x}, {v}, {k})", x=NAME, v=NEW, k=KEY),
    _form("{x}.append({y})", **_XY),
    _form("{x}.insert(0, {y})", **_XY),
    _form("{x}.extend({y})", **_XY),
    _form("{x}[{k}] = {y}", **_XYK),
    _form("{x}['k'] = {y}", **_XY),
    _form("{x}[1:] = {y}", **_XY),
    _form("{x}[{k}].append({y})", **_XYK),
    _form("{x}[{k}] = {n}", x=NAME, k=KEY, n=NUMBER),
    _form("{x}[...] = {n}", x=NAME, n=NUMBER),
    _form("{x} += {y}", **_XY),
    _form("{x} += 1", x=NAME),
    _form("{x} *= 2", x=NAME),
    _form("{x} |= {y}", **_XY),
    _form("{x}.value = {y}", **_XY),
    _form("{x}.extra = {y}", **_XY),
    _form("{x}.left = {y}", **_XY),
    _form("{x}.tags.append({y})", **_XY),
    _form("{x}.kind.append({n})", x=NAME, n=NUMBER),
    _form("Node.kind = [{x}]", x=NAME),
    _form("Node.shared = {x}", x=NAME),
    _form("del {x}.value", x=NAME),
    _form("del {x}[{k}]", x=NAME, k=KEY),
    _form("{x}.pop()", x=NAME),
    _form("{x}.pop('k', None)", x=NAME),
    _form("{x}.clear()", x=NAME),
    _form("{x}.sort()", x=NAME),
    _form("{x}.reverse()", x=NAME),
    _form("{x}.update({y})", **_XY),
    _form("{x}.setdefault('new', []).append({y})", **_XY),
    _form("{x}.add({n})", x=NAME, n=NUMBER),
    _form("{x}.push({y})", **_XY),
    _form("{x}.rotate(1)", x=NAME),
    _form("{x}.fill({n})", x=NAME, n=NUMBER),
    _form("{x}[{x} > 2] = 0", x=NAME),
    _form("{x}.flags.writeable = False", x=NAME),
    _form("{x}['p'] = {n}", x=NAME, n=NUMBER),
    _form("{x}['new'] = range(len({x}))", x=NAME),
    _form("{x}.loc[0, 'x'] = {n}", x=NAME, n=NUMBER),
    _form("{x}.drop(columns='x', inplace=True)", x=NAME),
    _form("{x}.index = {x}.index[::-1]", x=NAME),
    _form("{x}.attrs['note'] = [{k}]", x=NAME, k=KEY),
    _form("{x}.shuffle({y})", **_XY),
    _form("random.shuffle({x})", x=NAME),
    _form("{x}.args = ({y},)", **_XY),
    _form("{x}.__cause__ = {y}", **_XY),
    _form("f.memo = {x}", x=NAME),
    _form("{x}.__defaults__ = ([{y}],)", **_XY),
]
DEFINITIONS = [
    _form("def f(x={x}, *, k={y}): return (x, k, {z})", **_XYZ),
    _form("def f(x=None):\n    global {x}\n    {x} = x\n    return {y}", **_XY),
    _form("def f(x=None):\n    put({x}, x)\n    return {x}", x=NAME),
    _form("f = (lambda inner: lambda x=None: (inner, put(inner, x)))({x})", x=NAME),
    _form("@functools.lru_cache\ndef f(x=0): print('computing'); return [x]"),
    _form("def f(n=3): return 1 if n < 1 else n * f(n - 1)"),
    _form("g, h = counter()"),
    _form("class Node(Node):\n    def add(self, other): super().add(other); return {x}", x=NAME),
    _form("class Sub(Node, Stack if {k} else object): limit = {x}", x=NAME, k=KEY),
    _form("{x} = Sub()", x=NAME),
    _form("def add(self, other): self.value = [other]\nNode.add = add"),
    # Nobody makes a frame a node.
    _form("if hasattr({x}, 'value'): {x}.__class__ = Node", x=NAME),
    _form("isinstance({x}, Node), type({x}) is Node", x=NAME),
]
SHOWN = [
    _form("print({x})", x=NAME),
    _form("print(type({x}).__name__, end=' ')", x=NAME),
    _form("{x}", x=NAME),
    _form("{x};", x=NAME),
    _form("{x} is {y}, {x} == {x}", **_XY),
    _form("display({x})", x=NAME),
    _form("_"),
    _form("{x} = _", x=NAME),
    _form("g({k}), h()", k=KEY),
    _form("warnings.warn('careful')"),
    _form("np.random.seed({k}); random.seed({k})", k=KEY),
    _form("random.random(), np.random.rand()"),
    _form("raise Failure({x}, 'here')", x=NAME),
    _form("try:\n    put({x}, {y}); {x}[99]\nexcept Exception as error:\n    {y} = error", **_XY),
    _form("assert {x}, 'no'", x=NAME),
    _form("[put({x}, i) for i in range(3)][-1]", x=NAME),
    _form("sum(len(str(i)) for i in range({k}))", k=KEY),
    _form("for i in range({k}): put({x}, i, i)", x=NAME, k=KEY),
    _form("f({x})", x=NAME),
    _form("f()"),
    _form("sorted(n for n in globals() if len(n) == 1)"),
    _form("eval('{x}')", x=NAME),
]
STATEMENT = st.one_of(*BINDINGS, *CHANGES, *DEFINITIONS, *SHOWN)
CELL = st.lists(STATEMENT, min_size=1, max_size=5).map("\n".join)
#: ``(source, is on the cluster)``
PROGRAM = st.lists(st.tuples(CELL, st.sampled_from([True, True, False])), min_size=1, max_size=6)
