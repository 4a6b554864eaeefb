"""Machines that die, links that are cut."""

from pathlib import Path

from sshfixtures import (  # noqa: F401 - fixtures are found by name
    connect,
    fresh,
    h1,
    lab,
    mark,
    nothing_is_left,
    open_laptop,
    peer,
    possible,
    wired,
)


def pytest_collection_modifyitems(items):
    mark(items, Path(__file__).parent)
