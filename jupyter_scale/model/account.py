"""Accounts: what a kernel tells its server of a ``%%scale`` cell that has ended.

A runner's facts tell how a run goes; what travelled, and why a cell ran in the notebook itself,
only the kernel knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from jupyter_scale.errors import ProtocolError
from jupyter_scale.model.run import Run

ACCOUNT_VERSION = 1
_LONGEST_TEXT = 8000
_MOST_NOTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a run cost in bytes, and where it ran.

    Attributes
    ----------
    where
        ``"here"``: in the notebook's own kernel.
    why
        Why it ran there; or why loops of it ran in order.
    sent_bytes, received_bytes, reused_bytes
        Of values that travelled, and of those that the cluster had already.
    notes
        What the user was told.
    """

    where: Literal["cluster", "here"] = "cluster"
    why: str = ""
    sent_bytes: int = 0
    received_bytes: int = 0
    reused_bytes: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A run that has ended, and what it cost."""

    run: Run
    traffic: Traffic

    def to_body(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"version": ACCOUNT_VERSION, **asdict(self)}

    @classmethod
    def from_body(cls, body: Any) -> Account:
        """Rebuild an account.

        Raises
        ------
        ProtocolError
            When it is none: whoever sent it, each field has its type and a bounded size.
        """
        try:
            if body["version"] != ACCOUNT_VERSION:
                msg = (
                    f"an account of version {body['version']!r}, this side reads {ACCOUNT_VERSION}"
                )
                raise ProtocolError(msg)
            run, traffic = body["run"], body["traffic"]
            notes = tuple(map(_text, traffic["notes"][:_MOST_NOTES]))
            return cls(
                run=Run(**_checked(run, Run)),
                traffic=Traffic(**{**_checked(traffic, Traffic), "notes": notes}),
            )
        except (KeyError, TypeError, ValueError) as error:
            msg = f"not an account: {error!r}"
            raise ProtocolError(msg) from error


def _checked(values: Mapping[str, Any], kind: type[Run | Traffic]) -> dict[str, Any]:
    """Return the fields of a kind: texts, numbers, truths and None, no other ones."""
    known = {field.name: field for field in fields(kind)}
    checked = {}
    for name, value in values.items():
        if name not in known:
            msg = f"there is no field {name!r}"
            raise ValueError(msg)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        hint = str(known[name].type)
        if "int" in hint or "float" in hint:
            if not (is_number or (value is None and "None" in hint)):
                msg = f"{name} = {value!r} is no number"
                raise ValueError(msg)
            checked[name] = value
        elif hint == "bool":
            checked[name] = value is True
        elif not hint.startswith("tuple"):
            checked[name] = _text(value)
    if kind is Run and checked["status"] not in ("done", "failed", "interrupted"):
        msg = f"a run cannot have ended as {checked['status']!r}"
        raise ValueError(msg)
    if kind is Traffic and checked.get("where", "cluster") not in ("cluster", "here"):
        msg = f"a cell cannot run {checked['where']!r}"
        raise ValueError(msg)
    return checked


def _text(value: Any) -> str:
    if not isinstance(value, str):
        msg = f"{value!r} is no text"
        raise TypeError(msg)
    return value[:_LONGEST_TEXT]
