"""What the nodes of a cluster over SSH share, as far as it needs no host."""

import threading

import pytest

from jupyter_scale.providers.ssh.fleet import by_node, wait_all
from jupyter_scale.providers.ssh.questions import Questions


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        ([], {}),
        (["h1/0", "h2/0", "h1/1"], {"h1": {"h1/0", "h1/1"}, "h2": {"h2/0"}}),
        (["a/b/0"], {"a/b": {"a/b/0"}}),
    ],
)
def test_the_workers_of_each_node(workers, expected):
    assert by_node(workers) == expected


def test_who_waits_for_others_answers_their_questions():
    questions, answers = Questions(), []
    wait_all(
        [lambda: answers.append(questions.ask("Who?"))] * 2,
        60,
        meanwhile=lambda: questions.answer(lambda prompt: f"{prompt} Me."),
    )
    assert answers == ["Who? Me."] * 2


def test_nobody_waits_for_an_answer_that_nobody_gives():
    questions, answers = Questions(), []
    wait_all(
        [lambda: answers.append(questions.ask("Who?"))],
        60,
        meanwhile=lambda: questions.answer(None),
    )
    assert answers == [""]


def test_waiting_for_all_has_an_end():
    is_over, ended = threading.Event(), []
    wait_all([is_over.wait, lambda: ended.append(True)], 0.5)
    is_over.set()
    assert ended == [True]
