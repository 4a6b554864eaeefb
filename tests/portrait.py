"""What a namespace holds, in words: contents, and which names lead to the same object.

Two namespaces with equal portraits cannot be told apart by a program that looks at them. This file
stands alone, so that a kernel can run it.
"""

import collections
import enum
import functools
import hashlib
import re
import sys
import types

LONGEST = 500
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_SKIP_IN_CLASS = {
    "__dict__",
    "__weakref__",
    "__slotnames__",
    "_abc_impl",
    "__static_attributes__",
    "__firstlineno__",
}
_PLAIN = (int, float, complex, bool, str, bytes, range, slice, type(None), type(...))


def portrait(namespace, names=None, *, live=None, tuples=False):
    """Return ``name → description`` of the given names, or of all public ones."""
    if names is None:
        names = [n for n in namespace if not n.startswith("_")]
    painter = _Painter(namespace if live is None else live, tuples=tuples)
    return {name: painter.describe(namespace[name]) for name in sorted(names)}


class _Painter:
    def __init__(self, namespace, *, tuples):
        self.namespace, self.tuples = namespace, tuples
        self.numbers = {}
        self.alive = []
        self.memories = {}
        self.met, self.values = set(), {}

    def describe(self, obj):  # noqa: PLR0911 - one line for each kind of object
        kind = type(obj)
        if obj is self.namespace:
            return "<the namespace>"
        if kind in _PLAIN or isinstance(obj, (types.ModuleType, types.BuiltinFunctionType)):
            return _ADDRESS.sub("0x", repr(obj))
        if any(base.__name__ == "generic" for base in kind.__mro__ if base.__module__ == "numpy"):
            return repr(obj)
        if isinstance(obj, enum.Enum):
            return (
                f"{kind.__qualname__}.{obj.name} of {self.describe(kind)} {obj is kind[obj.name]}"
            )
        if isinstance(obj, type) and obj.__module__ != "__main__":
            return repr(obj)
        if isinstance(obj, types.FunctionType) and obj.__module__ != "__main__":
            return repr(obj.__qualname__)
        if kind in (tuple, frozenset, types.MethodType) and not self.tuples:
            return self.value(obj)
        if id(obj) in self.numbers:
            return f"#{self.numbers[id(obj)]}"
        number = self.numbers[id(obj)] = len(self.numbers)
        self.alive.append(obj)
        return f"#{number}={self.content(obj)}"

    def value(self, obj):
        """Describe what has no identity of interest; from the second time on always the same."""
        if id(obj) in self.values:
            return self.values[id(obj)]
        text = self.content(obj)
        if len(text) > LONGEST:
            text = f"<{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}>"
        if id(obj) in self.met:
            self.values[id(obj)] = text
        self.met.add(id(obj))
        self.alive.append(obj)
        return text

    def many(self, objects):
        return "[" + ", ".join(self.describe(obj) for obj in objects) + "]"

    def pairs(self, mapping):
        items = [f"{self.describe(k)}: {self.describe(v)}" for k, v in mapping.items()]
        return "{" + ", ".join(items) + "}"

    def content(self, obj):  # noqa: C901, PLR0911, PLR0912 - one line for each kind of object
        kind = type(obj)
        if kind in (list, tuple):
            return f"{kind.__name__}{self.many(obj)}"
        if kind is dict:
            return self.pairs(obj)
        if kind in (set, frozenset):
            return f"{kind.__name__}{sorted(map(self.describe, obj))}"
        if kind is collections.deque:
            return f"deque{self.many(obj)} maxlen {obj.maxlen}"
        if isinstance(obj, types.FunctionType):
            return self.function(obj)
        if isinstance(obj, types.CellType):
            try:
                return f"cell {self.describe(obj.cell_contents)}"
            except ValueError:
                return "empty cell"
        if isinstance(obj, types.MethodType):
            return f"method {obj.__func__.__qualname__} of {self.describe(obj.__self__)}"
        if isinstance(obj, (staticmethod, classmethod)):
            return f"{kind.__name__} {self.describe(obj.__func__)}"
        if isinstance(obj, property):
            return f"property {self.many([obj.fget, obj.fset, obj.fdel])}"
        if isinstance(obj, functools.partial):
            return f"partial {self.many([obj.func, obj.args, obj.keywords])}"
        if isinstance(obj, type):
            own = {
                name: value
                for name, value in sorted(vars(obj).items())
                if name not in _SKIP_IN_CLASS and type(value).__name__ != "member_descriptor"
            }
            return f"class {obj.__qualname__}{self.many(obj.__bases__)} {self.pairs(own)}"
        if isinstance(obj, BaseException):
            parts = [obj.args, obj.__cause__, obj.__context__, vars(obj), obj.__suppress_context__]
            return f"{kind.__qualname__} {self.many(parts)}"
        library = kind.__module__.partition(".")[0]
        if library in ("numpy", "pandas"):
            return getattr(self, library)(obj)
        return self.instance(obj)

    def function(self, function):
        code = function.__code__
        parts = [
            function.__defaults__,
            function.__kwdefaults__,
            function.__closure__,
            function.__doc__,
            *function.__annotations__.items(),
            *function.__dict__.items(),
        ]
        is_live = function.__globals__ is self.namespace
        consts = [c for c in code.co_consts if isinstance(c, _PLAIN)]
        return (
            f"function {function.__module__}.{function.__qualname__} {function.__name__} "
            f"{code.co_code.hex()} {consts!r} {code.co_names} live={is_live} {self.many(parts)}"
        )

    def instance(self, obj):
        kind = type(obj)
        if kind.__module__ != "__main__":
            return _ADDRESS.sub("0x", repr(obj))
        text = self.describe(kind)
        if isinstance(obj, list):
            text += f" list{self.many(list.__iter__(obj))}"
        if isinstance(obj, dict):
            text += f" {self.pairs(dict(dict.items(obj)))}"
        if isinstance(obj, (int, float, str, bytes, bytearray, tuple)):
            text += f" {kind.__mro__[-2].__repr__(obj)}"
        slots = {
            name: getattr(obj, name)
            for base in kind.__mro__
            for name in _slots(base)
            if name not in ("__dict__", "__weakref__") and hasattr(obj, name)
        }
        return f"{text} {self.pairs(dict(getattr(obj, '__dict__', {})))} {self.pairs(slots)}"

    def numpy(self, obj):
        numpy = sys.modules["numpy"]
        if type(obj) is not numpy.ndarray:
            return f"{type(obj).__name__} {_ADDRESS.sub('0x', repr(obj))}"
        flags = f"{obj.dtype} {obj.shape} {obj.flags.writeable}"
        if obj.dtype.hasobject:
            return f"array {flags} {self.many(obj.ravel().tolist())}"
        owner = obj
        while type(owner.base) is numpy.ndarray:
            owner = owner.base
        start = owner.__array_interface__["data"][0]
        self.alive.append(owner)
        memory = self.memories.setdefault(start, len(self.memories))
        return f"array {flags} memory {memory} {obj.tolist()!r}"

    def pandas(self, obj):
        if hasattr(obj, "dtypes") and hasattr(obj, "to_dict"):
            dtypes = obj.dtypes.to_dict() if hasattr(obj, "columns") else obj.dtype
            rows = obj.to_dict("split") if hasattr(obj, "columns") else obj.to_dict()
            return f"{type(obj).__name__} {dtypes} {rows} {obj.attrs}"
        return f"{type(obj).__name__} {_ADDRESS.sub('0x', repr(obj))}"


def _slots(cls):
    slots = vars(cls).get("__slots__", ())
    return [slots] if isinstance(slots, str) else list(slots)
