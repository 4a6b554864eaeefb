"""``%scale`` and ``%%scale``: parse a line, hand over, say what happened."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import linecache
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from jupyter_scale import data
from jupyter_scale.accounting import Accountant
from jupyter_scale.analysis.cell import CellFacts, analyse_cell, stores_of
from jupyter_scale.cellview import ExceptionPresenter, NotebookView, record_source, run_here
from jupyter_scale.clusters import store
from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.costs import cost_now, quote_lines
from jupyter_scale.clusters.extending import describe_limits, extend
from jupyter_scale.clusters.placing import Need
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.detached import Place, Run
from jupyter_scale.errors import (
    CannotTravel,
    NoCluster,
    RunnerError,
    RunnerLost,
    ScaleError,
    UsageError,
    ValueLost,
)
from jupyter_scale.explainview import to_mime
from jupyter_scale.lines import cell_parser, limits_in, line_parser, parse_line
from jupyter_scale.model.cluster import ClusterEvent, Ownership
from jupyter_scale.model.cost import show_usd
from jupyter_scale.model.profile import Limits
from jupyter_scale.model.run import RunReport, first_line, format_bytes
from jupyter_scale.origin import origin_of
from jupyter_scale.runs import Here, attach, cancel, describe_runs, waiting_elsewhere, waiting_note
from jupyter_scale.session.cell import Cell, CellResult
from jupyter_scale.session.plan import CellOptions, unbound_keeps
from jupyter_scale.session.session import Session
from jupyter_scale.shipping.ambient.ambience import Ambience
from jupyter_scale.shipping.remote import RemoteValue, require_there
from jupyter_scale.status import show_status
from jupyter_scale.workspace import Workspace

#: So long `%load_ext` waits at most for clusters to say what waits there.
_TELL_WAITING_S = 2.0

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class ScaleMagics(Magics):
    """The magics of one kernel."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._ambience = Ambience(shell, is_notebook=True)
        self.workspace = Workspace(shell.user_ns, shell.user_ns_hidden, self._ambience)
        self._cells_noted = 0
        self._detached: list[Run] = []
        self._accountant = Accountant()
        self.presenter = ExceptionPresenter(shell)

    # -- %%scale -----------------------------------------------------------------------------

    @no_var_expand
    @cell_magic("scale")  # type: ignore[arg-type]
    def scale_cell(self, line: str, cell: str) -> Run | None:
        """Run a cell on the cluster; ``%%scale --help`` lists the options."""
        started = time.perf_counter()
        # IPython adds a line end; without it the cell has the plain cell's name in tracebacks.
        cell = cell.removesuffix("\n")
        arguments = self._parse(cell_parser(), line)
        if arguments is None:
            return None
        options = self._options(arguments)
        need = Need(arguments.on, arguments.gpu, arguments.cpus, arguments.memory)
        view = NotebookView(self._shell, quiet=self.workspace.is_quiet)
        facts = self._analyse(cell)
        seconds = {"analyse": time.perf_counter() - started}
        try:
            if arguments.explain:
                self._explain(cell, facts, options)
                return None
            record_source(self._shell, facts.source)
            self._check(facts, options)
            if arguments.detach is not None:
                return self._detach(cell, facts, options, need, view, arguments)
            origin = origin_of(self._shell)
            result = self._run_there(cell, facts, options, need, view, origin)
            if result.here:
                self._require_no_remote(facts, result.here)
                with self._accountant.following(cell, origin, self._count, result.here):
                    self._run_here(cell, result.here, options, view, started)
            else:
                self._accountant.tell(cell, origin, self._count, result)
                seconds |= result.seconds
                seconds["total"] = time.perf_counter() - started
                self._finish(result, seconds, view)
        except ScaleError as error:
            raise self._one_line(error) from None
        finally:
            view.close()
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
            keep_above=self.workspace.keep_above
            if keep_above is None
            else (None if keep_above == "off" else keep_above),
        )

    def _explain(self, cell: str, facts: CellFacts, options: CellOptions) -> None:
        explanation = self.workspace.explain(cell, facts, options)
        self.workspace.last_explanation = explanation
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
        raise self.presenter.prepare(failure, lines) from None

    def _run_there(
        self,
        source: str,
        facts: CellFacts,
        options: CellOptions,
        need: Need,
        view: NotebookView,
        origin: Mapping[str, str],
    ) -> CellResult:
        if facts.here_only is not None:
            return CellResult(here=facts.here_only)
        known = self.workspace.session_or_none
        if known is not None and not known.is_alive():
            self.workspace.forget_session()  # it ended between two cells: nothing ran meanwhile
        session, chosen = self.workspace.session(view.status, need)
        view.finish_progress()
        for note in [*self.workspace.take_notes(view.status), *self._note_changing(facts)]:
            view.note(note)
        options = replace(options, nodes=chosen.spread_to, with_gpu=bool(need.gpus))
        nodes = len(chosen.spread_to) or self.workspace.nodes
        view.place(f"{nodes} node{'s' * (nodes != 1)}")
        self._fetch_from_others(facts, session)
        self._note_stores(facts)
        cell = self._cell(source, facts, origin)
        try:
            return session.run(cell, options, view)
        except CannotTravel as error:
            return CellResult(here=str(error))
        except (RunnerLost, ValueLost) as lost:
            if not session.is_alive():
                self.workspace.forget_session()
            failure = self.workspace.take_start_error()
            if failure is not None:
                raise failure from lost
            raise

    def _cell(self, source: str, facts: CellFacts, origin: Mapping[str, str]) -> Cell:
        return Cell(
            source=source,
            facts=facts,
            execution_count=self._count,
            code_name=self._cache(source, facts.source),
            shell_state={"compiler_flags": self._shell.compile.flags, "colors": self._shell.colors},
            sources_of=self._sources_of,
            origin=origin,
        )

    def _detach(
        self,
        source: str,
        facts: CellFacts,
        options: CellOptions,
        need: Need,
        view: NotebookView,
        arguments: argparse.Namespace,
    ) -> Run | None:
        """Let a cell run for which nobody waits; return it, unless it has been given a name."""
        if facts.here_only is not None:
            msg = f"the cell cannot run on the cluster: {facts.here_only}"
            raise RunnerError(msg)
        chosen = self.workspace.choose(view.status, need)
        for note in [*self.workspace.take_notes(view.status), *self._note_changing(facts)]:
            view.note(note)
        self._require_no_remote(facts, "a detached cell has a process of its own")
        options = replace(options, nodes=chosen.spread_to, with_gpu=bool(need.gpus))
        self._note_stores(facts)
        cell = self._cell(source, facts, origin_of(self._shell))
        result = self.workspace.detach(cell, options, chosen, view)
        view.finish_progress()
        if not result.is_accepted:
            msg = f"the cell cannot run on the cluster: {result.here}"
            raise RunnerError(msg)
        cluster = self.workspace.cluster
        assert cluster is not None  # noqa: S101 - the cell runs there
        if cluster.state.ownership is not Ownership.SERVER:
            view.note("this cluster ends with the kernel, and so would the run: see `%scale up`")
        run = Run(
            cell.origin["run"],
            first_line(source),
            Place(cluster, chosen.node, self.workspace.folder),
            facts.binds | facts.mutates | facts.deletes,
            self._shell.user_ns,
            partial(NotebookView, self._shell, quiet=self.workspace.is_quiet),
            arguments.then,
        )
        self._detached.append(run)
        if not arguments.detach:
            return run
        self._shell.user_ns[arguments.detach] = run
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
        self.workspace.last_run = RunReport(
            where="cluster",
            sent=result.sent,
            sent_bytes=result.sent_bytes,
            received_bytes=result.received_bytes,
            reused_bytes=result.reused_bytes,
            seconds=seconds,
            slow_checks=result.slow_checks,
            workers=self.workspace.workers,
            loops=result.loops,
            notes=tuple(result.notes),
        )
        if result.compiler_flags is not None:
            self._shell.compile.flags = result.compiler_flags
        if result.has_value:
            view.value(result.value)
        view.finish(self.workspace.last_run.summary())
        if result.exception is not None:
            raise self.presenter.prepare(result.exception, None)

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
            run_here(self._shell, source, self.presenter)
        finally:
            seconds = {"total": time.perf_counter() - started}
            self.workspace.last_run = RunReport("local", why, seconds=seconds)

    # -- %scale ------------------------------------------------------------------------------

    @no_var_expand
    @line_magic("scale")  # type: ignore[arg-type]
    def scale_line(self, line: str) -> None:
        """Show, start or end the cluster; ``%scale --help`` lists the commands."""
        arguments = self._parse(line_parser(), line)
        if arguments is None:
            return
        view = NotebookView(self._shell, quiet=False)
        try:
            if said := self._carry_out(arguments, view):
                print(said)  # noqa: T201
        except ScaleError as error:
            raise self._one_line(error) from None
        finally:
            view.close()

    def _carry_out(self, arguments: argparse.Namespace, view: NotebookView) -> str:
        """Carry out a line; return what there is to say."""
        said = ""
        match arguments.command:
            case "up":
                said = self._up(arguments, view)
            case "use":
                cluster = self.workspace.attach(arguments.cluster)
                said = f"This notebook uses the cluster '{cluster.state.name}'."
            case "down":
                said = self._down()
            case "scale":
                said = self._scale(arguments.sizes)
            case "extend":
                said = self._extend(limits_in(arguments))
            case "runs" | "attach" | "fetch" | "cancel":
                said = self._of_runs(arguments, view)
            case "quiet":
                self.workspace.is_quiet = arguments.state == "on"
            case "keep-above":
                said = self._keep_above(arguments.size)
            case "data" | "free" | "get":
                said = self._of_data(arguments)
            case _:
                said = show_status(self.workspace)
        return said

    def _keep_above(self, size: int | Literal["off"] | None) -> str:
        if size is not None:
            self.workspace.keep_above = None if size == "off" else size
            return ""
        limit = self.workspace.keep_above
        if limit is None:
            return "All results come home."
        return f"Results above {format_bytes(limit)} stay on the cluster."

    def _of_data(self, arguments: argparse.Namespace) -> str:
        """Carry out a line about what the cluster holds."""
        match arguments.command:
            case "free":
                return data.free(self.workspace, arguments.names)
            case "get":
                data.fetch(self.workspace, self._shell.user_ns, arguments.names)
                return ""
        return data.table(self.workspace)

    def _up(self, arguments: argparse.Namespace, view: NotebookView) -> str:
        workspace, profile, workers = self.workspace, arguments.profile, arguments.workers
        if arguments.dry_run:
            return self._quote(profile)
        if workspace.cluster is not None and profile is None and workers is not None:
            return self._scale([("", workers)])

        def on_event(event: ClusterEvent) -> None:
            view.status(event.message)

        began = time.time()
        cluster = workspace.up(profile, workers, Path.cwd(), on_event, _ask_secret)
        view.finish_progress()
        notes = workspace.take_notes(view.status)
        # Others may have used it; nobody is asked for a passphrase only to be told of that.
        if cluster.state.started_at < began and (
            isinstance(cluster, Cluster) or not cluster.state.is_elsewhere
        ):
            with contextlib.suppress(ScaleError):  # `%scale runs` says what is wrong
                notes += filter(None, [waiting_note(cluster)])
        for note in notes:
            view.note(note)
        count = cluster.workers
        return f"The cluster '{cluster.state.name}' is up: {count} worker{'s' * (count != 1)}."

    def _of_runs(self, arguments: argparse.Namespace, view: NotebookView) -> str:
        """Carry out a line about runs."""
        with self.workspace.visited() as clusters:
            match arguments.command:
                case "runs":
                    return describe_runs(clusters)
                case "cancel":
                    run = cancel(clusters, arguments.run)
                    return f"The run {run.id[:8]} was told to stop."
            names = getattr(arguments, "names", ())
            is_quiet = getattr(arguments, "quiet", False)
            here = Here(self._shell.user_ns, view, self.workspace.folder, is_quiet=is_quiet)
            run, taken = attach(clusters, arguments.run, names, here)
        for note in [*run.notes, *taken.notes]:
            view.note(note)
        if taken.has_value:
            view.value(taken.value)
        how = f"The run {run.id[:8]} is over: {run.status}"
        came = ", ".join(taken.names)
        return f"{how}; here now: {came}." if came else f"{how}."

    def _scale(self, sizes: Sequence[tuple[str, int]]) -> str:
        """Change the size of pools; say how many workers there are, and which nodes failed."""
        workers = 0
        for pool, wanted in sizes:
            workers = self.workspace.scale(wanted, pool)
        cluster = self.workspace.cluster
        nodes = () if cluster is None else cluster.state.nodes
        failed = [f"{node.name} failed: {node.error}" for node in nodes if node.error]
        return "\n".join([f"The cluster has {workers} workers.", *failed])

    @staticmethod
    def _quote(profile: str | None) -> str:
        return "\n".join(quote_lines(load_profile(profile or "local", Path.cwd())))

    def _down(self) -> str:
        cluster = self.workspace.cluster
        state = None if cluster is None else cluster.state
        if not self.workspace.down():
            return "There is no cluster."
        cost = None if state is None else cost_now(state)
        return "The cluster has ended." + (f" It cost {show_usd(cost.usd)}." if cost else "")

    def _extend(self, changes: Limits) -> str:
        cluster = self.workspace.cluster
        if cluster is None:
            raise NoCluster("There is no cluster: `%scale up` starts one.")
        state = extend(cluster.state, changes, _ask_secret)
        if isinstance(cluster, Cluster):
            cluster.look()  # what starts later has these limits, too
        return f"The limits of '{state.name}': {describe_limits(state)}."

    # -- both --------------------------------------------------------------------------------

    @staticmethod
    def _parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace | None:
        try:
            return parse_line(parser, line)
        except UsageError as error:
            raise IPythonUsageError(str(error)) from None

    def _one_line(self, error: ScaleError) -> ScaleError:
        """Show one of our own errors without frames, which would say nothing to the user."""
        lines = self._shell.InteractiveTB.get_exception_only(type(error), error)
        return self.presenter.prepare(error, list(lines))  # type: ignore[return-value]

    def close(self) -> None:
        """Watch the kernel no more."""
        self._ambience.close()

    def after_cell(self, *_args: object) -> None:
        """Let go of what the notebook has let go of."""
        session = self.workspace.session_or_none
        if session is not None:
            session.sweep()


_loaded: dict[int, ScaleMagics] = {}


def load(shell: InteractiveShell) -> ScaleMagics:
    """Register the magics with a shell, once."""
    known = _loaded.get(id(shell))
    if known is not None:
        return known
    magics = ScaleMagics(shell)
    shell.register_magics(magics)
    magics.presenter.install()
    shell.events.register("post_run_cell", magics.after_cell)
    _loaded[id(shell)] = magics
    for note in waiting_elsewhere(store.states(), _TELL_WAITING_S):
        print(f"%scale: {note}")  # noqa: T201
    return magics


def _ask_secret(prompt: str) -> str:
    """Ask for a passphrase; where nobody can be asked, the answer is none."""
    try:
        return getpass.getpass(prompt)
    except (EOFError, NotImplementedError):  # IPython's "frontend does not support stdin"
        return ""


def unload(shell: InteractiveShell) -> None:
    """End the cluster and leave the shell as it was."""
    magics = _loaded.pop(id(shell), None)
    if magics is None:
        return
    shell.events.unregister("post_run_cell", magics.after_cell)
    magics.presenter.remove()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("scale", None)
    magics.workspace.close()
    magics.close()


def last_run() -> RunReport | None:
    """Return what the last ``%%scale`` cell of this process did."""
    for magics in reversed(_loaded.values()):
        return magics.workspace.last_run
    return None


def held(known: str = "") -> data.Answer | None:
    """Return what this kernel has on the cluster, for the panel; None when it was unloaded.

    Parameters
    ----------
    known
        The stamp of the panel's last answer: what is as it was then is not told again.
    """
    for magics in reversed(_loaded.values()):
        return data.Answer(magics.workspace, known)
    return None
