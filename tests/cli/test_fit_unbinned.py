"""Commands that read and make workspaces, of which a channel is unbinned."""

import json

import numpy as np
import pytest

from neyman.fit.blinding import blind, hidden_regions, load_mark
from neyman.likelihood.workspace import Workspace
from neyman.likelihood.workspace.arrays import array_reference

SEEN, REFERENCE = 1234, 777


@pytest.fixture
def path(tmp_path):
    (tmp_path / "ws_arrays").mkdir()
    x = np.linspace(-1, 1, SEEN), np.linspace(-1, 1, REFERENCE)

    def array(name, values):
        np.save(tmp_path / "ws_arrays" / name, values)
        return array_reference(tmp_path / "ws_arrays" / name, tmp_path)

    ratio = {
        which: array(f"{which}.npy", np.log1p(0.3 * each))
        for which, each in zip(("observed", "reference"), x, strict=True)
    }
    mu = {"name": "mu", "type": "normfactor", "data": None}
    document = {
        "channels": [
            {
                "name": "SR",
                "type": "unbinned",
                "observed": {},
                "reference": {"weights": array("weights.npy", np.ones(REFERENCE))},
                "samples": [{"name": "signal", "yield": 1200.0, "log_ratio": ratio, "modifiers": [mu]}],
            },
            {"name": "CR", "samples": [{"name": "signal", "data": [55.0], "modifiers": [mu]}]},
        ],
        "observations": [{"name": "CR", "data": [57]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    (tmp_path / "ws.json").write_text(json.dumps(document))
    return tmp_path / "ws.json"


def test_inspect(neyman, path):
    shown = neyman("fit", "inspect", path).out
    assert "SR        1234    777        yes         3, " in shown
    channel = json.loads(neyman("fit", "inspect", path, "--json").out)["channels"][0]
    assert (channel["bins"], channel["observed"], channel["events"]["observed"]) == (None, SEEN, SEEN)


def test_the_number_of_events_of_a_hidden_region_is_not_told(neyman, path):
    blind(path, digest_of="abc", errors={}, regions=["SR"])
    for options in ([], ["--json"]):
        shown = neyman("fit", "inspect", path, *options).out
        assert str(SEEN) not in shown
        assert " kB" not in shown
        assert str(REFERENCE) in shown
    assert "blinded: data of SR" in neyman("fit", "inspect", path).out
    assert str(SEEN) in neyman("fit", "inspect", path, "--unblind").out
    assert [each.command for each in load_mark(path).openings] == ["neyman fit inspect"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["sort"], "SR"),
        (["prune", "--channel", "CR"], "SR"),
        (["rename", "--channel", "SR=signal"], "signal"),
    ],
)
def test_workspaces_made_from_it_elsewhere(neyman, path, tmp_path, command, name):
    blind(path, digest_of="abc", errors={}, regions=["SR"])
    out = tmp_path / "deep" / "er" / "new.json"
    done = neyman("fit", command[0], path, "--out", out, *command[1:])
    assert (done.code, done.err) == (0, "")
    assert hidden_regions(out) == (name,)
    assert len(Workspace.load(out).arrays()[name].observed_weights) == SEEN


def test_combined_with_another(neyman, path, tmp_path):
    neyman("fit", "rename", path, "--out", tmp_path / "b" / "b.json", "--channel", "SR=SR2", "--channel", "CR=CR2")
    done = neyman(
        "fit", "combine", path, tmp_path / "b" / "b.json", "--out", tmp_path / "c" / "c.json", "--join", "outer"
    )
    assert (done.code, done.err) == (0, "")
    arrays = Workspace.load(tmp_path / "c" / "c.json").arrays()
    assert {name: len(each.reference_weights) for name, each in arrays.items()} == {"SR": REFERENCE, "SR2": REFERENCE}


def test_a_file_that_is_not_there(neyman, path):
    (path.parent / "ws_arrays" / "weights.npy").unlink()
    done = neyman("fit", "inspect", path)
    assert done.code == 2
    assert "$.channels[0].reference.weights" in done.err
    assert "no such file" in done.err


def test_asimov_of_a_joint_model_gives_its_strength_back(neyman, path, tmp_path):
    out = tmp_path / "elsewhere" / "asimov.json"
    out.parent.mkdir()
    neyman("fit", "asimov", path, "--at", "mu=1.3", "--out", out)
    expected = Workspace.load(out).model()
    assert expected.observed.main.tolist() == pytest.approx([1.3 * 55, 1.3 * 1200])
    fit = json.loads(neyman("fit", "bestfit", out, "--json").out)
    assert fit["parameters"]["mu"]["value"] == pytest.approx(1.3, abs=1e-6)
