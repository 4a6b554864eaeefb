"""One node on its machine: brought up, heard, and told that an owner lives, by one thread."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_scale.environment.prepare import prepare
from jupyter_scale.errors import ClusterError, HostError, HostLost, StartError
from jupyter_scale.model.cluster import Machine, NodeState, Status
from jupyter_scale.providers.node.events import fold
from jupyter_scale.providers.provider import NodeSeen
from jupyter_scale.providers.ssh.commands import bring, let_go, listen
from jupyter_scale.providers.ssh.failing import failure_of
from jupyter_scale.providers.ssh.host import SshHost
from jupyter_scale.providers.ssh.instructions import arguments, belongings
from jupyter_scale.transport.ssh.retrying import retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_scale.model.environment import EnvironmentStep
    from jupyter_scale.providers.ssh.fleet import Fleet
    from jupyter_scale.transport.ssh.commands import RemoteChild
    from jupyter_scale.transport.ssh.connection import Connection

_logger = logging.getLogger(__name__)

_READY_S = 60.0
_SILENCE_S = 30.0
_MOMENT_S = 0.5
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_LASTING_S = 5.0
_JOIN_S = 20.0
#: So long a machine may be away, as when it boots, before its start has failed.
_RETURN_S = 15.0


class Member:
    """A node, from the first connection to the last.

    Parameters
    ----------
    fleet : Fleet
        What the nodes of a cluster share.
    node : NodeState
        As it is known so far.

    Attributes
    ----------
    seen : NodeSeen
        What is seen of it now; replaced as a whole.
    is_prepared : bool
        Whether it could take the scheduler.
    """

    def __init__(self, fleet: Fleet, node: NodeState) -> None:
        assert node.machine is not None  # noqa: S101 - this provider has made it
        self._fleet, self._node, self._machine = fleet, node, node.machine
        self._connection: Connection | None = None
        self._ready_at = 0.0
        self._shared = ""
        self._has_joined = False
        self._is_dismissed = False
        self.seen = NodeSeen(is_alive=True, node=node)
        self.is_prepared = False
        self._thread = threading.Thread(
            target=self._run, name=f"jupyter-scale node {node.name}", daemon=True
        )

    @property
    def node(self) -> NodeState:
        """What is known of the node now."""
        return self._node

    @property
    def has_failed(self) -> bool:
        """Whether it is out of the race."""
        return not self.seen.is_alive

    @property
    def connection(self) -> Connection | None:
        """An open connection to it, None while there is none."""
        connection = self._connection
        return connection if connection is not None and connection.is_open else None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def note_workers(self, workers: int) -> None:
        """Take note that the node was told to have another number of workers."""
        self._update(workers=workers)

    def dismiss(self) -> None:
        """Let go, and do not wait: another machine has the node's place."""
        self._is_dismissed = True
        if (connection := self._connection) is not None:
            connection.close()

    def join(self) -> None:
        """Let go, and wait until the thread has ended; the fleet is closing."""
        if (connection := self._connection) is not None:
            connection.close()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    @property
    def _is_let_go(self) -> bool:
        return self._is_dismissed or self._fleet.is_closing

    # -- in its thread ----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._live()
        except ClusterError as error:
            self._fail(error)
        except Exception as error:
            _logger.exception("node %s", self._node.name)
            self._fail(ClusterError(f"{type(error).__name__}: {error}"))
        finally:
            if self._connection is not None:
                self._connection.close()

    def _live(self) -> None:
        """Bring it up and listen, again and again while it should be there."""
        is_new = not self._node.pid
        while not self._is_let_go:
            if is_new:
                self._bring_up()
            else:
                self._listen_for_good()
            if self._is_let_go:
                return
            lasted = time.monotonic() - self._ready_at > _LASTING_S
            if self.seen.has_ended_well or self._node.has_scheduler or not lasted:
                return  # what is seen says how it ended
            # It was killed, or its machine started anew; the cluster goes on, and so shall it.
            self._note(replace(NodeSeen(is_alive=True), node=self._node, news="starting it again"))
            is_new = True

    def _bring_up(self) -> None:
        """Start it, from whatever it was left at, and hear it until it ends or is let go.

        Where the link breaks before it has been told to start, that goes on over a new one.
        """

        def on_pause(error: HostError) -> None:
            if self._is_let_go:
                raise error
            self._tell(f"the link is broken, trying again ({error.why})")

        self._ready_at = 0.0
        connection, child = retry(self._get_started, on_pause, _RETURN_S, self._fleet.closing)
        if not self._hear(connection, child):
            self._listen_for_good()

    def _get_started(self) -> tuple[Connection, RemoteChild]:
        connection = self._connect()
        child = self._prepare(connection)
        try:
            self._start(child)
        except BaseException:
            let_go(child)
            raise
        return connection, child

    def _start(self, child: RemoteChild) -> None:
        """Wait until it is known where the scheduler is, and tell the node process."""
        self.is_prepared = True
        self._tell("prepared")
        scheduler = self._fleet.scheduler_for(self)
        self._update(has_scheduler=scheduler is None)
        self._tell("starting")
        told = arguments(
            self._fleet.request,
            self._node,
            scheduler=scheduler,
            shared=self._shared,
            address=self._fleet.listening_address(self._machine),
            preloads=self._fleet.preloads_of(self._node.pool),
        )
        try:
            child.send(json.dumps(told).encode() + b"\n")
        except BrokenPipeError:
            raise child.explain_end() from None

    def _prepare(self, connection: Connection) -> RemoteChild:
        """Have the environment, jupyter-scale and the node's directory there.

        Returns who starts the node process.
        """
        python, missing = self._fleet.python_of(self._node.pool), tuple[str, ...]()
        host = SshHost(connection)
        if not python:
            self._tell("checking its environment")
            made = prepare(host, self._fleet.preparation(), self._on_step)
            python, missing = made.python, made.missing
        self._machine = machine = replace(self._machine, python=python, missing=missing)
        self._update()  # from here on there may be something to be ended
        child, laid = self._lay(connection, host, machine)
        try:
            self._take_laid(machine, laid)
        except BaseException:
            let_go(child)
            raise
        return child

    def _lay(
        self, connection: Connection, host: SshHost, machine: Machine
    ) -> tuple[RemoteChild, Mapping[str, Any]]:
        """Make its directory with what was brought earlier, else bring jupyter-scale first."""
        self._tell("making its directory")
        network = self._fleet.network_of(self._machine)
        ours = self._fleet.ourselves()
        request = belongings(self._fleet.request, self._node.name, network)
        try:
            return bring(connection, machine, request, ours)
        except HostLost:
            raise
        except ClusterError:
            self._tell("checking jupyter-scale there")
            search_path = ours.bring(host, on_step=self._on_step)
            self._machine = machine = replace(machine, search_path=search_path)
            self._update()
            return bring(connection, machine, request)

    def _take_laid(self, machine: Machine, laid: Mapping[str, Any]) -> None:
        names = ("directory", "search_path", "gpus", "memory_bytes")
        known = {name: laid[name] for name in names}
        self._machine = replace(machine, **known)
        self._update(log=f"{laid['directory']}/node.log")
        self._fleet.check_python(self._node.name, laid["python"])
        if not laid["address"]:
            raise HostError(
                self._machine.host,
                "network",
                f"it has no address in the network {self._fleet.network_of(self._machine)}",
                "`ip address` there tells which it has: correct `network` in the profile.",
            )
        self._shared = laid["shared"]
        self._machine = replace(self._machine, address=laid["address"])
        workers = self._fleet.workers_of(self._node.pool)
        if workers is None:
            workers = int(laid["workers"])
        self._update(workers=workers)

    def _listen_for_good(self) -> None:
        """Hear it until it ends, over as many connections as that takes.

        Raises
        ------
        HostError
            When it cannot be reached for long, and was of no use yet.
        """
        trial, lost_at = 0, 0.0
        while not self._is_let_go:
            try:
                connection = self._connect()
                trial = 0
                if self._listen(connection, "follow", "--directory", self._machine.directory):
                    return
            except HostError as error:
                if not trial:
                    lost_at = time.monotonic()
                if self._is_starting() and time.monotonic() - lost_at > _RETURN_S:
                    raise
                self._tell(f"the link is broken, trying again ({error.why})")
                self._fleet.sleep(_PAUSES_S[min(trial, len(_PAUSES_S) - 1)])
                trial += 1

    def _is_starting(self) -> bool:
        """Tell whether somebody waits for it who has not got any use of it so far."""
        return self._node.status is Status.STARTING and not self._has_joined

    def _listen(self, connection: Connection, *arguments: str) -> bool:
        """Hear a node over one connection; tell whether it ended, and not the connection.

        Raises
        ------
        StartError
            When it cannot start, or says nothing.
        """
        cluster = self._fleet.request.cluster
        return self._hear(connection, listen(connection, self._machine, cluster, *arguments))

    def _hear(self, connection: Connection, child: RemoteChild) -> bool:
        """Hear a node by a command that tells of it; see `_listen`."""
        seen = NodeSeen(is_alive=True, node=self._node)
        begun = heard = time.monotonic()
        beaten = 0.0
        try:
            while not self._is_let_go:
                if time.monotonic() - beaten > self._fleet.beat_every_s:
                    child.send(b"beat\n")
                    beaten = time.monotonic()
                message = child.read_message(_MOMENT_S)
                self._has_joined = self._has_joined or bool(self._fleet.joined(self._node.name))
                if message is not None:
                    heard = time.monotonic()
                    seen = self._take(seen, message)
                    if not seen.is_alive:
                        return True
                self._check(seen, begun, heard)
        except HostLost as error:
            self._tell(f"the link is broken, trying again ({error.why})")
        except EOFError:
            if connection.is_alive(_MOMENT_S):
                raise child.explain_end() from None
        except BrokenPipeError:
            self._tell("the link is broken, trying again")
        finally:
            let_go(child)
        return False

    def _check(self, seen: NodeSeen, begun: float, heard: float) -> None:
        if self._is_joining(seen) and time.monotonic() - begun > _READY_S:
            raise StartError(
                f"the node process on {self._machine.host}",
                f"it is not ready after {_READY_S:.0f} s",
                next_step=f"Its log is {self._node.log} there.",
            )
        if time.monotonic() - heard > _SILENCE_S:
            raise HostLost(self._machine.host, "node", f"it said nothing for {_SILENCE_S:.0f} s")

    def _is_joining(self, seen: NodeSeen) -> bool:
        return seen.is_alive and seen.scheduler_address is None and not seen.failures

    def _take(self, seen: NodeSeen, message: Mapping[str, Any]) -> NodeSeen:
        """Take one message, and let everybody know what it means."""
        seen = fold(seen, message)
        match message.get("event", "ready"):
            case "ready" if "error" in message:
                raise StartError(
                    f"the scheduler on {self._machine.host}",
                    str(message["error"]),
                    next_step=str(message.get("next_step", "")),
                )
            case "ready":
                if not self._ready_at:  # over a new connection it is told again
                    self._ready_at = time.monotonic()
                self._update(pid=message["pid"], created=message["created"])
            case "failed":
                self._update(workers=self._node.workers - 1)
                if not self._node.workers:
                    seen = replace(seen, is_alive=False)
        seen = replace(seen, node=self._node)
        self._note(seen)
        return seen

    def _connect(self) -> Connection:
        """Return a connection, which is this member's."""
        if (open_one := self.connection) is not None:
            return open_one
        connection = self._fleet.connect(self._machine.host, lambda _, step: self._tell(step))
        self._connection = connection
        if self._is_let_go:  # whoever closes may not have seen it
            connection.close()
        if not self._machine.address:
            # Who has answered is known to do so, also before its address is.
            self._machine = replace(self._machine, address=connection.config.hostname)
            self._update()
        return connection

    def _on_step(self, step: EnvironmentStep) -> None:
        counted = f" {step.done}/{step.total}" if step.total else ""
        self._tell(f"{step.message}{counted}")

    def _tell(self, news: str) -> None:
        self._note(replace(self.seen, news=news))

    def _update(self, **fields: Any) -> None:
        with self._fleet.news:  # who scales does so in another thread
            self._node = replace(self._node, machine=self._machine, **fields)
            self._note(replace(self.seen, node=self._node))

    def _note(self, seen: NodeSeen) -> None:
        with self._fleet.news:
            self.seen = seen
            self._fleet.has_news()

    def _fail(self, error: ClusterError) -> None:
        if not self._is_let_go:
            if self.seen.scheduler_address is None:  # another one may have it
                self._node = replace(self._node, has_scheduler=False)
            failure = failure_of(error, self._machine.host, self.seen.news)
            failures = (*self.seen.failures, failure)
            self._note(NodeSeen(is_alive=False, failures=failures, node=self._node))
