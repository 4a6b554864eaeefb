"""The steps to a host: look up its name, connect, exchange keys, trust its key, log in.

Each step has its own time limit, and its own error.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
from paramiko.ssh_exception import IncompatiblePeer

from jupyter_scale.errors import HostError, HostKeyError
from jupyter_scale.transport.ssh import hostkeys
from jupyter_scale.transport.ssh.authentication import Ask, log_in
from jupyter_scale.transport.ssh.config import HostConfig
from jupyter_scale.transport.ssh.hostkeys import HostKey, Line
from jupyter_scale.transport.ssh.link import Link, Place, connect, look_up, start_command
from jupyter_scale.transport.ssh.wire import Wire

_CERTIFICATE = "-cert-v01@openssh.com"
_JOIN_S = 5.0


@dataclass(frozen=True)
class Timeouts:
    """How long each step may take, in seconds.

    Attributes
    ----------
    resolve_s, connect_s, handshake_s : float
        For the name, the TCP connection (ConnectTimeout of ssh_config goes first), and the keys.
    authentication_s : float
        For each key that is offered: the agent may ask its user.
    channel_s : float
        For a command, a file transfer or a tunnel to begin.
    keepalive_s : float
        After so long without hearing anything an answer is asked for.
    silence_s : float
        After so long without hearing anything, or without being able to send, the connection
        counts as broken.
    """

    resolve_s: float = 10.0
    connect_s: float = 10.0
    handshake_s: float = 15.0
    authentication_s: float = 30.0
    channel_s: float = 15.0
    keepalive_s: float = 5.0
    silence_s: float = 30.0


@dataclass(frozen=True)
class Call:
    """One host that is called.

    Attributes
    ----------
    config : HostConfig
        Its own; its jumps have been made.
    shown : str
        Its name for messages: with its place on the way, if it is a jump.
    ask : callable or None
        Asks for passphrases.
    on_step : callable
        Called with `shown` and the step that begins.
    timeouts : Timeouts
        Of its steps.
    """

    config: HostConfig
    shown: str
    ask: Ask | None
    on_step: Callable[[str, str], None]
    timeouts: Timeouts

    def begin(self, step: str) -> None:
        """Say that a step begins."""
        self.on_step(self.shown, step)

    def error(self, step: str, why: str, next_step: str = "") -> HostError:
        """Return the error of a step."""
        return HostError(self.shown, step, why, next_step)


def open_wire(call: Call, before: Wire | None) -> tuple[Wire, Link]:
    """Return a transport on which the user is logged in, and the stream under it.

    Parameters
    ----------
    call
        Whom.
    before : Wire or None
        The host through which it is called.

    Raises
    ------
    HostError
        When a step fails; nothing is left open then.
    """
    link = _reach(call, before)
    config = call.config
    lines = hostkeys.read([*config.user_known_hosts, *config.global_known_hosts])
    wire = Wire(link, hostkeys.known_kinds(lines, config.known_names))
    try:
        _shake_hands(call, wire)
        _trust(call, wire, lines)
        call.begin("authentication")
        log_in(wire, config, call.shown, call.ask, call.timeouts.authentication_s)
        link.watch(wire.ask_for_answer, call.timeouts.keepalive_s)
    except BaseException:
        shut(wire, link)
        raise
    return wire, link


def shut(wire: Wire, link: Link) -> None:
    """Close a transport and its stream, and wait for its thread; closed already is fine."""
    wire.packetizer.complete_handshake()  # ends its timer, a thread of its own
    wire.close()
    link.close()
    if wire.is_alive() and wire is not threading.current_thread():
        wire.join(_JOIN_S)


def _reach(call: Call, before: Wire | None) -> Link:
    silence_s = call.timeouts.silence_s
    if before is not None:
        return Link(_jump(call, before), silence_s)
    if call.config.proxy_command:
        call.begin("connect")
        try:
            sock, command = start_command(call.config.proxy_command)
        except OSError as error:
            why = f"its ProxyCommand does not start: {error.strerror}"
            raise call.error("connect", why) from error
        return Link(sock, silence_s, command)
    return Link(_connect(call, _look_up(call)), silence_s)


def _jump(call: Call, before: Wire) -> paramiko.Channel:
    call.begin("connect")
    config, timeout_s = call.config, _connect_timeout(call)
    try:
        return before.open_channel(
            "direct-tcpip", (config.hostname, config.port), ("127.0.0.1", 0), timeout=timeout_s
        )
    except paramiko.ChannelException as error:
        if error.code == OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED:
            why = f"the host before it does not let connections to {config.place} through"
            advice = "AllowTcpForwarding or PermitOpen in its sshd_config forbid it."
        else:
            why = f"the host before it cannot connect to {config.place}: {error.text}"
            advice = "Its address must be right as seen from there."
        raise call.error("connect", why, advice) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        why = f"the host before it did not connect to {config.place} within {timeout_s:g} s"
        if not before.is_active():
            why = "the host before it hung up"
        raise call.error("connect", why) from error


def _look_up(call: Call) -> list[Place]:
    """Return its addresses; in a thread, as the system's look-up cannot be given a limit."""
    call.begin("resolve")
    found: queue.SimpleQueue[list[Place] | OSError] = queue.SimpleQueue()

    def look() -> None:
        try:
            found.put(look_up(call.config))
        except OSError as error:
            found.put(error)

    threading.Thread(target=look, name=f"look-up {call.config.hostname}", daemon=True).start()
    hostname, limit_s = call.config.hostname, call.timeouts.resolve_s
    try:
        places = found.get(timeout=limit_s)
    except queue.Empty:
        why = f"no name server answered for '{hostname}' within {limit_s:g} s"
        raise call.error("resolve", why, _NETWORK) from None
    if isinstance(places, OSError):
        is_unknown = isinstance(places, socket.gaierror) and places.errno != socket.EAI_AGAIN
        why = f"the name '{hostname}' is unknown" if is_unknown else f"'{hostname}': {places}"
        raise call.error("resolve", why, _SPELLING if is_unknown else _NETWORK) from places
    return places


_NETWORK = "Is this machine connected to the network?"
_SPELLING = "Is it spelled right, and in ssh_config if it is an alias?"


def _connect_timeout(call: Call) -> float:
    return call.config.connect_timeout_s or call.timeouts.connect_s


def _connect(call: Call, places: list[Place]) -> socket.socket:
    call.begin("connect")
    place, timeout_s = call.config.place, _connect_timeout(call)
    try:
        return connect(places, timeout_s)
    except ConnectionRefusedError as error:
        why = f"nobody listens on {place}, the connection was refused"
        raise call.error("connect", why, "Is sshd running there, and is the port right?") from error
    except TimeoutError as error:
        why = f"{place} did not answer within {timeout_s:g} s"
        advice = "Is it switched on, and do firewalls let this machine through?"
        raise call.error("connect", why, advice) from error
    except OSError as error:
        why = f"{place} cannot be reached: {error.strerror or error}"
        raise call.error("connect", why, _NETWORK) from error


def _shake_hands(call: Call, wire: Wire) -> None:
    call.begin("handshake")
    limit_s = call.timeouts.handshake_s
    # The limit is ours: paramiko's own would be told as a broken connection.
    wire.banner_timeout = wire.handshake_timeout = 2 * limit_s + 5.0
    done = threading.Event()
    wire.start_client(event=done)
    in_time = done.wait(limit_s)
    if in_time and wire.is_active():
        return
    error = wire.get_exception()
    place = call.config.place
    if isinstance(error, IncompatiblePeer):
        why = f"{place} offers only algorithms that are too old, or unknown here ({error})"
        raise call.error("handshake", why, "Update its sshd.") from error
    if not in_time or "timed out" in str(error):
        why = f"{place} accepted the connection, but did not finish SSH's greeting"
        why += f" within {limit_s:g} s"
        raise call.error("handshake", why, "It may be overloaded, or not be SSH.") from error
    why = f"{place} hung up during SSH's greeting"
    if wire.remote_version == "":
        why = f"{place} hung up, or does not speak SSH"
    if call.config.proxy_command:
        why += f" (through the ProxyCommand '{call.config.proxy_command}')"
    raise call.error("handshake", why, "Is that the port of its sshd?") from error


def _trust(call: Call, wire: Wire, lines: tuple[Line, ...]) -> None:
    call.begin("host key")
    shown = wire.get_remote_server_key()
    key = HostKey(shown.get_name(), shown.asbytes())
    if (wire.host_key_type or "").endswith(_CERTIFICATE):
        raise HostKeyError(
            call.shown,
            "it shows a certificate only, and certificates of hosts are not supported",
            "Let its sshd show a plain key too: HostKey in sshd_config.",
            fingerprint=key.fingerprint,
            accept="",
        )
    names = call.config.known_names
    verdict = hostkeys.judge(lines, names, key)
    if not isinstance(verdict, hostkeys.Known):
        files = call.config.user_known_hosts or (Path.home() / ".ssh" / "known_hosts",)
        raise hostkeys.refusal(call.shown, names, key, verdict, files[0])
