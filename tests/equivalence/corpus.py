"""Public examples, run plainly and with ``%%scale`` on every cell, compared cell by cell.

The examples come from source distributions, fetched by name with pip; none of their text is here.
Run ``python tests/equivalence/corpus.py --help``.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from equivalence.notebook_pairs import PairReport, run_pair

#: ``package: examples``; a path without a suffix is a directory.
CORPUS = {
    "scikit-learn": """
        cluster/plot_kmeans_assumptions.py cluster/plot_dbscan.py cluster/plot_hdbscan.py
        cluster/plot_adjusted_for_chance_measures.py cluster/plot_mini_batch_kmeans.py
        linear_model/plot_ols_ridge.py linear_model/plot_ard.py linear_model/plot_ridge_path.py
        linear_model/plot_lasso_model_selection.py linear_model/plot_quantile_regression.py
        tree/plot_unveil_tree_structure.py tree/plot_cost_complexity_pruning.py
        tree/plot_tree_regression.py ensemble/plot_forest_importances.py
        ensemble/plot_gradient_boosting_quantile.py ensemble/plot_voting_decision_regions.py
        ensemble/plot_isolation_forest.py ensemble/plot_feature_transformation.py
        miscellaneous/plot_pipeline_display.py miscellaneous/plot_metadata_routing.py
        compose/plot_digits_pipe.py feature_selection/plot_feature_selection_pipeline.py
        model_selection/plot_grid_search_stats.py model_selection/plot_cv_indices.py
        model_selection/plot_grid_search_digits.py model_selection/plot_roc.py
        model_selection/plot_likelihood_ratios.py model_selection/plot_learning_curve.py
        gaussian_process/plot_gpr_prior_posterior.py gaussian_process/plot_gpr_noisy.py
        preprocessing/plot_target_encoder_cross_val.py svm/plot_svm_kernels.py
        decomposition/plot_kernel_pca.py manifold/plot_swissroll.py mixture/plot_gmm_selection.py
        text/plot_hashing_vs_dict_vectorizer.py frozen/plot_frozen_examples.py
        inspection/plot_causal_interpretation.py
        calibration/plot_calibration_curve.py release_highlights/plot_release_highlights_1_3_0.py
    """,
    "networkx": """
        algorithms/plot_betweenness_centrality.py algorithms/plot_circuits.py
        algorithms/plot_girvan_newman.py algorithms/plot_greedy_coloring.py
        algorithms/plot_iterated_dynamical_systems.py algorithms/plot_lca.py
        algorithms/plot_parallel_betweenness.py algorithms/plot_snap.py
        algorithms/plot_image_segmentation_spectral_graph_partition.py
        basic/plot_properties.py basic/plot_read_write.py drawing/plot_degree.py
        drawing/plot_knuth_miles.py drawing/plot_unix_email.py graph/plot_football.py
        graph/plot_karate_club.py graph/plot_morse_trie.py graph/plot_roget.py
        graph/plot_words.py graph/plot_triad_types.py subclass/plot_antigraph.py
        subclass/plot_printgraph.py
    """,
    "statsmodels": """
        notebooks/ols.ipynb notebooks/glm.ipynb notebooks/predict.ipynb notebooks/gls.ipynb
        notebooks/discrete_choice_overview.ipynb notebooks/stats_rankcompare.ipynb
        notebooks/statespace_local_linear_trend.ipynb notebooks/statespace_custom_models.ipynb
        notebooks/distributed_estimation.ipynb notebooks/gee_score_test_simulation.ipynb
        notebooks/pca_fertility_factors.ipynb notebooks/robust_models_0.ipynb
        notebooks/variance_components.ipynb notebooks/ets.ipynb notebooks/deterministics.ipynb
        notebooks/kernel_density.ipynb notebooks/tsa_arma_0.ipynb notebooks/plots_boxplots.ipynb
        notebooks/postestimation_poisson.ipynb notebooks/glm_weights.ipynb
    """,
    "matplotlib": """
        users_explain/quick_start.py tutorials/pyplot.py tutorials/artists.py
        tutorials/lifecycle.py tutorials/images.py users_explain/customizing.py
        examples/statistics/hist.py examples/statistics/boxplot_demo.py
        examples/lines_bars_and_markers/bar_label_demo.py examples/units/basic_units.py
        examples/misc/custom_projection.py examples/mplot3d/surface3d.py
    """,
    "lmfit": """
        doc_confidence_advanced.py example_use_pandas.py doc_model_savemodelresult.py
        example_fit_with_inequality.py example_expression_model.py
    """,
    "scikit-image": """
        edges/plot_shapes.py edges/plot_canny.py segmentation/plot_label.py
        segmentation/plot_regionprops.py segmentation/plot_regionprops_table.py
    """,
    "seaborn": "many_facets.py kde_ridgeplot.py wide_data_lineplot.py residplot.py",
}
_ROOTS = ("examples", "galleries", "doc/examples")
#: Packages that an example imports and that a development environment has not got.
NEEDED = (
    *("networkx", "statsmodels", "patsy", "seaborn", "lmfit", "asteval", "uncertainties", "dill"),
    *("scikit-image", "imageio", "lazy-loader", "tifffile"),
)
_MARK = re.compile(r"^(# ?%%.*|#{20,}\s*)$")
_SHELL = re.compile(r"^\s*[%!]")
_FEW = 4


class NoIndexError(Exception):
    """The package index cannot be reached, or has no such package."""


@dataclass(frozen=True, slots=True)
class Example:
    """One notebook: its name, its code cells and the directory it comes from."""

    name: str
    cells: tuple[str, ...]
    origin: Path


def fetch_source(package: str, cache: Path, timeout_s: float = 120.0) -> Path:
    """Return the unpacked source distribution of a package, fetching it with pip if needed.

    Nothing is built: pip is told to keep what it unpacked, whatever becomes of the metadata.

    Raises
    ------
    NoIndexError
        With pip's last line.
    """
    place = cache / "sources" / package
    place.mkdir(parents=True, exist_ok=True)
    if not (found := _unpacked(place)):
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--no-clean"),
            *("--retries", "0", "--timeout", "15", "--dest", str(place / "archives")),
            _installed_version(package),
        ]
        environment = {**os.environ, "TMPDIR": str(place)}
        try:
            done = _run_pip(command, environment, timeout_s)
        except subprocess.TimeoutExpired:
            raise NoIndexError(f"{package}: pip took more than {timeout_s:.0f} s") from None
        if not (found := _unpacked(place)):
            lines = done.stderr.strip().splitlines() or ["pip left nothing"]
            raise NoIndexError(f"{package}: {lines[-1]}")
    return found


def _run_pip(
    command: Sequence[str], environment: Mapping[str, str], timeout_s: float = 300.0
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=timeout_s
    )


def _unpacked(place: Path) -> Path | None:
    return next((path.parent for path in sorted(place.glob("*/*/PKG-INFO"))), None)


def _installed_version(package: str) -> str:
    """Return a requirement of the installed version, so that examples fit the library."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return package


def install_needed(cache: Path) -> Path:
    """Install what examples import, without dependencies, into a directory of its own."""
    target = cache / "site"
    missing = [name for name in NEEDED if not [*target.glob(f"{name.replace('-', '_')}-*-info")]]
    if missing:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        done = _run_pip([*command, "--target", str(target), *missing], os.environ)
        if done.returncode:
            raise NoIndexError(done.stderr.strip().splitlines()[-1])
    return target


def find_examples(package: str, source: Path, paths: Sequence[str]) -> Iterator[Example]:
    """Yield the examples at `paths` below a source distribution's folder of examples."""
    for path in paths:
        for root in _ROOTS:
            file = source / root / path
            if file.is_file():
                yield Example(f"{package}: {path}", tuple(read_cells(file)), file.parent)


def read_cells(file: Path) -> list[str]:
    """Return the code cells of a notebook, or of a script as galleries make a notebook of it."""
    text = file.read_text()
    if file.suffix == ".ipynb":
        cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        sources = ["".join(cell["source"]).rstrip() for cell in cells]
        return [source for source in sources if source and not source.startswith("%%")]
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if _MARK.match(line):
            blocks.append([])
        else:
            blocks[-1].append(line)
    cells = [cell for block in blocks if (cell := _code_of("\n".join(block)))]
    if len(cells) < _FEW:
        cells = [paragraph for cell in cells for paragraph in split_paragraphs(cell)]
    return cells


def _code_of(block: str) -> str:
    """Return a block without leading comments, or nothing if there is no code in it."""
    lines = block.strip("\n").splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("#")):
        del lines[0]
    code = "\n".join(lines).rstrip()
    with contextlib.suppress(SyntaxError):
        body = ast.parse(code).body
        if body and _is_text(body[0]):
            code = "\n".join(lines[body[0].end_lineno or 0 :]).strip("\n")
            body = body[1:]
        if not body:
            return ""
    return code


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(
        getattr(statement.value, "value", None), str
    )


def split_paragraphs(code: str) -> list[str]:
    """Split code where an empty line stands before a top-level statement."""
    if any(map(_SHELL.match, code.splitlines())):
        return [code]
    lines = code.splitlines()
    starts = [0]
    for statement in ast.parse(code).body[1:]:
        line = min([statement.lineno, *(d.lineno for d in _decorators(statement))]) - 1
        while line and lines[line - 1].startswith("#"):
            line -= 1
        if line and not lines[line - 1].strip() and line > starts[-1]:
            starts.append(line)
    ends = [*starts[1:], len(lines)]
    return ["\n".join(lines[a:b]).rstrip() for a, b in zip(starts, ends, strict=True)]


def _decorators(statement: ast.stmt) -> list[ast.expr]:
    return list(getattr(statement, "decorator_list", []))


def kernel_environment(site: Path | None, cache: Path) -> dict[str, str]:
    """Return the environment of the kernels: no history of the user's, one hash seed.

    What chooses how OpenBLAS computes is left out: other machines do not have it, and would give
    other last digits.
    """
    foreign = ("JUPYTER_SCALE", "OPENBLAS_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    environment |= {"PYTHONHASHSEED": "1", "IPYTHONDIR": str(cache / "ipython")}
    if site is not None:
        environment["PYTHONPATH"] = str(site)
    return environment


def main() -> int:
    """Run the corpus; the exit status tells whether something but images differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(tempfile.gettempdir()) / "jupyter-scale-corpus"
    parser.add_argument("--cache", type=Path, default=default, help="directory (%(default)s)")
    parser.add_argument("--only", default="", metavar="REGEX", help="examples whose name matches")
    parser.add_argument("--list", action="store_true", help="name the examples, run none")
    parser.add_argument("--cells", action="store_true", help="print one example's cells as JSON")
    parser.add_argument("--report", type=Path, metavar="FILE", help="append a JSON line for each")
    options = parser.parse_args()
    if options.cells:
        return print_cells(options.cache, re.escape(options.only))
    reports = []
    site = None if options.list else install_needed(options.cache)
    environment = kernel_environment(site, options.cache)
    for example in _chosen(options.cache, options.only):
        if options.list:
            say(f"{len(example.cells):4} cells  {example.name}")
            continue
        try:
            work = options.cache.resolve() / f"work-{os.getpid()}"
            report = run_pair(example.name, example.cells, example.origin, work, environment)
        except (TimeoutError, RuntimeError, queue.Empty) as error:
            say(f"{example.name}: gave up: {error!r}")
            continue
        reports.append(report)
        say(describe(report))
        if options.report:
            with options.report.open("a") as file:
                file.write(json.dumps(asdict(report)) + "\n")
    if reports:
        say(describe_total(reports))
    return any(d.kind != "image" for report in reports for d in report.differences)


def print_cells(cache: Path, pattern: str) -> int:
    """Print the cells of the one example that matches."""
    try:
        [example] = _chosen(cache, pattern)
    except (NoIndexError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say(json.dumps(example.cells))
    return 0


def _chosen(cache: Path, pattern: str) -> Iterator[Example]:
    for package, paths in CORPUS.items():
        chosen = [path for path in paths.split() if re.search(pattern, f"{package}: {path}")]
        if chosen:
            yield from find_examples(package, fetch_source(package, cache), chosen)


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def describe(report: PairReport) -> str:
    """Return a notebook's row and what there is to say about it."""
    plain, scaled = (sum(c.seconds for c in r.cells) for r in (report.plain, report.scaled))
    row = (
        f"{report.name:75} {report.cells:3} cells  {report.cells - len(report.differences):3} equal"
        f"  {len(report.differences):2} differ  {report.on_cluster:3} on cluster"
        f"  {plain:6.1f} s {scaled:6.1f} s"
    )
    lines = [row]
    if report.unstable:
        lines.append(f"    cells {report.unstable} differ between two plain runs too")
    lines += [f"    cell {d.cell} {d.kind}: {d.detail[:600]}" for d in report.differences]
    lines += [f"    at the end, {text[:400]}" for text in report.state_differences]
    for number, pair in enumerate(zip(report.plain.cells, report.scaled.cells, strict=True), 1):
        one, other = pair
        if other.where != "cluster":
            lines.append(f"    cell {number} {other.where or 'no report'}: {other.why[:200]}")
        elif other.notes:
            lines.append(f"    cell {number} notes {other.notes.strip()[:300]!r}")
        if number > 1 and other.seconds > 1.5 * one.seconds + 0.5:
            steps = {k: round(v, 2) for k, v in other.steps.items()}
            lines.append(f"    cell {number} slow: {one.seconds:.2f} → {other.seconds:.2f} {steps}")
    return "\n".join(lines)


def describe_total(reports: Sequence[PairReport]) -> str:
    """Return the totals."""
    cells = sum(report.cells for report in reports)
    every = sum(len(report.scaled.cells) for report in reports)
    kinds = Counter(d.kind for report in reports for d in report.differences)
    differing = sum(kinds.values())
    on_cluster = sum(report.on_cluster for report in reports)
    return (
        f"{len(reports)} notebooks, {cells} cells compared:"
        f" {100 * (cells - differing) / max(cells, 1):.1f} % equivalent"
        f" (differing: {dict(kinds)}), {100 * on_cluster / max(every, 1):.1f} % on the cluster"
    )


if __name__ == "__main__":
    sys.exit(main())
