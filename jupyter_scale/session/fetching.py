"""What comes home: parcels that are unpacked and acknowledged, and values that are fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_scale.errors import CannotTravel, RunnerError, RunnerLost, ValueLost
from jupyter_scale.model.messages import CellOutcome, FetchRequest
from jupyter_scale.runner import cargo
from jupyter_scale.runner.pseudo import FETCHED
from jupyter_scale.session.interrupts import uninterrupted
from jupyter_scale.shipping.parcel import Parcel, UnknownTokensError
from jupyter_scale.shipping.remote import RemoteValue, StandIns, facts_of
from jupyter_scale.shipping.replica import Record, Replica

_TRIALS = 3


class Arrivals:
    """Unpacks parcels from the runner.

    Parameters
    ----------
    replica
        The notebook's namespace.
    shared
        Directory of shared memory with the runner.

    Attributes
    ----------
    ack
        What the runner does not know yet of the last parcel; see `CellRequest`.
    """

    def __init__(self, replica: Replica, shared: Path | None) -> None:
        self._replica, self._shared = replica, shared
        self.ack: tuple[int, bytes] | None = None

    def unpack(self, body: Mapping[str, Any]) -> Parcel:
        """Bind a parcel's names and overwrite what it changes; see `Replica.unpack`."""
        parcel = cargo.from_body(body, self._shared, self._replica.recall)
        self.ack = (parcel.number, self._replica.unpack(parcel))
        return parcel


class Fetcher:
    """Fetches values that stay on the cluster, and remembers them until they have a name.

    Parameters
    ----------
    ask
        Sends a fetch request, and returns its outcome.
    arrivals, replica, stand_ins
        The session's own.
    """

    def __init__(
        self,
        ask: Callable[[FetchRequest], CellOutcome],
        arrivals: Arrivals,
        replica: Replica,
        stand_ins: StandIns,
    ) -> None:
        self._ask, self._arrivals = ask, arrivals
        self._replica, self._stand_ins = replica, stand_ins
        self._fetched: list[tuple[Record, frozenset[str]]] = []

    def forget(self) -> None:
        """Forget what has no name yet: the cluster knows nothing of it any more."""
        self._fetched = []

    def fetch(self, value: RemoteValue, loss: Callable[[], ValueLost]) -> Any:
        """Bring a value home; the cluster goes on having it.

        Parameters
        ----------
        loss
            Takes note that the cluster has it no more, and returns the error that says so.

        Raises
        ------
        ValueLost
            It is there no more.
        CannotTravel
            It cannot be pickled.
        """
        facts = facts_of(value)
        tokens: list[int] = []
        chunks: list[bytes] = []
        for _ in range(_TRIALS):
            request = FetchRequest(facts.key, self._arrivals.ack, tokens, chunks)
            try:
                outcome = self._ask(request)
            except RunnerLost:
                self._stand_ins.lose("its process has ended")
                raise ValueLost(facts.name, "its process has ended") from None
            if outcome.status in {"lost", "died"}:
                raise loss()
            self._arrivals.ack = None
            if outcome.status == "error" and outcome.error is not None:
                why = outcome.error
                path = why["path"].replace(FETCHED, facts.name)
                raise CannotTravel(facts.name, path, why["type_name"], why["reason"])
            self._stand_ins.update(outcome.remote)
            try:
                return self._take(outcome, value)
            except UnknownTokensError as error:
                tokens, chunks = list(error.tokens), list(error.chunks)
        msg = f"Notebook and runner could not agree on what {facts.name!r} holds."
        raise RunnerError(msg)

    def _take(self, outcome: CellOutcome, value: RemoteValue) -> Any:
        assert outcome.home is not None  # noqa: S101 - the runner has just packed it
        named = [n for n, record in self._replica.records.items() if record.root is value]
        with uninterrupted():
            self._arrivals.unpack(outcome.home)
            fetched = self._replica.namespace.pop(FETCHED)
            record = self._replica.records.pop(FETCHED, None)
            if record is not None:
                if facts_of(value).reaches:
                    record.digest = None  # what it shares may be newer here
                self._fetched.append((record, frozenset(named)))
            self._stand_ins.note_fetched(facts_of(value).key)
        return fetched

    def record_named(self) -> None:
        """Record fetched values under the names that the notebook gave them.

        Where the cluster has the value under that name nothing of it has to travel again.
        """
        fetched, self._fetched = self._fetched, []
        for record, named in fetched:
            for name, value in self._replica.namespace.items():
                if value is record.root:
                    digest = record.digest if name in named else None
                    self._replica.records[name] = replace(record, digest=digest)
