"""Lines that came between two looks at the end of a log."""

import pytest

from jupyter_scale.cli.logs import added


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("", "ab", "ab"),
        ("ab", "ab", ""),
        ("ab", "abc", "c"),
        ("abcd", "cdef", "ef"),
        ("aa", "aaa", "a"),
        ("abcd", "wxyz", "wxyz"),
        ("ab", "", ""),
    ],
)
def test_what_was_added(before, now, new):
    assert "".join(added(tuple(before), tuple(now))) == new


def test_a_last_line_that_has_grown_is_shown_as_a_whole():
    assert added(("one", "tw"), ("one", "two", "three")) == ("two", "three")
