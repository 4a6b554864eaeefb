"""Short forms of values: bounded, and made without any code of the user's."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import time
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from jupyter_scale.runner.host.brief import MOST_CHARS, describe


class Spy:
    """Fails whatever is done with it."""

    def _fail(self, *_args):
        raise AssertionError("code of the user's ran")

    __repr__ = __str__ = __hash__ = __len__ = __iter__ = __getitem__ = __eq__ = __bool__ = _fail
    __getattr__ = __format__ = __reduce_ex__ = _fail

    @property
    def __class__(self):
        raise AssertionError("code of the user's ran")

    @property
    def shape(self):
        raise AssertionError("code of the user's ran")


class Meta(type):
    def __repr__(cls):
        raise AssertionError("code of the user's ran")

    __str__ = __getattribute__ = __instancecheck__ = __repr__


class Odd(metaclass=Meta):
    pass


class Zone(dt.tzinfo):
    def utcoffset(self, _when):
        raise AssertionError("code of the user's ran")

    __repr__ = utcoffset


class SpyList(list):
    __repr__ = __len__ = __iter__ = Spy._fail


class SpyText(str):
    __slots__ = ()
    __repr__ = __len__ = __str__ = Spy._fail


class Colour(enum.Enum):
    RED = 1

    def __repr__(self):
        raise AssertionError("code of the user's ran")


class Point(NamedTuple):
    x: int
    y: object


class Boxed:
    """An array with a spy in it; numpy itself would ask it."""

    array = np.empty(1, dtype=object)
    array[0] = Spy()


class SpyPoint(Point):
    __slots__ = ()
    __iter__ = __len__ = __getitem__ = __repr__ = Spy._fail


@dataclasses.dataclass
class Job:
    name: str
    spy: object
    password: str = dataclasses.field(default="secret", repr=False)

    def __repr__(self):
        raise AssertionError("code of the user's ran")


@dataclasses.dataclass(repr=False)
class Silent:
    secret: str


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int


CASES = {
    "small": [
        (7, "7"), (-0.1, "-0.1"), (True, "True"), (None, "None"), ("a'b", '"a\'b"'), (b"x", "b'x'"),
        (2j, "2j"), (range(3), "range(0, 3)"), (..., "Ellipsis"),
        (decimal.Decimal("1.5"), "Decimal('1.5')"), (fractions.Fraction(1, 3), "Fraction(1, 3)"),
        (dt.date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
    ],
    "collections": [
        ([], "[]"), ([1, "a"], "[1, 'a']"), ((1,), "(1,)"), (set(), "set()"), ({3}, "{3}"),
        (frozenset({3}), "frozenset({3})"), ({"id": 7}, "{'id': 7}"),
        (collections.deque([1]), "deque([1])"),
        (collections.OrderedDict(a=1), "OrderedDict({'a': 1})"),
        (list(range(9)), "[0, 1, 2, 3, 4, 5, … (9 in all)]"),
        ([[[[1]]]], "[[[[…]]]]"),
    ],
    "long": [
        ("x" * 10**6, f"'{'x' * 60}'… (1000000 long)"),
        (1 << 10**6, "<int of 1000001 bits>"),
        (decimal.Decimal("1" * 1000), "<Decimal of 1000 digits>"),
    ],
    "the user's": [
        (Spy(), "<tests Spy>"), ([Spy()], "[<tests Spy>]"), (Odd, "<class Odd>"),
        (Odd(), "<tests Odd>"), (SpyList([1]), "<tests SpyList>"),
        (SpyText("a"), "<tests SpyText>"), (Colour.RED, "Colour.RED"),
        (Point(1, "b"), "Point(x=1, y='b')"), (SpyPoint(1, 2), "SpyPoint(x=1, y=2)"),
        (Job("a", Spy()), "Job(name='a', spy=<tests Spy>)"),
        (Silent("s"), "<tests Silent>"), (Slotted(1), "Slotted()"),
        (dt.datetime(2026, 1, 1, tzinfo=Zone()), "<datetime datetime>"),
        (describe, "<function describe>"), (dt, "<module datetime>"), (object(), "<object>"),
    ],
    "libraries'": [
        (np.float64(2.5), "2.5"), (np.str_("a"), "'a'"), (np.arange(3), "array([0, 1, 2])"),
        (np.zeros((20, 4)), "<ndarray float64 (20, 4)>"),
        (Boxed.array, "<ndarray object (1)>"),
        (np.longdouble(1), "<numpy longdouble>"),
        (pd.DataFrame({"dtype": [1, 2], "shape": [1, 2]}), "<DataFrame (2, 2)>"),
        (pd.Series({"id": 7, "name": "x"}), "Series(id=7, name='x')"),
        (pd.Series(Boxed.array, dtype=object), "Series(0=<tests Spy>)"),
        (pd.Series(range(100)), "Series(0=0, 1=1, 2=2, 3=3, 4=4, 5=5, … (100 in all))"),
        (pd.Timestamp("2026-01-02"), "Timestamp('2026-01-02 00:00:00')"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_short_forms(kind):
    # pytest would look at the values itself.
    assert [describe(value) for value, _ in CASES[kind]] == [shown for _, shown in CASES[kind]]


def nested(depth, width):
    return [nested(depth - 1, width) for _ in range(width)] if depth else "y" * 500


def endless():
    ring = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize(
    "value",
    [
        nested(5, 8), {str(n) * 500: nested(2, 9) for n in range(9)}, endless(), "\ud800" * 300,
        dict.fromkeys(range(10**5)), "a\n\t\x00" * 99, pd.Series({"\ud800\n" * 99: 1}),
        type("N" * 10**5, (), {})(), pd.Series([nested(3, 8)] * 9), [10**5000] * 9,
        np.datetime64("2026-01-02"), np.zeros(3, dtype=[("a", "i4")]), pd.Categorical(["a"]),
    ],
    ids=lambda value: type(value).__name__[:20],
)  # fmt: skip
def test_they_are_short_and_can_be_sent(value):
    started = time.perf_counter()
    shown = describe(value)
    assert time.perf_counter() - started < 0.5
    assert 0 < len(shown) <= MOST_CHARS
    assert shown.isprintable()
    assert shown.encode()
