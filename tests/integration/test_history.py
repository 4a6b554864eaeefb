"""What IPython remembers of results, in a notebook where nothing else has run."""

from notebook import Notebook

CELLS = ("40 + 2", "_", "_ + 1, Out[max(Out)]", "__")


def results(directory, prefix):
    notebook = Notebook(directory)
    try:
        notebook.run("%load_ext jupyter_scale\n%scale quiet")
        return [notebook.run(prefix + cell).result["text/plain"] for cell in CELLS]
    finally:
        notebook.close()


def test_the_result_before_the_last(tmp_path):
    for name in ("plain", "scaled"):
        (tmp_path / name).mkdir()
    wanted = results(tmp_path / "plain", "")
    assert results(tmp_path / "scaled", "%%scale\n") == wanted
