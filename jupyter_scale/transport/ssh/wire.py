"""paramiko's transport with what it lacks for connections that live long.

- Algorithms: AES-GCM first, which is twice as fast here; nothing with CBC, 3DES, MD5 or SHA-1.
- New keys after 8 GiB instead of 512 MiB: OpenSSH's own limit for these ciphers is higher still.
- While keys are being exchanged, paramiko's reading thread would wait for itself if it had to
  send something. It keeps that until the new keys are there.
- The exit status of a command that a signal ended is the negative number of that signal.
- What a host says when it cannot open a channel, such as "Connection refused"; said to the
  thread that wanted the channel, where paramiko tells whoever asks first.
- A keepalive that has to be answered, so that a broken link falls silent for good.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Sequence
from typing import Any

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST
from paramiko.packet import Packetizer

from jupyter_scale.transport.ssh.link import Link

_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
_DIGESTS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_LARGEST_PACKET_BYTES = 1 << 17
_WINDOW_BYTES = 1 << 23

LOG = "jupyter_scale.ssh"
"""The logger of paramiko's own messages; whoever wants to see them sets its level."""


class _Packets(Packetizer):
    REKEY_BYTES = 1 << 33
    REKEY_BYTES_OVERFLOW_MAX = 1 << 30


def _take_request(channel: Any, message: Any) -> None:
    """Take a request about a channel: paramiko drops the signal that ended a command."""
    start = message.packet.tell()
    if message.get_text() == "exit-signal":
        message.get_boolean()
        name = f"SIG{message.get_text()}"
        number = signal.Signals.__members__.get(name, signal.SIGKILL)
        channel.exit_status = -number
        channel.status_event.set()
        return
    message.packet.seek(start)
    channel._handle_request(message)  # noqa: SLF001 - this is what paramiko itself calls


class Wire(paramiko.Transport):
    """An SSH transport on a link.

    Parameters
    ----------
    link
        The stream.
    key_kinds : sequence of str
        The types of the host's key that are known; it is asked for these first.

    Attributes
    ----------
    asked : int
        How many answers were asked for.
    """

    _channel_handler_table = {  # noqa: RUF012 - as in the class above it
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined] # noqa: SLF001
        MSG_CHANNEL_REQUEST: _take_request,
    }

    def __init__(self, link: Link, key_kinds: Sequence[str]) -> None:
        super().__init__(
            link,  # type: ignore[arg-type]
            default_window_size=_WINDOW_BYTES,
            default_max_packet_size=_LARGEST_PACKET_BYTES,
            packetizer_class=_Packets,
        )
        self._kept: list[paramiko.Message] = []
        self._openings: dict[int, int] = {}  # a thread's latest channel
        self._refusals: dict[int, paramiko.ChannelException] = {}  # what it was told of that
        self._answered = threading.Condition()
        self.asked = self._answers = 0
        self.set_log_channel(LOG)
        if self.logger.level == logging.NOTSET:
            self.logger.setLevel(logging.CRITICAL)  # what it has to say, our errors say better
        self.daemon = True
        options = self.get_security_options()
        options.ciphers, options.digests = _CIPHERS, _DIGESTS
        options.key_types = order_kinds(options.key_types, key_kinds)

    def ask_for_answer(self) -> None:
        """Send a request that any server answers, if only by saying that it does not know it."""
        if threading.current_thread() is self and not self.clear_to_send.is_set():
            return  # keys are being exchanged, which has to be answered as well
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)  # noqa: FBT003 - wants an answer
        with self._answered:
            self.asked += 1
        try:
            self._send_user_message(message)
        except BaseException:
            with self._answered:
                self.asked -= 1
            raise

    def wait_answered(self, number: int, timeout_s: float) -> bool:
        """Wait until so many requests have been answered; tell whether that came in time."""

        def is_over() -> bool:
            return self._answers >= number or not self.is_active()

        with self._answered:
            return self._answered.wait_for(is_over, timeout_s) and self.is_active()

    def run(self) -> None:
        """Read until the end; whoever waits for an answer is told of it."""
        super().run()
        with self._answered:
            self._answered.notify_all()

    def _parse_request_failure(self, message: paramiko.Message) -> None:
        super()._parse_request_failure(message)  # type: ignore[misc]
        self._count_answer()

    def _parse_request_success(self, message: paramiko.Message) -> None:
        super()._parse_request_success(message)  # type: ignore[misc]
        self._count_answer()

    def _count_answer(self) -> None:
        with self._answered:
            self._answers += 1
            self._answered.notify_all()

    def _send_user_message(self, data: paramiko.Message) -> None:
        if threading.current_thread() is self and not self.clear_to_send.is_set():
            self._kept.append(data)
            return
        super()._send_user_message(data)  # type: ignore[misc]

    def _next_channel(self) -> int:
        number: int = super()._next_channel()  # type: ignore[misc]
        self._openings[threading.get_ident()] = number
        return number

    def get_exception(self) -> Exception | None:
        """Return why the last call failed; the refusal of a channel to whom it was refused."""
        refusal = self._refusals.pop(threading.get_ident(), None)
        return super().get_exception() if refusal is None else refusal

    def _parse_channel_open_failure(self, message: paramiko.Message) -> None:
        number, reason, said = message.get_int(), message.get_int(), message.get_text()
        refusal = paramiko.ChannelException(reason, said or "it does not say why")
        with self.lock:
            for opener, opened in self._openings.items():
                if opened == number:
                    self._refusals[opener] = refusal
            self._channels.delete(number)  # type: ignore[attr-defined]
            if (event := self.channel_events.pop(number, None)) is not None:
                event.set()

    def _parse_newkeys(self, message: paramiko.Message) -> None:
        super()._parse_newkeys(message)  # type: ignore[misc]
        kept, self._kept = self._kept, []
        for data in kept:
            self._send_user_message(data)


def order_kinds(offered: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return host key algorithms with those first for which a key is known."""
    wanted = [name for kind in known for name in (_RSA if kind == "ssh-rsa" else (kind,))]
    return tuple(dict.fromkeys([*(kind for kind in wanted if kind in offered), *offered]))
