r"""The scores of an energy network: its energy, or how hard it pulls an event back to the background.

- `energy`: E(x, σ) at one level of noise, −log p_σ(x) as far as it has been learned.
- `score_norm`: \(\|\sigma\nabla E(x, \sigma)\|\) at one level: by how many units of the noise the event is away from
  where background would be, given the event; it needs no normalisation.
- `weighted_norm`: \(\sum_\sigma \|\sigma\nabla E(x, \sigma)\|^2\) over all levels, with equal weights for noise in
  geometric steps: no scale is preferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from neyman.anomaly.config import AnomalyConfig, FilesSource, NetworkScore
from neyman.anomaly.scores.protocol import Prepared, scoring_events, with_validation
from neyman.core.random import stream

if TYPE_CHECKING:
    from neyman.anomaly.energy_model import EnergyModel


class EnergyScore:
    """A score of an energy network.

    Args:
        kind: Which score.
        sigma: Level of noise, of which the nearest of the grid is taken; None for that of the config.
        config: Network, training and seed; None for the defaults. Its data are not looked at.
        model: A network that is trained already: `fit` then leaves it alone, and one network serves many scores.
    """

    def __init__(
        self,
        kind: NetworkScore = "score_norm",
        *,
        sigma: float | None = None,
        config: AnomalyConfig | None = None,
        model: EnergyModel | None = None,
    ) -> None:
        self.kind, self.sigma, self.model = kind, sigma, model
        self.config = config or AnomalyConfig(data=FilesSource(background="given as an array"))

    def fit(self, x: Prepared, x_validation: Prepared | None = None) -> EnergyScore:
        """Train the network; the validation events decide which epoch is kept."""
        from neyman.anomaly.energy_model import EnergyModel

        x, x_validation = with_validation(x, x_validation, stream(self.config.seed, "energy", "held back"))
        if self.model is None:
            self.model = EnergyModel.fit(x, x_validation, self.config)
        return self

    def score_samples(self, x: Prepared) -> Float[np.ndarray, " n"]:
        """The score of each event."""
        scoring_events(x, None if self.model is None else self.model.network.features)
        assert self.model is not None  # noqa: S101 - as above
        if self.kind == "weighted_norm":
            return self.model.weighted_norm(x)
        level = self._level(self.model)
        return self.model.energy(x, level) if self.kind == "energy" else self.model.score_norm(x, level)

    def _level(self, model: EnergyModel) -> int:
        if self.sigma is None:
            return model.score_level
        return int(np.argmin(np.abs(np.log(model.sigmas) - np.log(self.sigma))))
