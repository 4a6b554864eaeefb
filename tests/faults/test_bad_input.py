"""What a user gets wrong: one clear message, and a notebook that goes on."""

import pytest


def assert_usable(notebook):
    assert notebook.run("%%scale\n40 + 2").result["text/plain"] == "42"


def test_an_unknown_option(notebook):
    outputs = notebook.run("%%scale --bogus\n1")
    assert outputs.stderr.count("\n") == 1
    assert "--bogus" in outputs.stderr
    assert "Usage: %%scale" in outputs.stderr
    assert_usable(notebook)


def test_an_unknown_command(notebook):
    outputs = notebook.run("%scale upp")
    assert outputs.stderr.count("\n") == 1
    assert "'upp'" in outputs.stderr
    assert "Usage: %scale" in outputs.stderr
    assert_usable(notebook)


def test_help(notebook):
    assert "--strict" in notebook.run("%%scale --help\n1").stdout
    assert "down" in notebook.run("%scale --help").stdout


@pytest.mark.parametrize("source", ["x = = 2", "def f():\nreturn 1", "a\n  b = 1", "print('x"])
def test_a_syntax_error_is_the_plain_cells(notebook, source):
    plain = notebook.run(source)
    scaled = notebook.run("%%scale\n" + source)
    assert scaled.ename == plain.ename
    assert scaled.evalue == plain.evalue.replace(
        f"In[{plain.execution_count}]", f"In[{scaled.execution_count}]"
    )
    assert scaled.traceback == plain.traceback.replace(
        f"In[{plain.execution_count}]", f"In[{scaled.execution_count}]"
    )
    assert_usable(notebook)


def test_a_name_that_is_not_defined(notebook):
    outputs = notebook.run("%%scale\nnosuch_name + 1")
    assert outputs.ename == "NameError"
    assert outputs.evalue == "name 'nosuch_name' is not defined"
    assert "----> 1 nosuch_name + 1" in outputs.traceback


def test_a_name_that_was_deleted_here_is_gone_there(notebook):
    notebook.run("%%scale\nephemeral = 1")
    notebook.run("del ephemeral")
    assert notebook.run("%%scale\nephemeral").ename == "NameError"


def test_a_value_that_cannot_travel(notebook):
    notebook.run(
        "import threading, types\n"
        "model = types.SimpleNamespace(cache={'lock': threading.Lock()}, n=1)"
    )
    outputs = notebook.run("%%scale\nmodel.n += 1\nmodel.n")
    assert outputs.result["text/plain"] == "2"
    assert outputs.stderr.startswith("%%scale: ran here: model.cache['lock'] (_thread.lock)")
    assert notebook.value("__import__('jupyter_scale').last_run.where") == "local"
    assert "cache['lock']" in notebook.value("__import__('jupyter_scale').last_run.why")
    strict = notebook.run("%%scale --strict\nmodel.n += 1")
    assert strict.status == "error"
    assert "model.cache['lock']" in strict.evalue
    assert notebook.value("model.n") == "2"
    assert_usable(notebook)


def test_a_result_that_cannot_travel(notebook):
    outputs = notebook.run("%%scale\nnumbers = (i for i in range(3))")
    assert "numbers" in outputs.stderr
    assert notebook.value("list(numbers)") == "[0, 1, 2]"
    assert_usable(notebook)


def test_a_result_that_stays_can_be_used_there(notebook):
    outputs = notebook.run("%%scale\nprint('shown')\nstream = (i for i in range(3))")
    assert "'stream' stays on the cluster" in outputs.stderr
    assert "on the cluster" in notebook.value("stream")
    assert notebook.run("%%scale\nlist(stream)").result["text/plain"] == "[0, 1, 2]"


def test_up_twice_and_down_twice(notebook):
    assert_usable(notebook)
    second = notebook.run("%scale up")
    assert second.ename == "ClusterError"
    assert "is up already" in second.evalue
    assert "%scale down" in second.evalue
    assert_usable(notebook)
    assert notebook.run("%scale down").stdout == "The cluster has ended.\n"
    assert notebook.run("%scale down").stdout == "There is no cluster.\n"
    up = notebook.run("%scale up --workers 1")
    assert up.stdout == "The cluster 'local' is up: 1 worker.\n"
    assert "workers  1 of 1" in notebook.run("%scale").stdout
    assert notebook.run("%scale up --workers 2").stdout == "The cluster has 2 workers.\n"
    assert_usable(notebook)


def test_a_profile_that_does_not_exist(notebook):
    notebook.run("%scale down")
    outputs = notebook.run("%scale up nosuch")
    assert outputs.ename == "ProfileError"
    assert "nosuch" in outputs.evalue
    assert "local" in outputs.evalue
    assert_usable(notebook)


def test_a_profile_that_is_wrong(notebook):
    notebook.run("%scale down")
    notebook.run(
        "from pathlib import Path\n"
        "Path('scale.toml').write_text("
        '\'[clusters.lab]\\nprovider = "local"\\nidle_timeot = "1m"\')'
    )
    outputs = notebook.run("%scale up lab")
    notebook.run("Path('scale.toml').unlink()")
    assert outputs.ename == "ProfileError"
    assert "line 3" in outputs.evalue
    assert "idle_timeout" in outputs.evalue
    assert_usable(notebook)


def test_a_port_that_is_taken(notebook):
    notebook.run("%scale down")
    notebook.run(
        "import socket\n"
        "taken = socket.create_server(('127.0.0.1', 0))\n"
        "port = taken.getsockname()[1]\n"
        "Path('scale.toml').write_text("
        "f'[clusters.lab]\\nprovider = \"local\"\\nscheduler_port = {port}')"
    )
    outputs = notebook.run("%scale up lab")
    port = notebook.value("port")
    notebook.run("taken.close(); Path('scale.toml').unlink(); del taken")
    assert outputs.ename == "StartError"
    assert port in outputs.evalue
    assert_usable(notebook)


def test_names_that_shadow(notebook):
    outputs = notebook.run("%%scale\nprint = 5\nlist = [1]\nlen(list) + print")
    assert outputs.result["text/plain"] == "6"
    assert notebook.run("print, list").result["text/plain"] == "(5, [1])"
    notebook.run("del print, list")
    assert notebook.run("%%scale\nprint(list('ab'))").stdout == "['a', 'b']\n"
