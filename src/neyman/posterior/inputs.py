"""What a set encoder sees of an event: numbers of order one, periodic ones without a seam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from neyman.core.errors import ConfigError
from neyman.events.columns import Schema
from neyman.simulation.eos.angles import angular_functions

Inputs = Literal["angular", "plain"]
ANGLES = ("q2", "cos_theta_l", "cos_theta_K", "phi")


class Normaliser:
    """Turns events into the inputs of a network: features, then z-scores.

    `plain` has every column as it is, periodic ones as cosine and sine. `angular` has the twelve angular
    functions f_i of B→K*ℓℓ and their products with the first two powers of q²: every density p(x|θ) is linear
    in the f_i with coefficients that are smooth in q², so that a likelihood ratio is simple in them.

    Args:
        schema: The columns of the events.
        inputs: Which features.
        mean: Mean of each feature, from `fit`.
        scale: Standard deviation of each feature, from `fit`.

    Raises:
        ConfigError: If `angular` is asked for events of another kind.
    """

    def __init__(
        self,
        schema: Schema,
        inputs: Inputs,
        *,
        mean: Float[np.ndarray, " i"] | None = None,
        scale: Float[np.ndarray, " i"] | None = None,
    ) -> None:
        if inputs == "angular" and schema.names != ANGLES:
            raise ConfigError(
                f"inputs 'angular' with columns {', '.join(schema.names)}",
                expected=f"columns {', '.join(ANGLES)}",
                hint="inputs: plain",
            )
        self.schema, self.inputs = schema, inputs
        size = len(self._features(np.array([[0.5 * (c.low + c.high) if np.isfinite(c.low + c.high) else 0.0
                                             for c in schema.columns]]))[0])  # fmt: skip
        self.mean = np.zeros(size) if mean is None else mean
        self.scale = np.ones(size) if scale is None else scale

    def __len__(self) -> int:
        return len(self.mean)

    @classmethod
    def fit(cls, schema: Schema, inputs: Inputs, matrix: Float[np.ndarray, "n c"]) -> Normaliser:
        """A normaliser whose z-scores come from these events. A feature that does not vary is only centred."""
        features = cls(schema, inputs)._features(matrix)
        mean, scale = features.mean(axis=0), features.std(axis=0)
        varies = scale > 1e-9 * np.abs(mean)  # the spread of a constant is rounding
        return cls(schema, inputs, mean=mean, scale=np.where(varies, scale, 1.0))

    def __call__(self, matrix: Float[np.ndarray, "n c"]) -> Float32[np.ndarray, "n i"]:
        """The inputs of each event."""
        return np.asarray((self._features(matrix) - self.mean) / self.scale, dtype=np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """What the artefact keeps."""
        return {"mean": self.mean, "scale": self.scale}

    @classmethod
    def restore(cls, schema: Schema, inputs: Inputs, arrays: Mapping[str, np.ndarray]) -> Normaliser:
        """The normaliser that `arrays` came from."""
        return cls(schema, inputs, mean=arrays["mean"], scale=arrays["scale"])

    def _features(self, matrix: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n i"]:
        if self.inputs == "plain":
            return _plain(self.schema, matrix)
        column = self.schema["q2"]
        u = ((2 * matrix[:, 0] - column.low - column.high) / (column.high - column.low))[:, None]
        f = angular_functions(matrix[:, 1], matrix[:, 2], matrix[:, 3])
        # The first three Legendre polynomials of q², times the angular functions.
        return np.concatenate([u, u**2, f, f * u, f * (1.5 * u**2 - 0.5)], axis=1)


def _plain(schema: Schema, matrix: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n i"]:
    features: list[np.ndarray] = []
    for column, values in zip(schema.columns, matrix.T, strict=True):
        if column.periodic:
            phase = 2 * np.pi * (values - column.low) / (column.high - column.low)
            features += [np.cos(phase), np.sin(phase)]
        else:
            features.append(values)
    return np.stack(features, axis=1)
