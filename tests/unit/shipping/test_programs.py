"""Small programs made at random: with every other cell on the other side, all stays as plain."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PRELUDE = """
import numpy as np
class Node:
    kind = []
class Slots:
    __slots__ = ("a", "b")
def put(x, y, k):
    if isinstance(x, list): x.insert(k, y)
    elif isinstance(x, dict): x[k] = y
    elif isinstance(x, Node): setattr(x, "abc"[k], y)
    elif isinstance(x, Slots): setattr(x, "ab"[k % 2], y)
    elif isinstance(x, np.ndarray): x[k % len(x)] += 1
    elif isinstance(x, type): x.kind.append(y)
def drop(x, k):
    if isinstance(x, list): x[k : k + 1] = []
    elif isinstance(x, dict): x.pop(k, None)
    elif isinstance(x, Node): x.__dict__.pop("abc"[k], None)
    elif isinstance(x, Slots) and hasattr(x, "ab"[k % 2]): delattr(x, "ab"[k % 2])
    elif isinstance(x, np.ndarray): x *= 2
def take(x, k):
    if isinstance(x, (list, tuple)) and x: return x[k % len(x)]
    if isinstance(x, dict): return x.get(k)
    if isinstance(x, (Node, Slots)): return getattr(x, "ab"[k % 2], None)
    if isinstance(x, np.ndarray) and x.size > 2: return x[1:]
    return x
def again(x):
    if isinstance(x, (list, dict)): return type(x)(x)
    if isinstance(x, np.ndarray): return x.copy()
    return x
def keeper(x):
    def keep(y=None):
        nonlocal x
        if y is not None: x = y
        return x
    return keep
def call(x, y):
    return x(y) if callable(x) and not isinstance(x, type) else y
a, b, c, d = [], {}, Node(), np.arange(6.0)
"""
NAMES = st.sampled_from("abcd")
KEYS = st.integers(0, 2)
NEW = st.sampled_from(
    [
        "[]",
        "{}",
        "Node()",
        "Slots()",
        "np.zeros(4)",
        "np.arange(600.0)",
        "5",
        "'text'",
        "Node",
        "[1, 2]",
    ]
)
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, NAMES, NEW),
    st.builds("{} = {}".format, NAMES, NAMES),
    st.builds("put({}, {}, {})".format, NAMES, NAMES, KEYS),
    st.builds("put({}, {}, {})".format, NAMES, NEW, KEYS),
    st.builds("drop({}, {})".format, NAMES, KEYS),
    st.builds("{} = take({}, {})".format, NAMES, NAMES, KEYS),
    st.builds("{} = again({})".format, NAMES, NAMES),
    st.builds("{} = ({}, {})".format, NAMES, NAMES, NAMES),
    st.builds("{} = keeper({})".format, NAMES, NAMES),
    st.builds("{} = call({}, {})".format, NAMES, NAMES, NAMES),
    st.builds("{0} = {1}; del {1}; {1} = 0".format, NAMES, NAMES),
)
CELLS = st.lists(
    st.lists(STATEMENTS, min_size=1, max_size=5).map("\n".join), min_size=1, max_size=6
)


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cells=CELLS, first_is_here=st.booleans())
def test_programs(bench, cells, first_is_here):
    bench.begin()
    bench.run_here(PRELUDE)
    for number, cell in enumerate(cells):
        if (number % 2 == 0) == first_is_here:
            bench.run_here(cell)
        else:
            bench.run_there(cell)
    bench.check()
