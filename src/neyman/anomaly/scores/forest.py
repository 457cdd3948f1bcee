"""The isolation forest, which is scikit-learn's: to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.anomaly.scores.protocol import Prepared, fitting_events, scoring_events
from neyman.core.errors import require


class Forest:
    """How few random cuts isolate an event (Liu, Ting and Zhou, ICDM 2008, eq. 2), between 0 and 1.

    Args:
        trees: How many trees.
        seed: Of the cuts.
    """

    def __init__(self, *, trees: int = 200, seed: int = 1) -> None:
        self.trees, self.seed = trees, seed
        self._forest: Any = None
        self._width: int | None = None

    def fit(self, x: Prepared, x_validation: Prepared | None = None) -> Forest:
        """Grow the trees on x; there is nothing to validate."""
        fitting_events(x)
        ensemble = require("sklearn.ensemble", job="anomaly")
        self._forest = ensemble.IsolationForest(n_estimators=self.trees, random_state=self.seed).fit(x)
        self._width = x.shape[1]
        return self

    def score_samples(self, x: Prepared) -> Float[np.ndarray, " n"]:
        """Minus what scikit-learn calls so."""
        scoring_events(x, self._width)
        return np.asarray(-self._forest.score_samples(x), dtype=np.float64)
