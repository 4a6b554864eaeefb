"""One batch of a spread loop on a worker: its iterations, what they changed, what they gave."""

from __future__ import annotations

import time
import types
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.runner.host.displays import keeping
from jupyter_scale.runner.host.effects import OutsideEffect, watching
from jupyter_scale.runner.host.loops.captured import BatchOutcome
from jupyter_scale.runner.host.loops.iterations import Batch, Counted, Values, is_of_notebook
from jupyter_scale.runner.host.loops.pieces import Known, are_atoms, pack_piece
from jupyter_scale.runner.host.loops.seeds import seeded
from jupyter_scale.runner.host.recorded import Displayed, recording
from jupyter_scale.shipping.fingerprint import Digest, DigestCache
from jupyter_scale.shipping.snapshot import Snapshot, take_snapshot
from jupyter_scale.shipping.states import adapter_for, is_immutable
from jupyter_scale.shipping.tokens import TokenTable

if TYPE_CHECKING:
    from jupyter_scale.runner.host.loops.worker import Hold


class CombinedError(Exception):
    """Values cannot be computed before earlier ones are used."""


class BatchRun:
    """One batch."""

    def __init__(
        self,
        hold: Hold,
        items: list[Any],
        known_items: Known,
        shared: Path | None,
        interruptible: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._hold, self._items, self._shared = hold, items, shared
        self._known_items, self._known = known_items, hold.known.joined(known_items)
        self._table = TokenTable(hold.namespace)
        self._interruptible = interruptible

    def carry_out(self, first: int, *, is_last: bool, must_check: bool) -> BatchOutcome:
        """Run the iterations and say what became of them."""
        hold, trusted = self._hold, self._hold.terms.is_trusted
        before, definitions = self._look_at_items(), self._definitions()
        started = time.perf_counter()
        with recording(all_warnings=True) as output:
            results, outcome = self._try(first, output, is_last=is_last, stop=not trusted)
        if outcome is not None:
            return outcome
        seconds = time.perf_counter() - started
        deep = must_check or hold.is_check_due(seconds)
        changed = "" if trusted else hold.what_changed(deep=deep)
        if not changed and self._definitions() != definitions:
            changed = "a class of its own items"
        if changed:
            return BatchOutcome("changed", changed)
        try:
            patches = self._patches(before)
            if patches and any(isinstance(each, Displayed) for each in output):
                return BatchOutcome("effect", "display() beside items that it changes")
            value = (results, patches)
            piece, _ = pack_piece(value, hold.namespace, self._shared, self._known, hold.own_code)
        except Exception as error:  # noqa: BLE001 - whatever user code in __reduce__ raises
            return BatchOutcome("lost", str(error))
        return BatchOutcome("ok", "", piece, tuple(output), seconds, deep or trusted, bool(patches))

    def _try(
        self, first: int, output: list[Any], *, is_last: bool, stop: bool
    ) -> tuple[Any, BatchOutcome | None]:
        """Return what the iterations gave, or why that is of no use."""
        try:
            with watching(stop=stop), self._keeping_displays(output), self._interruptible():
                return self._iterate(first, output, is_last=is_last), None
        except OutsideEffect as effect:
            return None, BatchOutcome("effect", str(effect))
        except KeyboardInterrupt:
            # Raised on, it would end the worker.
            return None, BatchOutcome("interrupted")
        except CombinedError as error:
            return None, BatchOutcome("lost", str(error))
        except BaseException as error:  # noqa: BLE001 - the notebook's own; it raises again there
            return None, BatchOutcome("raised", f"{type(error).__name__}: {error}")

    def _iterate(self, first: int, output: list[Any], *, is_last: bool) -> Any:
        hold, terms = self._hold, self._hold.terms
        items: Any = self._items
        if terms.seed is not None:
            items = seeded(items, terms.seed, first)
        if terms.protocol is None:
            return self._values(hold.function, items, output)
        batch = Batch(items, terms.protocol, output)
        hold.function(batch)
        return batch.logged(terms.names if is_last else terms.conditional)

    def _keeping_displays(self, output: list[Any]) -> AbstractContextManager[None]:
        hold = self._hold

        def record(objects: tuple[Any, ...], options: dict[str, Any]) -> None:
            try:
                content = (objects, options)
                piece, _ = pack_piece(content, hold.namespace, None, self._known, hold.own_code)
            except Exception as error:
                msg = f"display() of what cannot travel ({error})"
                raise OutsideEffect(msg) from error
            output.append(Displayed(piece))

        return keeping(record)

    def _values(self, function: Callable[[Any], Any], items: Any, output: list[Any]) -> Values:
        if not self._hold.terms.is_combined:
            return Values(list(function(items)))
        taken = Counted(items)
        values = Values([])
        for value in function(taken):
            values.values.append(value)
            values.marks.append((taken.count, len(output)))
        if not taken.is_done:
            msg = "StopIteration"  # it ends the loop, silently
            raise RuntimeError(msg)
        if any(map(is_of_notebook, values.values)):
            msg = "values of the notebook's own classes are combined one by one"
            raise CombinedError(msg)
        return values

    def _definitions(self) -> dict[int, Digest]:
        """Return the fingerprints of the notebook's classes and functions among the items."""
        return {
            id(obj): take_snapshot("items", obj, self._table, DigestCache()).digest
            for obj in self._known_items.objects()
            if isinstance(obj, type | types.FunctionType) and adapter_for(obj) is not None
            if self._hold.known.reference(obj) is None
        }

    def _look_at_items(self) -> Snapshot | None:
        """Return a look at the items; None when they are immutable and need none."""
        if are_atoms(self._items):
            return None
        return take_snapshot("items", self._items, self._table, DigestCache())

    def _patches(self, before: Snapshot | None) -> list[tuple[Any, Any]]:
        """Return the new content of items, and of what they hold, if anything changed.

        Raises
        ------
        TypeError
            Something changed that cannot be changed in the original.
        """
        now = self._look_at_items() if before is not None else None
        if before is None or now is None or now.digest == before.digest:
            return []
        met = set(map(id, before.objects))
        patches = []
        for obj in self._known_items.objects():
            if self._hold.known.reference(obj) is not None:
                continue
            adapter = adapter_for(obj)
            if adapter is None or isinstance(obj, type | types.FunctionType):
                if not is_immutable(obj):
                    msg = f"it changes its own items, and a {type(obj).__name__} is among them"
                    raise TypeError(msg)
            elif id(obj) in met and _differ(obj, before, now):
                patches.append((obj, adapter.get(obj)))
        return patches


def _differ(obj: Any, before: Snapshot, now: Snapshot) -> bool:
    """Tell whether an object may have changed; of arrays and frames it is known."""
    digests = now.leaf_digests.get(id(obj))
    return digests is None or digests != before.leaf_digests.get(id(obj))
