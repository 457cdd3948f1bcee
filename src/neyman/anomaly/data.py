"""The events of a config: simulated or read, checked, and dealt out so that no part sees another's events."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from neyman.anomaly.columns import require_features, require_scales
from neyman.anomaly.config import AnomalyConfig, FilesSource, SimulationSource, SplitConfig
from neyman.anomaly.conformal import unweighted_rows
from neyman.anomaly.seen import row_hashes
from neyman.core.errors import DataError
from neyman.core.random import seed_from, stream
from neyman.events.columns import Schema
from neyman.events.parquet import read_schema
from neyman.events.tables import TableFile

FEWEST = 10
"""Events of the smallest part that anything can be fitted on."""

_LABELS = frozenset(
    {"y", "label", "labels", "target", "class", "signal", "is_signal", "anomaly", "is_anomaly", "outlier", "is_outlier",
     "outlier_label", "ground_truth", "attack", "fraud"}
)  # fmt: skip
"""Names of columns that tables for classifiers and benchmarks of outliers have, beside the features."""

_WEIGHTS = frozenset({"weight", "weights", "genweight", "eventweight", "mcweight", "evtweight", "xsecweight"})
"""Names, without underscores, that columns of weights have."""

_INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0|")
"""Names that pandas gives to the numbers of rows, which are no feature."""

Matrix = Float[np.ndarray, "_ _"]


@dataclass(frozen=True)
class Loaded:
    """The events of a config; signals are there for evaluation alone.

    Attributes:
        names: The columns of all arrays.
        train: Background to train on, shape `(n, d)`.
        validation: Background that decides which epoch is kept.
        calibration: Background that error rates are calibrated on, and nothing else.
        test: Background that decides about nothing.
        signals: Events of each signal, by name.
        periods: Of columns that are known to be periodic.
        inputs: Digests of the files that they were read from, by name; empty for what is simulated.
    """

    names: tuple[str, ...]
    train: Matrix
    validation: Matrix
    calibration: Matrix
    test: Matrix
    signals: dict[str, Matrix] = field(default_factory=dict)
    periods: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


def load(config: AnomalyConfig, executor: Executor | None = None) -> Loaded:
    """Simulate or read the events of a config, check them, and deal out the background at random.

    Args:
        config: What to load.
        executor: Where events are simulated; None is this process.

    Raises:
        DataError: If a column is missing or not numeric, values are not finite, or there are too few events.
    """
    source = config.data
    if isinstance(source, FilesSource):
        return _read(source, config)
    return _simulate(source, config, executor)


def doubts(loaded: Loaded) -> list[str]:
    """What a user may not have meant: copies of events, and weights among the features."""
    found = [
        f"'{name}' is taken for a feature; if it has the weights of the events, name it in `data.weights`"
        for name in weight_columns(loaded.names)
    ]
    parts = (loaded.train, loaded.validation, loaded.calibration, loaded.test)
    hashes = np.concatenate([row_hashes(part, np.float64) for part in parts])
    copies = len(hashes) - len(np.unique(hashes))
    if copies:
        found.append(
            f"{copies:,} of {len(hashes):,} background events are copies of others: if these are events that were"
            " written more than once, and not whole numbers that coincide, drop them: promised error rates are too low"
        )
    return found


def weight_columns(names: Collection[str]) -> list[str]:
    """Those whose names say that they are weights of events.

    Examples:
        >>> weight_columns(("jet_pt", "mc_weight", "body_weight"))
        ['mc_weight']
    """
    return [name for name in names if name.lower().replace("_", "") in _WEIGHTS]


def read_features(
    path: str, names: tuple[str, ...] | None = None, *, without: tuple[str, ...] = (), stop: int | None = None
) -> tuple[Matrix, tuple[str, ...]]:
    """Columns of a file side by side.

    Args:
        path: `FILE`, or `FILE.root:TREE`.
        names: Which columns, in which order; None for all of the file but the numbers of rows that pandas writes.
        without: Columns to leave out then.
        stop: Read so many rows at most.

    Returns:
        The features, shape `(n, d)`, and their names.

    Raises:
        DataError: If a column is missing or is not a number a row, values are not finite, or there are no events.
    """
    file = TableFile.open(path, job="anomaly")
    features = (name for name in file.names if name not in without and not _INDEX.fullmatch(name))
    chosen = tuple(features) if names is None else names
    if not chosen:
        raise DataError("no columns", where=str(file), expected="a column of numbers for each feature")
    table = file.read(chosen, 0, None if stop is None else min(stop, file.rows))
    x = np.stack([np.asarray(table[name], dtype=np.float64) for name in chosen], axis=1)
    require_features(x, chosen, where=str(file))
    return x, chosen


def read_weighted(
    path: str, names: tuple[str, ...], weights: str, rng: np.random.Generator, *, stop: int | None = None
) -> tuple[Matrix, int]:
    """Features of the events that stay when weights become probabilities, so that each counts the same.

    Args:
        path: `FILE`, or `FILE.root:TREE`.
        names: Which columns, in which order.
        weights: The column of weights.
        rng: Decides which stay.
        stop: Read so many rows at most.

    Returns:
        The features, shape `(n, d)`, and how many events there were before.

    Raises:
        DataError: As `read_features`, and if weights are negative, or leave less than 1 % of the events.
    """
    x, _ = read_features(path, names, stop=stop)
    return x[_kept(path, weights, len(x), rng)], len(x)


def inject(
    background: Matrix, signal: Matrix, fraction: float, rng: np.random.Generator
) -> tuple[Matrix, Bool[np.ndarray, " n"]]:
    """Background with a known fraction of signal in it, in random order: for validation and test, never for training.

    All background events stay; signal events are drawn without repetition.

    Args:
        background: Background events, shape `(n, d)`.
        signal: Signal events, shape `(m, d)`.
        fraction: Signal over all events of the mixture, rounded to whole events.
        rng: Random numbers.

    Returns:
        The mixture, and which events are signal.

    Raises:
        DataError: If there is not enough signal, widths differ, or the fraction is not in [0, 1).

    Examples:
        >>> x, is_signal = inject(np.zeros((90, 2)), np.ones((50, 2)), 0.1, np.random.default_rng(1))
        >>> len(x), int(is_signal.sum()), bool((x[:, 0] == is_signal).all())
        (100, 10, True)
    """
    if not 0 <= fraction < 1:
        raise DataError(f"a fraction of {fraction:g} of signal", expected="at least 0, and below 1")
    if background.shape[1] != signal.shape[1]:
        raise DataError(
            f"{signal.shape[1]} columns of signal", expected=f"{background.shape[1]}, as the background has"
        )
    wanted = round(len(background) * fraction / (1 - fraction))
    if wanted > len(signal):
        raise DataError(f"{len(signal)} signal events", expected=f"{wanted} for a fraction of {fraction:g}")
    mixed = np.concatenate([background, signal[rng.choice(len(signal), wanted, replace=False)]])
    order = rng.permutation(len(mixed))
    return mixed[order], (np.arange(len(mixed)) >= len(background))[order]


def _read(source: FilesSource, config: AnomalyConfig) -> Loaded:
    without = (source.weights,) if source.weights else ()
    x, names = read_features(source.background, config.features.columns, without=without, stop=source.rows)
    require_scales(x, names, where=source.background)
    if config.features.columns is None:
        _refuse_labels(x, names, where=source.background)
    if source.weights:
        x = x[_kept(source.background, source.weights, len(x), stream(config.seed, "weights"))]
    signals = {name: _signal(name, path, names, source, config.seed) for name, path in source.signals.items()}
    paths = (source.background, *source.signals.values())
    digests = {path: TableFile.open(path, job="anomaly").digest() for path in paths}
    train, validation, calibration, test = _dealt(x, config, where=source.background)
    periods = _known(file_periods(source.background), names)
    return Loaded(names, train, validation, calibration, test, signals, periods, digests)


def _refuse_labels(x: Matrix, names: tuple[str, ...], *, where: str) -> None:
    """Refuse a table of background and signal with a column that says which is which, unless it is asked for by name.

    Where the column is the same in all events, as in a part of such a table that is background, it says nothing.
    """
    for name, column in zip(names, x.T, strict=True):
        values, counts = np.unique(column, return_counts=True)
        if name.lower() in _LABELS and len(values) == 2 and np.isin(values, (-1, 0, 1, 2)).all():
            (low, high), many = values, int(counts[1])
            raise DataError(
                f"column '{name}' is {high:g} in {many} of {len(x)} events and {low:g} in the others, as labels are",
                where=where,
                expected="background alone, and no labels among the features",
                hint="train on the rows of background; if it is a feature, name all of them in `features.columns`",
            )


def _signal(name: str, path: str, names: tuple[str, ...], source: FilesSource, seed: int) -> Matrix:
    """The events of a signal, by their weights where the file has the column."""
    if source.weights is None or source.weights not in TableFile.open(path, job="anomaly").names:
        return read_features(path, names, stop=source.rows)[0]
    return read_weighted(path, names, source.weights, stream(seed, "weights", name), stop=source.rows)[0]


def _kept(path: str, column: str, rows: int, rng: np.random.Generator) -> np.ndarray:
    """The rows that stay when weights become probabilities."""
    file = TableFile.open(path, job="anomaly")
    weights = np.asarray(file.read((column,), 0, rows)[column], dtype=np.float64)
    kept = unweighted_rows(weights, rng)
    if len(kept) < 0.01 * rows:
        raise DataError(
            f"weights in '{column}' leave {len(kept)} of {rows} events: the largest is"
            f" {weights.max() / weights.mean():.3g} times the mean",
            where=path,
            expected="at least 1 % of the events",
            hint="events of more equal weights, as from more slices",
        )
    return kept


def file_periods(path: str) -> dict[str, float]:
    """Periods of the columns that a file's schema says are periodic; empty for a file without one."""
    file = TableFile.open(path, job="anomaly")
    schema = read_schema(file.path) if file.path.suffix == ".parquet" else None
    return {} if schema is None else schema_periods(schema)


def schema_periods(schema: Schema) -> dict[str, float]:
    """Periods of the periodic columns of a schema."""
    return {column.name: column.high - column.low for column in schema.columns if column.periodic}


def _simulate(source: SimulationSource, config: AnomalyConfig, executor: Executor | None) -> Loaded:
    from neyman.simulation.pythia.collider import accepted_events, background_mixture

    seed = seed_from(stream(config.seed, "simulation"))
    background = background_mixture(source.layout, source.events, seed, executor)
    names = config.features.columns or background.schema.names
    signals = {}
    for name in source.signals:
        events = accepted_events(name, source.layout, source.signal_events, seed, executor)
        signals[name] = np.stack([events[column] for column in names], axis=1)
    x = np.stack([background[column] for column in names], axis=1)
    train, validation, calibration, test = _dealt(x, config, where=f"simulated {source.layout}")
    periods = _known(schema_periods(background.schema), names)
    return Loaded(names, train, validation, calibration, test, signals, periods)


def _known(periods: Mapping[str, float], names: tuple[str, ...]) -> dict[str, float]:
    return {name: period for name, period in periods.items() if name in names}


def _dealt(x: Matrix, config: AnomalyConfig, *, where: str) -> list[Matrix]:
    """The four parts."""
    fractions = config.split
    fewest = _fewest(fractions)
    if len(x) < fewest:
        raise DataError(
            f"{len(x)} background events", where=where, expected=f"at least {fewest} for a split into four parts"
        )
    ends = np.round(len(x) * np.cumsum([fractions.train, fractions.validation, fractions.calibration])).astype(int)
    return np.split(x[stream(config.seed, "split").permutation(len(x))], ends)


def _fewest(fractions: SplitConfig) -> int:
    """Background events of which the training part has `FEWEST`, and no part is empty."""
    least = min(fractions.validation, fractions.calibration, 1 - sum(fractions.model_dump().values()))
    return int(np.ceil(max(FEWEST / fractions.train, 2 / least)))
