"""What a cell has left is applied to the notebook: names, value, exception, ambient state."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_scale.errors import CannotLoad
from jupyter_scale.model.messages import CellOutcome, RequestKind
from jupyter_scale.runner.pseudo import EXCEPTION, VALUE, is_pseudo
from jupyter_scale.session.cell import CellResult, stand_in
from jupyter_scale.session.fetching import Arrivals
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.ambient.places import is_place
from jupyter_scale.shipping.parcel import Parcel, UnknownTokensError
from jupyter_scale.shipping.remote import StandIns
from jupyter_scale.shipping.replica import Replica

_TRIALS = 3


class Applier:
    """Applies outcomes to one notebook.

    Parameters
    ----------
    ask
        Asks the runner for what is needed in another form.
    replica, arrivals, stand_ins, ambience
        The notebook's names; the parcels that come; what stays on the cluster; the kernel's state.
    """

    def __init__(
        self,
        ask: Callable[[RequestKind, Mapping[str, Any]], CellOutcome],
        replica: Replica,
        arrivals: Arrivals,
        stand_ins: StandIns,
        ambience: Ambience,
    ) -> None:
        self._ask, self._replica, self._arrivals = ask, replica, arrivals
        self._stand_ins, self._ambience = stand_ins, ambience
        #: Notes that are said once.
        self._noted: set[str] = set()

    def apply(self, outcome: CellOutcome, result: CellResult) -> dict[str, str]:
        """Make the notebook what the cell left; return the names that stay, and why."""
        namespace = self._replica.namespace
        changes = dict(outcome.ambient)
        result.compiler_flags = changes.pop("compiler_flags", None)
        imported = len(sys.modules)
        # First: what comes home may need a module, a path or an option.
        self._ambience.apply(changes)
        stays = dict(outcome.stays)
        names: list[str] = []
        parcel = self._unpack(outcome.home, stays)
        if parcel is not None:
            self._ambience.places.take_from(namespace, parcel.names)
            self._ambience.places.drop_all(parcel.deletes)
            names = [*parcel.names, *parcel.deletes]
            result.received_bytes += parcel.nbytes
        if VALUE in namespace:
            result.has_value, result.value = True, namespace.pop(VALUE)
        exception = namespace.pop(EXCEPTION, None)
        for name in filter(is_pseudo, names):
            namespace.pop(name, None)
        self._replica.drop_records(is_pseudo)
        result.notes += sorted(self._replica.notes - self._noted)
        self._noted |= self._replica.notes
        if outcome.error is not None:
            result.exception = exception or stand_in(outcome.error)
        if changes or any(map(is_place, names)) or len(sys.modules) != imported:
            self._ambience.settle(changes)
        else:
            self._ambience.settle_sent()
        return stays

    def _unpack(self, body: Mapping[str, Any] | None, stays: dict[str, str]) -> Parcel | None:
        """Bind the names that came; what cannot be rebuilt here is asked for without it."""
        refused: dict[str, str] = {}
        trials = _TRIALS
        while body is not None:
            try:
                return self._arrivals.unpack(body)
            except UnknownTokensError as error:
                trials -= 1
                if not trials:
                    raise
                body = self._fetch_again(error, refused).home
            except CannotLoad as error:
                if error.name in refused:
                    raise
                refused[error.name] = error.reason
                again = self._fetch_again(None, refused)
                stays |= again.stays
                body = again.home
        return None

    def _fetch_again(
        self, unknown: UnknownTokensError | None, refused: Mapping[str, str]
    ) -> CellOutcome:
        body = {
            "tokens": list(unknown.tokens) if unknown else [],
            "chunks": list(unknown.chunks) if unknown else [],
            "refused": dict(refused),
        }
        outcome = self._ask(RequestKind.HOME, body)
        self._stand_ins.update(outcome.remote)
        return outcome
