"""Short forms of values, for those who look at a failure.

Laws
----
1. No code of the user's runs: what is of a class that is not known here is shown as its type.
2. A short form takes a bounded time, and has a bounded length, whatever the value is.
3. It never raises.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import pathlib
import sys
import types
import uuid
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

MOST_CHARS = 200
_MOST_ITEMS = 6
_MOST_TEXT = 60
_MOST_BITS = 256
_DEEPEST = 3
_FEW_NUMBERS = 8
_NUMBERS = "biufc"

#: Takes a value, and how deep it is in others.
_Show = Callable[[Any, int], str]

#: ``module, class → attribute that says how large it is``: they are known to tell it at once.
_SIZED: dict[tuple[str, str], str] = {
    ("numpy", "ndarray"): "shape", ("pandas", "DataFrame"): "shape", ("torch", "Tensor"): "shape",
    ("polars", "DataFrame"): "shape", ("polars", "Series"): "shape",
    ("scipy", "csr_matrix"): "shape", ("scipy", "csc_matrix"): "shape",
    ("scipy", "csr_array"): "shape", ("scipy", "csc_array"): "shape",
    ("PIL", "Image"): "size",
}  # fmt: skip
_ZONES = frozenset({"NoneType", "datetime", "zoneinfo", "pytz", "dateutil"})


def describe(value: Any) -> str:
    """Return a value's short form."""
    try:
        return _cut(_describe(value, 0), MOST_CHARS)
    except Exception:  # noqa: BLE001 - law 3
        return f"<{_type_name(value)}>"


def _describe(value: Any, depth: int) -> str:
    kind = type(value)
    if (show := _SHOWN.get(kind)) is not None:
        return show(value, depth)
    if issubclass(kind, type):
        return f"<class {_name(value)}>"
    return _of_library(value, kind, depth) or _of_notebook(value, kind, depth)


# -- what the interpreter has ----------------------------------------------------------------


def _plain(value: Any, _depth: int) -> str:
    return _cut(repr(value), _MOST_TEXT)


def _integer(value: int, _depth: int = 0) -> str:
    bits = value.bit_length()
    return repr(value) if bits <= _MOST_BITS else f"<int of {bits} bits>"


def _fraction(value: fractions.Fraction, _depth: int) -> str:
    return f"Fraction({_integer(value.numerator)}, {_integer(value.denominator)})"


def _decimal(value: decimal.Decimal, _depth: int) -> str:
    digits = len(value.as_tuple().digits)
    return repr(value) if digits <= _MOST_TEXT else f"<Decimal of {digits} digits>"


def _moment(value: Any, _depth: int) -> str:
    """Return a time's form; one in a zone of the notebook's own asks that."""
    zone = type(value.tzinfo)
    is_known = value.tzinfo is None or _module(zone).partition(".")[0] in _ZONES
    return repr(value) if is_known else f"<{_type_name(value)}>"


def _text(value: str | bytes | bytearray, _depth: int) -> str:
    if len(value) <= _MOST_TEXT:
        return repr(value)
    return f"{value[:_MOST_TEXT]!r}… ({len(value)} long)"


def _called(value: Any, _depth: int) -> str:
    return f"<function {_cut(value.__qualname__, _MOST_TEXT)}>"


def _loaded(value: types.ModuleType, _depth: int) -> str:
    return f"<module {_cut(value.__name__, _MOST_TEXT)}>"


def _between(opening: str, closing: str) -> _Show:
    return lambda value, depth: opening + _items(value, len(value), depth) + closing


def _tuple(value: tuple[Any, ...], depth: int) -> str:
    comma = "," if len(value) == 1 else ""
    return f"({_items(value, len(value), depth)}{comma})"


def _set(value: set[Any], depth: int) -> str:
    return f"{{{_items(value, len(value), depth)}}}" if value else "set()"


def _mapping(value: dict[Any, Any], depth: int) -> str:
    shown = f"{{{_items(dict.items(value), len(value), depth, _pair)}}}"
    return shown if type(value) is dict else f"{type(value).__name__}({shown})"


def _pair(item: tuple[Any, Any], depth: int) -> str:
    return f"{_describe(item[0], depth)}: {_describe(item[1], depth)}"


def _items(values: Iterable[Any], count: int, depth: int, show: _Show | None = None) -> str:
    """Return the first few of some values; deeper down only that there are some."""
    if count and depth >= _DEEPEST:
        return "…"
    shown = [(show or _describe)(value, depth + 1) for value in islice(values, _MOST_ITEMS)]
    if count > _MOST_ITEMS:
        shown.append(f"… ({count} in all)")
    return ", ".join(shown)


_SHOWN: dict[type, _Show] = {
    int: _integer, str: _text, bytes: _text, bytearray: _text,
    fractions.Fraction: _fraction, decimal.Decimal: _decimal,
    dt.datetime: _moment, dt.time: _moment,
    list: _between("[", "]"), frozenset: _between("frozenset({", "})"),
    deque: _between("deque([", "])"), tuple: _tuple, set: _set,
    **dict.fromkeys((dict, OrderedDict, defaultdict), _mapping),
    **dict.fromkeys((types.FunctionType, types.BuiltinFunctionType), _called),
    types.ModuleType: _loaded,
    **dict.fromkeys(
        (
            bool, float, complex, range, dt.date, dt.timedelta, uuid.UUID, type(None),
            type(Ellipsis), type(pathlib.PurePath()), type(pathlib.Path()),
        ),
        _plain,
    ),
}  # fmt: skip


# -- what libraries have ---------------------------------------------------------------------


def _of_library(value: Any, kind: type, depth: int) -> str:
    """Return the form of an array, a frame or such; empty for anything else."""
    module = _module(kind).partition(".")[0]
    if module == "numpy" and kind is not sys.modules["numpy"].ndarray:
        numpy = sys.modules["numpy"]
        is_scalar = issubclass(kind, numpy.generic) and not issubclass(kind, numpy.void)
        item = value.item() if is_scalar else value
        return "" if type(item) is kind else _describe(item, depth)
    if module == "numpy" and _is_short_row(value):
        return f"array({value.tolist()})"
    if (module, kind.__name__) == ("pandas", "Series"):
        return _series(value, depth)
    if (module, kind.__name__) == ("pandas", "Timestamp"):
        return _moment(value, depth)
    attribute = _SIZED.get((module, kind.__name__))
    if attribute is None:
        return ""
    size = ", ".join(str(int(part)) for part in getattr(value, attribute))
    what = kind.__name__
    if what in {"ndarray", "Tensor"}:  # a frame may have a column of that name
        what = f"{what} {_cut(str(value.dtype), _MOST_TEXT)}"
    return f"<{what} ({size})>"


def _is_short_row(value: Any) -> bool:
    return value.ndim == 1 and value.size <= _FEW_NUMBERS and value.dtype.kind in _NUMBERS


def _series(value: Any, depth: int) -> str:
    """Return the form of a row or a column: ``Series(id=7, name='x', … (9 in all))``."""
    pairs = zip(value.index[:_MOST_ITEMS].tolist(), value.array[:_MOST_ITEMS], strict=False)
    return f"Series({_items(pairs, len(value), depth, _field)})"


def _field(item: tuple[Any, Any], depth: int) -> str:
    name, value = item
    is_name = type(name) is str and name.isprintable()
    shown = _cut(name, _MOST_TEXT) if is_name else _describe(name, depth)
    return f"{shown}={_describe(value, depth)}"


# -- what the notebook has -------------------------------------------------------------------


def _of_notebook(value: Any, kind: type, depth: int) -> str:
    """Return a record with its fields, of anything else the type: its ``repr`` is never asked."""
    if issubclass(kind, enum.Enum):
        return f"{_name(kind)}.{_cut(str(object.__getattribute__(value, '_name_')), _MOST_TEXT)}"
    names = _static(kind, "_fields")
    if issubclass(kind, tuple) and type(names) is tuple:
        values: Iterator[Any] = tuple.__iter__(value)
        fields = zip(map(str, names), values, strict=False)
        return f"{_name(kind)}({_items(fields, tuple.__len__(value), depth, _field)})"
    known = _static(kind, "__dataclass_fields__")
    if type(known) is not dict or not _static(kind, "__dataclass_params__").repr:
        return f"<{_type_name(value)}>"
    own = {} if _static(kind, "__slots__") else object.__getattribute__(value, "__dict__")
    present = [(name, own[name]) for name, each in known.items() if each.repr and name in own]
    return f"{_name(kind)}({_items(present, len(present), depth, _field)})"


def _static(kind: type, name: str) -> Any:
    """Return what a class or one of its bases has under a name, without asking a descriptor."""
    for base in type.__dict__["__mro__"].__get__(kind):
        if name in (found := type.__dict__["__dict__"].__get__(base)):
            return found[name]
    return None


# -- parts -----------------------------------------------------------------------------------


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _name(kind: Any) -> str:
    """Return the name of a class, whatever its metaclass says."""
    return _cut(type.__dict__["__qualname__"].__get__(kind), _MOST_TEXT)


def _module(kind: type) -> str:
    found = type.__dict__["__module__"].__get__(kind)
    return found if type(found) is str else ""


def _type_name(value: Any) -> str:
    kind = type(value)
    module = _module(kind)
    name = _name(kind)
    return name if module in {"__main__", "builtins"} else f"{module.partition('.')[0]} {name}"
