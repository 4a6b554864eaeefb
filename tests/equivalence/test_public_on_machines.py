"""A public notebook is the same on two machines that are reached over SSH."""

import pytest

from equivalence import corpus
from equivalence.notebook_pairs import run_pair
from laptop import assert_clean, write_profile
from sshlab import SshLab, require_lab

pytestmark = [pytest.mark.ssh, pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_public_notebook_is_the_same_on_machines(tmp_path):
    require_lab()
    pytest.importorskip("sklearn")
    try:
        source = corpus.fetch_source("scikit-learn", tmp_path / "corpus", timeout_s=40)
    except corpus.NoIndexError as error:
        pytest.skip(f"the package index gives no source of scikit-learn: {error}")
    [example] = corpus.find_examples("scikit-learn", source, ["frozen/plot_frozen_examples.py"])
    lab = SshLab(tmp_path)
    try:
        lab.add()
        lab.add()
        write_profile(tmp_path / "config", lab, ["h1", "h2"])
        environment = {
            **corpus.kernel_environment(None, tmp_path / "corpus"),
            "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
            "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        }
        cells = [*example.cells, "import socket; socket.gethostname() in ('h1', 'h2')"]
        work = tmp_path / "work"
        report = run_pair("frozen", cells, example.origin, work, environment, profile="lab")
        # The last cell shows that the others were there: in this it is not to be the same.
        assert [one.cell for one in report.differences] == [len(cells)]
        assert not report.state_differences
        assert report.on_cluster == len(cells)
        assert_clean(lab)
    finally:
        lab.close()
