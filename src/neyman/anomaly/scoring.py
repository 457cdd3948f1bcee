r"""The default score of an artefact: which one, and all that it is made of.

| name | score of an event, at one noise level σ* unless said otherwise |
|---|---|
| `energy` | E(x, σ*) = −log p_σ*(x) |
| `score_norm` | ‖σ∇E‖: how far, in units of the noise, the background would have the event otherwise |
| `weighted_norm` | Σ ‖σ∇E‖² over all levels |
| `knn` | mean distance to the nearest of a few thousand background events |
| `combined` | sum of −log p of `score_norm` and `knn`, each p from background that neither was fitted on |

Here they are computed with torch and NumPy. `export` writes the same into one ONNX graph, which is what scores events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from neyman.anomaly.config import ArtefactScore, EnergyConfig
from neyman.anomaly.energy_model import EnergyModel
from neyman.anomaly.preparation import COS, SIN, TEXTS, Preparation
from neyman.anomaly.scores.combination import Surprise
from neyman.anomaly.scores.knn import NearestNeighbours
from neyman.core.errors import InputError
from neyman.learning.training import History

MEMBERS: tuple[ArtefactScore, ...] = ("score_norm", "knn")
"""What is combined."""

REFERENCES = 4096
"""Background events that nearest neighbours are looked for among: a graph is no database."""

KNOTS = 256
"""Knots of −log p; more would be noise of the events that it is fitted to."""

SPARE = 8
"""Candidates beyond the nearest neighbours, for what single precision may confuse."""

_ROUNDING = 1e-5  # of a member: what single precision may do between one library and another

_PREPARATION, _NETWORK, _REFERENCE, _SURPRISE = "preparation/", "network/", "knn/reference", "surprise/"


@dataclass(frozen=True)
class Scoring:
    """From raw features to the default score.

    Attributes:
        name: The default score.
        preparation: From raw features to those of the network.
        model: The energy.
        neighbours: The reference events, if the score needs them.
        surprises: −log p of each of `MEMBERS`, if they are combined.
    """

    name: ArtefactScore
    preparation: Preparation
    model: EnergyModel
    neighbours: NearestNeighbours | None = None
    surprises: tuple[Surprise, ...] = ()

    @classmethod
    def fit(
        cls,
        name: ArtefactScore,
        preparation: Preparation,
        model: EnergyModel,
        x_train: Float32[np.ndarray, "n k"],
        x_validation: Float32[np.ndarray, "m k"],
        *,
        seed: int,
    ) -> Scoring:
        """What the score needs beside the energy.

        Args:
            name: The default score.
            preparation: From raw features to those of the network.
            model: The energy.
            x_train: Prepared background that the model was trained on.
            x_validation: Prepared background that no score was fitted on: their p-values are taken from it.
            seed: Chooses the reference events.
        """
        neighbours = None
        if name in {"knn", "combined"}:
            neighbours = NearestNeighbours(references=REFERENCES, seed=seed).fit(x_train)
        bare = cls(name, preparation, model, neighbours)
        if name != "combined":
            return bare
        surprises = tuple(thinned(Surprise.of(bare.member(each, x_validation)), KNOTS) for each in MEMBERS)
        return cls(name, preparation, model, neighbours, surprises)

    def score(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The default score of raw events, higher for the more anomalous.

        Raises:
            DataError: For another width, no events, or values that are not finite.
        """
        return self._joined(self._members(x))

    def rounding(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """How far single precision may move the default score of raw events, shape `(n,)`.

        Between scores that lie close together, as those of copies of a few events do, −log p is a steep line.
        """
        members = self._members(x)
        high, low = ([value * (1 + sign * _ROUNDING) for value in members] for sign in (1, -1))
        return np.asarray(np.abs(self._joined(high) - self._joined(low)))

    def _members(self, x: Float[np.ndarray, "n d"]) -> list[Float[np.ndarray, " n"]]:
        prepared = self.preparation.apply(x)
        return [self.member(name, prepared) for name in (MEMBERS if self.name == "combined" else (self.name,))]

    def _joined(self, members: Sequence[Float[np.ndarray, " n"]]) -> Float[np.ndarray, " n"]:
        if self.name != "combined":
            return members[0]
        return np.asarray(np.sum([one(value) for one, value in zip(self.surprises, members, strict=True)], axis=0))

    def member(self, name: ArtefactScore, prepared: Float32[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
        """A score of prepared events that is not a combination.

        Raises:
            InputError: If it has not been fitted.
        """
        if name == "energy":
            return self.model.energy(prepared)
        if name == "score_norm":
            return self.model.score_norm(prepared)
        if name == "weighted_norm":
            return self.model.weighted_norm(prepared)
        if name == "knn" and self.neighbours is not None:
            return self.neighbours.score_samples(prepared)
        raise InputError(f"a score '{name}' that was not fitted", expected="one of the members")

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All numbers, by name."""
        arrays = {
            _PREPARATION + name: array for name, array in self.preparation.to_arrays().items() if name not in TEXTS
        }
        arrays |= {_NETWORK + name: array for name, array in self.model.to_arrays().items()}
        if self.neighbours is not None and self.neighbours.reference is not None:
            arrays[_REFERENCE] = self.neighbours.reference.astype(np.float32)
        for index, surprise in enumerate(self.surprises):
            arrays[f"{_SURPRISE}{index}/knots"] = surprise.knots
            arrays[f"{_SURPRISE}{index}/values"] = surprise.values
            arrays[f"{_SURPRISE}{index}/slope"] = np.array([surprise.slope])
        return arrays

    def to_json(self) -> dict[str, list[str]]:
        """All names."""
        return {name: list(getattr(self.preparation, name)) for name in TEXTS}

    @classmethod
    def from_parts(
        cls,
        name: ArtefactScore,
        arrays: Mapping[str, np.ndarray],
        texts: Mapping[str, list[str]],
        config: EnergyConfig,
        history: History | None = None,
    ) -> Scoring:
        """What `to_arrays` and `to_json` took apart."""
        neighbours = None
        if _REFERENCE in arrays:
            neighbours = NearestNeighbours(references=len(arrays[_REFERENCE])).fit(arrays[_REFERENCE])
        surprises = []
        for index in range(len(MEMBERS) if name == "combined" else 0):
            knots, values, slope = (arrays[f"{_SURPRISE}{index}/{part}"] for part in ("knots", "values", "slope"))
            surprises.append(Surprise(knots, values, float(slope[0])))
        return cls(
            name,
            preparation_of(arrays, texts),
            EnergyModel.from_arrays(_under(arrays, _NETWORK), config, history),
            neighbours,
            tuple(surprises),
        )


def preparation_of(arrays: Mapping[str, np.ndarray], texts: Mapping[str, list[str]]) -> Preparation:
    """The preparation of an artefact."""
    return Preparation.from_arrays({**_under(arrays, _PREPARATION), **{name: np.array(texts[name]) for name in TEXTS}})


def transform_kinds(preparation: Preparation) -> Int[np.ndarray, " k"]:
    """Which function each input needs; a cosine is a sine of another angle."""
    return np.where(preparation.code == COS, SIN, preparation.code)


def grouped(preparation: Preparation) -> Preparation:
    """The same inputs in another order, those of one function side by side: a graph then need not sort them again."""
    order = np.argsort(transform_kinds(preparation), kind="stable")
    parts = {
        name: getattr(preparation, name)[order] for name in ("source", "code", "unit", "centre", "scale", "counts")
    }
    return replace(preparation, **parts)


def thinned(surprise: Surprise, most: int) -> Surprise:
    """The same with fewer knots, as evenly spaced in −log p as they come."""
    if len(surprise.knots) <= most:
        return surprise
    wanted = np.linspace(surprise.values[0], surprise.values[-1], most)
    kept = np.unique(np.searchsorted(surprise.values, wanted).clip(max=len(surprise.values) - 1))
    return Surprise(surprise.knots[kept], surprise.values[kept], surprise.slope)


def straight_lines(
    surprise: Surprise,
) -> tuple[Float64[np.ndarray, " l"], Float64[np.ndarray, " l"], Float64[np.ndarray, " l"]]:
    """Where each straight line begins, its value there and its slope; the first has no beginning but an end."""
    between = np.diff(surprise.values) / np.diff(surprise.knots)
    at, values = (np.concatenate([each[:1], each]) for each in (surprise.knots, surprise.values))
    return at, values, np.concatenate([[surprise.slope], between, [surprise.slope]])


def reference_events(neighbours: NearestNeighbours) -> tuple[Float[np.ndarray, "r k"], int]:
    """The reference events, and how many of them are neighbours.

    Raises:
        InputError: If they have not been fitted.
    """
    if neighbours.reference is None:
        raise InputError("nearest neighbours that were not fitted", expected="reference events")
    return neighbours.reference, min(neighbours.neighbours, len(neighbours.reference))


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): np.array(array) for name, array in arrays.items() if name.startswith(prefix)}
