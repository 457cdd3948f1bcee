import itertools

import pytest

from neyman.anomaly.config import AnomalyConfig, EnergyConfig, FilesSource, NoiseConfig, SimulationSource
from neyman.core.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    def to_file(**changes):
        path = tmp_path / "c.yaml"
        lines = {"data": "{kind: files, background: b.parquet, signals: {lq: deep/s.h5}}"} | changes
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        return path

    return to_file


def test_files_are_beside_the_config(write, tmp_path):
    config = AnomalyConfig.load(write())
    assert config.data.background == str(tmp_path / "b.parquet")
    assert config.data.signals == {"lq": str(tmp_path / "deep" / "s.h5")}
    assert AnomalyConfig.model_validate(config.model_dump(mode="json")) == config


def test_a_name_stands_for_its_defaults(write):
    config = AnomalyConfig.load(write(data="simulation"))
    assert config.data == SimulationSource()
    assert config.data.layout == "forty_mhz"
    assert AnomalyConfig.model_validate(config.model_dump(mode="json")) == config


def test_a_trial_is_smaller(write):
    files = AnomalyConfig.load(write()).quick()
    assert isinstance(files.data, FilesSource)
    assert files.data.rows == 6000
    simulated = AnomalyConfig.load(write(data="{kind: simulation, events: 300}")).quick()
    assert simulated.data.events == 300
    assert simulated.data.signal_events == 500
    assert simulated.training.epochs < AnomalyConfig(data="simulation").training.epochs
    assert simulated.network.width == 128


def test_levels_of_noise_are_a_geometric_grid():
    sigmas = NoiseConfig(low=0.1, high=2.0, levels=7).sigmas
    assert (sigmas[0], sigmas[-1]) == (0.1, 2.0)
    ratios = {round(high / low, 9) for low, high in itertools.pairwise(sigmas)}
    assert len(ratios) == 1
    assert NoiseConfig(low=0.3, levels=1).sigmas == (0.3,)
    network = EnergyConfig()
    assert network.noise.sigmas[network.score_level] == pytest.approx(network.score_sigma, rel=0.3)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"data": "{kind: filez}"}, [":1: data", "one of files, simulation"]),
        ({"data": "{kind: files}"}, ["background: missing"]),
        ({"data": "{kind: files, background: a, signals: {x: a}}"}, ["another file", "'x'"]),
        ({"data": "{kind: simulation, layout: trijet}"}, ["layout", "'dijet'"]),
        ({"data": "{kind: simulation, events: 3}"}, ["greater than or equal to 100"]),
        ({"score": "energi"}, [":2: score", "did you mean 'energy'?"]),
        ({"scores": "energy"}, ["unknown key", "did you mean 'score'?"]),
        ({"features": "{columns: []}"}, [":2: features.columns"]),
        ({"features": "{columns: [a, b, a]}"}, ["'a' is there twice"]),
        ({"features": "{transforms: {a: sqrt}}"}, [":2: features.transforms"]),
        ({"features": "{periods: {a: 0}}"}, ["greater than 0"]),
        ({"network": "{score_sigma: 5}"}, ["score_sigma within 0.05 to 2, not 5"]),
        ({"network": "{noise: {low: 2, high: 1}}"}, ["low below high"]),
        ({"split": "{train: 0.7, calibration: 0.2, validation: 0.1}"}, ["the test needs events"]),
        ({"error_rate": "{fpr: 5}"}, [":2: error_rate.fpr", "less than 1"]),
        ({"error_rate": "{delta: .nan}"}, [":2: error_rate.delta"]),
        ({"seed": "-1"}, [":2: seed"]),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(write, changes, parts):
    with pytest.raises(ConfigError) as caught:
        AnomalyConfig.load(write(**changes))
    message = str(caught.value)
    assert len(message.splitlines()) <= 5
    for part in parts:
        assert part in message
