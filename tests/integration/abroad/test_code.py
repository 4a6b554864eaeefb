"""Code and files are there before a cell runs, and are the laptop's as far as anybody can see."""

import re


def test_a_cell_runs_in_the_copy_of_the_folder(notebook):
    outputs = notebook.there("import os; print(os.getcwd(), os.environ['HOME'])")
    cwd, home = outputs.stdout.split()
    assert cwd == str(notebook.mirror)
    assert home == str(notebook.nodes / "first" / "home")
    assert notebook.value("os.getcwd()") == str(notebook.folder)


def test_a_module_beside_the_notebook(notebook):
    (notebook.folder / "beside.py").write_text("import deeper\nanswer = deeper.value + 1\n")
    (notebook.folder / "deeper.py").write_text("value = 41\n")
    outputs = notebook.there("import beside, deeper; print(beside.answer, beside.__file__)")
    answer, file = outputs.stdout.split()
    assert answer == "42"
    assert file == str(notebook.mirror / "beside.py")
    assert notebook.value("beside.__file__") == str(notebook.folder / "beside.py")
    assert notebook.value("deeper.value") == "41"


def test_a_module_that_was_imported_here_and_is_edited_and_reloaded(notebook):
    file = notebook.folder / "edited.py"
    file.write_text("def version():\n    return 1\n")
    notebook.must("import edited, importlib\nfrom edited import version")
    assert notebook.there("print(edited.version(), version())").stdout == "1 1\n"
    file.write_text("def version():\n    return 22\n")
    assert notebook.there("print(edited.version())").stdout == "1\n"
    assert notebook.there("importlib.reload(edited); print(edited.version())").stdout == "22\n"
    assert notebook.value("edited.version()") == "22"
    file.write_text("def version():\n    return 333\n")
    notebook.must("importlib.reload(edited)")
    assert notebook.there("print(edited.version(), version())").stdout == "333 1\n"


def test_globals_of_a_module_are_the_same(notebook):
    (notebook.folder / "counted.py").write_text("seen = []\n")
    notebook.must("import counted; counted.seen.append('here')")
    notebook.there("counted.seen.append('there')")
    assert notebook.value("counted.seen") == "['here', 'there']"


def test_functions_and_classes_of_modules_travel_by_reference(notebook):
    (notebook.folder / "kinds.py").write_text(
        "class Kind:\n    def __init__(self, n): self.n = n\ndef make(n): return Kind(n)\n"
    )
    notebook.must("from kinds import Kind, make\nhere = Kind(1)")
    notebook.there("there = make(here.n + 1); same = type(there) is type(here) is Kind")
    assert notebook.value("same, type(there) is Kind, there.n") == "True True 2"


def test_a_package_with_data(notebook):
    package = notebook.folder / "packed"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("from . import inner\nfrom .inner import text\n")
    (package / "inner" / "__init__.py").write_text(
        "from pathlib import Path\ntext = (Path(__file__).parent / 'data.txt').read_text()\n"
    )
    (package / "inner" / "data.txt").write_text("the data")
    assert notebook.there("import packed; print(packed.text)").stdout == "the data\n"
    assert notebook.value("packed.text") == "the data"


def test_a_module_elsewhere_on_the_path(notebook, tmp_path):
    folder = tmp_path / "installed in place"
    (folder / "living").mkdir(parents=True)
    (folder / "living" / "__init__.py").write_text("place = __file__\n")
    notebook.must(f"import sys; sys.path.append({str(folder)!r})")
    place = notebook.there("import living; print(living.__file__)").stdout.strip()
    assert place.startswith(str(notebook.nodes / "first" / "home"))
    assert notebook.value("living.__file__") == str(folder / "living" / "__init__.py")
    assert notebook.value(f"sys.path.count({str(folder)!r}), len(sys.path)").startswith("1 ")
    notebook.must("sys.path.pop()")


def test_a_folder_of_modules_that_the_cell_puts_on_the_path(notebook):
    (notebook.folder / "src").mkdir()
    (notebook.folder / "src" / "in_src.py").write_text("x = 5\n")
    before = notebook.value("len(sys.path)")
    notebook.must("import sys")
    notebook.there("import os; sys.path.append(os.path.abspath('src'))")
    assert notebook.value("sys.path[-1]") == str(notebook.folder / "src")
    assert notebook.there("import in_src; print(in_src.x)").stdout == "5\n"
    notebook.must("sys.path.pop()")
    assert notebook.value("len(sys.path)") == before
    assert notebook.there("print(any(p.endswith('/src') for p in sys.path))").stdout == "False\n"


def test_what_functions_need_that_the_cell_calls(notebook):
    (notebook.folder / "by_function.py").write_text("x = 6\n")
    (notebook.folder / "by_function.txt").write_text("seven")
    notebook.must(
        "def needs():\n    import by_function\n"
        "    return by_function.x, open('by_function.txt').read()"
    )
    assert notebook.there("print(needs())").stdout == "(6, 'seven')\n"


def test_named_files_and_edits_of_them(notebook):
    (notebook.folder / "data").mkdir()
    file = notebook.folder / "data" / "one.csv"
    file.write_text("first")
    assert notebook.there("print(open('data/one.csv').read())").stdout == "first\n"
    file.write_text("second")
    assert notebook.there("print(open('data/one.csv').read())").stdout == "second\n"
    assert notebook.there("n = 'one'; print(open(f'data/{n}.csv').read())").stdout == "second\n"
    assert notebook.there("!cat data/one.csv").stdout == "second"
    file.unlink()
    outputs = notebook.there("import os; print(os.path.exists('data/one.csv'))")
    assert outputs.stdout == "False\n"


def test_a_script_that_is_run(notebook):
    (notebook.folder / "script.py").write_text("made = 'by the script'\n")
    notebook.there("%run script.py")
    assert notebook.value("made") == "by the script"


def test_a_subfolder_as_the_working_directory(notebook):
    (notebook.folder / "below").mkdir()
    (notebook.folder / "below" / "x.txt").write_text("x below")
    notebook.must("import os; os.chdir('below')")
    assert notebook.there("print(open('x.txt').read())").stdout == "x below\n"
    notebook.there("os.chdir('..')")
    assert notebook.value("os.getcwd()") == str(notebook.folder)
    notebook.there("os.makedirs('made/inside'); os.chdir('made/inside')")
    assert notebook.value("os.getcwd()") == str(notebook.folder / "made" / "inside")


def test_a_working_directory_outside(notebook, tmp_path):
    notebook.must(f"os.chdir({str(tmp_path)!r})")
    outputs = notebook.there("print(os.getcwd())")
    assert outputs.stdout == f"{notebook.mirror}\n"
    assert "outside of the notebook's folder" in outputs.stderr
    assert notebook.value("os.getcwd()") == str(tmp_path)


def test_the_environment_is_the_nodes_but_for_changes(notebook):
    notebook.must("os.environ['MY_SETTING'] = 'mine'; os.environ['PATH'] += ':/of/the/laptop'")
    outputs = notebook.there(
        "print(os.environ['MY_SETTING'], os.environ['OF_THE_NODE'], os.environ['PATH'])\n"
        "os.environ['SET_THERE'] = 'there'; del os.environ['MY_SETTING']"
    )
    setting, own, path = outputs.stdout.split()
    assert (setting, own) == ("mine", "yes")
    assert path.startswith(str(notebook.nodes))
    assert notebook.value("os.environ['SET_THERE']") == "there"
    assert notebook.value("'MY_SETTING' in os.environ, 'OF_THE_NODE' in os.environ") == (
        "False False"
    )
    assert notebook.value("os.environ['PATH'].endswith('/of/the/laptop')") == "True"


def test_tracebacks_name_the_laptops_files(notebook):
    (notebook.folder / "failing.py").write_text("def fail():\n    raise ValueError('no')\n")
    plain = notebook.run("import failing\nfailing.fail()").traceback
    scaled = notebook.run("%%scale\nimport failing\nfailing.fail()").traceback
    assert "failing.py:2" in plain
    assert re.sub(r"In\[\d+\]|line \d+", "", scaled) == re.sub(r"In\[\d+\]|line \d+", "", plain)


ONLY_HERE = """
import importlib.machinery, sys
class Finder:
    def find_spec(name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, None) if name == "only_here" else None
sys.meta_path.append(Finder)
"""


def test_an_import_that_only_the_notebook_has(notebook):
    notebook.must(ONLY_HERE)
    outputs = notebook.run("%%scale\nimport only_here")
    assert outputs.ename == "ModuleNotFoundError"
    assert "'only_here' is installed here, and not on the cluster" in outputs.stderr
    notebook.must("sys.meta_path.remove(Finder)")


def test_what_could_not_be_found_in_the_text(notebook):
    (notebook.folder / "hidden.txt").write_text("x")
    (notebook.folder / "hiding.py").write_text("x = 1")
    outputs = notebook.run("%%scale\nopen('hid' + 'den.txt'[:99]).read()")
    assert outputs.ename == "FileNotFoundError"
    assert "'hidden.txt' is here, and was not brought" in outputs.stderr
    outputs = notebook.run("%%scale\n__import__(''.join(['hid', 'ing']))")
    assert outputs.ename == "ModuleNotFoundError"
    assert "'hiding' is here" in outputs.stderr


def test_too_much_code_is_an_error_before_anything_runs(notebook):
    package = notebook.folder / "heavy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    with (package / "data.bin").open("wb") as file:
        file.truncate(300_000_000)
    outputs = notebook.run("%%scale\nprint('ran'); import heavy")
    assert outputs.ename == "BundleTooLarge"
    assert outputs.stdout == ""
    assert notebook.there("print('another cell')").stdout == "another cell\n"
    notebook.must("import heavy")
    outputs = notebook.there("print('another cell')")
    assert outputs.stdout == "another cell\n"
    assert "not on the cluster: The module 'heavy' has 300 MB" in outputs.stderr
    (package / "data.bin").unlink()
    assert notebook.there("import heavy; print('ran')").stdout == "ran\n"


def test_a_large_file_is_left_out_with_a_note(notebook):
    with (notebook.folder / "large.bin").open("wb") as file:
        file.truncate(300_000_000)
    outputs = notebook.there("import os; print(os.path.exists('large.bin'))")
    assert outputs.stdout == "False\n"
    assert "'large.bin' does not travel" in outputs.stderr
    (notebook.folder / "large.bin").unlink()


def test_nothing_is_sent_when_nothing_changed(notebook):
    notebook.there("import beside; print(open('by_function.txt').read())")
    before = notebook.value("[host.conversations for host in get_ipython().lab['hosts']]")
    notebook.there("import beside; print(open('by_function.txt').read())")
    assert notebook.value("[host.conversations for host in get_ipython().lab['hosts']]") == before


def test_values_that_stay_there(notebook):
    (notebook.folder / "stays.csv").write_text("1,2,3")
    notebook.must("%%scale --keep rows\nrows = [list(open('stays.csv').read()) for _ in range(50)]")
    assert notebook.value("type(rows).__name__") == "RemoteValue"
    assert notebook.there("print(len(rows), rows[0][0])").stdout == "50 1\n"
    assert notebook.value("len(rows.get())") == "50"


def test_an_error_text_names_the_laptops_file(notebook):
    (notebook.folder / "without.py").write_text("x = 1\n")
    plain = notebook.run("from without import y")
    scaled = notebook.run("%%scale\nfrom without import y")
    assert scaled.evalue == plain.evalue
    assert str(notebook.folder / "without.py") in scaled.evalue


def test_a_class_of_a_module_that_was_edited_and_reloaded_in_a_cell(notebook):
    file = notebook.folder / "shape.py"
    file.write_text("class Shape:\n    def area(self): return 1\n")
    notebook.must("import shape, importlib\nmade = shape.Shape()")
    assert notebook.there("print(made.area(), type(made) is shape.Shape)").stdout == "1 True\n"
    file.write_text("class Shape:\n    def area(self): return 2\n")
    notebook.there("importlib.reload(shape); made = shape.Shape()")
    assert notebook.value("made.area(), type(made) is shape.Shape") == "2 True"
    assert notebook.value("__import__('inspect').getsourcefile(shape.Shape)") == str(file)
