"""A trained score with its calibration and all that is needed to use both, in an object that goes to disk and back."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt64

from neyman.anomaly.card import model_card
from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.consumption import Consumption, consumption
from neyman.anomaly.data import Loaded, load
from neyman.anomaly.energy_model import EnergyModel, OnEpoch
from neyman.anomaly.onnx_graph import onnx_model, score_alone
from neyman.anomaly.preparation import Preparation
from neyman.anomaly.runtime import CALIBRATION, GRAPH, INPUT, KIND, SCORE_GRAPH, SEEN, require_own_scores, session
from neyman.anomaly.scoring import Scoring, grouped
from neyman.anomaly.seen import remembered
from neyman.core.artefacts import load_artefact, save_artefact
from neyman.core.random import stream
from neyman.core.restoring import fitting, inputs_of, require_unchanged, with_config
from neyman.events.columns import Column, Schema
from neyman.learning.training import History

_EXAMPLES = 50
_BLOCK = 4096


@dataclass(frozen=True)
class TrainedAnomaly:
    """A score, and what is needed to use and to check it.

    Attributes:
        config: What was learned and how.
        scoring: From raw features to the score, for those who want more than the score; `Scorer` is faster.
        graph: The same as ONNX, which is what scores events.
        calibration: Scores of background that nothing was trained on, ascending.
        events: Background events to train on, to choose the epoch, and to calibrate on.
        seen: Hashes of a few thousand of these events.
        examples: A few background events, which the artefact must score in the same way again.
        cost: CPU time and energy of training.
        inputs: Digests of the files that it was trained on, by name.
        digest: Identity of the artefact on disk; empty before it is saved.
    """

    config: AnomalyConfig
    scoring: Scoring
    graph: bytes
    calibration: Float[np.ndarray, " c"]
    events: tuple[int, int, int]
    seen: UInt64[np.ndarray, " k"]
    examples: Float[np.ndarray, "e d"]
    cost: Consumption = field(default_factory=Consumption)
    inputs: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of an event, in order."""
        return self.scoring.preparation.names

    @property
    def history(self) -> History:
        """What training did."""
        return self.scoring.model.history

    def reload(self) -> Loaded:
        """The events that it was trained, calibrated and is to be tested on.

        Raises:
            ArtefactError: If a file has changed since.
            DataError: If a file is no longer there.
        """
        loaded = load(self.config)
        require_unchanged(self.inputs, loaded.inputs)
        return loaded

    def save(self, path: Path | str) -> TrainedAnomaly:
        """Write the artefact; the same comes back, with the digest of what was written."""
        config = {"anomaly": self.config.model_dump(mode="json"), "score": self.scoring.name,
                  "preparation": self.scoring.to_json(), "events": list(self.events)}  # fmt: skip
        columns = Schema(tuple(Column(name=name) for name in self.names)).to_json()
        save_artefact(
            Path(path),
            kind=KIND,
            config=config,
            events=columns,
            parameters=(),
            weights={**self.scoring.to_arrays(), CALIBRATION: self.calibration, SEEN: self.seen},
            validation={
                "x": self.examples,
                "score": run_graph(self.graph, self.examples),
                "rounding": self.scoring.rounding(self.examples),
            },
            card=model_card(self.config, self.scoring, self.events, self.cost),
            seeds={"training": self.config.seed},
            inputs=with_config(self.inputs, config, columns),
            metrics={"cost": asdict(self.cost), "history": asdict(self.history)},
            extra={GRAPH: self.graph, SCORE_GRAPH: score_alone(self.graph)},
        )
        return TrainedAnomaly.load(path)

    @classmethod
    def load(cls, path: Path | str) -> TrainedAnomaly:
        """Read an artefact, and make sure that it still does what it did when it was written.

        Raises:
            ArtefactError: If a file is missing, changed or foreign, or events are scored differently.
        """
        artefact = load_artefact(Path(path), kind=KIND)
        inputs = inputs_of(artefact)
        with fitting(artefact):
            config = AnomalyConfig.model_validate(artefact.config["anomaly"])
            train, validation, calibration = artefact.config["events"]
            trained = cls(
                config,
                Scoring.from_parts(
                    artefact.config["score"],
                    artefact.weights,
                    artefact.config["preparation"],
                    config.network,
                    History(**artefact.metrics["history"]),
                ),
                artefact.extra[GRAPH],
                artefact.weights[CALIBRATION],
                (int(train), int(validation), int(calibration)),
                artefact.weights[SEEN],
                np.array(artefact.validation["x"]),
                Consumption(**artefact.metrics["cost"]),
                inputs,
                artefact.digest,
            )
            now = trained.scoring.score(trained.examples)
        require_own_scores(artefact, now)
        return trained


def train_anomaly(
    config: AnomalyConfig,
    checkpoint: Path | None = None,
    *,
    on_epoch: OnEpoch | None = None,
    executor: Executor | None = None,
    loaded: Loaded | None = None,
) -> TrainedAnomaly:
    """Train the score of a config, and calibrate it on events that nothing was trained on.

    Args:
        config: What to learn and how.
        checkpoint: File for the state of training; a rerun goes on from there.
        on_epoch: Called after each epoch with the training's history and its averaged model.
        executor: Where events are simulated; None is this process.
        loaded: The events of the config, if they have been loaded already.

    Raises:
        InputError: If config or events cannot be used, before time is spent on training.
        NumericsError: If training diverges.
    """
    loaded = load(config, executor) if loaded is None else loaded
    with consumption() as cost:
        preparation = grouped(Preparation.fit(loaded.train, loaded.names, config.features, loaded.periods))
        spread, spread_validation = (
            preparation.apply_in_training(x, stream(config.seed, "whole numbers", purpose))
            for purpose, x in (("training", loaded.train), ("validation", loaded.validation))
        )
        model = EnergyModel.fit(spread, spread_validation, config, checkpoint, on_epoch=on_epoch)
        train, validation = preparation.apply(loaded.train), preparation.apply(loaded.validation)
        scoring = Scoring.fit(config.score, preparation, model, train, validation, seed=config.seed)
        graph = onnx_model(scoring)
        calibration = np.sort(run_graph(graph, loaded.calibration))
    return TrainedAnomaly(
        config,
        scoring,
        graph,
        calibration,
        (len(loaded.train), len(loaded.validation), len(loaded.calibration)),
        remembered(loaded.train, loaded.calibration),
        loaded.test[:_EXAMPLES],
        cost,
        loaded.inputs,
    )


def run_graph(graph: bytes, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Scores of raw events by the graph."""
    run = session(graph)
    blocks = (np.ascontiguousarray(x[start : start + _BLOCK]) for start in range(0, len(x), _BLOCK))
    return np.concatenate([run(["score"], {INPUT: block})[0] for block in blocks])
