"""Threads of the shell that stand for a pool's processes: each has one task at a worker."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from jupyter_scale.runner.host.pools.crew import Crew
from jupyter_scale.runner.host.pools.terms import Call, Result

Item = TypeVar("Item")


def serve(
    inbox: queue.SimpleQueue[Item | None],
    crew: Crew,
    accept: Callable[[Item], Call | None],
    answer: Callable[[Item, Result], object],
) -> None:
    """Run what comes, some of it together when it is short, until None comes.

    Parameters
    ----------
    accept
        Returns an item's call, None when nobody wants it any more.
    answer
        Takes what became of an item.
    """
    with crew.lane():
        while (item := inbox.get()) is not None:
            more = _more(inbox, crew.batch_size(inbox.qsize() + 1) - 1)
            _run([item, *more], crew, accept, answer)
            del item, more  # a thread that waits keeps nothing alive


def _run(
    items: list[Item],
    crew: Crew,
    accept: Callable[[Item], Call | None],
    answer: Callable[[Item, Result], object],
) -> None:
    accepted = [(item, call) for item in items if (call := accept(item)) is not None]
    if accepted:
        results = crew.run([call for _, call in accepted])
        for (item, _), result in zip(accepted, results, strict=True):
            answer(item, result)


def _more(inbox: queue.SimpleQueue[Item | None], count: int) -> list[Item]:
    items: list[Item] = []
    while len(items) < count:
        try:
            item = inbox.get_nowait()
        except queue.Empty:
            break
        if item is None:
            inbox.put(None)
            break
        items.append(item)
    return items


class Lanes:
    """Runs calls on a crew, and hands out futures of `concurrent.futures`."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self._inbox: queue.SimpleQueue[tuple[Future[Any], Call] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[..., Any], *args: Any, **keywords: Any) -> Future[Any]:
        """Return the future of a call."""
        future: Future[Any] = Future()
        self.crew.announce()
        self._inbox.put((future, (function, args, keywords)))
        if len(self._threads) < self.crew.terms.size:
            thread = threading.Thread(
                target=serve,
                args=(self._inbox, self.crew, _accept, _answer),
                name="jupyter-scale lane",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()
        return future

    def cancel_waiting(self) -> None:
        """Cancel what has not begun."""
        while True:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item[0].cancel()
                item[0].set_running_or_notify_cancel()

    def close(self) -> None:
        """Take no more; the threads end when all is done."""
        for _ in self._threads:
            self._inbox.put(None)

    def join(self) -> None:
        """Wait until all is done."""
        for thread in self._threads:
            thread.join()


def _accept(item: tuple[Future[Any], Call]) -> Call | None:
    future, call = item
    return call if future.set_running_or_notify_cancel() else None


def _answer(item: tuple[Future[Any], Call], result: Result) -> None:
    if result.error is not None:
        item[0].set_exception(result.error)
    else:
        item[0].set_result(result.value)
