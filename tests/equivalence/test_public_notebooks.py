"""A few public notebooks, fetched as source distributions: the same with ``%%scale``."""

import pytest

from equivalence import corpus
from equivalence.notebook_pairs import run_pair

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NOTEBOOKS = [
    ("scikit-learn", "frozen/plot_frozen_examples.py"),
    ("matplotlib", "tutorials/pyplot.py"),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("corpus")


@pytest.mark.parametrize(("package", "path"), NOTEBOOKS)
def test_a_public_notebook_is_the_same_on_the_cluster(package, path, cache, tmp_path):
    pytest.importorskip({"scikit-learn": "sklearn"}.get(package, package))
    pytest.importorskip("matplotlib")
    try:
        source = corpus.fetch_source(package, cache, timeout_s=40)
    except corpus.NoIndexError as error:
        pytest.skip(f"the package index gives no source of {package}: {error}")
    [example] = corpus.find_examples(package, source, [path])
    environment = corpus.kernel_environment(None, cache)
    report = run_pair(example.name, example.cells, example.origin, tmp_path / "work", environment)
    assert not report.differences
    assert not report.state_differences
    assert report.on_cluster == len(example.cells)
