"""What a cell writes is in the notebook's folder afterwards, and nothing of the user's is lost."""


def conversations(notebook):
    return notebook.value("[host.conversations for host in get_ipython().lab['hosts']]")


def test_new_changed_and_removed_files_come_home(notebook):
    folder = notebook.folder
    (folder / "changed.txt").write_text("before")
    (folder / "removed.txt").write_text("old")
    notebook.there(
        "import os\n"
        "open('new.txt', 'w').write('made there')\n"
        "open('changed.txt', 'a').write(' and after')\n"
        "os.remove('removed.txt')\n"
        "os.makedirs('a/b'); open('a/b/c.txt', 'w').write('deep'); os.mkdir('empty')"
    )
    assert (folder / "new.txt").read_text() == "made there"
    assert (folder / "changed.txt").read_text() == "before and after"
    assert not (folder / "removed.txt").exists()
    assert (folder / "a" / "b" / "c.txt").read_text() == "deep"
    assert (folder / "empty").is_dir()


def test_what_came_home_is_not_sent_back(notebook):
    notebook.there("open('stays.txt', 'w').write('x' * 10)")
    before = conversations(notebook)
    notebook.there("print(open('stays.txt').read())")
    sent = [
        int(after) - int(before)
        for after, before in zip(
            conversations(notebook).strip("[]").split(","),
            before.strip("[]").split(","),
            strict=True,
        )
    ]
    assert sent[0] == 0  # the other node gets what the cell names


def test_a_file_of_a_computed_name_is_followed(notebook):
    notebook.there("name = 'comp' + 'uted'\nopen(name + '.log', 'w').write('1')")
    assert (notebook.folder / "computed.log").read_text() == "1"
    (notebook.folder / "computed.log").write_text("edited here")
    assert notebook.there("print(open(name + '.log').read())").stdout == "edited here\n"
    notebook.there("open(name + '.log', 'w').write('2')")
    assert (notebook.folder / "computed.log").read_text() == "2"
    (notebook.folder / "computed.log").unlink()
    outputs = notebook.there("import os; print(os.path.exists(name + '.log'))")
    assert outputs.stdout == "False\n"


def test_large_files_come_in_pieces(notebook):
    notebook.there("open('large.dat', 'wb').write(bytes(range(256)) * 40_000)")
    assert (notebook.folder / "large.dat").read_bytes() == bytes(range(256)) * 40_000
    received = int(notebook.value("__import__('jupyter_scale').last_run.received_bytes"))
    assert received >= 10_240_000


def test_what_was_changed_here_meanwhile_is_kept(notebook):
    file = notebook.folder / "both.txt"
    file.write_text("start")
    run = notebook.start(
        "%%scale\nimport os\nprint('reading', open('both.txt').read(), flush=True)\n"
        "while not os.path.exists('go'):\n    pass\n"
        "open('both.txt', 'w').write('there'); os.remove('go')"
    )
    run.wait_for("reading start")
    file.write_text("edited here")
    (notebook.mirror / "go").write_text("")
    outputs = run.finish()
    assert outputs.status == "ok", outputs
    assert file.read_text() == "edited here"
    assert (notebook.folder / "both.txt.from-cluster").read_text() == "there"
    assert "'both.txt' was changed here meanwhile" in outputs.stderr
    assert notebook.there("print(open('both.txt').read())").stdout == "edited here\n"


def test_a_file_that_the_cluster_did_not_know(notebook):
    file = notebook.folder / "unknown.txt"
    file.write_text("precious")
    outputs = notebook.there("open('unk' + 'nown.txt'[:99], 'a').write('x')")
    assert file.read_text() == "precious"
    assert "'unknown.txt' was here already" in outputs.stderr


def test_a_removed_file_that_was_edited_here_is_kept(notebook):
    file = notebook.folder / "kept.txt"
    file.write_text("start")
    run = notebook.start(
        "%%scale\nimport os\nprint('waiting', open('kept.txt').read(), flush=True)\n"
        "while not os.path.exists('on'):\n    pass\n"
        "os.remove('kept.txt'); os.remove('on')"
    )
    run.wait_for("waiting start")
    file.write_text("edited")
    (notebook.mirror / "on").write_text("")
    assert "the cell has removed 'kept.txt'" in run.finish().stderr
    assert file.read_text() == "edited"


def test_directories_of_the_notebook_are_there(notebook):
    (notebook.folder / "results" / "plots").mkdir(parents=True)
    notebook.there("for i in range(3): open(f'results/plots/{i}.txt', 'w').write(str(i))")
    assert [f.read_text() for f in sorted((notebook.folder / "results/plots").iterdir())] == [
        *"012"
    ]
    import shutil

    shutil.rmtree(notebook.folder / "results")
    assert notebook.there("import os; os.makedirs('results'); print('made')").stdout == "made\n"
    assert (notebook.folder / "results").is_dir()


def test_a_cell_that_fails_leaves_its_files_too(notebook):
    outputs = notebook.run("%%scale\nopen('half.txt', 'w').write('half')\n1 / 0")
    assert outputs.ename == "ZeroDivisionError"
    assert (notebook.folder / "half.txt").read_text() == "half"


def test_files_elsewhere_and_of_tools_stay(notebook):
    notebook.there(
        "import os\nos.makedirs('__pycache__', exist_ok=True)\n"
        "open('__pycache__/x.bin', 'w').write('x')\nopen('../outside.txt', 'w').write('x')"
    )
    assert not (notebook.folder / "__pycache__" / "x.bin").exists()
    assert not (notebook.folder.parent / "outside.txt").exists()


def test_a_module_that_a_cell_writes_can_be_imported_here(notebook):
    notebook.there("open('written.py', 'w').write('value = 9')")
    assert notebook.there("import written; print(written.value)").stdout == "9\n"
    assert notebook.value("written.value") == "9"
    assert notebook.value("written.__file__") == str(notebook.folder / "written.py")
