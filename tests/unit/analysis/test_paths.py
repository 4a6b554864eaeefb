"""Files that a cell names: a table of cells."""

from __future__ import annotations

import ast

import pytest

from jupyter_scale.analysis.paths import NamedPath, find_named_paths

TEXTS = {"folder": "data", "name": "train.csv", "url": "https://example.org/x.csv", "up": "../x"}


def named(source):
    return find_named_paths(ast.parse(source), TEXTS)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ('pd.read_csv("data/train.csv")', ["data/train.csv"]),
        ('open("notes.txt").read()', ["notes.txt"]),
        ('open("./notes.txt")', ["notes.txt"]),
        ('df = pd.read_csv(filepath="a.csv", sep=";")', [";", "a.csv"]),
        ('Path("a") / "b.txt"', ["a/b.txt"]),
        ('pathlib.Path("a", "b") / "c" / name', ["a/b/c/train.csv"]),
        ('os.path.join("a", name)', ["a/train.csv"]),
        ('os.path.join("a", unknown)', ["a"]),
        ('open(folder + "/x.csv")', ["data/x.csv"]),
        ("open(name)", ["train.csv"]),
        ("(Path(folder) / name).read_text()", ["data/train.csv"]),
        ('base = "data"\nopen(base + "/x.csv")', ["data", "data/x.csv"]),
        ('base = "a"\nbase = "b"\nopen(base + "/x")', ["/x", "a", "b"][1:]),
        ("name = other()\nopen(name)", []),
        ("name = name + 'x'\nopen(name)", ["x"]),
        ("def f():\n    return open('in/function.txt')", ["in/function.txt"]),
        ("[open(p) for p in ['a.txt', 'b.txt']]", ["a.txt", "b.txt"]),
        ("{'key': 'value.txt'}", ["value.txt"]),
        ("with open('a') as f, open('b') as g: pass", ["a", "b"]),
        # nothing of that is below the notebook's folder
        ("open(url)", []),
        ("open(up)", []),
        ("open('../x.csv')", []),
        ("open('a/../../x.csv')", []),
        ("open('/etc/hosts')", []),
        ("open('~/x')", []),
        ("read('s3://bucket/x')", []),
        ("open('')", []),
        ("open('.')", []),
        ("print('''two\nlines''')", []),
        # no path can stand there
        ("df['scores']", []),
        ("row['a.txt'] = 1", []),
        ("x == 'a.txt'", []),
        ("'a.txt'", []),
        ("def f():\n    'docstring.txt'", []),
        ("print(f'{name}: {score}. Done')", []),
        ("print(f'{name}/{score}')", []),
        # f-strings are patterns, words of commands are paths
        ("open(f'a/{i}.txt')", ["a/*.txt"]),
        ("open(f'a/{name}')", ["a/train.csv"]),
        ("open(f'{i}[1].txt')", ["*[[]1].txt"]),
        (
            "get_ipython().system('head -n 1 a/b.txt > c.txt')",
            ["1", "a/b.txt", "c.txt", "head", "head -n 1 a/b.txt > c.txt"],
        ),
        ("get_ipython().run_line_magic('run', '-i script.py')", ["run", "script.py"]),
        ("f'{open(\"a.txt\").read()}'", ["a.txt"]),
        ("x == open('a.txt').read()", ["a.txt"]),
    ],
)
def test_paths(source, paths):
    assert [path.path for path in named(source)] == paths


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("glob.glob('data/*.csv')", NamedPath("data/*.csv", is_pattern=True, may_be_folder=True)),
        ("open('a.txt')", NamedPath("a.txt")),
        ("os.listdir('images/cats')", NamedPath("images/cats", may_be_folder=True)),
        ("os.listdir('images')", NamedPath("images", may_be_folder=True)),
        ("df.groupby('images')", NamedPath("images")),
        ("os.listdir(Path('images'))", NamedPath("images", may_be_folder=True)),
    ],
)
def test_what_kind(source, expected):
    assert named(source) == (expected,)


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("Path('data').glob('*.csv')", "data/*.csv"),
        ("Path(folder).rglob('*.csv')", "data/**/*.csv"),
        ("(Path('a') / 'b').glob('[ab].txt')", "a/b/[ab].txt"),
    ],
)
def test_patterns_of_pathlib(source, pattern):
    assert NamedPath(pattern, is_pattern=True, may_be_folder=True) in named(source)


def test_a_name_bound_to_itself_is_no_path():
    assert named("x = x + 'a'\ny = y / y\nopen(x)\nopen(y)") == (NamedPath("a"),)
