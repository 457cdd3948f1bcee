"""Anomaly: events that do not look like background, with error rates one can trust [torch].

| you have | use |
|---|---|
| a file of background | `AnomalyConfig`, then `train_anomaly` |
| an artefact and events to score | `Scorer`: ONNX Runtime and NumPy, without torch |
| an artefact, and questions about the model | `TrainedAnomaly` |
| scores of your own that need an error rate | `neyman.anomaly.conformal` |
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neyman.anomaly.config import AnomalyConfig
    from neyman.anomaly.energy_model import EnergyModel
    from neyman.anomaly.export import export
    from neyman.anomaly.runtime import Scorer
    from neyman.anomaly.trained import TrainedAnomaly, train_anomaly

__all__ = [
    "AnomalyConfig",
    "EnergyModel",
    "Scorer",
    "TrainedAnomaly",
    "export",
    "train_anomaly",
]

_HOME = {
    "AnomalyConfig": "neyman.anomaly.config",
    "EnergyModel": "neyman.anomaly.energy_model",
    "Scorer": "neyman.anomaly.runtime",
    "TrainedAnomaly": "neyman.anomaly.trained",
    "export": "neyman.anomaly.export",
    "train_anomaly": "neyman.anomaly.trained",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'neyman.anomaly' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
