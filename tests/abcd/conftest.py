"""A toy that trains in seconds."""

import pytest

from neyman.abcd.config import AbcdConfig
from neyman.abcd.trained import train_abcd

TINY = {
    "data": {"kind": "toy", "background": 16_000, "signal": 6000, "background_yield": 16_000, "signal_yield": 15},
    "discriminant": {"column": "m", "edges": [0, 0.4, 0.6, 1]},
    "networks": {"hidden": [16]},
    "method": {
        "kind": "cls",
        "warm_up": {"epochs": 4, "steps_per_epoch": 40, "batch": 1000, "learning_rate": 0.01},
        "training": {"epochs": 20, "steps_per_epoch": 10, "learning_rate": 0.01},
        "constraints": {"closure": 0.05, "random_closure": 0.05, "random_cuts": 4, "disco_events": 1000},
        "multiplier_rate": 0.2,
    },
    "evaluation": {"quantiles": 8, "tightest": 0.02, "largest_non_closure": 0.3, "reference": ["x0", "x2"]},
    "device": "cpu",
}


@pytest.fixture(scope="session")
def tiny():
    """`tiny(method={...})`: the config of a toy that trains in seconds, with some keys changed."""
    return lambda **changes: AbcdConfig.model_validate(TINY | changes)


@pytest.fixture(scope="session")
def trained(tiny):
    """Double DisCo in seconds."""
    steps = {"epochs": 4, "steps_per_epoch": 40, "batch": 1000, "learning_rate": 0.01}
    discriminant = {"column": "m", "edges": [0, 0.5, 1]}
    return train_abcd(tiny(method={"kind": "double_disco", "training": steps}, discriminant=discriminant))
