"""A process complains of what its programs log: soon, of nothing of the user's, from any thread."""

import asyncio
import logging
import threading

import pytest

from jupyter_scale.monitor.complaining import MOST_OF_PROCESS, Complainer, complaint_of, short_name


@pytest.fixture
def heard():
    return []


def listening(heard, act, count):
    """Have a process act, and wait until it has complained so often."""

    async def run():
        is_enough = asyncio.Event()

        def hear(complaints):
            heard.extend(complaints)
            if len(heard) >= count:
                is_enough.set()

        complainer = Complainer(hear, node="n", worker="n/1")
        complainer.install()
        try:
            act()
            await asyncio.wait_for(is_enough.wait(), 5)
        finally:
            complainer.close()

    asyncio.run(run())


def test_what_dask_and_this_package_log_is_told_once(heard):
    def act():
        for percent in (81, 82):
            logging.getLogger("distributed.worker.memory").warning("Worker is at %d%%", percent)
        logging.getLogger("jupyter_scale.providers.node.crew").error("no worker")
        logging.getLogger("distributed.core").info("by the way")
        logging.getLogger("my.analysis").error("%s", {"a": "value"})

    listening(heard, act, 2)
    assert [(c.source, c.level, c.text, c.count, c.node, c.worker) for c in heard] == [
        ("worker", "warning", "Worker is at 82%", 2, "n", "n/1"),
        ("crew", "error", "no worker", 1, "n", "n/1"),
    ]


def test_a_flood_out_of_threads_is_held_back(heard):
    def flood():
        for index in range(1000):
            logging.getLogger("distributed.core").warning("%s is lost", chr(97 + index % 26) * 9)

    def act():
        threads = [threading.Thread(target=flood) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    listening(heard, act, 1)
    assert len(heard) <= MOST_OF_PROCESS
    assert sum(complaint.count for complaint in heard) == 3000


def test_who_has_closed_hears_no_more(heard):
    listening(heard, lambda: logging.getLogger("distributed").warning("first"), 1)
    logging.getLogger("distributed").warning("second")
    assert [complaint.text for complaint in heard] == ["first"]


def record(message, *arguments, error=None, level=logging.WARNING):
    info = (type(error), error, None) if error else None
    return logging.LogRecord("distributed.worker", level, "", 1, message, arguments, info)


class Rude:
    def __str__(self):
        raise ValueError("I have no name")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (record("it is %s", "slow\nvery"), "it is slow"),
        (record("it failed", error=OSError("/secret")), "it failed (OSError)"),
        (record("", error=OSError("/secret")), "OSError"),
        (record("of %s", Rude()), "of %s"),
    ],
)
def test_a_record_is_one_line_without_its_traceback(said, text):
    assert complaint_of(said).text == text


@pytest.mark.parametrize(
    "message",
    [
        "Compute Failed\nKey:       %s\nargs:  ...",
        "Run Failed\nFunction: %s",
        "Exception during execution of task 'f-1'",
        "Removing worker 'tls://a' caused the cluster to lose already computed task(s): {'f'}",
    ],
)
def test_of_user_code_nothing_is_told(message):
    assert complaint_of(record(message)) is None


def test_loggers_have_short_names():
    names = ["distributed.nanny.memory", "jupyter_scale.monitor.gpuwatch", "distributed"]
    assert [short_name(name) for name in names] == ["nanny", "gpuwatch", "distributed"]
