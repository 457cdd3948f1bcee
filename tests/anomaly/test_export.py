"""One score, three programs: torch with NumPy, ONNX Runtime, TorchScript."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from neyman.anomaly.export import export
from neyman.anomaly.onnx_graph import onnx_model, score_alone
from neyman.anomaly.preparation import Preparation
from neyman.anomaly.runtime import session
from neyman.anomaly.scoring import Scoring, transform_kinds
from neyman.anomaly.torchscript import torchscript_model
from neyman.core.errors import InputError

SCORES = ("energy", "score_norm", "weighted_norm", "knn", "combined")


@pytest.fixture(scope="module")
def scoring(trained, loaded):
    """`scoring("knn")` of the trained network."""
    preparation, model = trained.scoring.preparation, trained.scoring.model
    parts = preparation.apply(loaded.train), preparation.apply(loaded.validation)
    return lambda name: Scoring.fit(name, preparation, model, *parts, seed=1)


def close(found, expected):
    """To 1e-5 of the size that such numbers have."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).mean())


@pytest.mark.parametrize("name", SCORES)
def test_all_programs_agree(scoring, background, name):
    one, x = scoring(name), background(300, 9)
    x[:5, 0] = (5, -5, 20, -20, 100)  # far outside as well
    prepared = one.preparation.apply(x)
    energy, vector, score = session(onnx_model(one))(["energy", "score_vector", "score"], {"features": x})
    close(energy, one.model.energy(prepared))
    close(vector, one.model.scaled_score(prepared))
    close(score, one.score(x))
    assert score.dtype == np.float64
    np.testing.assert_allclose(session(score_alone(onnx_model(one)))(["score"], {"features": x})[0], score, rtol=1e-6)
    for found, expected in zip(torchscript_model(one)(torch.from_numpy(x)), (energy, vector, score), strict=True):
        close(found.numpy(), expected)


@pytest.mark.parametrize("name", ["score_norm", "combined"])
def test_any_batch(scoring, background, name):
    run, x = session(onnx_model(scoring(name))), background(70, 10)
    together = run(["score"], {"features": x})[0]
    alone = np.concatenate([run(["score"], {"features": x[row : row + 1]})[0] for row in range(70)])
    np.testing.assert_allclose(alone, together, rtol=1e-5)
    traced = torchscript_model(scoring(name))
    assert traced(torch.from_numpy(x[:3]))[2].shape == (3,)


def test_inputs_whose_functions_are_not_side_by_side(scoring, background):
    """Sorting them is not undone by sorting them again."""
    plain = scoring("score_norm")
    names = ("source", "code", "unit", "centre", "scale", "counts")
    order = np.roll(np.arange(plain.preparation.width), -2)
    mixed = replace(plain.preparation, **{name: getattr(plain.preparation, name)[order] for name in names})
    sort = np.argsort(transform_kinds(mixed), kind="stable")
    assert sort.tolist() != np.argsort(sort).tolist()
    x = background(50, 12)
    energy, score = session(onnx_model(replace(plain, preparation=mixed)))(["energy", "score"], {"features": x})
    close(energy, plain.model.energy(mixed.apply(x)))
    close(score, replace(plain, preparation=mixed).score(x))


def test_a_table_without_transforms(trained, background):
    """Columns that are inputs as they are, in their order: another path through the graph."""
    names = tuple("abcdef")
    ones, width = np.ones(6), trained.scoring.preparation.width
    source = np.arange(6)[:width] if width <= 6 else np.concatenate([np.arange(6), np.arange(width - 6)])
    plain = Preparation(
        names, source, np.zeros(width, int), np.ones(width), np.zeros(width), np.full(width, 2.0), np.zeros(width, int)
    )
    one = Scoring("energy", plain, trained.scoring.model)
    x = background(20, 11)[:, :6] / 1e4 * ones
    close(session(onnx_model(one))(["score"], {"features": x})[0], one.score(x))


def test_files_for_servers_need_nothing_of_neyman(scoring, background, tmp_path):
    one, x = scoring("score_norm"), background(5, 12)
    onnx, script = export(one, tmp_path / "out")
    np.save(tmp_path / "x.npy", x)
    program = f"""
import numpy as np, onnxruntime, torch
x = np.load({str(tmp_path / "x.npy")!r})
score = onnxruntime.InferenceSession({str(onnx)!r}).run(["score"], {{"features": x}})[0]
other = torch.jit.load({str(script)!r})(torch.from_numpy(x))[2].numpy()
np.savez({str(tmp_path / "scores.npz")!r}, onnx=score, script=other)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=120)
    with np.load(tmp_path / "scores.npz") as found:
        close(found["onnx"], one.score(x))
        close(found["script"], one.score(x))


def test_a_score_without_its_parts(trained, background):
    bare = Scoring("knn", trained.scoring.preparation, trained.scoring.model)
    with pytest.raises(InputError):
        onnx_model(bare)
    with pytest.raises(InputError):
        bare.score(background(3, 1))
