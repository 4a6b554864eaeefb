"""Bodies of requests: JSON in, checked values out. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from jupyter_scale.clusters.profiles import MAX_WORKERS
from jupyter_scale.errors import UsageError
from jupyter_scale.server.claims import LONGEST_PAGE

_LEAST_S = 10.0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_worker_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_WORKERS


def _is_amount(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < cast("float", value) < float("inf")


def _is_duration(value: object) -> bool:
    return _is_amount(value) and cast("float", value) >= _LEAST_S


LIMITS = ("idle_timeout_s", "orphan_after_s", "max_cost", "max_age")
"""What a request may say of when a cluster ends by itself."""


def _is_page(value: object) -> bool:
    return _is_text(value) and len(cast("str", value)) <= LONGEST_PAGE


_DURATION = (_is_duration, f"seconds, at least {_LEAST_S:.0f}")
_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "profile": (_is_text, "the name of a profile, a text"),
    "directory": (_is_text, "the path of a directory, a text"),
    "pool": (_is_text, "the name of a pool, a text"),
    "name": (_is_text, "the name of a profile, a text"),
    "place": (lambda value: value in ("config", "folder"), '"config" or "folder"'),
    "table": (_is_table, "the keys of a profile, an object"),
    "page": (_is_page, f"what a page calls itself, a text of up to {LONGEST_PAGE} characters"),
    "has_changes": (lambda value: isinstance(value, bool), "true or false"),
    "node": (_is_text, "the name of a node, a text"),
    "idle_timeout_s": _DURATION,
    "orphan_after_s": _DURATION,
    "max_age": _DURATION,
    "max_cost": (_is_amount, "an amount in USD above 0"),
    "workers": (_is_worker_count, f"a number from 1 to {MAX_WORKERS}"),
}


def read_body(
    body: bytes, allowed: Collection[str], required: Collection[str] = ()
) -> Mapping[str, Any]:
    """Return what a request says; a key with null counts as left out.

    Raises
    ------
    UsageError
        When it is not a JSON object, or has unknown, missing or impossible values: which, and what
        was expected.
    """
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The body is not JSON ({error}): send an object.") from None
    if not isinstance(content, dict):
        raise UsageError(f"The body is JSON, but not an object: found {_short(content)}.")
    for key in content:
        if key not in allowed:
            raise UsageError(f"Unknown key {key!r}{_hint(key, allowed)}")
    values = {key: value for key, value in content.items() if value is not None}
    for key in required:
        if key not in values:
            raise UsageError(f"The key {key!r} is missing: expected {_KINDS[key][1]}.")
    for key, value in values.items():
        is_right, expected = _KINDS[key]
        if not is_right(value):
            raise UsageError(f"Found {key} = {_short(value)}, expected {expected}.")
    return values


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - one line


def _hint(key: str, allowed: Collection[str]) -> str:
    close = difflib.get_close_matches(key, list(allowed), n=1)
    expected = f" Expected one of: {', '.join(sorted(allowed))}."
    return (f" (did you mean {close[0]!r}?)." if close else ".") + expected
