"""What takes long, in threads of its own: it must not hold up the server, nor the server's end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def in_thread(job: Callable[[], _Result]) -> Future[_Result]:
    """Begin a job in a thread of its own; the future has its result, or what it raised."""
    future: Future[_Result] = Future()

    def work() -> None:
        try:
            future.set_result(job())
        except BaseException as error:  # noqa: BLE001 - whoever asked is told
            future.set_exception(error)

    threading.Thread(target=work, name="jupyter-scale job", daemon=True).start()
    return future


async def iterate(
    items: Generator[_Result, None, None], most_waiting: int, quiet_s: float
) -> AsyncGenerator[_Result | None, None]:
    """Yield what a generator yields that blocks: it runs, and is closed, in a thread of its own.

    Parameters
    ----------
    most_waiting
        So many items are made before they are taken.
    quiet_s
        After so long without an item, None is yielded.
    """
    loop = asyncio.get_running_loop()
    made: asyncio.Queue[Any] = asyncio.Queue()
    room, is_given_up, end = threading.Semaphore(most_waiting), threading.Event(), object()

    def put(item: object) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(made.put_nowait, item)

    def work() -> None:
        try:
            with contextlib.closing(items):
                for item in items:
                    room.acquire()
                    if is_given_up.is_set():
                        return
                    put((item,))
            put(end)
        except BaseException as error:  # noqa: BLE001 - whoever takes the items is told
            put(error)

    threading.Thread(target=work, name="jupyter-scale items", daemon=True).start()
    try:
        while True:
            try:
                item = await asyncio.wait_for(made.get(), quiet_s)
            except TimeoutError:
                yield None
                continue
            if item is end:
                return
            if isinstance(item, BaseException):
                raise item
            yield item[0]
            room.release()
    finally:
        is_given_up.set()
        room.release()
