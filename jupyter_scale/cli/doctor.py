"""``doctor``: the checkup of a profile's hosts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jupyter_scale.cli.terminal import asking, say, write_json
from jupyter_scale.clusters import store
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.model.checkup import Check, CheckStatus
from jupyter_scale.providers.provider import load_provider

_SIGNS = {
    CheckStatus.OK: ("✓", "ok"),
    CheckStatus.WARNING: ("!", "warning"),
    CheckStatus.FAILED: ("✗", "FAILED"),
    CheckStatus.SKIPPED: ("-", "skipped"),
}
_NOUNS = {
    CheckStatus.OK: "fine",
    CheckStatus.WARNING: "to be noted",
    CheckStatus.FAILED: "failed",
    CheckStatus.SKIPPED: "left out",
}
_INDENT = 8


def doctor(name: str, directory: Path, *, as_json: bool) -> bool:
    """Check what a profile names, show what is found as it comes; tell whether nothing failed.

    Raises
    ------
    ProfileError
        When there is no such profile, or it is wrong.
    """
    profile = load_profile(name, directory.resolve())
    checks: list[Check] = []
    known = store.cluster_ids()
    with asking() as ask:
        for check in load_provider(profile.provider).examine(profile, ask, known):
            checks.append(check)
            if not as_json:
                say(show(check, has_signs=_has_signs()))
    if as_json:
        write_json([check.to_dict() for check in checks])
    else:
        say(summarise(checks))
    return all(check.status is not CheckStatus.FAILED for check in checks)


def show(check: Check, *, has_signs: bool) -> str:
    """Return a check as text, its advice below it."""
    sign, word = _SIGNS[check.status]
    found = f"\n{' ' * _INDENT}".join(check.found.splitlines())
    text = f"{sign if has_signs else f'{word:<7}'} {check.host}: {check.step}: {found}"
    lines = [f"{' ' * _INDENT}{line}" for line in check.advice.splitlines()]
    return "\n".join([text, *lines])


def summarise(checks: Sequence[Check]) -> str:
    """Return one line for all checks."""
    counted = Counter(check.status for check in checks)
    parts = [f"{counted[status]} {noun}" for status, noun in _NOUNS.items() if counted[status]]
    return f"{len(checks)} checks: {', '.join(parts)}."


def _has_signs() -> bool:
    """Tell whether standard output can show the signs."""
    try:
        "✓✗".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
