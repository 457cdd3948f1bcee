"""Work for Pythia, cut into shards that have random numbers of their own, are made once and kept in the cache."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np

from neyman.core.cache import cached_arrays
from neyman.core.errors import require
from neyman.core.executors import local_executor, map_unordered
from neyman.core.files import digest
from neyman.core.progress import progress
from neyman.core.random import stream
from neyman.simulation.protocol import check_count
from neyman.simulation.pythia.generator import LARGEST_SEED
from neyman.simulation.pythia.processes import COMMON, Process


@dataclass(frozen=True)
class Work:
    """What is made of a process, shard by shard.

    Attributes:
        process: What to generate.
        make: Makes the arrays of a shard of the process, a number of events and a seed for Pythia: a function of a
            module, so that a worker process can be sent it.
        recipe: All else that the arrays depend on, as JSON can hold it: selection, columns, number of the format.
        job: The job that it is for, whose extra brings Pythia.
    """

    process: Process
    make: Callable[[Process, int, int], dict[str, np.ndarray]]
    recipe: Mapping[str, Any]
    job: str


def made_in_shards(
    work: Work, generated: int, seed: int, executor: Executor | None, *, events_per_shard: int
) -> list[dict[str, np.ndarray]]:
    """The arrays of all shards, in order; they depend on the work, the number and the seed, not on the executor.

    What was interrupted goes on, and a larger number begins with the shards of a smaller one that is a multiple of
    `events_per_shard`.

    Args:
        work: What to make.
        generated: How many events, before any selection.
        seed: The seed.
        executor: Where shards are made; None is this process.
        events_per_shard: Generated events in a shard, of which the last has what is left.

    Raises:
        MissingDependencyError: If Pythia is not installed.
        DataError: If `generated` is not a whole number above zero.
        NeymanError: If a worker process dies.
    """
    check_count(generated)
    require("pythia8mc", job=work.job)
    sizes = [min(events_per_shard, generated - start) for start in range(0, generated, events_per_shard)]
    make = functools.partial(_shard, work, seed)
    made: dict[int, dict[str, np.ndarray]] = {}
    with progress(f"simulating {work.process.name}", total=generated, unit="events") as advance:
        for (number, size), arrays in map_unordered(executor or local_executor(1), make, list(enumerate(sizes))):
            made[number] = arrays
            advance(size)
    return [made[number] for number in sorted(made)]


def _shard(work: Work, seed: int, numbered: tuple[int, int]) -> dict[str, np.ndarray]:
    """One shard, from the cache if it is there."""
    number, size = numbered
    recipe = {"process": asdict(work.process), "common": COMMON, **work.recipe}
    key = {**recipe, "pythia": metadata.version("pythia8mc"), "seed": seed, "shard": number, "events": size}

    def build() -> dict[str, np.ndarray]:
        pythia_seed = stream(seed, "pythia", digest(recipe), number).integers(1, LARGEST_SEED, endpoint=True)
        return work.make(work.process, size, int(pythia_seed))

    return cached_arrays("pythia", key, build)
