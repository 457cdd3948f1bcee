"""Calibration: simulation that looks like data, given conditions, down to the tails [torch].

| you have | use |
|---|---|
| two files, of simulation and of data | `CalibrationConfig`, then `train_calibration` |
| a trained correction and a file of simulation | `apply_to_file` |
| arrays of simulated events | `TrainedCalibration.nominal`, a `Correction`: `z = correction(x, c)` |
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neyman.calibration.applying import apply_to_file
    from neyman.calibration.config import CalibrationConfig
    from neyman.calibration.correction import Correction
    from neyman.calibration.sample import Sample
    from neyman.calibration.trained import TrainedCalibration, train_calibration

__all__ = [
    "CalibrationConfig",
    "Correction",
    "Sample",
    "TrainedCalibration",
    "apply_to_file",
    "train_calibration",
]

_HOME = {
    "CalibrationConfig": "neyman.calibration.config",
    "Correction": "neyman.calibration.correction",
    "Sample": "neyman.calibration.sample",
    "TrainedCalibration": "neyman.calibration.trained",
    "apply_to_file": "neyman.calibration.applying",
    "train_calibration": "neyman.calibration.trained",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'neyman.calibration' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
