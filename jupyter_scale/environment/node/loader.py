"""Makes modules of the texts that the laptop has sent, and runs what was asked for.

It is the text in which `start` is defined: ``sources`` (name → text), ``main`` and ``request``.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

start: dict[str, Any] = globals().get("start", {})


class _Sent:
    """Finder and loader of the modules that were sent; nothing is written to the disk."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        if name not in start["sources"]:
            return None
        is_package = any(other.startswith(name + ".") for other in start["sources"])
        return ModuleSpec(name, self, is_package=is_package)  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        code = compile(start["sources"][name], f"<{name}>", "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - as importing does


if start:
    sys.meta_path.insert(0, _Sent())
    sys.dont_write_bytecode = True
    __import__(start["main"])
    sys.modules[start["main"]].main(start["request"], sys.stdin.buffer)
