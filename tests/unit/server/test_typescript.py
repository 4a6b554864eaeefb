"""The TypeScript of the feed is that of its dataclasses."""

import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from jupyter_scale.server.typescript import generate

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_committed_is_up_to_date():
    committed = (ROOT / "labextension" / "src" / "feed.ts").read_text()
    assert committed == generate(), "python -m jupyter_scale.server.typescript > .../feed.ts"


def test_a_type_that_has_none_is_said():
    @dataclass
    class Odd:
        """Odd."""

        value: complex

    module = types.ModuleType("odd")
    module.FEED_VERSION = 1
    Odd.__module__ = "odd"
    module.Odd = Odd
    import sys

    sys.modules["odd"] = module
    try:
        Odd.__annotations__ = {"value": complex}
        with pytest.raises(TypeError, match="complex"):
            generate(module)
    finally:
        del sys.modules["odd"]
