import pytest
from pydantic import ValidationError

from neyman.core.errors import ConfigError
from neyman.posterior.config import EstimationConfig, PosteriorConfig
from neyman.simulation.eos import BToKstarMuMu

C9 = {"C9": (3.0, 5.0)}


def test_a_prior_is_enough():
    config = PosteriorConfig(prior=C9)
    assert config.build_prior().bounds == C9
    simulator = config.build_simulator()
    assert isinstance(simulator, BToKstarMuMu)
    assert (simulator.options.q2, simulator.options.tag) == ((1.0, 8.0), "BFS2004")


def test_an_estimator_may_be_named():
    config = PosteriorConfig.model_validate({"prior": C9, "estimator": "scores"})
    assert config.estimator.kind == "scores"
    assert config == PosteriorConfig.model_validate({"prior": C9, "estimator": {"kind": "scores"}})


def test_what_is_left_out_is_what_the_classes_say():
    config = EstimationConfig.model_validate({"training": {"flow": {"epochs": 3}, "statistic": {"epochs": 2}}})
    defaults = EstimationConfig()
    assert config.training.flow.learning_rate == defaults.training.flow.learning_rate
    assert (config.training.flow.epochs, config.training.statistic.epochs) == (3, 2)


def test_a_config_survives_json():
    config = PosteriorConfig(prior=C9, events=(10, 20), seed=3)
    assert PosteriorConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"events": [200, 100]}, "smallest, largest"),
        ({"events": [0, 100]}, "smallest, largest"),
        ({"prior": {"C10": (3, 5)}}, "bounds for C9"),
        ({"prior": {}}, "bounds for C9"),
        ({"prior": {"C9": (5, 3)}}, "low below high"),
        ({"prior": {"C9": (3, float("inf"))}}, "finite"),
        ({"estimator": "transformer"}, "set_encoder"),
        ({"simulator": {"method": "mcmc"}}, "CP average"),
        ({"simulator": {"q2": [8, 1]}}, "q2"),
        ({"simulator": {"q2": [1, 12]}}, "below 9"),
        ({"simulator": {"tag": "GP2004"}}, "above 14"),
        ({"training": {"statistic": {"events_per_set": [50, 10]}}}, "smallest, largest"),
        ({"training": {"flow": {"patience": 0}}}, "patience"),
        ({"training": {"flow": {"learning_rate": 0}}}, "learning_rate"),
        ({"training": {"flow": {"averaging": 1.0}}}, "averaging"),
        ({"device": "tpu"}, "device"),
        ({"seed": -1}, "seed"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused(change, words):
    with pytest.raises(ValidationError) as error:
        PosteriorConfig.model_validate({"prior": C9, **change})
    assert words in str(error.value)


def test_a_file(tmp_path, message):
    path = tmp_path / "config.yaml"
    path.write_text("prior:\n  C9: [3, 5]\nestimator: scores\nevents: [50, 100]\n")
    config = PosteriorConfig.load(path)
    assert (config.events, config.estimator.kind) == ((50, 100), "scores")
    path.write_text("prior:\n  C9: [3, 5]\nestimatr: scores\n")
    with pytest.raises(ConfigError) as error:
        PosteriorConfig.load(path)
    message(error, f"{path}:3", "estimator")
