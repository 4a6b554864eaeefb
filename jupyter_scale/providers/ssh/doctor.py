"""The checkup of a profile's hosts: side by side, step by step, each step with its own time limit.

What is asked of a host is here; what the answers mean is decided in
`jupyter_scale.providers.judging`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING

from jupyter_scale.environment.checkup import (
    Meeting,
    find_leftovers,
    meet,
    reach,
    waiting_for_others,
)
from jupyter_scale.environment.interpreter import preparation_of
from jupyter_scale.environment.prepare import look
from jupyter_scale.errors import ClusterError, EnvironmentFailed, HostError
from jupyter_scale.model.checkup import Check, CheckStatus
from jupyter_scale.providers import judging
from jupyter_scale.providers.ssh.asking import AskOnce
from jupyter_scale.providers.ssh.host import SshHost
from jupyter_scale.providers.ssh.options import config_of
from jupyter_scale.transport.ssh.commands import run
from jupyter_scale.transport.ssh.config import HostConfig
from jupyter_scale.transport.ssh.connection import Connection
from jupyter_scale.transport.ssh.opening import Timeouts

if TYPE_CHECKING:
    from jupyter_scale.environment.prepare import Preparation
    from jupyter_scale.model.environment import NodeFacts
    from jupyter_scale.model.profile import Pool, Profile
    from jupyter_scale.transport.ssh.authentication import Ask

STEPS = (
    *("name", "port", "host key", "login"),
    *("Python", "disk", "memory", "cores", "GPU", "packages", "clock", "leftovers", "network"),
)
"""The steps at a host, in order; the last one where there are several hosts."""

_AT_ONCE = 32
_JOIN_S = 5.0
_TIMEOUTS = Timeouts()
_STEP_OF = {
    "configuration": "name",
    "resolve": "name",
    "connect": "port",
    "handshake": "port",
    "host key": "host key",
    "authentication": "login",
}
_TRY_S = 30.0
_TRY_PYTHON = (
    "import importlib.util, sys; print('%d.%d' % sys.version_info[:2],"
    " *(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))"
)
_BEGINS_AFTER = {"connect": "name", "host key": "port", "authentication": "host key"}


def examine(
    profile: Profile,
    ask: Ask | None,
    known: Collection[str] = (),
    *,
    wanted: Preparation | None = None,
    timeouts: Timeouts = _TIMEOUTS,
) -> Iterator[Check]:
    """Examine every host of a profile; yield what is found as it comes.

    Nothing is changed or left on the hosts.

    Parameters
    ----------
    profile : Profile
        Its pools' option ``hosts`` names them; ``ssh_config`` and ``known_hosts`` are files to use.
    ask : callable or None
        Asks the user for passphrases, in a thread of its own; None where nobody can be asked.
    known : collection of str
        Ids of clusters that are not left over.
    wanted : Preparation, optional
        What the hosts would get; by default what this Python has.
    timeouts : Timeouts
        Of the steps to a host.

    Raises
    ------
    StartError
        When it cannot be found out what this Python has.
    """
    told: queue.SimpleQueue[Check | BaseException | None] = queue.SimpleQueue()
    asks, prepared = AskOnce(ask), _prepared(wanted)
    pools = {name: p for p in profile.pools for name in judging.hosts_of(p.options.get("hosts"))}
    patients = [
        _Patient(name, profile, pool, told, has_others=len(pools) > 1)
        for name, pool in pools.items()
    ]
    gate = threading.Semaphore(_AT_ONCE)

    def treat(patient: _Patient) -> None:
        with gate:
            try:
                patient.examine(asks.for_host(), prepared, known, timeouts)
            except BaseException as error:  # noqa: BLE001 - raised by the thread that reads
                told.put(error)
            finally:
                told.put(None)

    threads = [
        threading.Thread(target=treat, args=(p,), name=f"examine {p.name}", daemon=True)
        for p in patients
    ]
    try:
        for thread in threads:
            thread.start()
        yield from _until_ended(told, len(threads))
        yield from _judge_profile(profile, patients)
        if len(patients) > 1:
            yield from _introduce(patients, str(profile.options.get("network", "")))
    finally:
        for patient in patients:
            patient.leave()
        for thread in threads:
            thread.join(_JOIN_S)


def _prepared(wanted: Preparation | None) -> Future[Preparation]:
    """Return what hosts would get; to find that out takes a moment, in a thread of its own."""
    future: Future[Preparation] = Future()

    def work() -> None:
        try:
            future.set_result(preparation_of() if wanted is None else wanted)
        except BaseException as error:  # noqa: BLE001 - raised by whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=work, name="look at this Python", daemon=True).start()
    return future


def _until_ended(
    told: queue.SimpleQueue[Check | BaseException | None], running: int
) -> Iterator[Check]:
    while running:
        match told.get():
            case None:
                running -= 1
            case BaseException() as error:
                raise error
            case check:
                yield check


def _judge_profile(profile: Profile, patients: Sequence[_Patient]) -> Iterator[Check]:
    by_name = {patient.name: patient.config for patient in patients}
    names = [n for p in profile.pools for n in judging.hosts_of(p.options.get("hosts"))]
    checks = judging.judge_profile(profile, [(name, _place(name, by_name[name])) for name in names])
    if not checks:
        found = f"{len(names)} host{'s' if len(names) > 1 else ''}"
        checks = [Check(profile.name, "profile", CheckStatus.OK, found)]
    yield from checks


def _place(name: str, config: HostConfig | None) -> object:
    return name if config is None else (config.hostname.lower(), config.port, config.jumps)


class _Failed(Exception):
    """A step has failed, and was told."""


class _Patient:
    """One host that is examined."""

    def __init__(
        self,
        name: str,
        profile: Profile,
        pool: Pool,
        told: queue.SimpleQueue[Check | BaseException | None],
        *,
        has_others: bool,
    ) -> None:
        self.name = name
        self.config: HostConfig | None = None
        self.host: SshHost | None = None
        self._profile, self._pool = profile, pool
        self._told = told
        self._steps = list(STEPS if has_others else STEPS[:-1])
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._is_over = False

    def examine(
        self,
        ask: Ask | None,
        prepared: Future[Preparation],
        known: Collection[str],
        timeouts: Timeouts,
    ) -> None:
        """Go through all steps but the last, in which hosts meet."""
        try:
            host = self._enter(ask, timeouts)
            self._look_around(host, prepared.result(), known)
            self.host = host
        except _Failed:
            self.leave()

    def leave(self) -> None:
        """Hang up; a connection that is still being made is closed when it is there."""
        with self._lock:
            self._is_over = True
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _enter(self, ask: Ask | None, timeouts: Timeouts) -> SshHost:
        """Tell of the steps to a host, and return it."""

        def on_step(shown: str, step: str) -> None:
            if shown == self.name and step in _BEGINS_AFTER:
                self._pass_until(_BEGINS_AFTER[step])

        try:
            self.config = config_of(self.name, self._profile)
            connection = Connection.open(self.config, ask=ask, on_step=on_step, timeouts=timeouts)
        except HostError as error:
            is_own = error.host == self.name
            step = _STEP_OF.get(error.step, "login") if is_own else "port"
            found = error.why if is_own else f"{error.host}: {error.why}"
            raise self._fail(step, found, error.next_step) from error
        with self._lock:
            self._connection = connection
            is_over = self._is_over
        if is_over:
            self.leave()
        self._pass_until("login")
        return SshHost(connection)

    def _look_around(self, host: SshHost, wanted: Preparation, known: Collection[str]) -> None:
        """Tell of what a host is and has."""
        name = self.name
        facts = self._look(host, wanted.lock.python, wanted.cache)
        workers = self._pool.workers or facts.cores
        own_python = str(self._pool.options.get("python", ""))
        if own_python:
            self._tell(self._try_python(own_python, wanted))
            self._tell(judging.judge_room(name, facts.free_bytes, facts.cache))
            packages = Check(name, "packages", CheckStatus.OK, f"those of {own_python}")
        else:
            packages = self._look_for_packages(host, facts, wanted)
        self._tell(judging.judge_memory(name, facts.memory_bytes, workers))
        self._tell(judging.judge_cores(name, facts.cores, workers))
        self._tell(judging.judge_gpus(name, facts.gpus))
        self._tell(packages)
        self._tell(judging.judge_clock(name, facts.clock_offset_s))
        try:
            left = find_leftovers(host, wanted.cache)
        except ClusterError as error:
            raise self._fail("leftovers", *_words(error)) from error
        self._tell(judging.judge_leftovers(name, left, known))

    def _look_for_packages(self, host: SshHost, facts: NodeFacts, wanted: Preparation) -> Check:
        """Tell whether an environment can be made, and return where its packages come from."""
        lock = wanted.lock
        try:
            is_missing = lock.python not in facts.pythons
            reached = reach(host, wanted.sources, wanted.cache, is_python_needed=is_missing)
        except ClusterError as error:
            raise self._fail("packages", *_words(error)) from error
        self._tell(judging.judge_python(self.name, facts, lock, reached))
        self._tell(judging.judge_disk(self.name, facts, lock))
        return judging.judge_index(self.name, reached)

    def _try_python(self, python: str, wanted: Preparation) -> Check:
        """Say whether the Python that the pool names can be used."""
        assert self._connection is not None  # noqa: S101 - this host was entered
        argv = [python, "-c", _TRY_PYTHON, *wanted.needs.modules]
        try:
            said = run(self._connection, argv, timeout_s=_TRY_S).check().stdout.decode()
        except HostError as error:
            raise self._fail("Python", *_words(error)) from error
        version, *missing = said.split()
        return judging.judge_own_python(self.name, python, version, missing, wanted.lock.python)

    def _look(self, host: SshHost, python: str, cache: str) -> NodeFacts:
        try:
            return look(host, cache)
        except ClusterError as error:
            found, advice = _words(error)
            if isinstance(error, EnvironmentFailed) and error.code == "no-python":
                found = f"the notebook runs Python {python}. {found}"
            raise self._fail("Python", found, advice) from error

    def _pass_until(self, last: str) -> None:
        """Tell that steps went well, up to one of those on the way to a host."""
        while self._steps and STEPS.index(self._steps[0]) <= STEPS.index(last):
            step = self._steps[0]
            self._tell(Check(self.name, step, CheckStatus.OK, self._describe(step)))

    def _describe(self, step: str) -> str:
        assert self.config is not None  # noqa: S101 - without it no step went well
        through = ", ".join(hop.place for hop in self.config.jumps)
        shown = {
            "name": f"{self.config.user}@{self.config.place}",
            "port": f"open, through {through}" if through else "open",
            "host key": "known",
            "login": f"as {self.config.user}",
        }
        return shown.get(step, "")

    def _tell(self, check: Check) -> None:
        """Tell of a step; after one that failed, that the others are left out."""
        self._steps.remove(check.step)
        self._told.put(check)
        if check.status is CheckStatus.FAILED:
            for step in self._steps:
                found = f"because of: {check.step}"
                self._told.put(Check(self.name, step, CheckStatus.SKIPPED, found))
            self._steps.clear()
            raise _Failed

    def _fail(self, step: str, found: str, advice: str) -> _Failed:
        """Tell that a step failed, and return what to raise."""
        if self.config is not None and step in STEPS[:4] and step != STEPS[0]:
            self._pass_until(STEPS[STEPS.index(step) - 1])
        try:
            self._tell(Check(self.name, step, CheckStatus.FAILED, found, advice))
        except _Failed as failed:
            return failed
        raise AssertionError  # a check that failed ends the steps


def _words(error: ClusterError) -> tuple[str, str]:
    """Return what happened, and what to do next."""
    if isinstance(error, HostError | EnvironmentFailed):
        return error.why, error.next_step
    return str(error), ""


def _introduce(patients: Sequence[_Patient], network: str) -> Iterator[Check]:
    """Let the first healthy host wait for all others, and tell who reaches it."""
    well = [(patient.name, patient.host) for patient in patients if patient.host is not None]
    if not well:
        return
    (head, host), *others = well
    if not others:
        yield Check(head, "network", CheckStatus.SKIPPED, "there is no other healthy host")
        return
    with ExitStack() as stack:
        try:
            meeting = stack.enter_context(waiting_for_others(host, network))
        except ClusterError as error:
            yield Check(head, "network", CheckStatus.FAILED, *_words(error))
            for name, _ in others:
                found = f"because of: network of {head}"
                yield Check(name, "network", CheckStatus.SKIPPED, found)
            return
        yield Check(head, "network", CheckStatus.OK, f"waits for the others at {meeting.address}")
        yield from _meet(others, head, meeting)


def _meet(others: Sequence[tuple[str, SshHost]], head: str, meeting: Meeting) -> Iterator[Check]:
    told: queue.SimpleQueue[Check | BaseException | None] = queue.SimpleQueue()
    gate = threading.Semaphore(_AT_ONCE)

    def work(name: str, host: SshHost) -> None:
        with gate:
            try:
                why = meet(host, meeting)
                told.put(judging.judge_meeting(name, head, meeting.address, why))
            except ClusterError as error:
                told.put(Check(name, "network", CheckStatus.FAILED, *_words(error)))
            except BaseException as error:  # noqa: BLE001 - raised by the thread that reads
                told.put(error)
            finally:
                told.put(None)

    for name, host in others:
        thread = threading.Thread(target=work, args=(name, host), name=f"meet {name}", daemon=True)
        thread.start()
    yield from _until_ended(told, len(others))
