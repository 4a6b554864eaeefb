"""The notebook's side of values that stay on the cluster: what stands for each of them.

Laws
----
1. One value on the cluster is one `RemoteValue` here, for as long as anything here refers to it;
   the cluster frees what nothing here refers to, with the next request.
2. It travels as its key, and is the value itself again where it lives.
3. It is never taken for the value by accident: whatever a plain cell does with it raises an error
   that says how to get the value.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol
from weakref import WeakSet, WeakValueDictionary

from jupyter_scale.errors import ValueLost
from jupyter_scale.model.remote import RemoteFacts
from jupyter_scale.model.run import format_bytes

_SHOWN_COLUMNS = 6


class Owner(Protocol):
    """What can bring a value home: the session."""

    def fetch(self, value: RemoteValue) -> Any:
        """Return the value itself, for the notebook to keep."""


class RemoteValue:
    """Stands in the notebook for a value that stays on the cluster.

    ``%%scale`` cells use it, under any name and inside any list or dictionary, as the value itself;
    it does not travel for that. ``model = model.get()`` brings it home.
    """

    __slots__ = ("__weakref__", "_facts", "_lost", "_owner")
    _facts: RemoteFacts
    _owner: Owner
    _lost: str

    def __init__(self, facts: RemoteFacts, owner: Owner) -> None:
        for slot, value in (("_facts", facts), ("_owner", owner), ("_lost", "")):
            object.__setattr__(self, slot, value)
        _everywhere.add(self)

    @property
    def name(self) -> str:
        """The name that the cell gave it."""
        return self._facts.name

    @property
    def type_name(self) -> str:
        """Its type, with the module unless that is the notebook or ``builtins``."""
        return self._facts.type_name

    @property
    def why(self) -> str:
        """Why it stays."""
        return self._facts.why

    @property
    def nbytes(self) -> int | None:
        """Its size as it would travel, None when that is not known."""
        return self._facts.nbytes

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Its shape, if it has one."""
        return self._facts.shape

    @property
    def dtype(self) -> str:
        """Its element type, if it has one."""
        return self._facts.dtype

    @property
    def columns(self) -> tuple[str, ...]:
        """Its first few columns."""
        return self._facts.columns

    @property
    def length(self) -> int | None:
        """Its length, if it has one."""
        return self._facts.length

    def get(self) -> Any:
        """Bring the value home and return it: ``x = x.get()`` binds the name to it.

        The cluster goes on having it: a ``%%scale`` cell that reads ``x`` sends only what changed.

        Raises
        ------
        ValueLost
            It is there no more.
        CannotTravel
            It cannot be pickled: a generator, an open file.
        """
        require_there(self)
        return self._owner.fetch(self)

    def __repr__(self) -> str:
        """Say what it is, where it is, and how to get it."""
        facts = self._facts
        if self._lost:
            return f"<{facts.name}: a {_short_type(facts)}, lost with the cluster: {self._lost}>"
        what = ", ".join([f"{_short_type(facts)} on the cluster", *_details(facts).values()])
        hint = "use it in a %%scale cell"
        if facts.can_travel:
            hint += f", or fetch it: {facts.name} = {facts.name}.get()"
        return f"<{facts.name}: {what}; {hint}>"

    def _repr_html_(self) -> str:
        facts = self._facts
        rows = {"type": facts.type_name, **_details(facts)}
        rows["where"] = f"lost: {self._lost}" if self._lost else "on the cluster"
        rows["because"] = facts.why
        if facts.can_travel and not self._lost:
            rows["get it"] = f"{facts.name} = {facts.name}.get()"
        cells = "".join(
            f'<tr><th style="text-align:left">{html.escape(label)}</th>'
            f'<td style="text-align:left">{html.escape(text)}</td></tr>'
            for label, text in rows.items()
        )
        return f"<table><caption>{html.escape(facts.name)}</caption>{cells}</table>"

    def __getattr__(self, name: str) -> Any:
        """Say that the value is elsewhere; called only for what is not defined here."""
        raise AttributeError(_advice(self), name=name, obj=self)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: it would be set on the stand-in and lost."""
        raise AttributeError(_advice(self), name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        """Refuse, for the same reason."""
        raise AttributeError(_advice(self), name=name, obj=self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled or copied by others than us."""
        raise TypeError(_advice(self))

    def __eq__(self, other: object) -> bool:
        """Compare stand-ins; comparing with a value would need the value."""
        if not isinstance(other, RemoteValue):
            raise TypeError(_advice(self))
        return self is other

    def __hash__(self) -> int:
        """Hash by identity."""
        return object.__hash__(self)


def _refuse(self: RemoteValue, *_arguments: object, **_options: object) -> NoReturn:
    raise TypeError(_advice(self))


_everywhere: WeakSet[RemoteValue] = WeakSet()
_OPERATORS = [
    "abs", "add", "and", "bool", "bytes", "ceil", "complex", "contains", "delitem", "divmod",
    "enter", "exit", "float", "floor", "floordiv", "ge", "getitem", "gt", "index", "int",
    "invert", "iter", "le", "len", "lshift", "lt", "matmul", "mod", "mul", "neg", "next", "or",
    "pos", "pow", "reversed", "round", "rshift", "setitem", "sub", "truediv", "trunc", "xor",
    "call", "await", "aiter", "aenter",
]  # fmt: skip
_REFLECTED = [
    "add", "and", "divmod", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow", "rshift",
    "sub", "truediv", "xor",
]  # fmt: skip
for _name in [*_OPERATORS, *(f"{side}{name}" for side in "ri" for name in _REFLECTED), "array"]:
    setattr(RemoteValue, f"__{_name}__", _refuse)
# numpy then leaves operators with an array on the left to the reflected ones above.
RemoteValue.__array_ufunc__ = None  # type: ignore[attr-defined]


def _advice(remote: RemoteValue) -> str:
    name = remote.name
    if remote._lost:  # noqa: SLF001 - of this module
        return str(ValueLost(name, remote._lost))  # noqa: SLF001
    fetch = (
        f" or fetch it with {name} = {name}.get()"
        if facts_of(remote).can_travel
        else f"; it cannot be fetched ({remote.why})"
    )
    return f"{name!r} stays on the cluster: use it in a %%scale cell{fetch}"


def _short_type(facts: RemoteFacts) -> str:
    return facts.type_name.rpartition(".")[2]


def _details(facts: RemoteFacts) -> dict[str, str]:
    found = {}
    if facts.shape is not None:
        found["shape"] = str(facts.shape)
    if facts.dtype:
        found["dtype"] = facts.dtype
    if facts.columns:
        more = ", …" if len(facts.columns) > _SHOWN_COLUMNS else ""
        found["columns"] = "columns " + ", ".join(facts.columns[:_SHOWN_COLUMNS]) + more
    if facts.length is not None and facts.shape is None:
        found["length"] = f"{facts.length} item{'s' * (facts.length != 1)}"
    if facts.nbytes is not None:
        found["size"] = format_bytes(facts.nbytes)
    return found


def form_of(facts: RemoteFacts) -> str:
    """Return shape and element type, or how many items; empty where nothing is known."""
    if facts.shape == ():
        return ""  # a number, whose type says it
    details = _details(facts)
    return " ".join(details[what] for what in ("shape", "dtype", "length") if what in details)


# -- for the session: attributes that a value of the user's could have, too ------------------


def facts_of(remote: RemoteValue) -> RemoteFacts:
    """Return what is known of the value."""
    return remote._facts  # noqa: SLF001 - of this module


def why_lost(remote: RemoteValue) -> str:
    """Return what became of the value, empty while it is there."""
    return remote._lost  # noqa: SLF001 - of this module


def require_there(remote: RemoteValue) -> None:
    """Raise `ValueLost` if the value is known to be lost."""
    if why_lost(remote):
        raise ValueLost(remote.name, why_lost(remote))


class Strangers:
    """The stand-ins as a new session sees them: all of earlier ones. A `Staying`."""

    def __len__(self) -> int:
        """Return how many stand-ins there are, in all sessions."""
        return len(_everywhere)

    def key_of(self, obj: object) -> str | None:
        """Return the key of a stand-in, None for everything else.

        Raises
        ------
        ValueLost
            Its value is there no more.
        """
        if type(obj) is not RemoteValue:
            return None
        require_there(obj)
        return facts_of(obj).key

    def resolve(self, key: str) -> Any:
        """Fail: nothing arrives."""
        raise KeyError(key)


class StandIns(Strangers):
    """All stand-ins of one session; a `Staying` of its replica."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._by_key: WeakValueDictionary[str, RemoteValue] = WeakValueDictionary()
        self._facts: dict[str, RemoteFacts] = {}

    @property
    def keys(self) -> list[str]:
        """Keys of the values to which something here refers."""
        return [key for key, remote in self._by_key.items() if not why_lost(remote)]

    @property
    def values(self) -> list[RemoteValue]:
        """The stand-ins to which something here refers and whose values are there."""
        return [remote for remote in self._by_key.values() if not why_lost(remote)]

    def resolve(self, key: str) -> RemoteValue:
        """Return the stand-in of a key, always the same one."""
        remote = self._by_key.get(key)
        if remote is None:
            facts = self._facts.get(key) or RemoteFacts(key, "value", "object", "")
            remote = self._by_key[key] = RemoteValue(facts, self._owner)
        return remote

    def note_fetched(self, key: str) -> None:
        """Take note that the notebook has a value itself, which the runner learns later."""
        self._facts.pop(key, None)

    def is_fetched(self, remote: RemoteValue) -> bool:
        """Tell whether the notebook has the value itself, too."""
        return remote._facts.key not in self._facts  # noqa: SLF001 - of this module

    def update(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        """Take note of what the runner tells of all values that stay there."""
        self._facts = {facts.key: facts for facts in map(RemoteFacts.from_body, bodies)}
        for key, facts in self._facts.items():
            remote = self._by_key.get(key)
            if remote is not None:
                object.__setattr__(remote, "_facts", facts)

    def lose(self, why: str, is_meant: Callable[[str], bool] = lambda _key: True) -> None:
        """Take note that values are gone: all, or those of certain keys."""
        for key, remote in self._by_key.items():
            if is_meant(key) and not why_lost(remote):
                object.__setattr__(remote, "_lost", why)
