"""The events of a config: simulated or read, and checked before training time is spent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neyman.abcd.config import AbcdConfig, FilesData, SemiVisibleJetsData, ToyData
from neyman.abcd.files import digests, read_files
from neyman.abcd.sample import Parts, Sample, joined, merged
from neyman.core.errors import ConfigError, DataError, near
from neyman.core.random import stream
from neyman.events.events import Events
from neyman.simulation.gaussians import ThreeGaussians

_LARGEST = 1e30
"""Features and weights are below it: networks compute in single precision, which ends at 3e38."""


@dataclass(frozen=True)
class Loaded:
    """The events of a config.

    Attributes:
        parts: To train on, to choose by, to test with.
        features: The columns that networks see.
        inputs: Digests of the files that they were read from, by name; empty for what is simulated.
    """

    parts: Parts
    features: tuple[str, ...]
    inputs: dict[str, str]


def load(config: AbcdConfig) -> Loaded:
    """Simulate or read the events of a config, check them, and cut them into parts.

    Raises:
        ConfigError: If a column that the config names is not there.
        DataError: If events cannot be used: see `check_sample` and `check_features`.
    """
    sample, features = _events(config)
    with np.errstate(over="ignore"):  # a weight that is infinite then is refused
        sample = sample.select(np.arange(len(sample)), np.full(len(sample), config.luminosity))
    check_sample(sample, config.discriminant.column, np.asarray(config.discriminant.edges))
    check_features(sample, features)
    inputs = digests(config.data) if isinstance(config.data, FilesData) else {}
    return Loaded(Parts.of(sample, config.split, config.seed), features, inputs)


def _events(config: AbcdConfig) -> tuple[Sample, tuple[str, ...]]:
    data, column, reference = config.data, config.discriminant.column, config.evaluation.reference or ()
    if isinstance(data, FilesData):
        if not config.features:
            raise ConfigError("no features", where="features", expected="the columns that the networks see")
        names = tuple(dict.fromkeys((*config.features, column, *reference)))
        return read_files(data, names), config.features
    sample = _toy(data, config.seed) if isinstance(data, ToyData) else _semi_visible_jets(data)
    present = sample.events.schema.names
    for where, names in (
        ("features", config.features or ()), ("discriminant.column", (column,)), ("evaluation.reference", reference)
    ):  # fmt: skip
        for name in names:
            if name not in present:
                raise ConfigError(
                    f"no column '{name}'",
                    where=where,
                    expected=f"one of {', '.join(present)}",
                    hint=near(name, present),
                )
    return sample, config.features or tuple(name for name in present if name != column)


def _toy(data: ToyData, seed: int) -> Sample:
    toy = ThreeGaussians()
    signal = toy.sample(data.signal, "signal", stream(seed, "toy", "signal"))
    background = toy.sample(data.background, "background", stream(seed, "toy", "background"))
    return joined(_weighted(signal, data.signal_yield), _weighted(background, data.background_yield))


def _semi_visible_jets(data: SemiVisibleJetsData) -> Sample:
    from neyman.simulation.pythia import generate, process_named

    made = {
        name: generate(process_named(name), generated, data.simulation_seed)
        for name, generated in data.generated.items()
    }
    signal = made.pop("semi_visible_jets")
    return joined(signal, merged(list(made.values())))


def _weighted(events: Events, total: float) -> Events:
    columns = {name: events[name] for name in events.schema.names}
    return Events(columns, events.schema, weights=np.full(len(events), total / len(events)))


def check_sample(sample: Sample, column: str, edges: np.ndarray) -> None:
    """Refuse events of which no ABCD estimate can come.

    Args:
        sample: Signal and background.
        column: The discriminant.
        edges: Edges of its bins.

    Raises:
        DataError: If a class is missing, its weights do not sum to more than zero or one is huge, no signal is in the
            bins, or the background of a bin sums to zero or less.
    """
    for label, what in ((True, "signal"), (False, "background")):
        chosen = sample.is_signal == label
        if not chosen.any():
            raise DataError(f"no {what} among {len(sample)} events", where="data", expected="both classes")
        total = float(sample.weights[chosen].sum())
        if not total > 0:
            raise DataError(f"the weights of {what} sum to {total:g}", where="data", expected="more than zero")
    if not (largest := float(np.abs(sample.weights).max())) < _LARGEST:
        raise DataError(f"an event of weight {largest:g}", where="data", expected=f"less than {_LARGEST:g}")
    values = sample.events[column]
    yields = {
        label: np.histogram(
            values[sample.is_signal == label], edges, weights=sample.weights[sample.is_signal == label]
        )[0]
        for label in (True, False)
    }
    low = int(np.argmin(yields[False]))
    least = float(yields[False][low])
    if not least > 0:
        raise DataError(
            f"the background's weights sum to {least:g} in bin {low}, {edges[low]:g} to {edges[low + 1]:g}",
            where=f"column '{column}'",
            expected="more than zero in each bin",
            hint=f"wider bins; '{column}' goes from {values.min():g} to {values.max():g}",
        )
    if not yields[True].sum() > 0:
        raise DataError(
            f"the signal's weights sum to {yields[True].sum():g} between {edges[0]:g} and {edges[-1]:g}",
            where=f"column '{column}'",
            expected="signal in the bins",
            hint=f"'{column}' goes from {values.min():g} to {values.max():g}",
        )


def check_features(sample: Sample, features: tuple[str, ...]) -> None:
    """Refuse features that networks cannot learn from.

    Args:
        sample: Signal and background.
        features: The columns that networks see.

    Raises:
        DataError: If a feature is the same in all events, or has a number so large that it stands for a missing one.
    """
    for name in features:
        low, high = float(sample.events[name].min()), float(sample.events[name].max())
        if not max(-low, high) < _LARGEST:
            raise DataError(
                f"{high if high >= _LARGEST else low:g} among its values",
                where=f"column '{name}'",
                expected=f"numbers below {_LARGEST:g}",
                hint="if it stands for a missing value, another number or without these events",
            )
        if low == high:
            raise DataError(
                f"{low:g} in all events",
                where=f"column '{name}'",
                expected="a feature that varies",
                hint="leave it out of 'features'",
            )
