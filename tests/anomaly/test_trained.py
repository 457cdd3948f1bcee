import dataclasses
import json
import os

import numpy as np
import pytest

from neyman.anomaly.runtime import Scorer
from neyman.anomaly.trained import TrainedAnomaly, train_anomaly
from neyman.core.artefacts import MANIFEST
from neyman.core.errors import ArtefactError
from neyman.events.write import write_table


def test_there_and_back(trained, artefact, background):
    again = TrainedAnomaly.load(artefact)
    x = background(30, 40)
    np.testing.assert_array_equal(again.scoring.score(x), trained.scoring.score(x))
    np.testing.assert_array_equal(again.calibration, trained.calibration)
    assert again.graph == trained.graph
    assert again.history == trained.history
    assert (again.config, again.events, again.names) == (trained.config, trained.events, trained.names)
    assert len(again.digest) == 64
    assert again.digest == Scorer.open(artefact).digest


def test_what_is_in_the_folder(artefact):
    assert sorted(os.listdir(artefact)) == [
        "card.md", "manifest.json", "model.onnx", "score.onnx", "validation.safetensors", "weights.safetensors",
    ]  # fmt: skip


def test_it_is_calibrated_on_events_of_their_own(trained, loaded):
    expected = np.sort(trained.scoring.score(loaded.calibration))
    np.testing.assert_allclose(trained.calibration, expected, rtol=1e-5)
    assert trained.events == (4000, 800, 1000)
    assert (np.diff(trained.calibration) >= 0).all()


def test_p_values_of_background_are_uniform(trained, artefact, loaded):
    """500 events that took no part: their p-values have mean 1/2 and few are small, within 4 standard deviations."""
    scorer = Scorer.open(artefact)
    p = scorer.p_values(scorer.score(loaded.test))
    assert p.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 * (1 / 500 + 1 / 1000)))
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 * (1 / 500 + 1 / 1000)))


@pytest.mark.parametrize("score", ["energy", "combined"])
def test_any_score_can_be_the_default(trained, loaded, tmp_path, score):
    from neyman.anomaly.onnx_graph import onnx_model
    from neyman.anomaly.scoring import Scoring

    preparation, model = trained.scoring.preparation, trained.scoring.model
    parts = preparation.apply(loaded.train), preparation.apply(loaded.validation)
    scoring = Scoring.fit(score, preparation, model, *parts, seed=1)
    dataclasses.replace(trained, scoring=scoring, graph=onnx_model(scoring)).save(tmp_path / "model")
    scorer = Scorer.open(tmp_path / "model")
    assert scorer.score_name == score
    np.testing.assert_allclose(scorer.score(loaded.test), scoring.score(loaded.test), rtol=1e-4, atol=1e-4)
    again = TrainedAnomaly.load(tmp_path / "model")
    np.testing.assert_allclose(again.scoring.score(loaded.test), scoring.score(loaded.test), rtol=1e-5)


def test_background_of_copies(tiny, tmp_path):
    """Forty events, each many times: no copy is far from another, and rounding alone tells them apart."""
    rng = np.random.default_rng(5)
    few = rng.normal(size=(40, 6))
    x = few[rng.integers(0, 40, 2000)]
    trained = train_anomaly(_of(tiny, tmp_path, x)).save(tmp_path / "model")
    scorer = Scorer.open(tmp_path / "model")
    copies, others = scorer.p_values(scorer.score(few)), scorer.p_values(scorer.score(few + 5))
    assert others.max() < copies.min()
    assert others.max() == 1 / (len(trained.calibration) + 1)
    rounding = trained.scoring.rounding(few)
    assert (rounding > 0).all()
    np.testing.assert_array_less(np.abs(scorer.score(few) - trained.scoring.score(few)), 1e-5 + rounding)


def test_twenty_events_are_enough(tiny, tmp_path):
    x = np.random.default_rng(6).normal(size=(20, 3))
    trained = train_anomaly(_of(tiny, tmp_path, x)).save(tmp_path / "model")
    assert trained.events == (12, 2, 4)
    assert np.isfinite(Scorer.open(tmp_path / "model").score(x)).all()


def _of(tiny, folder, x):
    names = [f"x{index}" for index in range(x.shape[1])]
    write_table(folder / "background.parquet", dict(zip(names, x.T, strict=True)), job="test")
    return tiny(
        data={"kind": "files", "background": str(folder / "background.parquet")},
        features={},
        training={"epochs": 1, "steps_per_epoch": 20, "batch": 64},
        score="combined",
    )


def test_the_same_seed_gives_the_same_model(tiny, loaded):
    config = tiny(training={"epochs": 1, "steps_per_epoch": 5, "batch": 64})
    one, two = (train_anomaly(config, loaded=loaded) for _ in range(2))
    np.testing.assert_array_equal(one.calibration, two.calibration)
    other = train_anomaly(config.model_copy(update={"seed": 2}), loaded=loaded)
    assert not np.array_equal(one.calibration, other.calibration)


def test_from_a_file(tiny, background, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table("background.parquet", dict(zip("abcdefg", background(600, 41).T, strict=True)), job="anomaly")
    config = tiny(training={"epochs": 1, "steps_per_epoch": 5, "batch": 64})
    trained = train_anomaly(config).save("model")
    assert trained.names == tuple("abcdefg")
    assert list(trained.inputs) == ["background.parquet"]
    assert len(trained.reload().train) == trained.events[0] == 360
    write_table("background.parquet", dict(zip("abcdefg", background(600, 42).T, strict=True)), job="anomaly")
    with pytest.raises(ArtefactError, match="changed since the training"):
        trained.reload()


def test_a_config_that_was_edited(artefact, tmp_path, message):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(artefact, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["config"]["anomaly"]["network"]["score_sigma"] = 2.0
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError) as error:
        TrainedAnomaly.load(folder)
    message(error, "not those that it was trained with")


def test_the_card(trained, artefact):
    card = (artefact / "card.md").read_text()
    for part in (
        "`score_norm` of 7 columns",
        "Constant in training, and not looked at: run.",
        "4000 events of background",
        "0.001: no promise; it takes 2,995 calibration events.",
        "a filter, not an arbiter",
        "five standard deviations",
        "CPU-s",
        "Seed 1",
    ):
        assert part in card
    assert max(map(len, card.splitlines())) <= 130
