import json
import subprocess
import sys

import numpy as np
import pytest

from neyman.calibration.sample import Sample
from neyman.calibration.trained import TrainedCalibration, train_calibration
from neyman.core.errors import ArtefactError, DataError, InputError
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.events.parquet import write_parquet


@pytest.fixture(scope="module")
def sample(muons):
    x, c = muons("simulation", 500, 5)
    return Sample(x, c, np.linspace(-1, 1, 500), ("ip",), ("pt", "eta", "phi", "npv"))


@pytest.fixture
def artefact(trained, tmp_path):
    trained.save(tmp_path / "a")
    return tmp_path / "a"


def test_what_was_saved_comes_back(trained, artefact, sample):
    back = TrainedCalibration.load(artefact)
    assert back.config == trained.config
    assert back.schema == trained.schema
    assert back.scaling == trained.scaling
    assert back.digest != ""
    assert back.trained_on == (7200, 7200)
    assert back.histories["member 1"].training == trained.histories["member 1"].training
    assert (back.corrected(sample).x == trained.corrected(sample).x).all()
    assert (back.variations(sample) == trained.variations(sample)).all()


def test_conditions_and_weights_are_the_very_same(trained, sample):
    corrected = trained.corrected(sample)
    assert corrected.c is sample.c
    assert corrected.w is sample.w
    assert not np.allclose(corrected.x, sample.x)


def test_the_card_says_what_it_is_for(artefact):
    card = (artefact / "card.md").read_text()
    for part in (
        "ip [mm] given pt [GeV]",
        "toy `impact_parameter`",
        "7200 events",
        "- eta: 2",
        "2 trainings",
        "p(cond",
    ):
        assert part in card


def test_other_columns_are_refused(trained, sample, message):
    other = Sample(sample.x, sample.c, sample.w, ("ip",), ("eta", "pt", "phi", "npv"))
    for use in (trained.corrected, trained.variations):
        with pytest.raises(DataError) as error:
            use(other)
        message(error, "conditions eta, pt", "conditions pt, eta")


def test_an_uncertainty_needs_members(tiny, sample, message):
    config = tiny(members=1, training={"epochs": 1, "batch": 64, "least_steps": 2})
    with pytest.raises(InputError) as error:
        train_calibration(config).variations(sample)
    message(error, "of 1 bootstrap members", "two at least")


def test_a_changed_artefact_is_refused(artefact, message):
    manifest = json.loads((artefact / "manifest.json").read_text())
    manifest["config"]["scaling"]["variables"][0]["centre"] += 1
    (artefact / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError) as error:
        TrainedCalibration.load(artefact)
    message(error, "not those that it was trained with")


def test_weights_that_do_not_fit_are_refused(trained, tmp_path, message):
    smaller = trained.config.flow.model_copy(update={"bins": 4})
    wrong = trained.config.model_copy(update={"flow": smaller})
    with pytest.raises(ArtefactError) as error:
        TrainedCalibration(
            wrong, trained.schema, trained.scaling, trained.nominal, trained.members, trained.histories,
            trained.trained_on, trained.examples,
        ).save(tmp_path / "b")  # fmt: skip
    message(error, "does not fit this version", "train it again")


def test_files_that_changed_since_are_refused(tiny, tmp_path, message):
    schema = Schema((Column(name="x"), Column(name="pt")))

    def write(name, seed):
        rng = np.random.default_rng(seed)
        events = {"x": rng.normal(size=1000), "pt": rng.uniform(20, 40, 1000)}
        write_parquet(tmp_path / name, Events(events, schema))
        return str(tmp_path / name)

    source = {"kind": "files", "data": write("d.parquet", 1), "simulation": write("s.parquet", 2)}
    config = tiny(data=source, variables=["x"], conditions=["pt"], members=0, training={"epochs": 1, "batch": 64})
    trained = train_calibration(config)
    assert len(trained.reload().data.test) == 300
    write("d.parquet", 3)
    with pytest.raises(ArtefactError) as error:
        trained.reload()
    message(error, "d.parquet", "changed since the training")


def test_config_and_sample_do_without_torch():
    rooms = ", ".join(f"neyman.calibration.{name}" for name in ("config", "sample", "data", "scaling", "polish"))
    code = f"import sys, {rooms}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
