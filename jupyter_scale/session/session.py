"""One notebook joined to one runner: the life of a cell, as the notebook sees it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from jupyter_scale.analysis.cell import CellFacts
from jupyter_scale.errors import RunnerError, RunnerLost, ValueLost
from jupyter_scale.model.explanation import Explanation
from jupyter_scale.model.holdings import Holding
from jupyter_scale.model.messages import (
    CellOutcome,
    CellRequest,
    Event,
    EventKind,
    FileRequest,
    FolderChange,
    FreeRequest,
    RequestKind,
)
from jupyter_scale.model.run import format_bytes
from jupyter_scale.runner import cargo
from jupyter_scale.runner.client import Nudge, RunnerClient
from jupyter_scale.runner.pseudo import EXCEPTION, VALUE, is_pseudo
from jupyter_scale.session.abroad import Abroad
from jupyter_scale.session.applying import Applier
from jupyter_scale.session.asking import AskedPart, outcome_of
from jupyter_scale.session.cell import Cell, CellResult
from jupyter_scale.session.explain import explain, loop_verdicts
from jupyter_scale.session.fetching import Arrivals, Fetcher
from jupyter_scale.session.holdings import list_holdings
from jupyter_scale.session.interrupts import Stopper, passing_to, uninterrupted
from jupyter_scale.session.look import look_around, slow_names
from jupyter_scale.session.ordernotes import OrderNotes
from jupyter_scale.session.plan import CellOptions
from jupyter_scale.session.showing import CellView, show
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.ambient.places import is_place
from jupyter_scale.shipping.fingerprint import DigestCache
from jupyter_scale.shipping.remote import RemoteValue, StandIns, facts_of
from jupyter_scale.shipping.replica import Packed, Replica
from jupyter_scale.shipping.snapshot import Snapshot
from jupyter_scale.transport.segments import drop_segment

_TRIALS = 3
#: So many places at most are left to each side by one cell.
_PLACES = 20
ACCEPTED = "accepted"


class Session:
    """Keeps a notebook's namespace and a runner's coherent.

    Parameters
    ----------
    client
        The link to the runner.
    namespace
        The notebook's variables.
    hidden
        Those that IPython put there itself.
    ambience
        The process-wide state of the notebook's kernel.
    shared
        Directory of shared memory with the runner, None when it is on another machine.
    abroad
        Brings code and files there, and home, when the runner is on another machine.
    """

    def __init__(
        self,
        client: RunnerClient,
        namespace: dict[str, Any],
        hidden: Mapping[str, Any],
        shared: Path | None,
        ambience: Ambience,
        abroad: Abroad | None = None,
    ) -> None:
        self._client, self._hidden, self._shared = client, hidden, shared
        self._ambience, self._abroad = ambience, abroad
        ambience.site = None
        ambience.reset()
        self._replica = Replica(namespace, is_notebook=True)
        self._stand_ins = StandIns(self)
        self._replica.table.staying = self._stand_ins
        self._arrivals = Arrivals(self._replica, shared)
        self._fetcher = Fetcher(
            lambda request: self._ask(RequestKind.FETCH, request.to_body()),
            self._arrivals,
            self._replica,
            self._stand_ins,
        )
        self._applier = Applier(self._ask, self._replica, self._arrivals, self._stand_ins, ambience)
        self._must_reset = True
        self._stores_told = 0
        #: ``file name → In[n]`` of the code whose source the runner has.
        self._known_sources: dict[str, int] = {}
        self._last_needs: list[str] = []
        #: ``name → seconds`` that it took the last time to see whether it has changed.
        self._costs_s: dict[str, float] = {}
        self._life = ""
        #: The runner goes on without this session.
        self.is_left_alone = False
        self._order_notes = OrderNotes()
        #: ``cell → line → what became of its loop the last time``.
        self._verdicts: dict[str, dict[int, str]] = {}

    @property
    def known_bytes(self) -> dict[str, int]:
        """``name → bytes`` of what the cluster holds."""
        records = self._replica.records
        return {name: record.nbytes for name, record in records.items() if not is_place(name)}

    @property
    def remote_values(self) -> list[RemoteValue]:
        """What stays on the cluster and is referred to here."""
        return self._stand_ins.values

    def holdings(self, budget_s: float, node: str = "") -> list[Holding]:
        """Tell what the cluster holds, comparing for so many seconds at most."""
        remotes = {one: self._stand_ins.is_fetched(one) for one in self.remote_values}
        return list_holdings(self._replica, remotes, self._costs_s, budget_s, node)

    def is_alive(self) -> bool:
        """Tell whether the runner can still be asked."""
        return not self._client.is_lost

    def sweep(self) -> None:
        """Let go of objects that the notebook has let go of."""
        self._fetcher.record_named()
        self._replica.sweep()

    def take_turn(self) -> None:
        """Go on after another session of this notebook: ambient state may have changed there."""
        self._ambience.reset()
        self._stores_told = 0

    def close(self, why: str = "its cluster has ended") -> None:
        """Close the link; what stayed on the cluster is lost for this notebook."""
        self._stand_ins.lose(why)
        self._client.close()

    # -- the life of a cell ------------------------------------------------------------------

    def run(self, cell: Cell, options: CellOptions, view: CellView) -> CellResult:
        """Run a cell on the cluster.

        Raises
        ------
        CannotTravel
            A value that the cell needs cannot be pickled; nothing ran.
        RunnerLost
            The runner or its shell ended; the notebook is as before the cell.
        ValueLost
            A value that the cell needs stayed on the cluster and is there no more; nothing ran.
        """
        result = CellResult()
        if self._client.is_lost:
            self._stand_ins.lose("its process has ended")
        try:
            outcome = self._send(cell, options, view, result)
            if outcome.status == ACCEPTED:
                result.is_accepted = True
                return result
            namespace = self._replica.namespace
            result.notes += self._order_notes.take(cell.facts, namespace, outcome)
            if outcome.loops:
                self._verdicts[cell.source] = loop_verdicts(outcome.loops)
            return self._take(outcome, result, view, needs=bool(self._last_needs))
        except RunnerLost:
            self._stand_ins.lose("its process has ended")
            self.reset()
            raise
        except RunnerError:
            self.reset()
            raise

    def _send(
        self, cell: Cell, options: CellOptions, view: CellView, result: CellResult
    ) -> CellOutcome:
        """Attempt until both sides agree on what the cluster holds; return how that ended."""
        for _ in range(_TRIALS):
            outcome = self._attempt(cell, options, view, result)
            for _ in range(_PLACES):
                if not self._leaves_place(outcome):
                    break
                outcome = self._attempt(cell, options, view, result)
            if outcome.status != "resend":
                return outcome
            self._replica.forget(outcome.tokens, outcome.chunks)
            if outcome.life not in {"", self._life}:
                self.reset()  # the process that knew something died between two cells
        msg = "Notebook and runner could not agree on what the cluster holds."
        raise RunnerError(msg)

    def explain(
        self, source: str, facts: CellFacts, options: CellOptions, where: str
    ) -> Explanation:
        """Tell what a cell would do; nothing is sent, and nothing changes.

        Parameters
        ----------
        where
            Which cluster that is, as a sentence.
        """
        look = look_around(facts, self._replica, self._hidden, self._names_inside, collect=True)
        verdicts = self._verdicts.get(source, {})
        return explain(facts, options, self._replica, look, where, verdicts)

    def reset(self) -> None:
        """Forget what the runner holds: everything that is needed travels again."""
        self._replica.reset()
        self._fetcher.forget()
        self._arrivals.ack = None
        self._must_reset = True
        self._stores_told = 0
        self._ambience.reset()
        self._known_sources = {}
        if self._abroad is not None:
            self._abroad.reset()

    def _attempt(
        self, cell: Cell, options: CellOptions, view: CellView, result: CellResult
    ) -> CellOutcome:
        """Send what is needed, run, and return how that ended."""
        clock = time.perf_counter()
        places = self._ambience.places.look(self._replica, DigestCache())
        look = look_around(cell.facts, self._replica, self._hidden, self._names_inside, places)
        snapshots = look.snapshots
        result.seconds["check"] = time.perf_counter() - clock
        result.slow_checks = slow_names(look.seconds)
        self._costs_s |= look.seconds
        files_bytes = self._bring_files(cell, snapshots, view, result)
        clock = time.perf_counter()
        changed = self._replica.changed(snapshots)
        deletes = self._replica.outdated(snapshots)
        deletes += self._ambience.places.gone(self._replica.records)
        packed = self._replica.pack(changed, deletes) if changed or deletes else None
        body = None if packed is None else cargo.to_body(packed.parcel, self._shared)
        request = self._request(cell, options, snapshots, body)
        self._last_needs = request.needs
        result.seconds["pack"] = time.perf_counter() - clock
        result.sent_bytes = files_bytes + (packed.parcel.nbytes if packed else 0)
        result.sent = tuple(sorted(name for name in changed if not is_place(name)))
        result.reused_bytes = (packed.reused_bytes if packed else 0) + sum(
            snapshot.nbytes for name, snapshot in snapshots.items() if name not in changed
        )
        view.travels(result.sent_bytes, result.reused_bytes)
        try:
            with passing_to(self._client) as pass_to:
                number = self._client.submit(RequestKind.CELL, request.to_body())
                pass_to(number)
                outcome = self._follow(number, view)
                self._settle(outcome, packed, request.sources)
        except BaseException:
            # What the cell did over there is not known here.
            self.reset()
            raise
        finally:
            if body is not None and body["segment"] is not None and self._shared is not None:
                drop_segment(self._shared, body["segment"])
        return outcome

    def _bring_files(
        self, cell: Cell, snapshots: Mapping[str, Snapshot], view: CellView, result: CellResult
    ) -> int:
        """Have the code and the files there that the cell needs; return how much was sent."""
        if self._abroad is None:
            return 0
        clock = time.perf_counter()
        files = tuple({file for snapshot in snapshots.values() for file in snapshot.code_files})
        sources = [source for source, _ in cell.sources_of(files).values()]
        namespace = self._replica.namespace
        reads = {name: namespace[name] for name in snapshots if name in namespace}
        sent_bytes = self._abroad.prepare([cell.facts.source, *sources], reads, view)
        self._ambience.site = self._abroad.site
        result.seconds["bring files"] = time.perf_counter() - clock
        return sent_bytes

    def _leaves_place(self, outcome: CellOutcome) -> bool:
        """Tell whether all that cannot be rebuilt there is in a place: then each side has its own.

        What a library or a module of the notebook's keeps to itself must not keep a cell here.
        """
        places = [name for name in outcome.stays if is_place(name)]
        if outcome.status != "unloadable" or not places:
            return False
        for name in places:
            self._ambience.places.refuse(name)
        return True

    def _names_inside(self, snapshot: Snapshot) -> set[str]:
        """Return names whose objects a value on the cluster holds: a cell may reach them there."""
        remotes = map(self._stand_ins.resolve, snapshot.stays)
        return {name for remote in remotes for name in facts_of(remote).reaches}

    def _request(
        self,
        cell: Cell,
        options: CellOptions,
        snapshots: Mapping[str, Snapshot],
        body: Mapping[str, Any] | None,
    ) -> CellRequest:
        files = {name for snapshot in snapshots.values() for name in snapshot.code_files}
        changes = self._ambience.changes()
        self._ambience.note(cell.facts.stores, self._replica.namespace)
        stores = self._ambience.stores[self._stores_told :]
        self._stores_told += len(stores)
        # A cell that was run again has the same name and another number.
        sources = {
            name: (source, count)
            for name, (source, count) in cell.sources_of(tuple(files)).items()
            if self._known_sources.get(name) != count
        }
        return CellRequest(
            source=cell.source,
            execution_count=cell.execution_count,
            code_name=cell.code_name,
            sources=sources,
            parcel=body,
            reads=[name for name in snapshots if not is_place(name)],
            home_ack=self._arrivals.ack,
            reset=self._must_reset,
            ambient={**changes, **cell.shell_state},
            spread=not options.serial,
            trusts_loops=options.spread,
            seed_each=options.seed_each,
            nodes=list(options.nodes),
            with_gpu=options.with_gpu,
            origin=cell.origin,
            stores=stores,
            keep=list(options.keep),
            keep_above=options.keep_above,
            holds=self._stand_ins.keys,
            life="" if self._must_reset else self._life,
            needs=sorted({key for snapshot in snapshots.values() for key in snapshot.stays}),
            imports=self._abroad.imports() if self._abroad else [],
            folders=self._abroad.folders() if self._abroad else None,
            is_detached=options.is_detached,
        )

    def _settle(
        self, outcome: CellOutcome, packed: Packed | None, sources: Mapping[str, tuple[str, int]]
    ) -> None:
        """Take note of what the runner knows now."""
        if outcome.status == "died":
            return
        self._arrivals.ack = None
        if outcome.status in {"resend", "lost"}:
            return
        self._must_reset = False
        if outcome.status in {"ok", "error"}:
            self._life = outcome.life
            if self._abroad is not None:
                self._abroad.note_told()
            if packed is not None:
                self._replica.commit(packed, outcome.kept)
            self._known_sources |= {name: count for name, (_, count) in sources.items()}

    # -- following a run ---------------------------------------------------------------------

    def _follow(self, number: int, view: CellView) -> CellOutcome:
        """Show events as they come, and pass on what the user asks for; return the outcome."""
        stopper = Stopper(self._client, number)
        for event in self._events(number):
            if event is Nudge.INTERRUPTED:
                if not stopper.ask():
                    self._leave_alone()
            elif event is Nudge.OVERDUE:
                view.note(stopper.why_overdue)
            elif event is Nudge.CUT:
                view.note("the link to the cluster is broken: the cell goes on there, reconnecting")
            elif event is Nudge.BACK:
                view.note("the link to the cluster is there again")
            elif isinstance(event, Event):
                if event.kind is EventKind.FINISHED:
                    return CellOutcome.from_body(event.body)
                if event.kind is EventKind.ACCEPTED:
                    return CellOutcome(ACCEPTED)
                show(event, view, self._ambience.site)
        msg = "The runner closed the conversation."
        raise RunnerLost(msg)

    def _events(self, number: int) -> Iterator[Event | Nudge]:
        """Yield a cell's events; where nobody has answered for too long, it is left alone."""
        try:
            yield from self._client.events(number)
        except RunnerLost:
            if self._client.has_given_up:
                self._leave_alone()
            raise

    def _leave_alone(self) -> NoReturn:
        """Wait no longer for a cell over a link that is broken; it goes on.

        Raises
        ------
        RunnerLost
            Which says how to find it again.
        """
        self.is_left_alone = True
        self._client.close()
        msg = (
            "The link to the cluster is broken, and nobody waits for the cell any more: it goes on"
            " there, and the notebook is as before it. `%scale attach` brings here what it shows"
            " and leaves, when there is a link."
        )
        raise RunnerLost(msg)

    # -- coming home -------------------------------------------------------------------------

    def _take(
        self, outcome: CellOutcome, result: CellResult, view: CellView, *, needs: bool
    ) -> CellResult:
        """Apply what came home; `needs`: the cell reads values that stay on the cluster."""
        result.seconds.update(outcome.seconds)
        result.loops = tuple(outcome.loops)
        result.notes += outcome.notes
        if outcome.status == "died":
            raise self._death(outcome)
        if outcome.status == "lost":
            raise self._loss(outcome.lost)
        if outcome.status == "unloadable":
            result.here = next(iter(outcome.stays.values()))
            return result
        if not needs and self._can_run_here_instead(outcome):
            name, why = next(iter(outcome.stays.items()))
            result.here = why if name not in {VALUE, EXCEPTION} else f"its result: {why}"
            self.reset()
            return result
        self._take_files(outcome, result, view)
        clock = time.perf_counter()
        self._stand_ins.update(outcome.remote)
        with uninterrupted():
            try:
                stays = self._applier.apply(outcome, result)
            except BaseException:
                self.reset()
                raise
        result.seconds["apply"] = time.perf_counter() - clock
        for name, why in stays.items():
            if not is_pseudo(name):
                result.notes.append(f"'{name}' stays on the cluster: {why}")
        for note in result.notes:
            view.note(note)
        return result

    def _take_files(self, outcome: CellOutcome, result: CellResult, view: CellView) -> None:
        """Put the files that the cell has written into the notebook's folder."""
        if self._abroad is None:
            return
        if missing := self._abroad.explain_missing(outcome.error):
            result.notes.append(missing)
        if outcome.files is None:
            return
        clock = time.perf_counter()
        change = FolderChange.from_body(outcome.files)
        try:
            home = self._abroad.take_home(change, self._ask_for_file, view)
        except BaseException:
            self.reset()
            raise
        result.notes += home.notes
        result.received_bytes = home.received_bytes
        result.seconds["take files"] = time.perf_counter() - clock

    def _ask_for_file(self, part: FileRequest) -> AskedPart:
        """Ask for a part of a file in the runner's copy of the notebook's folder."""
        number = self._client.submit(RequestKind.FILE, part.to_body())
        return AskedPart(self._client, number)

    @staticmethod
    def _can_run_here_instead(outcome: CellOutcome) -> bool:
        """Tell whether a cell whose result cannot travel may simply be run again, here."""
        return (
            bool(set(outcome.stays) - {EXCEPTION})
            and outcome.status == "ok"
            and not outcome.had_effects
            and outcome.seconds.get("run", 0.0) < 1.0
        )

    def _ask(self, kind: RequestKind, body: Mapping[str, Any]) -> CellOutcome:
        return outcome_of(self._client, self._client.submit(kind, body))

    # -- values that stay --------------------------------------------------------------------

    def fetch(self, value: RemoteValue) -> Any:
        """Bring a value home; see `Fetcher.fetch`."""
        return self._fetcher.fetch(value, lambda: self._loss([facts_of(value).key]))

    def free(self, names: Collection[str]) -> None:
        """Have the cluster let go of names now.

        The notebook keeps what it has; of what stays there it keeps a stand-in that is lost.

        Raises
        ------
        RunnerLost
            The runner ended, and with it all that the cluster held.
        """
        meant = {id(self._replica.namespace.get(name)) for name in names}
        keys = {facts_of(v).key for v in self.remote_values if id(v) in meant}
        self._stand_ins.lose("it was freed", keys.__contains__)
        holds, ack = self._stand_ins.keys, self._arrivals.ack
        request = FreeRequest(list(names), ack, holds, self._life)
        try:
            outcome = self._ask(RequestKind.FREE, request.to_body())
        except BaseException:
            self.reset()  # what it holds is not known here
            raise
        if outcome.status != "ok":
            self._stand_ins.lose("the process that had it has ended")
            self.reset()
            return
        self._arrivals.ack = None
        self._replica.drop_records(set(names).__contains__)
        self._stand_ins.update(outcome.remote)

    def _loss(self, keys: Collection[str]) -> ValueLost:
        """Take note that values are lost, and return the error that names the first."""
        why = "the process that had it has ended"
        name = self._stand_ins.resolve(next(iter(keys))).name
        self._stand_ins.lose(why, is_meant=lambda key: key in keys)
        return ValueLost(name, why)

    def _death(self, outcome: CellOutcome) -> BaseException:
        self._stand_ins.lose("the process that had it died")
        error = outcome.error or {"evalue": "unknown"}
        if "killed, because" in error["evalue"] or error.get("ename") == "KeyboardInterrupt":
            self.reset()
            return KeyboardInterrupt(error["evalue"])
        inputs = sorted(self.known_bytes.items(), key=lambda item: -item[1])[:3]
        largest = ", ".join(f"{name} ({format_bytes(size)})" for name, size in inputs if size > 0)
        msg = f"The cell's process died: {error['evalue']}."
        if largest:
            msg += f" Its largest inputs: {largest}."
        msg += " The notebook is as before the cell; the next %%scale cell gets a fresh process."
        return RunnerLost(msg)
