"""What travels, what does not, and what is let go of."""

import gc
import weakref

import pytest

from jupyter_scale.errors import CannotTravel
from jupyter_scale.shipping.fingerprint import CHUNK_BYTES
from replicas import size_of

MB = 2**20


def test_what_did_not_change_does_not_travel(two):
    two.run_here(
        "import numpy as np\n"
        "class A: pass\n"
        "def f(): return a\n"
        "a = A(); a.x = np.arange(10.0**5); xs = [{'i': i} for i in range(100)]; s = {1, 'b', (2,)}"
    )
    assert size_of(two.sync()) > 800_000
    assert two.sync() is None
    two.ask("run", "f(); len(xs)")
    assert two.home() is None


def test_one_percent_changed_is_one_percent_sent(two):
    two.run_here("import numpy as np; x = np.random.default_rng(0).random(100 * 2**17)")
    assert size_of(two.sync()) >= 100 * MB
    two.run_here("x[5 * 2**17] = -1.0")
    sent = size_of(two.sync())
    assert CHUNK_BYTES <= sent < 1.1 * CHUNK_BYTES
    two.ask("run", "x[7 * 2**17] = -2.0")
    assert CHUNK_BYTES <= size_of(two.home()) < 1.1 * CHUNK_BYTES
    two.run_plain("x[7 * 2**17] = -2.0")
    assert two.ask("evaluate", "float(x.sum())") == repr(float(two.plain["x"].sum()))
    assert (two.here.namespace["x"] == two.plain["x"]).all()


def test_a_function_is_not_sent_again(two):
    two.run_here("def f(x): return x\nxs = [f]")
    two.sync()
    two.run_here("xs.append(1)")
    two.sync()
    assert b"co_" not in two.sent[-1]["stream"]
    assert size_of(two.sent[-1]) < 400


def test_an_alias_replaced_by_an_equal_copy_is_noticed(two):
    two.run_here("x = [1]; y = x")
    two.sync()
    two.run_here("y = [1]")
    assert "y" in two.here.changed_names()
    two.sync()
    assert two.ask("evaluate", "x is y") == "False"


def test_a_content_that_was_there_before_is_no_old_acquaintance(two):
    """v1 → v2 → v1 while another name leads to the object."""
    two.run_here("x = ['one']; y = {'x': x}")
    two.sync()
    two.ask("run", "x[0] = 'two'")
    two.home()
    two.run_here("x[0] = 'one'")
    two.plain["x"][0] = "one"
    two.check()
    assert two.ask("evaluate", "y") == "{'x': ['one']}"


def test_unknown_objects_are_sent_again(two):
    two.run_here("x = [1]; y = {'x': x}; f = lambda: x")
    two.sync()
    two.ask("begin")  # as if it had let go of all
    two.run_here("x.append(2); y['z'] = x")
    two.here.replica.table  # noqa: B018 - it still has tokens
    before = len(two.sent)
    two.sync()
    assert len(two.sent) > before + 1
    assert two.ask("evaluate", "y['x'] is x and y['z'] is x and x == [1, 2]") == "True"


def test_a_failed_parcel_changes_nothing(two):
    two.run_here(
        "class Bad:\n    def __reduce__(self): return int, ('no number',)\nx = [1]; bad = Bad()"
    )
    two.ask("run", "x = 'mine'")
    with pytest.raises(RuntimeError, match=r"CannotLoad.*'bad' cannot be rebuilt: ValueError"):
        two.sync()
    assert two.ask("evaluate", "x, 'bad' in globals()") == "('mine', False)"


@pytest.mark.parametrize(
    ("source", "path", "kind"),
    [
        ("model.cache['lock'] = threading.Lock()", "model.cache['lock']", "_thread.lock"),
        ("model.items[2] = (1, threading.Lock())", "model.items[2][1]", "_thread.lock"),
        ("model.g = (i for i in [])", "model.g", "generator"),
        ("model.cache[5] = iter_of(sock)", "model.cache[5].<closure s>", "socket.socket"),
        ("model.d = default_of(threading.Lock())", "model.d.__defaults__[0]", "_thread.lock"),
        ("model.cache['f'] = open('/dev/null')", "model.cache['f']", "_io.TextIOWrapper"),
        ("model.w = ipywidgets.IntSlider()", "model.w", "ipywidgets.widgets.widget_int.IntSlider"),
    ],
)
def test_what_cannot_travel_is_named_with_its_path(two, source, path, kind):
    two.here.run(
        "import threading, socket, ipywidgets\n"
        "class Model: pass\n"
        "def iter_of(s): return lambda: s\n"
        "def default_of(v):\n    def f(a=v): pass\n    return f\n"
        "model = Model(); model.cache = {}; model.items = [0, 1, 2]; sock = socket.socket()"
    )
    assert two.here.run(source) == ""
    with pytest.raises(CannotTravel) as failure:
        two.here.replica.look(["model"])
    two.here.run("sock.close(); f = model.cache.get('f'); f and f.close()")
    assert (failure.value.name, failure.value.path) == ("model", path)
    assert failure.value.type_name == kind
    assert str(failure.value).startswith(f"{path} ({kind}) cannot travel: ")


def test_memory_is_free_at_once_after_del(two):
    two.run_here(
        "import numpy as np\nclass A: pass\n"
        "big = np.zeros(10**6); a = A(); xs = [a]; keep = [1]; d = {'big': big}"
    )
    two.sync()
    alive = [weakref.ref(two.here.namespace[name]) for name in ("big", "a")]
    two.here.run("del big, a, xs, d")
    two.here.replica.sweep()
    two.here.packed = None
    gc.collect()
    assert [ref() for ref in alive] == [None, None]
    assert "keep" not in two.here.changed_names()


def test_memory_is_free_on_the_other_side_too(two):
    two.run_here("import numpy as np, weakref, gc\nbig = np.zeros(10**6)")
    two.sync()
    two.ask("run", "ref = weakref.ref(big)")
    two.here.run("del big")
    two.sync()
    two.ask("run", "gc.collect()")
    assert two.ask("evaluate", "ref() is None") == "True"


def test_global_reads_are_told(two):
    two.here.run("k = 1\ndef g(): return k\ndef f(): return g() + len([z for z in h])")
    snapshot = two.here.replica.look(["f"])["f"]
    assert snapshot.global_reads >= {"g", "h"}
    assert "z" not in snapshot.global_reads
    assert snapshot.dynamic_reads is None
    two.here.run("def e(): return eval('k')")
    assert "eval" in two.here.replica.look(["e"])["e"].dynamic_reads


def test_the_chunks_of_an_unchanged_big_array_stay_when_a_small_part_of_its_owner_changes(two):
    two.run_here("import numpy as np; m = {'w': np.random.default_rng(0).random(10**6), 'n': 1}")
    two.sync()
    two.run_here("m['n'] = 2")
    assert size_of(two.sync()) < 1000
    two.check()
