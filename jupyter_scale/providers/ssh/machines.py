"""Nodes on machines that one can log in to, wherever these come from: brought up, asked, ended."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_scale.environment.additions import additions_path
from jupyter_scale.environment.interpreter import preparation_of
from jupyter_scale.environment.prepare import prepare
from jupyter_scale.errors import ClusterError, HostError
from jupyter_scale.model.cluster import Machine, NodeState, Status
from jupyter_scale.model.profile import Limits
from jupyter_scale.providers.logs import log_path
from jupyter_scale.providers.node.events import wanted_path
from jupyter_scale.providers.provider import NodeSeen, Request, Route
from jupyter_scale.providers.ssh.asking import AskOnce
from jupyter_scale.providers.ssh.commands import end, start_module
from jupyter_scale.providers.ssh.fleet import Fleet, wait_all
from jupyter_scale.providers.ssh.host import SshHost
from jupyter_scale.providers.ssh.questions import Questions
from jupyter_scale.providers.ssh.routes import open_route
from jupyter_scale.transport.lifeline import limits_path
from jupyter_scale.transport.ssh.commands import run as run_command
from jupyter_scale.transport.ssh.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from jupyter_scale.providers.provider import Ask
    from jupyter_scale.transport.ssh.commands import RemoteChild

_STOP_S = 60.0
_WISH_S = 15.0
_RENEW_S = 900.0
_WRITE = 'umask 022; cat >"$1.new" && mv -f "$1.new" "$1"'
_ADD_LINE = 'umask 077; echo "$2" >>"$1"'


OnStep = Callable[[str, str], None]
Connect = Callable[[str, Request, "Ask | None", OnStep], Connection]
"""Returns a new connection to a host of a cluster, or raises ClusterError; told of each step."""


class Machines:
    """Brings nodes up on machines, and finds them again; the greater part of a provider.

    Parameters
    ----------
    connect : callable
        How a machine is reached.

    Attributes
    ----------
    ask : callable or None
        Asks the user for a passphrase, given a prompt; see `Provider.ask`.
    """

    def __init__(self, connect: Connect) -> None:
        self.ask: Ask | None = None
        self._open = connect
        self._asks = AskOnce(self._ask_user)
        self._questions = Questions()
        self._fleet: Fleet | None = None
        self._request: Request | None = None
        self._controls: dict[str, Connection] = {}
        self._routes: list[Route] = []
        self._ended: set[str] = set()
        self._reached: set[str] = set()
        self._number = 0
        self._lock = threading.Lock()

    def begin(self, request: Request, nodes: Sequence[NodeState], *, is_new: bool = False) -> None:
        """Bring nodes up, or hear those that run, side by side.

        Parameters
        ----------
        is_new : bool
            Whether none of the cluster was there before.
        """
        if is_new:
            self._ended.clear()
        self._request = request
        if self._fleet is None:
            self._fleet = Fleet(request, self._connect_member, self._questions)
        self._fleet.begin(nodes)

    def has_news(self) -> None:
        """Let `wait` return: something else than a machine has news."""
        if (fleet := self._fleet) is not None:
            with fleet.news:
                fleet.has_news()

    def disturb(self, name: str) -> None:
        """Break the connection to a node, if there is one: it is made anew if it can be."""
        member = self._fleet.members.get(name) if self._fleet is not None else None
        if member is not None and (connection := member.connection) is not None:
            connection.close()

    def is_linked(self, name: str) -> bool:
        """Tell whether there is an open connection to a node."""
        member = self._fleet.members.get(name) if self._fleet is not None else None
        return member is not None and member.connection is not None

    def was_reached(self, host: str) -> bool:
        """Tell whether a machine has been logged in to, by this process or by one before."""
        if host in self._reached:
            return True
        members = () if self._fleet is None else list(self._fleet.members.values())
        return any(
            m.node.pid and not m.has_failed and _machine(m.node).host == host for m in members
        )

    def forget(self, host: str) -> None:
        """Take note that a machine has gone: another one may get its address."""
        self._reached.discard(host)
        with self._lock:
            kept = self._controls.pop(host, None)
        if kept is not None:
            kept.close()

    def _connect_member(self, host: str, on_step: OnStep) -> Connection:
        connection = self._open(host, self._known_request(host), self._asks.for_host(), on_step)
        self._reached.add(host)
        return connection

    def _known_request(self, host: str) -> Request:
        if self._request is None:
            raise ClusterError(f"{host} is of no cluster yet: start one first.")
        return self._request

    def look(self, node: NodeState, request: Request) -> NodeSeen:
        """Return what was heard of a node so far."""
        self._request = request
        fleet = self._fleet
        member = fleet.members.get(node.name) if fleet is not None else None
        if fleet is None or member is None:
            return NodeSeen(is_alive=node.status is not Status.FAILED)
        fleet.request = request  # nodes that start later have the limits of today
        self._number = fleet.number
        seen = replace(member.seen, workers=fleet.joined(node.name))
        return seen if member.node.has_scheduler else replace(seen, scheduler_address=None)

    def wait(self, timeout_s: float) -> None:
        """Return as soon as something was heard; ask what a host wants to know."""
        if self._fleet is None:
            time.sleep(timeout_s)
            return
        self._questions.answer(self.ask)
        self._fleet.wait(self._number, timeout_s)
        self._questions.answer(self.ask)

    def remains(self, nodes: Sequence[NodeState]) -> bool:
        """Tell whether there is a node that was not ended."""
        return any(node.name not in self._ended for node in nodes)

    def scale(self, node: NodeState, request: Request, workers: int) -> None:
        """Write the number of workers where the node process looks for it."""
        connection, machine = self._control(node, request), _machine(node)
        path = str(wanted_path(Path(machine.directory)))
        script = 'umask 077; echo "$2" >"$1.new" && mv -f "$1.new" "$1"'
        argv = ["sh", "-c", script, "sh", path, str(workers)]
        run_command(connection, argv, timeout_s=_WISH_S).check()
        member = self._fleet.members.get(node.name) if self._fleet is not None else None
        if member is not None:
            member.note_workers(workers)  # what is seen of it next says so, too

    def limit(
        self,
        nodes: Sequence[NodeState],
        request: Request,
        more: Callable[[NodeState], Mapping[str, str]] = lambda _: {},
    ) -> None:
        """Write the limits of the request's profile on all machines, side by side.

        Parameters
        ----------
        more : callable
            Returns further files of a machine, path → content.

        Raises
        ------
        ClusterError
            When one cannot be reached.
        """
        if self._fleet is not None:
            self._fleet.request = request  # nodes that start again have them, too
        profile = request.profile
        limits = Limits(profile.idle_timeout_s, profile.orphan_after_s)
        told = [node for node in nodes if node.status is not Status.FAILED]
        failures: list[str] = []

        def tell(node: NodeState) -> None:
            machine = _machine(node)
            files = {**more(node)}
            if machine.directory:
                path = str(limits_path(Path(machine.directory)))
                files[path] = json.dumps(limits.to_dict())
            try:
                connection = self._control(node, request)
                for path, text in files.items():
                    argv = ["sh", "-c", _WRITE, "sh", path]
                    run_command(connection, argv, input=text.encode(), timeout_s=_WISH_S).check()
            except ClusterError as error:
                failures.append(str(error))

        wait_all([partial(tell, node) for node in told if _machine(node).host], 2 * _WISH_S)
        if failures:
            raise ClusterError("\n".join(failures))

    def stop(self, nodes: Sequence[NodeState], request: Request, grace_s: float) -> None:
        """End what runs on all hosts, side by side, and remove it there."""
        self._request = request
        known = {node.name: node for node in nodes}
        if self._fleet is not None:
            self._fleet.close()
            known |= {name: member.node for name, member in self._fleet.members.items()}
            self._fleet = None
        failures: list[str] = []

        def end_one(node: NodeState) -> None:
            try:
                self._end(node, request, grace_s)
                self._ended.add(node.name)
            except ClusterError as error:
                failures.append(str(error))

        left = [node for name, node in known.items() if name not in self._ended]
        wait_all([partial(end_one, node) for node in left], _STOP_S, meanwhile=self._answer)
        self.close()
        missing = [node.name for node in left if node.name not in self._ended]
        if missing:
            why = "\n".join(failures) or f"they did not answer within {_STOP_S:.0f} s"
            raise ClusterError(
                f"What runs on {', '.join(missing)} could not be ended: {why}\n"
                "It ends by itself when no owner was heard there for `orphan_after`. When the host"
                " can be reached again, `jupyter scale down` ends it at once."
            )

    def _end(self, node: NodeState, request: Request, grace_s: float) -> None:
        machine = _machine(node)
        is_broken = request.state.status is Status.FAILED
        if not machine.python:
            return  # nothing was begun there
        connection = self._connect(machine.host)
        try:
            end(
                connection,
                machine,
                request.cluster,
                node.name,
                grace_s=grace_s,
                is_broken=is_broken,
            )
        finally:
            connection.close()

    def run(
        self,
        node: NodeState,
        request: Request,
        argv: Sequence[str],
        *,
        what: str,
        directory: str,
    ) -> RemoteChild:
        """Start a process on a node's machine; it goes on when the connection breaks."""
        connection = self._control(node, request)
        return start_module(
            connection, _machine(node), request.cluster, argv, what=what, directory=directory
        )

    def directory_of(self, node: NodeState) -> str:
        """Return the node's directory on its machine."""
        return _machine(node).directory

    def reach(self, node: NodeState, request: Request, address: str) -> Route:
        """Return a way through a tunnel."""
        self._request = request
        host = _machine(node).host
        route = open_route(address, lambda: self._connect(host))
        self._routes.append(route)
        return route

    def read_log(self, node: NodeState, request: Request, name: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a log in the node's directory."""
        connection = self._control(node, request)
        path = f"{_machine(node).directory}/{log_path(name)}"
        done = run_command(connection, ["tail", "-n", str(lines), "--", path], timeout_s=_WISH_S)
        return tuple(done.stdout.decode(errors="replace").splitlines())

    def renew(
        self, nodes: Sequence[NodeState], request: Request, on_news: Callable[[str], None]
    ) -> tuple[str, ...]:
        """Make the environment of this process there, where another one was made before."""
        made_by_us = {pool.name for pool in request.profile.pools if not pool.options.get("python")}
        wanted = [n for n in nodes if n.pool in made_by_us and n.status is not Status.FAILED]
        if not wanted:
            return ()
        on_news("bringing new packages to the cluster …")
        preparation = preparation_of()
        notes: list[str] = []

        def bring(node: NodeState) -> None:
            machine = _machine(node)
            try:
                connection = self._control(node, request)
                made = prepare(SshHost(connection), preparation)
                path = additions_path(machine.directory)
                argv = ["sh", "-c", _ADD_LINE, "sh", path, made.site_packages]
                run_command(connection, argv, timeout_s=_WISH_S).check()
                new = {*made.missing} - {*machine.missing}
                notes.extend(f"not on {node.name}: {package}" for package in sorted(new))
            except ClusterError as error:
                notes.append(f"{node.name} has not got the new packages: {error}")

        wait_all([partial(bring, node) for node in wanted], _RENEW_S)
        return tuple(notes)

    def host_of(self, node: NodeState, request: Request) -> _NodeHost:
        """Return the machine of a node, over whatever connection there is when it is asked."""
        return _NodeHost(_machine(node).host, lambda: self._control(node, request))

    def close(self) -> None:
        """Let go of members, tunnels and connections; the nodes go on."""
        fleet, self._fleet = self._fleet, None
        if fleet is not None:
            fleet.close()
        with self._lock:
            routes, self._routes = self._routes, []
            controls, self._controls = self._controls, {}
        for route in routes:
            route.close()
        for connection in controls.values():
            connection.close()

    def _control(self, node: NodeState, request: Request) -> Connection:
        """Return a connection for commands: that of the member, else one that is kept."""
        self._request = request
        member = self._fleet.members.get(node.name) if self._fleet is not None else None
        if member is not None and (connection := member.connection) is not None:
            return connection
        host = _machine(node).host
        with self._lock:
            kept = self._controls.get(host)
            if kept is None or not kept.is_open:
                with contextlib.suppress(HostError):
                    if kept is not None:
                        kept.close()
                self._controls[host] = kept = self._connect(host)
            return kept

    def _connect(self, host: str) -> Connection:
        """Return a new connection."""
        return self._connect_member(host, lambda _, __: None)

    def _ask_user(self, prompt: str) -> str:
        """Ask in the main thread, which may be this one; elsewhere only while somebody waits."""
        if self.ask is not None and _is_main():
            return self.ask(prompt)
        return self._questions.ask(prompt)

    def _answer(self) -> None:
        """Answer what other threads want to know, if this one may ask the user."""
        self._questions.answer(self.ask if _is_main() else None)


class _NodeHost:
    """A node's machine as `jupyter_scale.environment` asks it."""

    def __init__(self, name: str, connect: Callable[[], Connection]) -> None:
        self.name, self._connect = name, connect

    def converse(
        self, argv: list[str], stdin: Iterable[bytes], silence_s: float
    ) -> Generator[Mapping[str, Any], None, None]:
        """Run a command and yield its lines; see `SshHost.converse`."""
        return SshHost(self._connect()).converse(argv, stdin, silence_s)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _machine(node: NodeState) -> Machine:
    assert node.machine is not None  # noqa: S101 - this provider has made it
    return node.machine
