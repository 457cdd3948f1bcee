"""Samples of a process: generated in shards, kept in the cache, always the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from neyman.events.events import Events
from neyman.simulation.pythia import columns, generator
from neyman.simulation.pythia.processes import Process
from neyman.simulation.pythia.shards import Work, made_in_shards

EVENTS_PER_SHARD = 2000
"""Generated events in a shard: 10 to 20 s of work, of which Pythia takes one to begin."""
FORMAT = 1
"""To be raised when columns, selection or the way that events are made change."""

_NUMBERS = ("events", "weight_sum", "cross_section", "cross_section_error", "cpu_seconds")


@dataclass(frozen=True)
class Counts:
    """What became of the events of a process.

    Attributes:
        generated: How many were generated.
        accepted: How many passed the preselection.
        cross_section: In pb, before the preselection.
        cross_section_error: Its statistical uncertainty.
        accepted_cross_section: In pb, after the preselection: the sum of the weights.
        effective: (Σw)²/Σw² of what passed: so many events of equal weight would be as good.
        cpu_seconds: How long the generation took when it was done.
    """

    generated: int
    accepted: int
    cross_section: float
    cross_section_error: float
    accepted_cross_section: float
    effective: float
    cpu_seconds: float


def generate(process: Process, generated: int, seed: int, executor: Executor | None = None) -> Events:
    """Events of a process that pass the preselection, weighted in pb.

    They depend on the process, the number and the seed, not on the executor. Shards of 2,000 generated events are
    kept in the cache, so that what was interrupted goes on, what was done before is read, and a larger sample begins
    as a smaller one whose number is a multiple of 2,000.

    Args:
        process: What to generate.
        generated: How many events, before the preselection; see `Counts` for what is left.
        seed: The seed.
        executor: Where shards are made; None is this process.

    Raises:
        MissingDependencyError: If Pythia is not installed.
        DataError: If `generated` is not a whole number above zero.
        ConfigError: If Pythia does not know a setting of the process.
        NeymanError: If a worker process dies.
    """
    shards = _shards(process, generated, seed, executor)
    rows = np.concatenate([shard.rows for shard in shards])
    named = dict(zip(columns.SCHEMA.names, rows.T, strict=True))
    return Events(named, columns.SCHEMA, weights=_weights(shards), where=process.name)


def counts(process: Process, generated: int, seed: int, executor: Executor | None = None) -> Counts:
    """How many of the events of `generate` are left, what their cross-section is, and how long they took.

    Args:
        process: As in `generate`.
        generated: As in `generate`.
        seed: As in `generate`.
        executor: As in `generate`; what is in the cache is not made again.

    Raises:
        MissingDependencyError: As `generate`.
        DataError: As `generate`.
        ConfigError: As `generate`.
        NeymanError: As `generate`.
    """
    shards = _shards(process, generated, seed, executor)
    weights = _weights(shards)
    squares = float((weights**2).sum())
    errors = np.array([shard.cross_section_error * shard.events for shard in shards])
    return Counts(
        generated=generated,
        accepted=len(weights),
        cross_section=_cross_section(shards),
        cross_section_error=float(np.sqrt((errors**2).sum()) / generated),
        accepted_cross_section=float(weights.sum()),
        effective=float(weights.sum() ** 2 / squares) if squares > 0 else 0.0,
        cpu_seconds=sum(shard.cpu_seconds for shard in shards),
    )


def _cross_section(shards: Sequence[generator.Generated]) -> float:
    return sum(shard.cross_section * shard.events for shard in shards) / sum(shard.events for shard in shards)


def _weights(shards: Sequence[generator.Generated]) -> np.ndarray:
    """The weights of all shards in pb: those of all generated events, kept or not, sum to the cross-section."""
    each = _cross_section(shards) / sum(shard.weight_sum for shard in shards)
    return np.concatenate([shard.weights for shard in shards]) * each


def _shards(process: Process, generated: int, seed: int, executor: Executor | None) -> list[generator.Generated]:
    selection = (columns.RADIUS, columns.MIN_PT, columns.MAX_ETA, columns.MAX_DELTA_ETA, columns.MIN_MET_RATIO)
    recipe = {
        "selection": (*selection, *columns.MASS_RANGE),
        "columns": columns.SCHEMA.names,
        "format": FORMAT,
    }
    work = Work(process, _arrays, recipe, job="abcd")
    shards = made_in_shards(work, generated, seed, executor, events_per_shard=EVENTS_PER_SHARD)
    return [_generated(arrays) for arrays in shards]


def _arrays(process: Process, events: int, pythia_seed: int) -> dict[str, np.ndarray]:
    """A shard as the cache keeps it."""
    made = generator.run(process, events, pythia_seed)
    numbers = np.array([getattr(made, name) for name in _NUMBERS], dtype=np.float64)
    return {"rows": made.rows, "weights": made.weights, "numbers": numbers}


def _generated(arrays: dict[str, np.ndarray]) -> generator.Generated:
    numbers = dict(zip(_NUMBERS, arrays["numbers"].tolist(), strict=True))
    return generator.Generated(
        rows=arrays["rows"], weights=arrays["weights"], **{**numbers, "events": int(numbers["events"])}
    )
