"""A correction, its uncertainty and all that is needed to use them, in one object that goes to disk and comes back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from neyman.calibration.card import model_card
from neyman.calibration.config import CalibrationConfig
from neyman.calibration.correction import Correction
from neyman.calibration.data import Loaded, load
from neyman.calibration.polish import Polish
from neyman.calibration.sample import Sample
from neyman.calibration.scaling import Scaling
from neyman.calibration.training import NOMINAL, OnEpoch, fit, in_double, new_flow
from neyman.core.artefacts import load_artefact, save_artefact
from neyman.core.errors import DataError, InputError
from neyman.core.restoring import fitting, inputs_of, require_same, require_unchanged, with_config
from neyman.events.columns import Schema
from neyman.learning.training import History

KIND = "calibration"
_FLOW, _POLISH = "flow/", "polish/"
_TOLERANCE = 1e-4  # of the scale of a variable: other libraries stay far below
_EXAMPLES = 50


@dataclass(frozen=True)
class TrainedCalibration:
    """A correction, and what is needed to use and to check it.

    Attributes:
        config: What was learned and how.
        schema: Units and labels of variables and conditions.
        scaling: How the flow sees them.
        nominal: The correction.
        members: Corrections that were learned from bootstrapped events.
        histories: What training did, by name: `nominal`, `member 0` and so on.
        trained_on: Training events of simulation and of data.
        examples: A few simulated events, which the artefact must correct in the same way again.
        cpu_seconds: CPU time of training.
        inputs: Digests of the files that it was trained on, by name.
        digest: Identity of the artefact on disk; empty before it is saved.
    """

    config: CalibrationConfig
    schema: Schema
    scaling: Scaling
    nominal: Correction
    members: tuple[Correction, ...]
    histories: Mapping[str, History]
    trained_on: tuple[int, int]
    examples: Sample
    cpu_seconds: float = 0.0
    inputs: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    def corrected(self, sample: Sample) -> Sample:
        """The events with their variables corrected; conditions and weights are the very same arrays.

        Raises:
            DataError: If columns are others than those of the training, or a value cannot be corrected.
        """
        self._check(sample)
        return sample.with_x(self.nominal(sample.x, sample.c))

    def variations(self, sample: Sample) -> Float[np.ndarray, "m n d"]:
        """What each member of the bootstrap corrects the variables to.

        Raises:
            DataError: As above.
            InputError: If there are fewer than two members.
        """
        self._check(sample)
        if len(self.members) < 2:
            raise InputError(
                f"an uncertainty of {len(self.members)} bootstrap members", expected="two at least", hint="members: 5"
            )
        return np.stack([member(sample.x, sample.c) for member in self.members])

    def reload(self) -> Loaded:
        """The events that it was trained, chosen and is to be tested on.

        Raises:
            ArtefactError: If a file has changed since.
            DataError: If a file is no longer there.
        """
        loaded = load(self.config)
        require_unchanged(self.inputs, loaded.inputs)
        return loaded

    def save(self, path: Path | str) -> TrainedCalibration:
        """Write the artefact; the same comes back, with the digest of what was written."""
        config = {"calibration": self.config.model_dump(mode="json"), "scaling": self.scaling.to_json(),
                  "trained_on": list(self.trained_on)}  # fmt: skip
        events = self.schema.to_json()
        x, c = self.examples.x, self.examples.c
        corrections = {NOMINAL: self.nominal, **{str(number): each for number, each in enumerate(self.members)}}
        save_artefact(
            Path(path),
            kind=KIND,
            config=config,
            events=events,
            parameters=(),
            weights={f"{name}/{key}": array for name, each in corrections.items() for key, array in _arrays(each)},
            validation={"x": x, "c": c, "z": self.nominal(x, c)},
            card=model_card(self.config, self.schema, self.scaling, self.trained_on),
            seeds={"training": self.config.seed},
            inputs=with_config(self.inputs, config, events),
            metrics={
                "cpu_seconds": self.cpu_seconds,
                "histories": {name: asdict(history) for name, history in self.histories.items()},
            },
        )
        return TrainedCalibration.load(path)

    @classmethod
    def load(cls, path: Path | str) -> TrainedCalibration:
        """Read an artefact, and make sure that it still does what it did when it was written.

        Raises:
            ArtefactError: If a file is missing, changed or foreign, or events are corrected differently.
        """
        artefact = load_artefact(Path(path), kind=KIND)
        inputs = inputs_of(artefact)
        with fitting(artefact):
            config = CalibrationConfig.model_validate(artefact.config["calibration"])
            scaling = Scaling.from_json(artefact.config["scaling"])
            simulation, data = artefact.config["trained_on"]
            x, c, z = (np.array(artefact.validation[name]) for name in ("x", "c", "z"))
            trained = cls(
                config,
                Schema.from_json(artefact.events),
                scaling,
                _correction(artefact.weights, NOMINAL, config, scaling),
                tuple(_correction(artefact.weights, str(number), config, scaling) for number in range(config.members)),
                {name: History(**kept) for name, kept in artefact.metrics["histories"].items()},
                (int(simulation), int(data)),
                Sample(x, c, np.ones(len(x)), config.variable_names, config.condition_names),
                float(artefact.metrics["cpu_seconds"]),
                inputs,
                artefact.digest,
            )
            moved = scaling.standardise(trained.nominal(x, c)) - scaling.standardise(z)
            worst = float(np.abs(moved).max())
        found = f"its own validation events are corrected differently by {worst:.2g} of their scale"
        require_same(artefact, found, worst, below=_TOLERANCE)
        return trained

    def _check(self, sample: Sample) -> None:
        ours = self.config.variable_names, self.config.condition_names
        if (sample.variables, sample.conditions) != ours:
            raise DataError(
                f"variables {', '.join(sample.variables)}; conditions {', '.join(sample.conditions)}",
                expected=f"variables {', '.join(ours[0])}; conditions {', '.join(ours[1])}",
            )


def train_calibration(
    config: CalibrationConfig, checkpoints: Path | None = None, *, on_epoch: OnEpoch | None = None
) -> TrainedCalibration:
    """Train the correction of a config.

    Args:
        config: What to learn and how.
        checkpoints: A folder for the state of training; a rerun goes on from there.
        on_epoch: Called after each epoch with the training's history and its averaged model.

    Raises:
        InputError: If config or events cannot be used, before time is spent on training.
        NumericsError: If training diverges.
    """
    began = time.process_time()
    loaded = load(config)
    fitted = fit(config, loaded, checkpoints=checkpoints, on_epoch=on_epoch)
    return TrainedCalibration(
        config,
        loaded.schema,
        fitted.nominal.scaling,
        fitted.nominal,
        fitted.members,
        fitted.histories,
        (len(loaded.simulation.train), len(loaded.data.train)),
        loaded.simulation.test.select(slice(0, _EXAMPLES)),
        time.process_time() - began,
        loaded.inputs,
    )


def _arrays(correction: Correction) -> list[tuple[str, np.ndarray]]:
    flow = [(_FLOW + name, tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy())
            for name, tensor in correction.flow.state_dict().items()]  # fmt: skip
    return flow + [(_POLISH + name, array) for name, array in correction.polish.to_arrays().items()]


def _correction(
    weights: Mapping[str, np.ndarray], name: str, config: CalibrationConfig, scaling: Scaling
) -> Correction:
    def under(prefix: str) -> dict[str, np.ndarray]:
        start = f"{name}/{prefix}"
        return {key.removeprefix(start): np.array(array) for key, array in weights.items() if key.startswith(start)}

    with torch.random.fork_rng(devices=[]):  # a new network draws initial weights, which are then replaced
        flow = new_flow(config, scaling)
    flow.load_state_dict({key: torch.from_numpy(array) for key, array in under(_FLOW).items()})
    return Correction(scaling, in_double(flow), Polish.from_arrays(under(_POLISH), len(config.variables)))
