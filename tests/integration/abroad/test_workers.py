"""Workers are on a node with another home than the runner's: each uses the copy of its own node."""

import pytest


@pytest.fixture(scope="module")
def notebook(wide_notebook):
    wide_notebook.must(
        "import os, time\n"
        "def at_work(i):\n    time.sleep(0.08)\n    import helping\n"
        "    return helping.__file__, os.getcwd(), helping.value, open('table.txt').read()"
    )
    (wide_notebook.folder / "helping.py").write_text("value = 1\n")
    (wide_notebook.folder / "table.txt").write_text("table")
    return wide_notebook


def verdicts(notebook):
    return notebook.value(
        "[loop['why'] or 'spread' for loop in __import__('jupyter_scale').last_run.loops]"
    )


def test_workers_have_code_and_files_of_their_own_node(notebook):
    notebook.there("found = [at_work(i) for i in range(30)]")
    files = set(eval(notebook.value("[f[0] for f in found]")))
    second = str(notebook.nodes / "second" / "user")
    assert any(file.startswith(second) for file in files), (files, verdicts(notebook))
    assert eval(notebook.value("{f[3] for f in found}")) == {"table"}
    directories = eval(notebook.value("{f[1] for f in found}"))
    assert all(f.startswith(str(notebook.nodes)) for f in directories)
    assert any(f.startswith(second) for f in directories)


def test_an_edit_reaches_workers_that_had_imported_it(notebook):
    (notebook.folder / "helping.py").write_text("value = 22\n")
    notebook.must("import importlib, helping; importlib.reload(helping)")
    notebook.there("found = [at_work(i) for i in range(30)]")
    assert notebook.value("{f[2] for f in found}") == "{22}"
    files = eval(notebook.value("{f[0] for f in found}"))
    second = str(notebook.nodes / "second" / "user")
    assert any(file.startswith(second) for file in files), verdicts(notebook)


def test_the_workers_environment_is_its_own_nodes(notebook):
    notebook.must(
        "def home(i):\n    time.sleep(0.08)\n    return os.environ['HOME'], os.environ.get('MINE')"
    )
    notebook.must("os.environ['MINE'] = 'yes'")
    notebook.there("homes = set([home(i) for i in range(30)])")
    homes = eval(notebook.value("homes"))
    assert {mine for _, mine in homes} == {"yes"}
    assert str(notebook.nodes / "second" / "user") in {home for home, _ in homes}


def test_writes_in_loops_are_made_in_order_and_come_home(notebook):
    notebook.there(
        "for i in range(12):\n    time.sleep(0.08)\n"
        "    open(os.path.abspath(f'out{i}.txt'), 'w').write(str(i))"
    )
    made = sorted(notebook.folder.glob("out*.txt"))
    assert len(made) == 12


def test_an_error_on_a_worker_names_the_laptops_file(notebook):
    (notebook.folder / "raising.py").write_text(
        "import time\ndef check(i):\n    time.sleep(0.08)\n"
        "    if i == 20: raise ValueError(i)\n    return i\n"
    )
    outputs = notebook.run("%%scale\nimport raising\nout = [raising.check(i) for i in range(30)]")
    assert outputs.ename == "ValueError"
    assert "mirrors" not in outputs.traceback
    assert "raising.py:4" in outputs.traceback
