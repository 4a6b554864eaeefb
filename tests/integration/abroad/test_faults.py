"""A node that cannot have the files, a runner that dies, an interrupt."""

import pytest

BREAK = """
def broken(courier, *arguments, _courier=type(get_ipython().lab['couriers'][0])):
    from jupyter_scale.errors import EnvironmentFailed
    raise EnvironmentFailed("the bundle on " + courier.name, "its disk is full")
get_ipython().lab["couriers"][{number}].bring = broken.__get__(
    get_ipython().lab["couriers"][{number}]
)
"""
MEND = "del get_ipython().lab['couriers'][{number}].bring"


@pytest.fixture
def breaking(notebook):
    def breaking(number):
        notebook.must(BREAK.format(number=number))
        return lambda: notebook.must(MEND.format(number=number))

    return breaking


def test_another_nodes_failure_is_a_note_once(notebook, breaking):
    mend = breaking(1)
    (notebook.folder / "one.txt").write_text("one")
    outputs = notebook.there("print(open('one.txt').read())")
    assert outputs.stdout == "one\n"
    assert "the node user has not got the notebook's files" in outputs.stderr
    assert notebook.there("print(open('one.txt').read())").stderr == ""
    mend()
    notebook.there("print(open('one.txt').read())")
    [copy] = notebook.nodes.glob("second/user/.cache/jupyter-scale/mirrors/*/*/one.txt")
    assert copy.read_text() == "one"


def test_the_runners_own_nodes_failure_is_an_error(notebook, breaking):
    mend = breaking(0)
    (notebook.folder / "two.txt").write_text("two")
    outputs = notebook.run("%%scale\nprint(open('two.txt').read())")
    assert outputs.ename == "EnvironmentFailed"
    assert "its disk is full" in outputs.evalue
    assert outputs.stdout == ""
    mend()
    assert notebook.there("print(open('two.txt').read())").stdout == "two\n"


def test_a_process_that_died_leaves_the_folder_as_it_was(notebook):
    file = notebook.folder / "survivor.txt"
    file.write_text("before")
    notebook.must("import os")
    outputs = notebook.run(
        "%%scale\nopen('survivor.txt', 'w').write('half')\nos.kill(os.getpid(), 9)"
    )
    assert outputs.ename == "RunnerLost"
    assert file.read_text() == "before"
    assert notebook.there("print(open('survivor.txt').read())").stdout == "before\n"
    (notebook.folder / "after.py").write_text("x = 1")
    assert notebook.there("import after; print(os.getcwd(), after.x)").stdout == (
        f"{notebook.mirror} 1\n"
    )


def test_somebody_has_removed_the_copies(notebook):
    import shutil

    (notebook.folder / "again.txt").write_text("again")
    notebook.there("print(open('again.txt').read())")
    shutil.rmtree(notebook.mirror)
    (notebook.folder / "more.txt").write_text("more")
    outputs = notebook.there("print(open('again.txt').read(), open('more.txt').read())")
    assert outputs.stdout == "again more\n"
    shutil.rmtree(notebook.mirror)
    assert notebook.there("print(open('again.txt').read())").stdout == "again\n"
    assert (notebook.folder / "again.txt").exists()


def test_an_interrupt_while_files_come_home(notebook):
    notebook.must(
        "magics = __import__('jupyter_scale').magics._loaded[id(get_ipython())]\n"
        "session = magics.workspace.session_or_none; del magics"
    )
    notebook.must(
        "def stopping(*part):\n    raise KeyboardInterrupt\nsession._ask_for_file = stopping"
    )
    outputs = notebook.run("%%scale\nopen('big.dat', 'wb').write(bytes(2_000_000)); done = 'yes'")
    assert "files stay on the cluster" in outputs.stderr
    assert notebook.value("done") == "yes"
    assert not list(notebook.folder.glob("*big.dat*"))
    notebook.must("del session._ask_for_file; del session")
