"""A directory for LD_LIBRARY_PATH with a fake NVIDIA driver library, compiled from `fakenvml.c`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_COMPILER = shutil.which("cc") or shutil.which("gcc")

needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or (_COMPILER is None and not os.environ.get("CI")),
    reason="the fake NVIDIA library is compiled, for Linux",
)


def build(directory, *macros, count=2):
    """Compile a fake driver of so many GPUs and return where it is."""
    subprocess.run(
        [
            _COMPILER or "cc",
            *("-shared", "-fPIC", "-nostdlib", "-Wall", "-Werror"),
            *(f"-D{macro}" for macro in [f"COUNT={count}", *macros]),
            *("-o", str(directory / "libnvidia-ml.so.1")),
            str(Path(__file__).with_name("fakenvml.c")),
        ],
        check=True,
    )
    return directory
