"""A score that is trained in seconds, on a table of every kind of column."""

import numpy as np
import pytest

from neyman.anomaly.config import AnomalyConfig

NAMES = ("mass", "pt", "phi", "jets", "time", "charge", "run")


def table(n, seed):
    """A peak, a long tail, an angle, a count, a small spread on a large number, a padded column, a constant."""
    rng = np.random.default_rng(seed)
    mass, jets = rng.normal(size=n), rng.poisson(3, n).astype(float)
    pt = 30 * np.exp(1.5 * rng.normal(size=n) + 0.5 * mass)
    phi = rng.vonmises(0.3 * mass, 1.0, n)
    time = 1e6 + rng.normal(size=n) + mass
    charge = np.where(rng.random(n) < 0.3, 0.0, np.exp(rng.normal(size=n)))
    return np.stack([mass, pt, phi, jets, time, charge, np.full(n, 7.0)], axis=1)


@pytest.fixture(scope="session")
def background():
    """`background(n, seed)`: events of the seven columns of `trained`."""
    return table


@pytest.fixture(scope="session")
def tiny():
    """`tiny(score="knn")`: a config that trains in seconds, with some keys changed."""

    def make(**changes):
        config = {
            "data": {"kind": "files", "background": "background.parquet"},
            "network": {"width": 32, "blocks": 2, "noise": {"low": 0.2, "high": 2.0, "levels": 4}, "score_sigma": 0.4},
            "training": {"epochs": 3, "steps_per_epoch": 60, "batch": 256, "learning_rate": 1e-2},
            "score": "score_norm",
            "device": "cpu",
        }
        return AnomalyConfig.model_validate(config | changes)

    return make


@pytest.fixture(scope="session")
def loaded():
    """The events of `trained`, in their parts."""
    from neyman.anomaly.data import Loaded

    parts = (table(n, seed) for seed, n in enumerate((4000, 800, 1000, 500)))
    return Loaded(NAMES, *parts, periods={"phi": 2 * np.pi})


@pytest.fixture(scope="session")
def trained(tiny, loaded):
    """The score of the tiny config."""
    from neyman.anomaly.trained import train_anomaly

    return train_anomaly(tiny(), loaded=loaded)


@pytest.fixture(scope="session")
def artefact(trained, tmp_path_factory):
    """The folder of `trained`; not to be changed."""
    folder = tmp_path_factory.mktemp("artefact") / "model"
    trained.save(folder)
    return folder
