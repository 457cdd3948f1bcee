"""Files that a model is judged with: unseen, weighted as they say, and what in them deserves a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import typer
from jaxtyping import UInt64

from neyman.anomaly.columns import departs
from neyman.anomaly.data import read_features, read_weighted, weight_columns
from neyman.anomaly.runtime import KIND, ROWS, SEEN, Scorer
from neyman.anomaly.seen import MOST, fraction_seen
from neyman.core.artefacts import Artefact, load_artefact
from neyman.core.errors import DataError
from neyman.core.random import stream
from neyman.core.restoring import fitting
from neyman.events.tables import TableFile

SEED = 1  # of the events that stay when weights become probabilities


@dataclass(frozen=True)
class Judged:
    """A model, and the way to files of events for it.

    Attributes:
        scorer: The model.
        artefact: All that lies in its folder.
        seen: Hashes of rows that it was trained on.
        weights: The column of weights; None if events have none.
        asked: Whether the user has named it; otherwise it is that of the training, which files may lack.
    """

    scorer: Scorer
    artefact: Artefact
    seen: UInt64[np.ndarray, " k"]
    weights: str | None
    asked: bool

    @classmethod
    def open(cls, path: Path, weights: str | None) -> Judged:
        """Open an artefact.

        Raises:
            ArtefactError: As `Scorer.open`.
        """
        artefact = load_artefact(path, kind=KIND)
        with fitting(artefact):
            trained_with = artefact.config["anomaly"]["data"].get("weights")
            seen = artefact.weights[SEEN]
        return cls(Scorer.open(path), artefact, seen, weights or trained_with, weights is not None)

    def background(self, path: str) -> np.ndarray:
        """Background events, of which the model was not trained on.

        Raises:
            DataError: If it was, a column is missing, or events cannot be scored.
        """
        file = TableFile.open(path, job="anomaly")
        if self.asked and self.weights is not None:
            file.require((self.weights,))
        if file.digest() in self.artefact.inputs.values():
            raise _was_seen(file, "events of this file")
        x = self.events(path)
        everything = x if self.weights is None else read_features(path, self.scorer.names)[0]
        seen = fraction_seen(everything, self.seen)
        train, _, calibration = self.artefact.config["events"]
        of_file = min(1.0, seen * (train + calibration) / len(everything))
        if seen >= MOST or of_file >= MOST:
            raise _was_seen(
                file,
                f"these events: {100 * seen:.3g} % of those that it remembers are in this file, of which they are some"
                f" {100 * of_file:.0f} %",
            )
        if seen > 0:
            _say(f"{file}: {100 * seen:.2g} % of the events that the model was trained on are in it, and score too low")
        return x

    def events(self, path: str) -> np.ndarray:
        """Events of a file, by their weights if it has any.

        Raises:
            DataError: If a column is missing, or events cannot be scored.
        """
        file = TableFile.open(path, job="anomaly")
        tell_departures(self.scorer, path)
        if self.weights is None or self.weights not in file.names:
            if self.weights is not None:
                _say(f"{file}: no column '{self.weights}', so that each event counts the same")
            elif found := [name for name in weight_columns(file.names) if name not in self.scorer.names]:
                _say(
                    f"{file}: '{found[0]}' is not looked at; if it has the weights of the events: --weights {found[0]}"
                )
            return read_features(path, self.scorer.names)[0]
        x, before = read_weighted(path, self.scorer.names, self.weights, stream(SEED, "weights", file.path.name))
        _say(f"{file}: {len(x):,} of {before:,} events stay, with a probability in proportion to '{self.weights}'")
        return x


def _was_seen(file: TableFile, what: str) -> DataError:
    return DataError(
        f"the model was trained and calibrated on {what}",
        where=str(file),
        expected="background that it has not seen",
        hint="neyman anomaly run, which evaluates on events that it kept for the test",
    )


def _say(text: str) -> None:
    typer.echo(text, err=True)


def tell_departures(scorer: Scorer, source: str) -> None:
    """Say which columns have values that a score cannot see: of a constant, or more than a turn of an angle."""
    file, preparation = TableFile.open(source, job="anomaly"), scorer.preparation
    if file.rows == 0:
        return
    for name, value in zip(preparation.constant, preparation.held.tolist(), strict=True):
        count = _count(file, name, partial(departs, held=value))
        if count:
            _say(
                f"{file}: '{name}' is {value:g} in all events of the training, and not in {count:,} of {file.rows:,}"
                " here: the score does not see it"
            )
    for name, period in preparation.periods.items():
        count = _count(file, name, partial(_beyond, period=period))
        if count:
            _say(
                f"{file}: '{name}' is an angle with a period of {period:.4g}, and beyond it in {count:,} of"
                f" {file.rows:,} events: full turns are not seen"
            )


def _beyond(column: np.ndarray, period: float) -> np.ndarray:
    return np.asarray(np.abs(column) > period * (1 + 1e-6))


def _count(file: TableFile, name: str, which: Callable[[np.ndarray], np.ndarray]) -> int:
    """In how many rows of a file a column is such; 0 without the column."""
    if name not in file.names:
        return 0
    return sum(int(which(file.flat(chunk, (name,))[name]).sum()) for chunk in file.chunks((name,), ROWS))
