import json

import numpy as np
import pytest

from neyman.abcd.evaluation import choose_cuts
from neyman.abcd.histories import training_of
from neyman.abcd.trained import TrainedAbcd
from neyman.core.errors import ArtefactError


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
