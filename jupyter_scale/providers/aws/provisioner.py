"""Keeps an instance behind each node: asks for them, looks after them, asks again, in one thread.

The thread asks AWS about all instances by one call, often while something is on its way and rarely
afterwards. When AWS cannot be asked, what runs goes on: only new instances need it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from jupyter_scale.errors import AwsError, AwsUnreachable
from jupyter_scale.model.cluster import NodeState
from jupyter_scale.model.profile import Profile
from jupyter_scale.providers.aws.board import Board, Hooks, Site, first_slot
from jupyter_scale.providers.aws.departures import Departures
from jupyter_scale.providers.aws.ordering import Orders
from jupyter_scale.providers.aws.rounds import Rounds
from jupyter_scale.providers.aws.slots import Phase, Slot, failure_of

_logger = logging.getLogger(__name__)

_OFTEN_S = (0.5, 0.5, 1.0, 1.0, 2.0, 3.0)
_RARELY_S = 30.0
_GLANCE_S = 1.0
_BROKEN_S = 3.0
_JOIN_S = 60.0
_MOST_TROUBLES = 4


class Provisioner:
    """Instances for the nodes of one cluster.

    Parameters
    ----------
    site : Site
        Where, and whose.
    hooks : Hooks
        Who else has to do with them.
    nodes : sequence of NodeState
        As they are known.
    profile : Profile
        What `site` comes from.
    """

    def __init__(
        self, site: Site, hooks: Hooks, nodes: Sequence[NodeState], profile: Profile
    ) -> None:
        self.profile = profile
        self._board = board = Board(site, hooks)
        self._orders = Orders(board)
        self._departures = Departures(board)
        self._rounds = Rounds(board, self._orders, self._departures)
        board.slots.update({node.name: first_slot(node, self._orders.journal) for node in nodes})
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"jupyter-scale instances {site.identity.cluster}", daemon=True
        )

    # -- for its owner -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def give_up(self, nodes: Sequence[NodeState], before: Provisioner | None) -> None:
        """End nodes that the cluster has no more, when they have handed over what they hold.

        Parameters
        ----------
        before : Provisioner, optional
            Who had them until now, and may have others to be ended.
        """
        if before is not None:
            self._board.hosts_gone |= before._board.hosts_gone  # noqa: SLF001 - of its own kind
            self._departures.give_up(before._departures.given_up)  # noqa: SLF001 - the same
        self._departures.give_up(nodes)

    def take(self, site: Site, profile: Profile) -> None:
        """Take other limits."""
        self.profile = profile
        self._board.take(site)
        self._wake.set()

    def slot(self, name: str) -> Slot | None:
        """Return what is known of a node's instance."""
        return self._board.slots.get(name)

    def why_gone(self, host: str) -> str:
        """Return why a machine has gone, an empty text when it has not as far as is known."""
        return self._board.hosts_gone.get(host, "")

    def close(self) -> None:
        """Let go; the instances go on. A call of AWS that is under way comes to its end before."""
        self._board.closing.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    # -- in its thread -----------------------------------------------------------------------

    def _run(self) -> None:
        board = self._board
        for slot in board.there():
            board.hooks.begin(slot.node)
        quiet = troubles = 0
        while not board.closing.is_set():
            before = dict(board.slots)
            try:
                self._step()
                troubles = 0
            except AwsError as error:
                troubles += 1
                if not isinstance(error, AwsUnreachable) or troubles >= _MOST_TROUBLES:
                    self._despair(error)
            except Exception as error:  # else a start would wait for nobody
                _logger.exception("instances of %s", board.site.identity.cluster)
                self._despair(AwsError("the instances", f"{type(error).__name__}: {error}"))
            is_changed = before != board.slots
            if is_changed:
                board.hooks.has_news()
            quiet = 0 if is_changed else quiet + 1
            self._rest(self._pause_s(quiet), is_answered=not troubles)

    def _step(self) -> None:
        if wanted := self._board.wanted():
            self._orders.place(wanted)
        if self._orders.journal is not None and not self._board.closing.is_set():
            self._rounds.look()
            self._orders.tell_untold()

    def _rest(self, pause_s: float, *, is_answered: bool) -> None:
        """Wait for so long, or until a node has handed over what it had, if AWS answers."""
        board, departures = self._board, self._departures
        until = time.monotonic() + pause_s
        while (rest_s := until - time.monotonic()) > 0 and not board.closing.is_set():
            if self._wake.wait(min(rest_s, _GLANCE_S)):
                self._wake.clear()
                return
            there = board.there()
            if any(departures.has_left(slot, board.hooks.look(slot.node)) for slot in there):
                return
            if is_answered and departures.are_waited_for():
                return
            is_early = rest_s > pause_s - _BROKEN_S
            if not is_early and not all(board.hooks.is_linked(s.node.name) for s in there):
                return

    def _pause_s(self, quiet: int) -> float:
        slots = self._board.slots.values()
        under_way = (Phase.WANTED, Phase.ASKED, Phase.BOOTING)
        if any(slot.phase in under_way for slot in slots):
            return _OFTEN_S[min(quiet, len(_OFTEN_S) - 1)]
        is_starting = any(slot.phase is Phase.THERE and not slot.node.pid for slot in slots)
        return _OFTEN_S[-1] if is_starting else _RARELY_S

    def _despair(self, error: AwsError) -> None:
        """Give up what is not there yet; what runs needs nothing of AWS."""
        now = self._board.site.cloud.now
        for slot in list(self._board.slots.values()):
            if slot.phase in (Phase.WANTED, Phase.ASKED, Phase.BOOTING):
                self._board.put(slot.failed(failure_of(error), now))
            elif slot.phase is Phase.THERE:
                trouble = f"AWS cannot be asked: {error.why}. {error.next_step}".strip()
                self._board.put(replace(slot, trouble=trouble))
