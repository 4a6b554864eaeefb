"""Memory that the other side has already does not travel, whatever it is called there."""

import pytest

from jupyter_scale.shipping.fingerprint import CHUNK_BYTES
from jupyter_scale.shipping.quotes import Quote, travelling_spans
from replicas import size_of

MB = 2**20
PRELUDE = """
import hashlib
import numpy as np, pandas as pd
def facts(x):
    if isinstance(x, list): return [facts(y) for y in x]
    if isinstance(x, dict): return {k: facts(y) for k, y in x.items()}
    array = np.asarray(x)
    return type(x), array.shape, hashlib.blake2b(array.tobytes()).digest()
rng = np.random.default_rng(0)
a = rng.random(8 * 2**17)
df = pd.DataFrame(rng.random((2**18, 4)), columns=list("pqrs"))
"""
BOTH = pytest.mark.parametrize("way", ["there", "home"])


def check(two):
    """Compare both sides with the plain namespace: `Two.check` is for small values."""
    source = "[(n, facts(x)) for n, x in sorted(globals().items()) if n in {'a', 'b', 'df'}]"
    wanted = repr(eval(source, two.plain))
    assert two.here.evaluate(source) == wanted
    assert two.ask("evaluate", source) == wanted
    assert two.here.changed_names() == []
    assert two.ask("changed_names") == []


def travel(two, source, way):
    """Run a cell on one side and return how many bytes bring the other one up to date."""
    if way == "there":
        two.run_here(source)
        return size_of(two.sync())
    assert two.ask("run", source) == two.run_plain(source)
    return size_of(two.home())


@BOTH
@pytest.mark.parametrize(
    "cell",
    [
        "b = a.copy()",
        "b = a.copy(); del a",
        "b = [a.copy(), {'c': a[:3 * 2**17].copy()}]",
        "b = a.reshape(8, -1).copy()",
        "b = pd.Series(a.copy())",
        "b = {'x': [pd.DataFrame({'y': a})]}",
        "b = df.copy()",
        "b = df['r'].to_numpy().copy()",
        "a[:] = np.roll(a, 2**17)",
        "df['p'] = a[: 2**18]",
        "a = df['q'].to_numpy() + 0",
    ],
)
def test_known_memory_under_another_name(two, way, cell):
    two.run_here(PRELUDE)
    assert size_of(two.sync()) > 16 * MB
    assert travel(two, cell, way) < 10_000
    check(two)


@BOTH
@pytest.mark.parametrize(
    ("cell", "chunks"),
    [
        ("df.iloc[1000:1100] = 1.5", 4),  # one for each column
        ("df['q'] = df['q'] * 2", 16),
        ("df['new'] = rng.random(2**18)", 16),
        ("a[5 * 2**17] = 1.5; b = a.copy()", 1),
        ("a = np.zeros(8 * 2**17)", 1),
    ],
)
def test_only_what_is_new_travels(two, way, cell, chunks):
    two.run_here(PRELUDE)
    two.sync()
    assert chunks * CHUNK_BYTES <= travel(two, cell, way) < chunks * CHUNK_BYTES + 10_000
    check(two)


ODD = """
a = rng.random((150_001, 6))
df = pd.DataFrame({c: rng.random(150_001) for c in "pqrstu"})
"""


@BOTH
@pytest.mark.parametrize(
    ("cell", "columns"),
    [
        ("df['r'] = df['r'] * 2", 1),
        ("df = df.drop(columns='q')", 0),
        ("df = df[['u', 's']].copy()", 0),
        ("b = {c: df[c].to_numpy().copy() for c in df}", 0),
        ("b = df['t'].copy()", 0),
        ("df['new'] = df['t'] - df['p']; b = df.copy()", 1),
        ("df.loc[df.index % 7 == 0, 's'] = 0.0", 1),
    ],
)
def test_columns_are_known_wherever_they_lie_in_a_frame(two, way, cell, columns):
    two.run_here(PRELUDE + ODD)
    two.sync()
    column = 150_001 * 8
    assert columns * column <= travel(two, cell, way) < columns * column + 12_000
    check(two)


def test_a_chunk_that_the_receiver_has_changed_is_asked_for(two):
    two.run_here(PRELUDE)
    two.sync()
    two.ask("run", "a[3 * 2**17] = -1.0; total = float(a.sum())")
    before = len(two.sent)
    two.run_here("b = a.copy()")
    body = two.sync()
    assert len(two.sent) == before + 2
    assert CHUNK_BYTES < size_of(body) < 1.1 * CHUNK_BYTES
    assert two.ask("evaluate", "float(b.sum())") == repr(float(two.plain["a"].sum()))
    assert two.ask("evaluate", "float(a.sum()) == total") == "True"


def test_a_chunk_that_the_notebook_has_changed_is_asked_for(two):
    two.run_here(PRELUDE)
    two.sync()
    two.ask("run", "b = a.copy()")
    two.here.namespace["a"][3 * 2**17] = -1.0  # a thread
    assert CHUNK_BYTES < size_of(two.home()) < 1.1 * CHUNK_BYTES
    assert two.ask("evaluate", "float(b.sum())") == repr(float(two.here.namespace["b"].sum()))


def test_an_object_that_the_receiver_let_go_of_is_sent(two):
    two.run_here(PRELUDE)
    two.sync()
    two.ask("run", "del a")
    two.ask("sweep")
    two.run_here("b = a.copy()")
    assert 8 * MB < size_of(two.sync()) < 8.1 * MB
    assert two.ask("evaluate", "float(b.sum())") == repr(float(two.plain["a"].sum()))


def test_a_name_unbound_before_its_copy_travels(two):
    two.run_here(PRELUDE)
    two.sync()
    two.run_here("b = a.copy(); del a")
    two.here.replica.sweep()
    assert size_of(two.sync()) < 10_000
    check(two)


def test_quoted_bytes_count_as_reused(two):
    two.run_here(PRELUDE)
    two.sync()
    two.run_here("b = a.copy(); c = np.ones(2**17 * 3)")
    two.here.pack()
    packed = two.here.packed
    assert packed.reused_bytes == 8 * MB
    assert CHUNK_BYTES < packed.parcel.nbytes < 1.1 * CHUNK_BYTES


def test_what_travels_of_a_buffer():
    first, second = (0, MB, 2 * MB), (0, 2 * MB, 3 * MB)
    quotes = [Quote(first, b"x"), Quote(second, first), Quote((2, 0, MB), b"y")]
    spans = travelling_spans([4 * MB + 5, 7, MB], quotes)
    assert spans == [[(0, MB), (3 * MB, 4 * MB + 5)], [(0, 7)], []]
