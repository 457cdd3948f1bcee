"""Machine-learned statistical inference for particle physics, checked against independent truth.

The names here are what most scripts need; they are loaded when they are first used, so that `import neyman` is light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from neyman._version import __version__

if TYPE_CHECKING:
    from neyman.events import Events
    from neyman.likelihood.workspace import Workspace
    from neyman.posterior.checking import check
    from neyman.posterior.config import PosteriorConfig
    from neyman.posterior.inference import infer
    from neyman.posterior.trained import TrainedPosterior, train_posterior
    from neyman.simulation.eos import BToKstarMuMu
    from neyman.simulation.prior import UniformPrior

__all__ = [
    "BToKstarMuMu",
    "Events",
    "PosteriorConfig",
    "TrainedPosterior",
    "UniformPrior",
    "Workspace",
    "__version__",
    "check",
    "infer",
    "train_posterior",
]

_HOME = {
    "BToKstarMuMu": "neyman.simulation.eos",
    "Events": "neyman.events",
    "PosteriorConfig": "neyman.posterior.config",
    "TrainedPosterior": "neyman.posterior.trained",
    "UniformPrior": "neyman.simulation.prior",
    "Workspace": "neyman.likelihood.workspace",
    "check": "neyman.posterior.checking",
    "infer": "neyman.posterior.inference",
    "train_posterior": "neyman.posterior.trained",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'neyman' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
