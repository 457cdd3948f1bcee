"""A correction that is trained in seconds."""

import numpy as np
import pytest

from neyman.calibration.config import CalibrationConfig
from neyman.simulation.impact_parameter import impact_parameter_sample

TINY = {
    "data": {"kind": "impact_parameter", "events": 12_000},
    "flow": {"hidden": [32, 32], "bins": 10},
    "training": {"epochs": 6, "batch": 256, "least_steps": 20, "learning_rate": 0.01},
    "members": 2,
    "device": "cpu",
}


@pytest.fixture(scope="session")
def tiny():
    """`tiny(members=0)`: the config of a toy that trains in seconds, with some keys changed."""
    return lambda **changes: CalibrationConfig.model_validate(TINY | changes)


@pytest.fixture(scope="session")
def trained(tiny):
    """The correction of the tiny config."""
    from neyman.calibration.trained import train_calibration

    return train_calibration(tiny())


@pytest.fixture(scope="session")
def muons():
    """`muons("data", 1000, seed)`: variables and conditions of the impact parameter toy."""

    def make(kind, n, seed):
        events = impact_parameter_sample(kind, n, seed)
        return events["ip"][:, None], np.stack([events[name] for name in ("pt", "eta", "phi", "npv")], axis=1)

    return make
