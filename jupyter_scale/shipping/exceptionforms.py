"""Exceptions with their chain: cloudpickle loses that, and runs their ``__init__``."""

from __future__ import annotations

import types
from typing import Any

from jupyter_scale.shipping import loading

_PLAIN_EXCEPTION_REDUCES = (BaseException.__reduce__, ImportError.__reduce__)
_EXCEPTION_FIELDS = ("name", "path", "code", "value", "filename", "filename2")


def reduce_exception(error: BaseException) -> Any:
    """Reduce an exception with its chain; cloudpickle loses that, and runs ``__init__``."""
    kind = type(error)
    if not is_plain_exception(kind):
        return NotImplemented
    return (
        loading.make_exception,
        (kind, error.args),
        exception_state(error),
        None,
        None,
        loading.set_exception_state,
    )


def is_plain_exception(kind: type[BaseException]) -> bool:
    """Tell whether `exception_state` and ``args`` are all of such an exception."""
    return kind.__reduce__ in _PLAIN_EXCEPTION_REDUCES and _has_plain_new(kind)


def exception_state(error: BaseException) -> dict[str, Any]:
    """Return all of an exception but its type, ``args`` and traceback."""
    return {
        "dict": dict(error.__dict__),
        "slots": {
            name: getattr(error, name)
            for name in _EXCEPTION_FIELDS
            if isinstance(getattr(type(error), name, None), types.MemberDescriptorType)
            and getattr(error, name) is not None
        },
        "cause": error.__cause__,
        "context": error.__context__,
        "suppress": error.__suppress_context__,
    }


def _has_plain_new(kind: type[BaseException]) -> bool:
    """Tell whether an exception's ``__new__`` is the interpreter's and takes any arguments."""
    owner = getattr(kind.__new__, "__self__", None)
    return isinstance(owner, type) and not issubclass(owner, (OSError, BaseExceptionGroup))
