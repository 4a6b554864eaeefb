"""What is installed instead of what cannot be had: decided without installing anything."""

from __future__ import annotations

import pytest

from jupyter_scale.environment.node.complaints import TOO_OLD
from jupyter_scale.environment.node.installing import Package, Plan

NONE = "no index has that version"


def plan(*packages, is_elsewhere=False, has_gpu=False):
    listed = [Package(*text.split("==")) for text in packages]
    return Plan.make(listed, is_elsewhere=is_elsewhere, has_gpu=has_gpu)


def lines(of):
    return [package.line for package in of.packages.values()]


@pytest.mark.parametrize(
    ("before", "blamed", "after", "with_needs"),
    [
        (["a==1", "b==2"], {"a": NONE}, ["b==2"], False),
        (["a==1+cu9"], {"a": NONE}, ["a==1"], True),
        (["a==1.2"], {"a": TOO_OLD}, ["a"], False),
        (["a==1", "b==2"], {"a": NONE, "b": NONE}, [], False),
    ],
)
def test_what_cannot_be_had(before, blamed, after, with_needs):
    adapted = plan(*before)
    assert adapted.adapt(blamed)
    assert (lines(adapted), adapted.with_needs) == (after, with_needs)
    assert [one["name"] for one in adapted.unmatched] == list(blamed)


def test_a_package_that_is_not_in_the_list_is_nobodys_fault():
    assert not plan("a==1").adapt({"b": NONE})


def test_every_adaptation_comes_to_an_end():
    adapted = plan("a==1+cu9")
    assert adapted.adapt({"a": NONE})
    assert adapted.adapt({"a": TOO_OLD})
    assert adapted.adapt({"a": NONE})
    assert not adapted.adapt({"a": NONE})
    (unmatched,) = adapted.unmatched
    assert (unmatched["version"], unmatched["why"]) == ("1+cu9", NONE)


@pytest.mark.parametrize(
    ("packages", "has_gpu", "backend", "torch"),
    [
        (["torch==2.4.0+cu121"], True, "cu121", "torch==2.4.0+cu121"),
        (["torch==2.4.0+cpu"], False, "cpu", "torch==2.4.0+cpu"),
        (["torch==2.4.0+cpu"], True, "", "torch==2.4.0"),
        (["torch==2.4.0"], True, "", "torch==2.4.0"),
        (["torch==2.4.0+mine.3"], False, "", "torch==2.4.0+mine.3"),
    ],
)
def test_builds_of_torch(packages, has_gpu, backend, torch):
    made = plan(*packages, has_gpu=has_gpu)
    assert (made.backend, lines(made)) == (backend, [torch])
    assert made.drop_backend() == bool(backend)
    assert not made.drop_backend()


def test_a_build_for_no_gpu_stays_where_there_is_no_index():
    package = Package("torch", "2.4.0+cpu")
    made = Plan.make([package], is_elsewhere=False, has_gpu=True, is_offline=True)
    assert lines(made) == ["torch==2.4.0+cpu"]
    [note] = made.unmatched
    assert (note["version"], "was built for no GPU" in note["why"]) == ("2.4.0+cpu", True)


def test_what_others_need_and_cannot_be_had():
    made = plan("a==1", is_elsewhere=True)
    assert not made.drop_needs({})
    assert made.drop_needs({"b": NONE})
    assert not made.with_needs
    assert [(one["name"], one["version"]) for one in made.unmatched] == [("b", "any")]
    assert not made.drop_needs({"b": NONE})


def test_elsewhere_more_may_be_needed():
    assert plan("a==1", is_elsewhere=True).with_needs
    assert not plan("a==1").with_needs


@pytest.mark.parametrize(
    ("package", "line"),
    [
        (Package("a", "1"), "a==1"),
        (Package("a", "1", url="git+https://x/y@c"), "a @ git+https://x/y@c"),
        (
            Package("a", "1", path="/x y/a-1-py3-none-any.whl"),
            "a @ file:///x%20y/a-1-py3-none-any.whl",
        ),
    ],
)
def test_lines(package, line):
    assert package.line == line
