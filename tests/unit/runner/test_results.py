"""What of a cell is written down for notebooks that have nothing of it."""

import pytest

from jupyter_scale.runner.results import names_bound_by


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = 1\ny, (z, *rest) = f()", {"x", "y", "z", "rest"}),
        ("import os.path, numpy as np\nfrom a import b as c", {"os", "np", "c"}),
        ("def f(): inner = 1\nclass A: inner = 2", {"f", "A"}),
        ("for i in range(3):\n    with open(p) as file: n += 1", {"i", "file", "n"}),
        ("def f():\n    global g\n    g = 1", {"f"}),
        ("x = await f()\nprint(x)", {"x"}),
        ("rows.append(1); d['k'] = 2", set()),
        ("if (m := f()): pass", {"m"}),
        ("this is no Python", set()),
    ],
)
def test_names_bound_by(source, names):
    assert names_bound_by(source) == names
