"""Data sets: many sets of events at parameters from a prior.

`generate` makes one: in shards, on many processes, resumable, and always the same. `Dataset.open` reads it.
"""

from __future__ import annotations

import functools
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError, InputError
from neyman.core.executors import local_executor, map_unordered
from neyman.core.files import (
    digest,
    first_difference,
    locked,
    make_folder,
    remove_leftovers,
    replacing,
    sha256,
    write_json,
)
from neyman.core.progress import progress
from neyman.core.provenance import provenance
from neyman.core.random import stream
from neyman.events.events import Events
from neyman.events.parquet import write_parquet
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import Simulator, check_count
from neyman.simulation.reading import MANIFEST, SET, THETA, Dataset, Manifest, read_manifest, shard_name

__all__ = ["Dataset", "generate"]

EVENTS_PER_SHARD = 1_000_000
"""About how many events a shard holds: some ten megabytes, and seconds to minutes of work."""
SECONDS_BETWEEN_MANIFESTS = 1.0


@dataclass(frozen=True)
class _Plan:
    """All that a worker needs to make a shard."""

    simulator: Simulator
    prior: UniformPrior
    manifest: Manifest
    folder: Path

    @functools.cached_property
    def stream_name(self) -> str:
        """The number of sets is left out, so that a longer data set begins as a shorter one does."""
        identity = self.manifest.identity()
        return digest({key: value for key, value in identity.items() if key not in {"sets", "seed"}})

    def theta(self, shard: int) -> tuple[Float[np.ndarray, "k d"], np.random.Generator]:
        """The parameters of the sets in a shard, and the generator that goes on to draw their events."""
        rng = stream(self.manifest.seed, "dataset", self.stream_name, shard)
        return self.prior.sample(len(self.manifest.members(shard)), rng), rng


def generate(
    simulator: Simulator,
    prior: UniformPrior,
    *,
    sets: int,
    events: int,
    seed: int,
    out: Path | str,
    executor: Executor | None = None,
    sets_per_shard: int | None = None,
) -> Dataset:
    """Simulate many sets of events at parameters from a prior.

    The result depends on the arguments up to `seed` and on `sets_per_shard`, not on the executor. A run that
    was stopped goes on where it was and ends with the same bytes; whole shards are kept, broken ones are made
    again.

    Args:
        simulator: Draws the events; with several processes, pickle must be able to send it there.
        prior: Draws the parameters.
        sets: How many sets.
        events: How many events in each.
        seed: The seed.
        out: The folder of the data set.
        executor: Where the shards are made; None is this process.
        sets_per_shard: Sets in one file; None takes as many as make about a million events.

    Raises:
        InputError: If the prior is of other parameters.
        DataError: If the folder holds another data set, or the simulator gives values that its schema does
            not allow.
        NeymanError: If a worker process dies.

    Examples:
        >>> import tempfile
        >>> from neyman.simulation.toys import GaussianToy
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     data = generate(
        ...         GaussianToy(), UniformPrior({"mu": (0, 1)}), sets=6, events=5, seed=1, out=Path(folder)
        ...     )
        ...     data.read(np.array([0, 5])).shape
        (2, 5, 1)
    """
    if prior.parameters != simulator.parameters:
        raise InputError(
            f"a prior of {', '.join(prior.parameters)}", expected=f"a prior of {', '.join(simulator.parameters)}"
        )
    if SET in simulator.parameters:
        raise InputError(f"a parameter called '{SET}'", expected="another name: that column numbers the sets")
    check_count(sets)
    check_count(events)
    if sets_per_shard is not None:
        check_count(sets_per_shard)
    manifest = Manifest(
        simulator=simulator.config(),
        prior=prior.config(),
        columns=simulator.schema.to_json(),
        parameters=simulator.parameters,
        sets=sets,
        events=events,
        sets_per_shard=max(1, EVENTS_PER_SHARD // events) if sets_per_shard is None else sets_per_shard,
        seed=seed,
        provenance=provenance(),
    )
    out = Path(out)
    make_folder(out)
    with locked(out):
        known = _known_shards(out, manifest)
        if known is None:
            return Dataset.open(out)
        remove_leftovers(out)
        _make(_Plan(simulator, prior, manifest, out), known, executor or local_executor(1))
    return Dataset.open(out)


def _known_shards(out: Path, manifest: Manifest) -> dict[str, str] | None:
    """The shards that are there and whole, by name; None if nothing is left to do.

    Raises:
        DataError: If the folder holds another data set.
    """
    if not (out / MANIFEST).exists():
        return {}
    there = read_manifest(out)
    if there.identity() != manifest.identity():
        raise DataError(
            f"holds another data set: {first_difference(there.identity(), manifest.identity())}",
            where=str(out),
            expected="the same arguments, to resume",
            hint="another --out, or remove this folder",
        )
    good = {name: known for name, known in there.shards.items() if _is_whole(out / name, known)}
    whole = there.complete and len(good) == there.shard_count and _is_whole(out / THETA, there.theta)
    return None if whole else good


def _is_whole(file: Path, expected: str) -> bool:
    return file.is_file() and sha256(file) == expected


def _make(plan: _Plan, known: dict[str, str], executor: Executor) -> None:
    """Make what is missing. The manifest is kept up to date, also on the way out of an interrupt."""
    manifest, shards = plan.manifest, dict(known)

    def record(*, complete: bool) -> None:
        in_order = {name: shards[name] for name in sorted(shards)}
        now = manifest.model_copy(update={"theta": theta, "shards": in_order, "complete": complete})
        write_json(plan.folder / MANIFEST, now.model_dump(mode="json"))

    theta = _write_theta(plan)
    missing = [shard for shard in range(manifest.shard_count) if shard_name(shard) not in shards]
    done = manifest.sets - sum(len(manifest.members(shard)) for shard in missing)
    record(complete=False)
    recorded = time.monotonic()
    with progress(
        "simulating", total=manifest.sets * manifest.events, unit="events", done=done * manifest.events
    ) as bar:
        try:
            for shard, made in map_unordered(executor, functools.partial(_make_shard, plan), missing):
                shards[shard_name(shard)] = made
                bar(len(manifest.members(shard)) * manifest.events)
                if time.monotonic() - recorded > SECONDS_BETWEEN_MANIFESTS:
                    record(complete=False)
                    recorded = time.monotonic()
        finally:
            record(complete=len(shards) == manifest.shard_count)


def _write_theta(plan: _Plan) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest, file = plan.manifest, plan.folder / THETA
    theta = np.concatenate([plan.theta(shard)[0] for shard in range(manifest.shard_count)])
    columns = {SET: np.arange(manifest.sets, dtype=np.int32)}
    table = pa.table({**columns, **dict(zip(manifest.parameters, theta.T, strict=True))})
    with replacing(file) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return sha256(file)


def _make_shard(plan: _Plan, shard: int) -> str:
    """Simulate and write one shard; the SHA-256 of its file."""
    manifest = plan.manifest
    theta, rng = plan.theta(shard)
    values = plan.simulator.simulate_sets(theta, manifest.events, rng)
    expected = (len(theta), manifest.events, len(manifest.columns))
    where = f"{manifest.simulator.get('kind', type(plan.simulator).__name__)}, shard {shard}"
    if values.shape != expected:
        raise DataError(f"the simulator gave an array of shape {values.shape}", where=where, expected=str(expected))
    events = Events.from_matrix(values.reshape(-1, expected[2]), plan.simulator.schema, where=where)
    numbers = np.repeat(np.array(manifest.members(shard), dtype=np.int32), manifest.events)
    file = plan.folder / shard_name(shard)
    write_parquet(file, events, extra={SET: numbers})
    return sha256(file)
