"""The names that users may rely on."""

from __future__ import annotations

import pytest

import jupyter_scale


def test_public_names() -> None:
    assert jupyter_scale.__all__ == [
        "last_run",
        "load_ipython_extension",
        "unload_ipython_extension",
    ]


def test_there_is_no_last_run_before_the_first() -> None:
    assert jupyter_scale.last_run is None


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = jupyter_scale.nosuch
