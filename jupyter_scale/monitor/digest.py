"""The digest: what of many complaints is told, and when. Pure.

Laws:

1. The same complaint, in whatever numbers it differs, is told at once, and again after `AGAIN_S` at
   the earliest, then with how often it came.
2. In `PERIOD_S` about `most` are told; what is more waits, and of that only so much is kept: the
   rest is counted, and told as a number.
3. What is told is one line of bounded length. Addresses lose what is before their ``@``; what an
   ``=`` gives to a word like ``token`` is left out, as are the places of keys.
"""

from __future__ import annotations

import re
from dataclasses import replace

from jupyter_scale.model.complaints import Complaint

AGAIN_S = 60.0
PERIOD_S = 60.0
LONGEST = 200
_LONGEST_GIST = 60
_MOST_WAITING = 50
_OTHERS = "other warnings, which the logs of nodes have"

_LINK = re.compile(r"(; see )?https?://\S+")
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/\s@]+@")
_SECRET = re.compile(
    r"(?i)\b([\w-]*(?:password|passwd|secret|token|credential|api_?key|access_?key)[\w-]*"
    r"['\"]?\s*[=:]\s*)\S+"
)
_CLOUD_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}")
_KEY_FILE = re.compile(r"[^\s'\"]*(?:\.pem|\.key|/id_\w+|/\.ssh/|/\.aws/|/tls/)[^\s'\"]*")
_NUMBER = re.compile(r"[0-9]+(?:[.:][0-9]+)*")


def one_line(text: str) -> str:
    """Return what of a text may be told: its first line, without secrets, not too long."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = _LINK.sub("", line[: 4 * LONGEST])
    line = _USER_OF_ADDRESS.sub("", line)
    line = _SECRET.sub(r"\1…", line)
    line = _CLOUD_KEY.sub("…", line)
    line = " ".join(_KEY_FILE.sub("…", line).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def gist_of(text: str) -> str:
    """Return what is the same in all texts that differ in numbers only."""
    return _NUMBER.sub("#", text)[:_LONGEST_GIST]


class Digest:
    """Collects complaints; by whoever guards it: it has no lock.

    Parameters
    ----------
    most : int
        So many are told in `PERIOD_S`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[tuple[str, ...], Complaint] = {}
        self._told: dict[tuple[str, ...], float] = {}
        self._more = 0
        self._period_at_s, self._used = float("-inf"), 0

    def take(self, complaint: Complaint) -> None:
        """Take one more."""
        key = complaint.node, complaint.level, complaint.source, complaint.gist, complaint.trouble
        before = self._waiting.get(key)
        if before is not None:
            worker = complaint.worker if complaint.worker == before.worker else ""
            count = before.count + complaint.count
            self._waiting[key] = replace(complaint, count=count, worker=worker)
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting[key] = complaint
        else:
            self._more += complaint.count

    def wait_s(self, now_s: float) -> float | None:
        """Return after how many seconds there is something to tell; None while there is nothing."""
        if not self._waiting:
            return None
        first = min(self._told.get(key, float("-inf")) + AGAIN_S for key in self._waiting)
        if self._used >= self._most:
            first = max(first, self._period_at_s + PERIOD_S)
        return max(0.0, first - now_s)

    def tell(self, now_s: float) -> list[Complaint]:
        """Return what is to be told now; it waits no longer."""
        if now_s >= self._period_at_s + PERIOD_S:
            self._period_at_s, self._used = now_s, 0
            self._told = {key: at for key, at in self._told.items() if at + AGAIN_S > now_s}
        due = [
            key for key in self._waiting if self._told.get(key, float("-inf")) + AGAIN_S <= now_s
        ]
        due = due[: self._most - self._used]
        told = [self._waiting.pop(key) for key in due]
        self._told.update(dict.fromkeys(due, now_s))
        self._used += len(due)
        if told and self._more:
            told.append(Complaint(source="log", text=_OTHERS, gist=_OTHERS, count=self._more))
            self._more = 0
        return told
