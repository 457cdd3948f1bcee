"""Two trained scores and their cuts in one object that goes to disk and comes back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from neyman.abcd.batches import statement_of_bias
from neyman.abcd.card import model_card
from neyman.abcd.config import AbcdConfig
from neyman.abcd.data import Loaded, load
from neyman.abcd.evaluation import choose_cuts
from neyman.abcd.networks import Scores
from neyman.abcd.plane import ScoredSample
from neyman.abcd.sample import Sample
from neyman.abcd.training import OnEpoch, fit
from neyman.core.artefacts import load_artefact, save_artefact
from neyman.core.restoring import fitting, inputs_of, require_same, require_unchanged, with_config
from neyman.events.columns import Schema
from neyman.learning.training import History

KIND = "abcd"
_CUTS, _NETWORKS = "cuts", "networks/"
_TOLERANCE = 1e-3  # of a score: float32 on another machine stays far below
_EXAMPLES = 20


@dataclass(frozen=True)
class TrainedAbcd:
    """Two scores, their cuts, and what is needed to use and to check them.

    Attributes:
        config: What was learned and how.
        schema: The columns of the events.
        features: Those that the networks see.
        scores: The networks.
        cuts: The cuts, chosen on validation events.
        allowed: Whether closure held there, and yields were large enough.
        trained_on: How many events it was trained on.
        histories: What training did, phase by phase.
        examples: Features of a few events, for which the artefact must give the same scores again.
        cpu_seconds: CPU time of training.
        inputs: Digests of the files that it was trained on, by name.
        digest: Identity of the artefact on disk; empty before it is saved.
    """

    config: AbcdConfig
    schema: Schema
    features: tuple[str, ...]
    scores: Scores
    cuts: Float[np.ndarray, 2]
    allowed: bool
    trained_on: int
    histories: Mapping[str, History]
    examples: Float[np.ndarray, "n d"]
    cpu_seconds: float = 0.0
    inputs: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def bias(self) -> str:
        """What training in batches did to a loss that is no mean over events; empty if it did nothing."""
        method = self.config.method
        if method.kind == "bce":
            return ""
        of_cls = method.kind in {"cls", "cls_alone"}
        return statement_of_bias(method.training.batch, self.trained_on, of_cls=of_cls)

    def scored(self, sample: Sample) -> ScoredSample:
        """The events of a sample with their scores."""
        scores = self.scores.evaluate(sample.matrix(self.features))
        return ScoredSample(scores, sample.events[self.config.discriminant.column], sample.weights, sample.is_signal)

    def reload(self) -> Loaded:
        """The events that it was trained, chosen and is to be tested on.

        Raises:
            ArtefactError: If a file has changed since.
            DataError: If a file is no longer there.
        """
        loaded = load(self.config)
        require_unchanged(self.inputs, loaded.inputs)
        return loaded

    def save(self, path: Path | str) -> TrainedAbcd:
        """Write the artefact; the same comes back, with the digest of what was written."""
        config = {"abcd": self.config.model_dump(mode="json"), "features": list(self.features), "allowed": self.allowed,
                  "trained_on": self.trained_on}  # fmt: skip
        events = self.schema.to_json()
        networks = {_NETWORKS + name: tensor.cpu().numpy() for name, tensor in self.scores.state_dict().items()}
        save_artefact(
            Path(path),
            kind=KIND,
            config=config,
            events=events,
            parameters=("mu",),
            weights={**networks, _CUTS: self.cuts},
            validation={"features": self.examples, "scores": self.scores.evaluate(self.examples)},
            card=model_card(self.config, self.schema, self.features, self.bias),
            seeds={"training": self.config.seed},
            inputs=with_config(self.inputs, config, events),
            metrics={
                "cpu_seconds": self.cpu_seconds,
                "histories": {phase: asdict(history) for phase, history in self.histories.items()},
            },
        )
        return TrainedAbcd.load(path)

    @classmethod
    def load(cls, path: Path | str) -> TrainedAbcd:
        """Read an artefact, and make sure that it still says what it said when it was written.

        Raises:
            ArtefactError: If a file is missing, changed or foreign, or the networks answer differently.
        """
        artefact = load_artefact(Path(path), kind=KIND)
        inputs = inputs_of(artefact)
        with fitting(artefact):
            config = AbcdConfig.model_validate(artefact.config["abcd"])
            features = tuple(artefact.config["features"])
            with torch.random.fork_rng(devices=[]):  # new networks draw initial weights, which are then replaced
                scores = Scores(len(features), config.networks.hidden)
            kept = {name.removeprefix(_NETWORKS): torch.from_numpy(np.array(array))
                    for name, array in artefact.weights.items() if name.startswith(_NETWORKS)}  # fmt: skip
            scores.load_state_dict(kept)
            scores.eval()
            trained = cls(
                config,
                Schema.from_json(artefact.events),
                features,
                scores,
                np.array(artefact.weights[_CUTS]),
                bool(artefact.config["allowed"]),
                int(artefact.config["trained_on"]),
                {phase: History(**kept) for phase, kept in artefact.metrics["histories"].items()},
                np.array(artefact.validation["features"]),
                float(artefact.metrics["cpu_seconds"]),
                inputs,
                artefact.digest,
            )
            worst = float(np.abs(scores.evaluate(trained.examples) - artefact.validation["scores"]).max())
        found = f"the scores of its own validation events differ by {worst:.2g}"
        require_same(artefact, found, worst, below=_TOLERANCE)
        return trained


def train_abcd(config: AbcdConfig, *, checkpoints: Path | None = None, on_epoch: OnEpoch | None = None) -> TrainedAbcd:
    """Train the scores of a config, and choose their cuts on validation events.

    Raises:
        InputError: If config or events cannot be used, before time is spent on training.
        NumericsError: If training diverges.
    """
    began = time.process_time()
    loaded = load(config)
    fitted = fit(config, loaded, checkpoints=checkpoints, on_epoch=on_epoch)
    scores = fitted.scores.cpu()
    validation, column = loaded.parts.validation, config.discriminant.column
    scored = ScoredSample(
        scores.evaluate(validation.matrix(loaded.features)),
        validation.events[column],
        validation.weights,
        validation.is_signal,
    )
    also = None if fitted.cuts is None else fitted.cuts.numpy()
    choice = choose_cuts(scored, np.asarray(config.discriminant.edges), config.evaluation, also=also)
    return TrainedAbcd(
        config,
        validation.events.schema,
        loaded.features,
        scores,
        choice.cuts,
        choice.allowed,
        len(loaded.parts.train),
        fitted.histories,
        loaded.parts.test.matrix(loaded.features)[:_EXAMPLES],
        time.process_time() - began,
        loaded.inputs,
    )
