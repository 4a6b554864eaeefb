"""The rows of docs/differences.md about clusters on other machines."""

import shutil

import pytest

from abroadlab import CAN_HIDE


def known(reason):
    return pytest.mark.xfail(reason=reason, strict=True)


CELLS = [
    pytest.param("import os; print(os.getcwd())", marks=known("the node's directory is shown")),
    pytest.param(
        "import beside_it; print(beside_it.__file__)", marks=known("the node's file is shown")
    ),
    pytest.param("kept = __import__('os').path.abspath('x')", marks=known("the node's path")),
    pytest.param(
        "import warning_one; warning_one.warn()", marks=known("the node's file is in the text")
    ),
    pytest.param(
        "print(open(FOLDER + '/a.txt').read())",
        marks=[
            known("it is not there"),
            pytest.mark.skipif(not CAN_HIDE, reason="needs namespaces (root on Linux)"),
        ],
    ),
    pytest.param("print(len(__import__('os').listdir()))", marks=known("not all files travel")),
    pytest.param("print(open(''.join(['a', '.txt'])).read())", marks=known("it is not seen")),
    pytest.param(
        "print(__import__('os').path.getsize('large.bin'))", marks=known("it is too large")
    ),
    pytest.param(
        "import os; os.chdir('..'); os.path.basename(os.getcwd())", marks=known("it is elsewhere")
    ),
    pytest.param(
        "import os; os.environ['PATH'] += ':/x'; del os", marks=known("it is each machine's own")
    ),
    pytest.param("open('../outside.txt', 'w').write('x')", marks=known("it stays there")),
    pytest.param(
        "open(''.join(['a', '.txt']), 'a').write('x')", marks=known("the file is not overwritten")
    ),
    pytest.param("open('written.ipynb', 'w').write('{}')", marks=known("notebooks stay")),
    pytest.param(
        "import os; os.symlink('a.txt', 'link.txt'); os.path.exists('a.txt')",
        marks=known("a link comes home as a file"),
    ),
    "print(open('a.txt').read())",
]
STATE = (
    "[globals().get('kept'), os.getcwd(), os.environ['PATH'], sorted((str(p), p.is_symlink(),"
    " p.read_text() if p.stat().st_size < 99 else '') for p in pathlib.Path(FOLDER).rglob('*.*')"
    " if 'pycache' not in str(p)), pathlib.Path(FOLDER, '..', 'outside.txt').exists()]"
)


def prepare(notebook):
    folder = notebook.folder
    for path in folder.iterdir():  # the folder itself is hidden from the runner
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder.parent / "outside.txt").unlink(missing_ok=True)
    (folder / "a.txt").write_text("a")
    (folder / "beside_it.py").write_text("")
    (folder / "warning_one.py").write_text(
        "import warnings\ndef warn():\n    warnings.warn('look', stacklevel=1)\n"
    )
    with (folder / "large.bin").open("wb") as file:
        file.truncate(250_000_000)
    notebook.must(
        f"import os, sys, pathlib; FOLDER = {str(folder)!r}; os.chdir(FOLDER); kept = None\n"
        "os.environ['PATH'] = '/usr/bin:/bin'\n"
        "for name in ('beside_it', 'warning_one'): sys.modules.pop(name, None)"
    )


@pytest.mark.parametrize("cell", CELLS)
def test_same(notebook, cell):
    seen = []
    for scale in ("", "%%scale\n"):
        prepare(notebook)
        if scale:
            shutil.rmtree(notebook.nodes / "first/home/.cache", ignore_errors=True)
        outputs = notebook.run(scale + cell)
        text = "".join(f"{line}\n" for line in outputs.stderr.splitlines() if "%%scale" not in line)
        state = notebook.value(STATE)
        seen.append((outputs.status, outputs.stdout, text, outputs.result, state))
    assert seen[0] == seen[1]
