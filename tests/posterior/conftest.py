import pytest

from neyman.posterior.config import EstimationConfig
from neyman.posterior.trained import train_on
from neyman.simulation.eos import BToKstarMuMu
from neyman.simulation.prior import UniformPrior
from neyman.simulation.toys import GaussianToy


@pytest.fixture(scope="session")
def toy():
    return GaussianToy()


@pytest.fixture(scope="session")
def prior():
    return UniformPrior({"mu": (-1.0, 1.0)})


@pytest.fixture(scope="session")
def decay():
    return BToKstarMuMu()


@pytest.fixture(scope="session")
def small_config():
    """A config for the toy: `small_config(kind, steps, epochs, **changes)`; every option that matters is fixed here."""

    def make(kind="scores", *, steps=5, epochs=3, batch=128, simulate=100_000, **changes):
        training = {"epochs": epochs, "steps_per_epoch": steps, "learning_rate": 0.02, "patience": 50}
        estimator = {"kind": kind, "inputs": "plain", "statistics": 3, "hidden": [16], "points": 2}
        return EstimationConfig.model_validate(
            {
                "events": [20, 200],
                "estimator": {**estimator, "transforms": 1, "bins": 4, "flow_hidden": [32, 32]},
                "training": {
                    "statistic": {
                        **training,
                        "steps_per_epoch": -(-steps // 2),
                        "learning_rate": 0.01,
                        "events_per_set": [20, 60],
                        "events_per_step": 1000,
                    },
                    "flow": {**training, "events": simulate, "batch": batch},
                },
                "device": "cpu",
                "seed": 1,
                **changes,
            }
        )

    return make


@pytest.fixture(scope="session")
def scores(toy, prior, small_config):
    """The toy's posterior, learned from analytic scores."""
    return train_on(toy, prior, small_config("scores", steps=25, epochs=8, simulate=1_000_000))


@pytest.fixture(scope="session")
def set_encoder(toy, prior, small_config):
    """The toy's posterior, learned from events."""
    return train_on(toy, prior, small_config("set_encoder", steps=25, epochs=8, simulate=1_000_000))


@pytest.fixture(scope="session")
def straight(toy, prior, small_config):
    """Some steps of training that nobody interrupted, for each kind."""
    return {kind: train_on(toy, prior, small_config(kind)) for kind in ("scores", "set_encoder")}
