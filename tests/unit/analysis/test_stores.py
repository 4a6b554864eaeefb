"""Assignments to attributes and items that may concern a module."""

import ast

import pytest

from jupyter_scale.analysis.stores import Store, find_stores

CASES = {
    "np.mine = 1": {"np:mine"},
    "del np.mine": {"np:mine"},
    "np.mine += 1": {"np:mine"},
    "torch.backends.cudnn.benchmark = True": {"torch:backends.cudnn.benchmark"},
    "plt.rcParams['a'] = 1": {"plt:~rcParams['a']"},
    "m.d[k] = 1": {"m:~d"},
    "m.d['a']['b'] = 1": {"m:~d['a']"},
    "m.d['a'].x = 1": {"m:~d['a']"},
    "m.seen.append(1)": {"m:~seen"},
    "m.seen.count(1)": set(),
    "m.append(1)": set(),
    "a, m.x = 1, 2": {"m:x"},
    "for m.x in y: pass": {"m:x"},
    "setattr(m, 'x', 1)": {"m:x"},
    "delattr(m.sub, 'x')": {"m:sub.x"},
    "setattr(m, name, 1)": set(),
    "def f():\n    m.x = 1": {"m:x"},
    "f().x = 1": set(),
    "x = m.y": set(),
    "def f():\n    import numpy as n\n    n.x = 1": {"n:x", "!numpy:x"},
    "from a.b import c\nc.d = 1": {"c:d", "!a.b:c.d"},
    "import a.b\na.b.c = 1": {"a:b.c", "!a:b.c"},
}


@pytest.mark.parametrize("source", CASES)
def test_stores(source):
    found = find_stores(ast.parse(source))
    assert {store.text for store in found} == CASES[source]
    assert {Store.parse(store.text) for store in found} == found
