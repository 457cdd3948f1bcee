import json

import numpy as np
import pytest

from neyman.abcd.checking import assess_test, check
from neyman.abcd.evaluation import choose_cuts
from neyman.abcd.histories import training_of
from neyman.abcd.trained import TrainedAbcd, train_abcd
from neyman.core.errors import ArtefactError


@pytest.fixture(scope="module")
def config(tiny):
    """Double DisCo in seconds."""
    steps = {"epochs": 4, "steps_per_epoch": 40, "batch": 1000, "learning_rate": 0.01}
    return tiny(method={"kind": "double_disco", "training": steps}, discriminant={"column": "m", "edges": [0, 0.5, 1]})


@pytest.fixture(scope="module")
def trained(config):
    return train_abcd(config)


@pytest.fixture
def artefact(trained, tmp_path):
    trained.save(tmp_path / "a")
    return tmp_path / "a"


def test_what_was_saved_comes_back(trained, artefact):
    back = TrainedAbcd.load(artefact)
    assert back.config == trained.config
    assert back.features == ("x0", "x1", "x2")
    assert back.cuts.tolist() == trained.cuts.tolist()
    assert back.digest != ""
    events = trained.reload().parts.test.matrix(back.features)
    assert back.scores.evaluate(events) == pytest.approx(trained.scores.evaluate(events))
    assert training_of(back).phases["classifiers"].training == trained.histories["classifiers"].training


def test_the_card_says_what_batches_do(artefact):
    card = (artefact / "card.md").read_text()
    assert "1000 of 11000 events" in card
    assert "x0, x1, x2" in card
    assert "double_disco" in card


def test_cuts_were_chosen_on_validation_events(trained):
    validation = trained.scored(trained.reload().parts.validation)
    choice = choose_cuts(validation, np.array([0, 0.5, 1.0]), trained.config.evaluation)
    assert choice.cuts.tolist() == trained.cuts.tolist()
    assert choice.allowed == trained.allowed


def test_a_check_says_what_the_test_events_say(trained):
    result, found = check(trained), assess_test(trained)
    assert result.test.mu_limit_exp == pytest.approx(found.limit.expected.tolist())
    assert pytest.approx(found.templates.background[:, 1].tolist()) == result.test.background.B
    a, b, c, d = found.templates.background.sum(axis=0)
    assert result.test.total_non_closure == pytest.approx(b * c / (a * d) - 1)
    assert result.passed == all(verdict.passed for verdict in result.verdicts)
    closure = next(verdict for verdict in result.verdicts if verdict.name == "closure")
    assert closure.passed == (abs(result.test.total_non_closure) <= 0.3)


def test_no_scores_are_better_than_the_best(trained):
    result = check(trained)
    assert result.optimum.ratio == pytest.approx(result.test.mu_limit_exp[2] / result.optimum.mu_limit_exp[2])
    assert result.optimum.ratio > 1


def test_cut_and_count_takes_features_for_scores(trained):
    found, test = check(trained).cut_and_count, trained.reload().parts.test
    high = test.matrix(("x0", "x2")) > found.cuts
    for region, (first, second) in {"A": (1, 0), "B": (1, 1), "C": (0, 0), "D": (0, 1)}.items():
        chosen = (high == [first, second]).all(axis=1) & ~test.is_signal
        assert sum(getattr(found.background, region)) == pytest.approx(test.weights[chosen].sum())


def test_the_plane_holds_nearly_all_events(trained):
    plane = check(trained).plane
    assert np.sum(plane.background) == pytest.approx(16_000, rel=0.01)
    assert np.sum(plane.signal) == pytest.approx(15, rel=0.01)


def test_a_manifest_that_was_edited_is_refused(artefact, message):
    manifest = json.loads((artefact / "manifest.json").read_text())
    manifest["config"]["abcd"]["luminosity"] = 2.0
    (artefact / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError) as error:
        TrainedAbcd.load(artefact)
    message(error, "not those that it was trained with")


def test_a_file_that_changed_since_the_training_is_refused(trained, tmp_path, message, rng):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from neyman.abcd.config import AbcdConfig

    def write(seed):
        draw = np.random.default_rng(seed)
        columns = {name: draw.normal(size=300) for name in ("x0", "x1", "x2")}
        pq.write_table(pa.table(columns | {"m": draw.random(300), "y": np.repeat([0, 1], 150)}), tmp_path / "e.parquet")

    write(1)
    config = trained.config.model_dump() | {
        "data": {"kind": "files", "files": [tmp_path / "e.parquet"], "label": "y"},
        "features": ["x0", "x1", "x2"],
    }
    from dataclasses import replace

    from neyman.abcd.data import load

    files = AbcdConfig.model_validate(config)
    of_files = replace(trained, config=files, inputs=load(files).inputs)
    of_files.reload()
    write(2)
    with pytest.raises(ArtefactError) as error:
        of_files.reload()
    message(error, "changed since the training", "e.parquet")
