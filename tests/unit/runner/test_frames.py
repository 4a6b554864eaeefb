"""Tracebacks without our own frames."""

import traceback

import pytest

from jupyter_scale.runner.host import frames


def calling(module, file, inner):
    """Return a function of a module, in a file, that calls another one."""
    namespace = {"__name__": module, "inner": inner}
    exec(compile(f"def {module.replace('.', '_')}():\n    return inner()", file, "exec"), namespace)
    return namespace[module.replace(".", "_")]


def fail():
    raise KeyboardInterrupt


OWN = "jupyter_scale.runner", frames.__file__
WAITS = "distributed.client", "client.py"
THREAD = "threading", "threading.py"
USER = "__main__", "cell.py"


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        ([USER, OWN, USER], ["__main__", "__main__", "fail"]),
        ([USER, OWN, WAITS, THREAD], ["__main__", "fail"]),
        ([USER, OWN, USER, THREAD], ["__main__", "__main__", "threading", "fail"]),
        ([USER, THREAD, OWN], ["__main__", "threading", "fail"]),
    ],
)
def test_shown(called, shown):
    function = fail
    for module, file in reversed(called):
        function = calling(module, file, function)
    with pytest.raises(KeyboardInterrupt) as caught:
        function()
    stripped = frames.strip(caught.value.__traceback__)
    assert [frame.name for frame in traceback.extract_tb(stripped)][1:] == shown
