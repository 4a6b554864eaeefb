"""What a cell imports and which files it names, functions that it calls included."""

from __future__ import annotations

from pathlib import Path

from jupyter_scale.session.needs import find_needs


def test_all_sources_count() -> None:
    needs = find_needs(["import a.b\nopen('x.csv')", "def f():\n    from c import d"], {}, "")
    assert needs.imports == {"a", "c"}
    assert {named.path for named in needs.named} == {"x.csv"}


def test_texts_and_paths_of_the_notebook() -> None:
    reads = {"NAME": "data/x.csv", "PLACE": Path("other"), "n": 5, "long": "x" * 5000}
    needs = find_needs(["open(NAME)\nopen(PLACE / 'y.csv')"], reads, "")
    assert {named.path for named in needs.named} == {"data/x.csv", "other/y.csv"}


def test_names_are_relative_to_the_working_directory() -> None:
    needs = find_needs(["open('x.csv')"], {}, "below")
    assert {named.path for named in needs.named} == {"below/x.csv"}


def test_what_is_no_python_needs_nothing() -> None:
    assert find_needs(["def ("], {}, "").imports == frozenset()
