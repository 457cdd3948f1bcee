import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.anomaly.runtime import CHUNK, Scorer, session
from neyman.core.artefacts import MANIFEST
from neyman.core.errors import ArtefactError, DataError, InputError
from neyman.events.tables import TableFile


@pytest.fixture(scope="module")
def scorer(artefact):
    return Scorer.open(artefact)


@pytest.fixture
def file(tmp_path, scorer):
    """`file(x, names)` is a table in a Parquet file."""

    def write(x, names=scorer.names):
        path = tmp_path / "events.parquet"
        pq.write_table(pa.table({name: x[:, index] for index, name in enumerate(names)}), path)
        return TableFile.open(path, job="anomaly")

    return write


def test_it_scores_as_the_network_does(scorer, trained, background):
    x = background(CHUNK + 44, 20)
    expected = trained.scoring.score(x)
    found = scorer.score(x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected.mean())
    prepared = trained.scoring.preparation.apply(x)
    np.testing.assert_allclose(scorer.energy(x), trained.scoring.model.energy(prepared), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(scorer.score_vector(x), trained.scoring.model.scaled_score(prepared), atol=1e-4)
    assert found.dtype == np.float64
    assert (scorer.names, scorer.score_name) == (trained.names, "score_norm")


def test_an_event_scores_the_same_alone_and_in_any_layout(scorer, background):
    x = background(60, 21)
    together = scorer.score(x)
    alone = np.concatenate([scorer.score(x[row : row + 1]) for row in range(60)])
    np.testing.assert_allclose(alone, together, rtol=1e-5)
    np.testing.assert_array_equal(scorer.score(np.asfortranarray(x)), together)
    np.testing.assert_array_equal(scorer.score(np.repeat(x, 2, axis=0)[::2]), together)
    # Single precision cannot hold the column `time`, which is why the graph takes doubles.
    without = x.copy()
    without[:, 4] = 1e6
    np.testing.assert_allclose(scorer.score(without.astype(np.float32)), scorer.score(without), rtol=1e-4)


def test_what_is_far_from_the_background_scores_high(scorer, background):
    x = background(200, 22)
    far = x.copy()
    far[:, 0] += 12
    assert scorer.score(far).min() > np.quantile(scorer.score(x), 0.99)
    assert scorer.p_values(scorer.score(far)).max() < 0.01


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_not_scored(scorer, background, value, message):
    x = background(10, 23)
    x[7, 1] = value
    for call in (scorer.score, scorer.energy, scorer.score_vector, scorer.attribution):
        with pytest.raises(DataError) as error:
            call(x)
        message(error, "'pt'", "row 7")


@pytest.mark.parametrize("shape", [(0, 7), (5, 6), (5, 8), (1, 0)])
def test_other_shapes_are_not_scored(scorer, shape):
    with pytest.raises(DataError):
        scorer.score(np.zeros(shape))


def test_attribution_finds_the_column_that_was_moved(scorer, background):
    x = background(100, 24)
    for column, move in ((0, 8.0), (4, -8.0)):  # `mass` and `time`
        moved = x.copy()
        moved[:, column] += move
        attribution = scorer.attribution(moved)
        assert attribution.shape == (100, 7)
        assert (np.abs(attribution).argmax(axis=1) == column).mean() > 0.9
        assert (np.sign(attribution[:, column]) == np.sign(move)).mean() > 0.95
    assert (scorer.attribution(x)[:, 6] == 0).all()  # the constant is no input


def test_attribution_of_single_inputs_is_the_score_vector(scorer, background):
    x = background(20, 25)
    preparation, vector = scorer.preparation, scorer.score_vector(x)
    attribution = scorer.attribution(x)
    for column in (0, 1, 3, 4, 5):
        (place,) = np.flatnonzero(preparation.source == column)
        np.testing.assert_allclose(attribution[:, column], -vector[:, place], atol=1e-12)
    assert ((attribution**2).sum(axis=1) <= (vector**2).sum(axis=1) * (1 + 1e-9)).all()


def test_flags_keep_their_promise_or_are_null(scorer, background):
    scores = scorer.score(background(500, 26))
    flags = scorer.flags(scores, fpr=0.01)
    np.testing.assert_array_equal(flags, scores > scorer.threshold(0.01))
    assert 0 <= flags.mean() < 0.03
    assert scorer.flags(scores, fpr=1e-4) is None
    with pytest.raises(DataError, match=r"29,956"):
        scorer.threshold(1e-4)
    assert len(scorer.calibration) == 1000


@pytest.mark.parametrize(("beside", "flagged"), [(None, 9), (-np.inf, 10), (np.inf, 9)])
def test_an_event_at_the_threshold_is_not_flagged(beside, flagged, scorer, file, background, tmp_path, monkeypatch):
    """The p-value of the r-th largest calibration score is r/(n + 1), and above the promise."""
    x = background(400, 32)
    scores = scorer.score(x)
    at = float(np.sort(scores)[-10])
    cut = at if beside is None else float(np.nextafter(at, beside))
    monkeypatch.setattr(Scorer, "threshold", lambda *_: cut)
    assert scorer.flags(scores, 0.01).sum() == flagged
    scorer.score_file(file(x), tmp_path / "scores.parquet", fpr=0.01)
    assert sum(pq.read_table(tmp_path / "scores.parquet")["flag"].to_pylist()) == flagged


def test_a_file_is_scored_by_the_names_of_its_columns(scorer, file, background, tmp_path):
    x = background(300, 27)
    order = [4, 2, 6, 0, 5, 1, 3]
    source = file(np.column_stack([x[:, order], x[:, 0]]), [*(scorer.names[column] for column in order), "weight"])
    assert scorer.score_file(source, tmp_path / "scores.parquet", fpr=0.01) == 300
    found = pq.read_table(tmp_path / "scores.parquet")
    assert found.column_names == ["score", "p_value", "flag"]
    scores = scorer.score(x)
    np.testing.assert_allclose(found["score"].to_numpy(), scores, rtol=1e-6)
    np.testing.assert_array_equal(found["p_value"].to_numpy(), scorer.p_values(found["score"].to_numpy()))
    assert found["flag"].to_pylist() == scorer.flags(found["score"].to_numpy(), 0.01).tolist()


def test_a_file_is_streamed(scorer, file, background, tmp_path, monkeypatch):
    source = file(background(300, 28))
    scorer.score_file(source, tmp_path / "whole.parquet")
    monkeypatch.setattr("neyman.anomaly.runtime.ROWS", 37)
    scorer.score_file(source, tmp_path / "parts.parquet")
    whole, parts = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "parts"))
    np.testing.assert_allclose(parts["score"].to_numpy(), whole["score"].to_numpy(), rtol=1e-5)
    assert whole["flag"].null_count == 300


def test_a_file_that_cannot_be_scored_leaves_nothing(scorer, file, background, tmp_path, message):
    x, out = background(60, 29), tmp_path / "scores.parquet"
    with pytest.raises(DataError) as error:
        scorer.score_file(file(x, [*scorer.names[:6], "runs"]), out)
    message(error, "no column 'run'", "did you mean 'runs'")
    with pytest.raises(DataError) as error:
        scorer.score_file(file(x), out, fpr=1e-5)
    message(error, "1000 calibration events", "299,572")
    with pytest.raises(DataError) as error:
        scorer.score_file(file(x[:0]), out)
    message(error, "no events")
    x[50, 3] = np.inf
    with pytest.raises(DataError) as error:
        scorer.score_file(file(x), out)
    message(error, "'jets'", "events.parquet", "50")
    source = file(background(5, 1))
    with pytest.raises(InputError):
        scorer.score_file(source, source.path)
    with pytest.raises(InputError):
        scorer.score_file(source, tmp_path / "scores.csv")
    assert os.listdir(tmp_path) == ["events.parquet"]


def test_neither_torch_nor_scipy(artefact, background, tmp_path):
    np.save(tmp_path / "x.npy", background(3, 30))
    program = f"""
import sys, numpy as np
from neyman.anomaly.runtime import Scorer
scorer = Scorer.open({str(artefact)!r})
x = np.load({str(tmp_path / "x.npy")!r})
scorer.flags(scorer.score(x), 0.01), scorer.attribution(x), scorer.p_values(scorer.score(x))
print(sorted({{"torch", "scipy", "onnx", "sklearn", "jax", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.fixture
def changed(artefact, tmp_path):
    """`changed(edit)`: a copy of the artefact with another manifest; `edit(manifest, folder)` changes it."""

    def make(edit):
        folder = tmp_path / "copy"
        shutil.copytree(artefact, folder)
        manifest = json.loads((folder / MANIFEST).read_text())
        edit(manifest, folder)
        (folder / MANIFEST).write_text(json.dumps(manifest))
        return folder

    return make


def replaced(name, content):
    def edit(manifest, folder):
        (folder / name).write_bytes(content)
        manifest["files"][name] = hashlib.sha256(content).hexdigest()

    return edit


def without(name):
    def edit(manifest, folder):
        del manifest["files"][name]

    return edit


def swapped_columns(manifest, _folder):
    names = manifest["config"]["preparation"]["names"]
    names[0], names[1] = names[1], names[0]


def with_key(key, value):
    def edit(manifest, folder):
        manifest[key] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (with_key("schema_version", 2), "from a newer neyman"),
        (with_key("kind", "calibration"), "an artefact for 'calibration'"),
        (with_key("config", {}), "not those that it was trained with"),
        (swapped_columns, "not those that it was trained with"),
        (without("model.onnx"), "does not fit this version"),
        (without("score.onnx"), "does not fit this version"),
        (replaced("model.onnx", b"graph"), "cannot run"),
        (replaced("model.onnx", b""), "cannot run"),
    ],
)
def test_an_artefact_that_does_not_fit(changed, edit, part, message):
    with pytest.raises(ArtefactError) as error:
        Scorer.open(changed(edit))
    message(error, part)


def test_a_graph_that_scores_otherwise(changed, trained, message):
    from neyman.anomaly.onnx_graph import onnx_model, score_alone

    other = score_alone(onnx_model(dataclasses.replace(trained.scoring, name="energy")))
    with pytest.raises(ArtefactError) as error:
        Scorer.open(changed(replaced("score.onnx", other)))
    message(error, "scored differently")


@pytest.mark.parametrize(("parts", "good"), [(0.5e-4, True), (2e-4, False)])
def test_how_far_a_score_may_be_from_what_it_was(changed, artefact, parts, good):
    from safetensors.numpy import load_file, save

    arrays = load_file(artefact / "validation.safetensors")
    arrays["score"] = arrays["score"] + parts * arrays["score"].std() * np.eye(1, len(arrays["score"]))[0]
    folder = changed(replaced("validation.safetensors", save(arrays)))
    with contextlib.nullcontext() if good else pytest.raises(ArtefactError, match="scored differently"):
        Scorer.open(folder)


def test_threads(artefact, background):
    x = background(20, 31)
    np.testing.assert_allclose(Scorer.open(artefact, threads=2).score(x), Scorer.open(artefact).score(x), rtol=1e-5)
    with pytest.raises(InputError):
        session(b"", threads=0)
