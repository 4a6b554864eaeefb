"""A connection to a host: where commands, file transfers and tunnels begin.

Bulk data on a connection delays whatever else is on it (an echo took up to 0.2 s beside a full
stream): give it a connection of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

import paramiko
from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

from jupyter_scale.errors import HostError, HostLost, PortRefused
from jupyter_scale.transport.ssh.authentication import Ask
from jupyter_scale.transport.ssh.config import HostConfig
from jupyter_scale.transport.ssh.link import Link
from jupyter_scale.transport.ssh.opening import Call, Timeouts, open_wire, shut
from jupyter_scale.transport.ssh.wire import Wire

_DEFAULTS = Timeouts()
_MOST_SESSIONS = 9  # OpenSSH allows 10 by default; one is kept for ending others
_TRY_AGAIN_S = 0.1


class Connection:
    """Logged in to a host; use it from any thread, and close it.

    Its own repr, and that of its errors, hold names and addresses only.

    Attributes
    ----------
    config : HostConfig
        Where it leads.
    timeouts : Timeouts
        Of its steps.
    """

    def __init__(self, config: HostConfig, timeouts: Timeouts, wire: Wire, link: Link) -> None:
        self.config, self.timeouts = config, timeouts
        self._wire, self._link = wire, link
        self._hops: tuple[Connection, ...] = ()
        self._sessions = 0
        self._session_ended = threading.Condition()
        self._probing = threading.Lock()
        self._probe: threading.Thread | None = None

    @classmethod
    def open(
        cls,
        config: HostConfig,
        *,
        ask: Ask | None = None,
        on_step: Callable[[str, str], None] | None = None,
        timeouts: Timeouts = _DEFAULTS,
    ) -> Self:
        """Connect and log in, through its jumps.

        Parameters
        ----------
        config : HostConfig
            See `jupyter_scale.transport.ssh.config.resolve`.
        ask : callable or None
            Asks the user for the passphrase of a key; without it locked keys are left out.
        on_step : callable or None
            Called with a host's name and the step that begins there.
        timeouts : Timeouts
            Of each step, for each host.

        Raises
        ------
        HostError
            When a step fails, `HostKeyError` where the key is not trusted. Nothing is left open.
        """
        opened: list[Self] = []
        way = [*config.jumps, config]
        try:
            for number, host in enumerate(way, start=1):
                shown = host.name
                if number < len(way):
                    shown += f" (jump {number} of {len(way) - 1} to {config.name})"
                call = Call(host, shown, ask, on_step or _say_nothing, timeouts)
                before = opened[-1]._wire if opened else None  # noqa: SLF001 - one of ours
                opened.append(cls(host, timeouts, *open_wire(call, before)))
        except BaseException:
            for connection in reversed(opened):
                connection.close()
            raise
        connection = opened.pop()
        connection._hops = tuple(opened)  # noqa: SLF001 - one of ours
        return connection

    @property
    def host(self) -> str:
        """Return its name as the user wrote it."""
        return self.config.name

    @property
    def is_open(self) -> bool:
        """Tell whether it is open as far as is known; `is_alive` asks the host."""
        return self._wire.is_active() and not self._link.why_ended

    def is_alive(self, timeout_s: float = 5.0) -> bool:
        """Tell whether the host answers within that time."""
        if not self.is_open:
            return False
        deadline = time.monotonic() + timeout_s
        with self._probing:
            if self._probe is not None:
                self._probe.join(timeout_s)
                if self._probe.is_alive():
                    return False  # for so long nothing could be sent
            number = self._wire.asked + 1
            # In a thread, as sending waits where a broken link is stuffed.
            self._probe = threading.Thread(target=self._ask_for_answer, daemon=True)
            self._probe.start()
        return self._wire.wait_answered(number, deadline - time.monotonic()) and self.is_open

    def _ask_for_answer(self) -> None:
        try:
            self._wire.ask_for_answer()
        except (paramiko.SSHException, EOFError, OSError):
            return  # it is broken, as everybody will see

    def open_session(self, timeout_s: float | None = None, *, is_urgent: bool = False) -> Channel:
        """Return a channel for a command or a transfer; give it back with `end_session`.

        A host lets a few sessions be open at once (MaxSessions): the others wait.

        Parameters
        ----------
        timeout_s : float or None
            How long to wait at most, the connection's own limit if None.
        is_urgent : bool
            Whether it ends another one, and so may be one more.

        Raises
        ------
        HostError
            When none becomes free in time; `HostLost` when the connection is broken.
        """
        timeout_s = self.timeouts.channel_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        most = _MOST_SESSIONS + is_urgent
        while True:
            with self._session_ended:
                self._session_ended.wait_for(
                    lambda: self._sessions < most, max(0.0, deadline - time.monotonic())
                )
                is_free = self._sessions < most
                self._sessions += is_free
            left_s = deadline - time.monotonic()
            if not is_free or left_s <= 0:
                if is_free:
                    self._give_back()
                raise self._too_many(timeout_s)
            try:
                return self._wire.open_session(timeout=left_s)
            except (paramiko.SSHException, EOFError, OSError) as error:
                self._give_back()
                if not self.is_open:
                    raise self.lost() from error
                if not isinstance(error, paramiko.ChannelException):
                    raise self._too_many(timeout_s) from error
            with self._session_ended:  # refused: as many are open as it allows, also for a moment
                self._session_ended.wait(min(_TRY_AGAIN_S, max(0.0, deadline - time.monotonic())))

    def end_session(self, channel: Channel) -> None:
        """Close a channel of `open_session`."""
        close_channel(channel)
        self._give_back()

    def _give_back(self) -> None:
        with self._session_ended:
            self._sessions -= 1
            self._session_ended.notify_all()

    def _too_many(self, timeout_s: float) -> HostError:
        return HostError(
            self.host,
            "session",
            f"it did not begin a session within {timeout_s:g} s, while"
            f" {self._sessions} others were open on the same connection",
            "MaxSessions in its sshd_config says how many it allows.",
        )

    def open_direct(self, host: str, port: int, timeout_s: float | None = None) -> Channel:
        """Return a channel that the host connects to a port that it can reach.

        Raises
        ------
        HostError
            When it may not; `PortRefused` when it cannot; `HostLost` when the connection is broken.
        """
        timeout_s = self.timeouts.channel_s if timeout_s is None else timeout_s
        place = f"{host}:{port}"
        try:
            return self._wire.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout_s
            )
        except paramiko.ChannelException as error:
            if error.code == OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED:
                why = f"it does not let connections to {place} through"
                advice = "AllowTcpForwarding or PermitOpen in its sshd_config forbid it."
                raise HostError(self.host, "tunnel", why, advice) from error
            why = f"it cannot connect to {place}: {error.text}"
            advice = "Is the process that should listen there running?"
            raise PortRefused(self.host, "tunnel", why, advice) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            if not self.is_open:
                raise self.lost() from error
            why = f"it did not connect to {place} within {timeout_s:g} s"
            raise HostError(self.host, "tunnel", why) from error

    def lost(self) -> HostLost:
        """Return the error that tells how the connection ended."""
        silent = "it does not answer" if self._wire.is_active() else "it was closed here"
        why = self._link.why_ended or silent
        return HostLost(
            self.host,
            "connection",
            f"the connection is broken: {why}",
            "Is it still running, and is this machine connected to the network?",
        )

    def close(self) -> None:
        """Close it and its jumps, and wait for their threads; closed already is fine."""
        shut(self._wire, self._link)
        for hop in reversed(self._hops):
            hop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<Connection to {self.host} ({self.config.user}@{self.config.place}) {state}>"


Channel = paramiko.Channel


def close_channel(channel: Channel) -> None:
    """Close a channel, also where the connection is broken."""
    try:
        channel.close()
    except (paramiko.SSHException, EOFError, OSError):
        return  # nobody is left to be told


def _say_nothing(host: str, step: str) -> None:
    """Be told of a step, for nobody."""
