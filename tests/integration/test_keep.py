"""Values that stay on the cluster: used there, named here, fetched when asked for."""

import re

import pytest

SETUP = """
import numpy as np
class Model:
    def __init__(self, size):
        self.weights = np.arange(size, dtype=float)
        self.rounds = 0
    def fit(self):
        self.rounds += 1
        return self
"""


@pytest.fixture(scope="module", autouse=True)
def model_class(notebook):
    notebook.run("%scale quiet")
    notebook.run(SETUP)


def ok(outputs):
    assert outputs.status == "ok", outputs.traceback
    return outputs


def text(outputs):
    return ok(outputs).result["text/plain"]


def sent(notebook):
    return int(notebook.value("__import__('jupyter_scale').last_run.sent_bytes"))


def received(notebook):
    return int(notebook.value("__import__('jupyter_scale').last_run.received_bytes"))


def test_a_kept_value_is_used_and_changed_there(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(1_000_000)"))
    assert received(notebook) < 10_000
    shown = notebook.run("model").result
    assert "Model on the cluster" in shown["text/plain"]
    assert "8.0 MB" in shown["text/plain"]
    assert "model = model.get()" in shown["text/plain"]
    assert "model = model.get()" in shown["text/html"]
    assert notebook.value("(model.name, model.type_name, model.why)") == (
        "('model', 'Model', '--keep')"
    )
    notebook.run("before = model")
    assert text(notebook.run("%%scale\nmodel.fit().rounds")) == "1"
    assert text(notebook.run("%%scale\nmodel.fit().rounds, model.weights.sum()")).startswith("(2,")
    assert sent(notebook) < 10_000
    assert received(notebook) < 10_000
    assert notebook.value("model is before") == "True"
    notebook.run("del before")


def test_under_other_names_and_inside_structures(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(1_000_000)\nmodel.rounds = 7"))
    notebook.run("other = model\npair = [model, {'m': model}]")
    assert text(notebook.run("%%scale\nother.rounds, other is model")) == "(7, True)"
    assert text(notebook.run("%%scale\npair[0] is pair[1]['m'] is model")) == "True"
    ok(notebook.run("%%scale\nd = {'m': model, 'n': 1}\npair.append(model)"))
    assert received(notebook) < 10_000
    assert notebook.value("d['m'] is model is pair[2], d['n']") == "True 1"
    assert text(notebook.run("%%scale\nd['m'] is pair[2] is model, model.fit().rounds")) == (
        "(True, 8)"
    )
    assert received(notebook) < 10_000


def test_the_last_value_of_a_cell_is_the_stand_in(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(10)\nmodel.fit()"))
    assert notebook.value("_ is model") == "True"


def test_get_brings_it_home_and_nothing_travels_back(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(1_000_000)\nmodel.rounds = 3"))
    ok(notebook.run("model = model.get()"))
    assert notebook.value("(type(model) is Model, model.rounds, model.weights.size)") == (
        "(True, 3, 1000000)"
    )
    assert text(notebook.run("%%scale\nmodel.fit().rounds")) == "4"
    assert sent(notebook) < 10_000
    assert received(notebook) < 10_000
    assert notebook.value("model.rounds") == "4"
    notebook.run("model.weights[0] = 99")
    assert text(notebook.run("%%scale\nfloat(model.weights[0])")) == "99.0"
    assert sent(notebook) < 2_000_000


def test_get_under_another_name(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(1_000_000)"))
    ok(notebook.run("mine = model.get()\nmine.rounds = 50"))
    assert text(notebook.run("%%scale\nmine.rounds, mine is model")) == "(50, True)"
    assert sent(notebook) < 100_000
    assert notebook.value("model is mine") == "True"


def test_a_plain_cell_cannot_use_it_by_accident(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(10)"))
    for use in ("model.rounds", "model.rounds = 1", "del model.rounds"):
        assert notebook.run(use).ename == "AttributeError"
    for use in ("model[0]", "len(model)", "model + 1", "1 + model", "np.ones(3) * model",
                "float(model)", "np.asarray(model)", "list(model)", "bool(model)", "model == 1",
                "__import__('pickle').dumps(model)", "model()", "model < 1"):  # fmt: skip
        outputs = notebook.run(use)
        assert outputs.ename == "TypeError", use
        assert "'model' stays on the cluster: use it in a %%scale cell" in outputs.evalue
        assert "model = model.get()" in outputs.evalue
    assert (
        notebook.value("hasattr(model, 'nosuch'), model == model, {model: 1}[model]")
        == "False True 1"
    )


def test_above_a_size(notebook):
    cell = "%%scale --keep-above 1MB\nbig = np.ones(1_000_000)\nsmall = np.ones(3)\nholder = [big]"
    ok(notebook.run(cell))
    assert notebook.value("(type(big).__name__, type(small).__name__, holder[0] is big)") == (
        "('RemoteValue', 'ndarray', True)"
    )
    assert notebook.value("(big.shape, big.dtype, big.nbytes, big.why)") == (
        "((1000000,), 'float64', 8000000, 'larger than --keep-above 1.0 MB')"
    )
    notebook.run("%scale keep-above 1MB")
    ok(notebook.run("%%scale\nbig2 = np.ones(1_000_000)"))
    assert notebook.value("type(big2).__name__") == "RemoteValue"
    ok(notebook.run("%%scale --keep-above off\nbig2 = np.ones(1_000_000)"))
    assert notebook.value("type(big2).__name__") == "ndarray"
    assert "1.0 MB stay" in notebook.run("%scale keep-above").stdout
    notebook.run("%scale keep-above off")
    ok(notebook.run("%%scale\nbig2 = np.ones(1_000_000)"))
    assert notebook.value("type(big2).__name__") == "ndarray"


def test_a_loop_that_spreads_has_it(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(1000)"))
    notebook.run(
        "def score(i):\n    import time\n    time.sleep(0.02)\n    return model.weights[i] * 2"
    )
    outputs = notebook.run("%%scale\nscores = [score(i) for i in range(100)]")
    ok(outputs)
    assert notebook.value("[float(s) for s in scores] == [2.0 * i for i in range(100)]") == "True"
    assert notebook.value("__import__('jupyter_scale').last_run.loops[0]['spread'] > 0") == "True"
    assert notebook.value("type(model).__name__") == "RemoteValue"


def test_what_it_shares_with_the_notebook_stays_one(notebook):
    notebook.run("params = {'a': 1}")
    ok(notebook.run("%%scale --keep model\nmodel = Model(10)\nmodel.params = params"))
    notebook.run("params['a'] = 2")
    assert text(notebook.run("%%scale\nmodel.params['a']")) == "2"
    ok(notebook.run("%%scale\nmodel.params['b'] = 3"))
    assert notebook.value("params") == "{'a': 2, 'b': 3}"
    notebook.run("params['c'] = 4\nmodel = model.get()")
    assert notebook.value("model.params is params, params") == ("True {'a': 2, 'b': 3, 'c': 4}")
    assert text(notebook.run("%%scale\nmodel.params")) == "{'a': 2, 'b': 3, 'c': 4}"


def test_it_is_freed_when_nobody_refers_to_it(notebook):
    cell = "import gc\ngc.collect()\nsum(type(o).__name__ == 'Probe' for o in gc.get_objects())"
    notebook.run("class Probe: pass")
    ok(notebook.run("%%scale --keep probe\nprobe = Probe()\nNone"))
    notebook.run("alias = probe")
    notebook.run("del probe")
    assert text(notebook.run("%%scale\n" + cell)) == "1"
    notebook.run("del alias")
    assert text(notebook.run("%%scale\n" + cell)) == "0"
    ok(notebook.run("%%scale --keep probe\nprobe = Probe()\nNone"))
    notebook.run("probe = 1")
    assert text(notebook.run("%%scale\n" + cell)) == "0"


def test_what_cannot_travel_cannot_be_fetched(notebook):
    cell = "%%scale\nimport time\ntime.sleep(1.1)\ngen = (i for i in range(5))\nnext(gen)"
    assert "stays on the cluster" in ok(notebook.run(cell)).stderr
    assert "generator" in notebook.value("gen")
    failed = notebook.run("gen.get()")
    assert failed.ename == "CannotTravel"
    assert "gen (generator) cannot travel" in failed.evalue
    assert "cannot be fetched" in notebook.run("list(gen)").evalue
    assert text(notebook.run("%%scale\nnext(gen)")) == "1"
    ok(notebook.run("%%scale\nbox = [gen]"))
    assert text(notebook.run("%%scale\nnext(box[0])")) == "2"


def test_status_lists_what_is_kept(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(1_000_000)"))
    assert re.search(r"keeps +model: Model, 8.0 MB", notebook.run("%scale").stdout)


def test_names_that_the_cell_does_not_bind(notebook):
    failed = notebook.run("%%scale --keep nosuch\nran = 1")
    assert failed.ename == "UsageError"
    assert "does not bind 'nosuch'" in failed.evalue
    assert notebook.value("'ran' in globals()") == "False"
    noted = ok(notebook.run("%%scale --keep maybe\nif False:\n    maybe = 1"))
    assert "--keep maybe: the cell did not bind it" in noted.stderr
    noted = ok(notebook.run("%%scale --keep n\nn = 5"))
    assert "'n' came home" in noted.stderr
    assert notebook.value("n") == "5"


@pytest.mark.parametrize("line", ["--keep-above 5XB", "--keep-above lots", "--keep 1x"])
def test_bad_options(notebook, line):
    outputs = notebook.run(f"%%scale {line}\n1")
    assert "expected" in outputs.stderr
    assert "Usage: %%scale" in outputs.stderr


def test_a_bad_session_default(notebook):
    assert "expected a size such as 500MB" in notebook.run("%scale keep-above big").stderr


def test_a_cell_that_cannot_run_there_but_needs_it(notebook):
    ok(notebook.run("%%scale --keep model\nmodel = Model(10)"))
    notebook.run("import threading\nlock = threading.Lock()")
    failed = notebook.run("%%scale\nwith lock:\n    model.fit()")
    assert "needs 'model', which stays on the cluster" in failed.evalue
    assert "lock" in failed.evalue


def test_what_cannot_be_rebuilt_at_home_stays(notebook):
    notebook.run(
        "class Odd:\n"
        "    x = 1\n"
        "    def __reduce__(self): return build, ()\n"
        "def build():\n"
        "    import jupyter_scale\n"
        "    if jupyter_scale.last_run is not None or not there: raise ValueError('not here')\n"
        "    return Odd()\n"
        "there = False"
    )
    outputs = notebook.run("%%scale\no = Odd(); n = 5")
    assert "'o' stays on the cluster: 'o' cannot be rebuilt: ValueError: not here" in outputs.stderr
    assert notebook.value("n") == "5"
    assert notebook.run("%%scale\nprint(o.x + n)").stdout == "6\n"
