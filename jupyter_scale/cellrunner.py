"""What ``%%scale`` does with a cell: there, here, detached, or only explained."""

from __future__ import annotations

import argparse
import linecache
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_scale.accounting import Accountant
from jupyter_scale.analysis.cell import CellFacts, analyse_cell, stores_of
from jupyter_scale.cellview import ExceptionPresenter, NotebookView, record_source, run_here
from jupyter_scale.clusters.placing import Chosen, Need
from jupyter_scale.detached import Place, Run
from jupyter_scale.errors import CannotTravel, RunnerError, RunnerLost, UsageError, ValueLost
from jupyter_scale.explainview import to_mime
from jupyter_scale.model.cluster import Ownership
from jupyter_scale.model.run import RunReport, first_line
from jupyter_scale.origin import origin_of
from jupyter_scale.session.cell import Cell, CellResult
from jupyter_scale.session.plan import CellOptions, unbound_keeps
from jupyter_scale.session.session import Session
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.remote import RemoteValue, require_there
from jupyter_scale.workspace.workspace import Workspace

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@dataclass(frozen=True)
class _Order:
    """A cell as it is to be run, where its outputs are shown."""

    source: str
    facts: CellFacts
    options: CellOptions
    need: Need
    view: NotebookView


class CellRunner:
    """Runs the cells of one kernel that have ``%%scale`` on them.

    Parameters
    ----------
    shell
        The notebook's.
    workspace
        Its cluster and sessions.
    ambience
        The process-wide state of this kernel.
    presenter
        Shows exceptions as the plain cell would.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        workspace: Workspace,
        ambience: Ambience,
        presenter: ExceptionPresenter,
    ) -> None:
        self._shell, self._workspace = shell, workspace
        self._ambience, self._presenter = ambience, presenter
        self._cells_noted = 0
        self._detached: list[Run] = []
        self._accountant = Accountant()

    def run(
        self, source: str, arguments: argparse.Namespace, view: NotebookView, started: float
    ) -> Run | None:
        """Run a cell; return it if it is detached and has been given no name.

        Parameters
        ----------
        source
            The cell without its first line.
        arguments
            That line, parsed.
        view
            Where the cell's outputs are shown.
        started
            When the user ran it, by `time.perf_counter`.

        Raises
        ------
        ScaleError
            When something is wrong with the cluster, or how it is used; else what the cell raises.
        """
        options = self._options(arguments)
        need = Need(arguments.on, arguments.gpu, arguments.cpus, arguments.memory)
        facts = self._analyse(source)
        seconds = {"analyse": time.perf_counter() - started}
        if arguments.explain:
            self._explain(source, facts, options)
            return None
        record_source(self._shell, facts.source)
        self._check(facts, options)
        order = _Order(source, facts, options, need, view)
        if arguments.detach is not None:
            return self._detach(order, arguments.detach, arguments.then)
        origin = origin_of(self._shell)
        result = self._run_there(order, origin)
        if result.here:
            self._require_no_remote(facts, result.here)
            with self._accountant.following(source, origin, self._count, result.here):
                self._run_here(source, result.here, options, view, started)
        else:
            self._accountant.tell(source, origin, self._count, result)
            seconds |= result.seconds
            seconds["total"] = time.perf_counter() - started
            self._finish(result, seconds, view)
        return None

    @property
    def _count(self) -> int:
        """The number of the cell that runs, its ``In[n]``."""
        return int(self._shell.execution_count) - 1

    def _options(self, arguments: argparse.Namespace) -> CellOptions:
        keep_above = arguments.keep_above
        return CellOptions(
            # What asks for a node of some kind may not run here instead.
            strict=arguments.strict or bool(arguments.on or arguments.gpu),
            serial=arguments.serial,
            spread=arguments.spread,
            seed_each=arguments.seed_each,
            keep=tuple(arguments.keep),
            keep_above=self._workspace.keep_above
            if keep_above is None
            else (None if keep_above == "off" else keep_above),
        )

    def _explain(self, cell: str, facts: CellFacts, options: CellOptions) -> None:
        explanation = self._workspace.explain(cell, facts, options)
        self._workspace.last_explanation = explanation
        self._shell.display_pub.publish(to_mime(explanation))

    def _check(self, facts: CellFacts, options: CellOptions) -> None:
        """Raise what is wrong with a cell whatever cluster it would run on."""
        namespace = self._shell.user_ns
        unbound = unbound_keeps(options.keep, facts, namespace)
        if unbound:
            names = ", ".join(map(repr, unbound))
            msg = f"--keep: the cell does not bind {names}; it keeps what the cell itself makes"
            raise UsageError(msg)
        for name in sorted(facts.reads):
            if isinstance(value := namespace.get(name), RemoteValue):
                require_there(value)

    def _analyse(self, cell: str) -> CellFacts:
        try:
            facts = analyse_cell(cell, self._shell.transform_cell)
            if self._shell.user_ns.get("__name__") == "__main__":
                return facts
            return replace(facts, here_only="the notebook has given itself another __name__")
        except SyntaxError as error:
            failure = error
        # Shown as for the plain cell: under its own name, with its own lines.
        try:
            transformed = self._shell.transform_cell(cell)
            self._shell.compile.ast_parse(transformed, filename=self._cache(cell, transformed))
        except SyntaxError as error:
            failure = error.with_traceback(None)
        lines = self._shell.SyntaxTB.structured_traceback(type(failure), failure, None)
        raise self._presenter.prepare(failure, lines) from None

    def _run_there(self, order: _Order, origin: Mapping[str, str]) -> CellResult:
        facts, view = order.facts, order.view
        if facts.here_only is not None:
            return CellResult(here=facts.here_only)
        known = self._workspace.session_or_none
        if known is not None and not known.is_alive():
            self._workspace.forget_session()  # it ended between two cells: nothing ran meanwhile
        session, chosen = self._workspace.session(view.status, order.need)
        view.finish_progress()
        self._show_notes(order)
        nodes = len(chosen.spread_to) or self._workspace.nodes
        view.place(f"{nodes} node{'s' * (nodes != 1)}")
        self._fetch_from_others(facts, session)
        try:
            return session.run(self._cell(order, origin), _placed(order, chosen), view)
        except CannotTravel as error:
            return CellResult(here=str(error))
        except (RunnerLost, ValueLost) as lost:
            if not session.is_alive():
                self._workspace.forget_session()
            failure = self._workspace.take_start_error()
            if failure is not None:
                raise failure from lost
            raise

    def _show_notes(self, order: _Order) -> None:
        changing = self._note_changing(order.facts)
        for note in [*self._workspace.take_notes(order.view.status), *changing]:
            order.view.note(note)

    def _cell(self, order: _Order, origin: Mapping[str, str]) -> Cell:
        self._note_stores(order.facts)
        return Cell(
            source=order.source,
            facts=order.facts,
            execution_count=self._count,
            code_name=self._cache(order.source, order.facts.source),
            shell_state={"compiler_flags": self._shell.compile.flags, "colors": self._shell.colors},
            sources_of=self._sources_of,
            origin=origin,
        )

    def _detach(self, order: _Order, name: str, then: str) -> Run | None:
        """Let a cell run for which nobody waits; return it, unless it gets a name."""
        facts, view = order.facts, order.view
        if facts.here_only is not None:
            msg = f"the cell cannot run on the cluster: {facts.here_only}"
            raise RunnerError(msg)
        chosen = self._workspace.choose(view.status, order.need)
        self._show_notes(order)
        self._require_no_remote(facts, "a detached cell has a process of its own")
        cell = self._cell(order, origin_of(self._shell))
        result = self._workspace.detach(cell, _placed(order, chosen), chosen, view)
        view.finish_progress()
        if not result.is_accepted:
            msg = f"the cell cannot run on the cluster: {result.here}"
            raise RunnerError(msg)
        cluster = self._workspace.cluster
        assert cluster is not None  # noqa: S101 - the cell runs there
        if cluster.state.ownership is not Ownership.SERVER:
            view.note("this cluster ends with the kernel, and so would the run: see `%scale up`")
        run = Run(
            cell.origin["run"],
            first_line(order.source),
            Place(cluster, chosen.node, self._workspace.folder),
            facts.binds | facts.mutates | facts.deletes,
            self._shell.user_ns,
            partial(NotebookView, self._shell, quiet=self._workspace.is_quiet),
            then,
        )
        self._detached.append(run)
        if not name:
            return run
        self._shell.user_ns[name] = run
        return None

    def _note_changing(self, facts: CellFacts) -> Iterator[str]:
        """Yield, once for each, that the cell reads what a detached run is changing."""
        self._detached = [run for run in self._detached if not run.done()]
        for run in self._detached:
            for name in sorted(facts.reads & run.changes - run.noted):
                run.noted.add(name)
                yield (
                    f"the detached run {run.id[:8]} may change {name!r}, and is not over: this cell"
                    " reads what the notebook has"
                )

    def _fetch_from_others(self, facts: CellFacts, session: Session) -> None:
        """Bring home what the cell reads and another node of the cluster keeps."""
        own = {id(value) for value in session.remote_values}
        for name in sorted(facts.reads):
            value = self._shell.user_ns.get(name)
            if isinstance(value, RemoteValue) and id(value) not in own:
                self._shell.user_ns[name] = value.get()

    def _note_stores(self, facts: CellFacts) -> None:
        """Learn what plain cells since the last time may have assigned in modules."""
        history = self._shell.history_manager
        cells = history.input_hist_parsed if history is not None else []
        new = cells[min(self._cells_noted, len(cells)) :]
        if new and new[-1] == facts.source.rstrip("\n"):
            new = new[:-1]  # the cell itself, whose facts are known
        for source in new:
            stores = stores_of(source, self._shell.transform_cell)
            self._ambience.note(stores, self._shell.user_ns)
        self._cells_noted = len(cells)

    def _cache(self, source: str, transformed: str) -> str:
        """Make the kernel's tracebacks know the cell's source; return its file name."""
        return str(self._shell.compile.cache(transformed, self._count, raw_code=source))

    def _sources_of(self, file_names: tuple[str, ...]) -> Mapping[str, Any]:
        known = self._shell.compile._filename_map  # noqa: SLF001 - IPython's only record of it
        return {
            name: ("".join(linecache.getlines(name)), known[name])
            for name in file_names
            if name in known
        }

    def _finish(self, result: CellResult, seconds: Mapping[str, float], view: NotebookView) -> None:
        """Leave the notebook as the plain cell would have: value, exception, future imports."""
        self._workspace.last_run = RunReport(
            where="cluster",
            sent=result.sent,
            sent_bytes=result.sent_bytes,
            received_bytes=result.received_bytes,
            reused_bytes=result.reused_bytes,
            seconds=seconds,
            slow_checks=result.slow_checks,
            workers=self._workspace.workers,
            loops=result.loops,
            notes=tuple(result.notes),
        )
        if result.compiler_flags is not None:
            self._shell.compile.flags = result.compiler_flags
        if result.has_value:
            view.value(result.value)
        view.finish(self._workspace.last_run.summary())
        if result.exception is not None:
            raise self._presenter.prepare(result.exception, None)

    def _require_no_remote(self, facts: CellFacts, why: str) -> None:
        """Raise if a cell that would have to run here needs a value that stays on the cluster."""
        remote = [n for n in facts.reads if isinstance(self._shell.user_ns.get(n), RemoteValue)]
        if remote:
            name = min(remote)
            msg = (
                f"the cell needs {name!r}, which stays on the cluster, but it cannot run there:"
                f" {why}. Fetch it first: {name} = {name}.get()"
            )
            raise RunnerError(msg)

    def _run_here(
        self, source: str, why: str, options: CellOptions, view: NotebookView, started: float
    ) -> None:
        """Run the cell in this kernel, with a note that says why."""
        view.finish_progress()
        if options.strict:
            msg = f"the cell cannot run on the cluster: {why}"
            raise RunnerError(msg)
        view.note(f"ran here: {why}")
        try:
            run_here(self._shell, source, self._presenter)
        finally:
            seconds = {"total": time.perf_counter() - started}
            self._workspace.last_run = RunReport("local", why, seconds=seconds)


def _placed(order: _Order, chosen: Chosen) -> CellOptions:
    """Return the options of a cell whose node has been chosen."""
    return replace(order.options, nodes=chosen.spread_to, with_gpu=bool(order.need.gpus))
