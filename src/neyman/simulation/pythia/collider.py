"""Collisions as an anomaly search sees them: Pythia 8, a parametric detector, jets, and one of three layouts.

Events are made in batches, so that all that follows Pythia is done for hundreds at once: it takes a tenth of the time.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import ConfigError, DataError, NumericsError, require
from neyman.core.random import stream
from neyman.events.columns import Schema
from neyman.events.events import Events
from neyman.events.features import dijet, forty_mhz
from neyman.events.features.particles import BOTTOM, CHARM, Particles
from neyman.simulation.protocol import check_count
from neyman.simulation.pythia.collider_processes import LayoutName, Slice, slices
from neyman.simulation.pythia.detector import reconstruct
from neyman.simulation.pythia.generator import MB_IN_PB, started
from neyman.simulation.pythia.processes import Process
from neyman.simulation.pythia.sample import Counts
from neyman.simulation.pythia.shards import Work, made_in_shards

EVENTS_PER_SHARD = 2000
"""Generated events in a shard: 20 to 40 s of work, of which Pythia takes one to begin."""
BATCH = 250
"""Events that are in memory at a time."""
FORMAT = 1
"""To be raised when columns, selection, detector or the way that events are made change."""
JOB = "anomaly"
HEAVY_MIN_PT = 5.0
"""Of a b or c hadron that makes a jet one of its kind, in GeV."""

SCHEMAS: Mapping[LayoutName, Schema] = {
    "forty_mhz": forty_mhz.SCHEMA,
    "trigger": forty_mhz.SCHEMA,
    "dijet": dijet.SCHEMA,
}

MIXTURES: Mapping[LayoutName, Mapping[str, float]] = {
    "forty_mhz": {"w": 59.2, "z": 6.7, "tt": 0.3},
    "dijet": {"qcd": 1.0},
}
"""Accepted events of each background, in any unit. Of arXiv:2107.02157, but without its third of QCD, of which one
event in hundreds has an isolated lepton. In `dijet`, W, Z and tt̄ are a few per cent of QCD, and left out."""


@dataclass(frozen=True)
class _Part:
    """What was made of a slice: the rows that were kept, the weight of each in pb, and the numbers."""

    rows: Float[np.ndarray, "m d"]
    weight: float
    counts: Counts


def collider_events(
    process: str, layout: LayoutName, generated: int, seed: int, executor: Executor | None = None
) -> Events:
    """Events of a process that pass the selection of a layout, weighted in pb.

    They depend on the process, the layout, the number and the seed, not on the executor. Shards of 2,000 generated
    events are kept in the cache; see `made_in_shards`.

    Args:
        process: Its name; see `collider_processes`.
        layout: The columns and the selection: `forty_mhz`, `trigger` or `dijet`.
        generated: How many events, before the selection, shared evenly by the slices of the process.
        seed: The seed.
        executor: Where shards are made; None is this process.

    Raises:
        MissingDependencyError: If Pythia, FastJet or Awkward Array is not installed.
        ConfigError: If the layout has no such process.
        DataError: If `generated` is not a whole number above zero, or less than one for each slice.
        NeymanError: If a worker process dies.
    """
    return _weighted(_parts(process, layout, generated, seed, executor), process, layout)


def collider_slices(
    process: str, layout: LayoutName, generated: int, seed: int, executor: Executor | None = None
) -> list[tuple[Events, Counts]]:
    """The events of `collider_events` by slice, the softest first, each with its numbers.

    Args:
        process: As in `collider_events`.
        layout: As in `collider_events`.
        generated: As in `collider_events`, all slices together.
        seed: As in `collider_events`.
        executor: As in `collider_events`.

    Raises:
        ConfigError: As `collider_events`.
        DataError: As `collider_events`.
        MissingDependencyError: As `collider_events`.
        NeymanError: As `collider_events`.
    """
    parts = _parts(process, layout, generated, seed, executor)
    return [(_weighted([part], process, layout), part.counts) for part in parts]


def collider_counts(
    process: str, layout: LayoutName, generated: int, seed: int, executor: Executor | None = None
) -> Counts:
    """How many of the events of `collider_events` are left, and what their cross-section is.

    Args:
        process: As in `collider_events`.
        layout: As in `collider_events`.
        generated: As in `collider_events`.
        seed: As in `collider_events`.
        executor: As in `collider_events`; what is in the cache is not made again.

    Raises:
        ConfigError: As `collider_events`.
        DataError: As `collider_events`.
        MissingDependencyError: As `collider_events`.
        NeymanError: As `collider_events`.
    """
    parts = _parts(process, layout, generated, seed, executor)
    total = sum(part.weight * part.counts.accepted for part in parts)
    squares = sum(part.weight**2 * part.counts.accepted for part in parts)
    return Counts(
        generated=sum(part.counts.generated for part in parts),
        accepted=sum(part.counts.accepted for part in parts),
        cross_section=sum(part.counts.cross_section for part in parts),
        cross_section_error=math.hypot(*(part.counts.cross_section_error for part in parts)),
        accepted_cross_section=total,
        effective=total**2 / squares if squares > 0 else 0.0,
        cpu_seconds=sum(part.counts.cpu_seconds for part in parts),
    )


def accepted_events(
    process: str, layout: LayoutName, accepted: int, seed: int, executor: Executor | None = None
) -> Events:
    """The first so many events of a process that pass, without weights; as many are generated as that takes.

    Args:
        process: Its name; not one that has slices, of which the first events are the softest.
        layout: As in `collider_events`.
        accepted: How many events, after the selection.
        seed: The seed.
        executor: Where shards are made; None is this process.

    Raises:
        ConfigError: If the layout has no such process, or the process has slices.
        DataError: If `accepted` is not a whole number above zero.
        NumericsError: If not one of a hundred thousand events passes.
        MissingDependencyError: If Pythia, FastJet or Awkward Array is not installed.
        NeymanError: If a worker process dies.
    """
    check_count(accepted)
    if len(slices(process, layout)) > 1:
        raise ConfigError(f"'{process}' is made in slices of p̂T", where=layout, hint="collider_events, with weights")
    generated = EVENTS_PER_SHARD
    while True:
        (part,) = _parts(process, layout, generated, seed, executor)
        found = len(part.rows)
        if found >= accepted:
            return Events.from_matrix(part.rows[:accepted], SCHEMAS[layout], where=process)
        if not found and generated >= 50 * EVENTS_PER_SHARD:
            raise NumericsError(f"none of {generated} events passes the selection", where=f"{process}, {layout}")
        # A little less than it will take, so that little is made in vain; the shards that there are stay.
        wanted = generated * accepted / found if found else 10 * generated
        generated = EVENTS_PER_SHARD * max(generated // EVENTS_PER_SHARD + 1, int(wanted / EVENTS_PER_SHARD))


def background_mixture(layout: LayoutName, accepted: int, seed: int, executor: Executor | None = None) -> Events:
    """Background as a search would see it, without weights, in random order.

    For `forty_mhz` W, Z and tt̄ as 59.2 : 6.7 : 0.3, **without QCD**; for `dijet` QCD alone. See `MIXTURES`.

    Args:
        layout: `forty_mhz` or `dijet`.
        accepted: How many events, after the selection.
        seed: The seed.
        executor: Where shards are made; None is this process.

    Raises:
        ConfigError: If the layout has no mixture.
        DataError: If `accepted` is not a whole number above zero.
        MissingDependencyError: If Pythia, FastJet or Awkward Array is not installed.
        NeymanError: If a worker process dies.
    """
    check_count(accepted)
    if layout not in MIXTURES:
        raise ConfigError(f"no mixture for '{layout}'", expected=f"one of {', '.join(MIXTURES)}")
    shares = MIXTURES[layout]
    ends = np.round(np.cumsum(list(shares.values())) / sum(shares.values()) * accepted).astype(int)
    numbers = dict(zip(shares, np.diff(ends, prepend=0).tolist(), strict=True))
    rows = [accepted_events(name, layout, n, seed, executor).matrix for name, n in numbers.items() if n]
    mixed = stream(seed, "mixture", layout).permutation(np.concatenate(rows))
    return Events.from_matrix(mixed, SCHEMAS[layout], where=f"background of {layout}")


def _weighted(parts: Sequence[_Part], process: str, layout: LayoutName) -> Events:
    rows = np.concatenate([part.rows for part in parts])
    weights = np.concatenate([np.full(len(part.rows), part.weight) for part in parts])
    named = dict(zip(SCHEMAS[layout].names, rows.T, strict=True))
    return Events(named, SCHEMAS[layout], weights=weights, where=process)


def _parts(process: str, layout: LayoutName, generated: int, seed: int, executor: Executor | None) -> list[_Part]:
    found = slices(process, layout)
    check_count(generated)
    if generated < len(found):
        raise DataError(f"{generated} events for {len(found)} slices", where=process, expected=f"at least {len(found)}")
    ends = [generated * (number + 1) // len(found) for number in range(len(found))]
    return [
        _part(piece, layout, end - start, seed, executor)
        for piece, start, end in zip(found, [0, *ends[:-1]], ends, strict=True)
    ]


def _part(piece: Slice, layout: LayoutName, generated: int, seed: int, executor: Executor | None) -> _Part:
    recipe = {"layout": layout, "slice": asdict(piece), "batch": BATCH, "format": FORMAT}
    work = Work(piece.process, functools.partial(_arrays, layout, piece.max_pt_hat), recipe, JOB)
    shards = made_in_shards(work, generated, seed, executor, events_per_shard=EVENTS_PER_SHARD)
    rows = np.concatenate([shard["rows"] for shard in shards])
    events, sigma, error, seconds = np.stack([shard["numbers"] for shard in shards], axis=1)
    cross_section = float((sigma * events).sum() / generated)
    weight = cross_section / generated
    return _Part(
        rows,
        weight,
        Counts(
            generated=generated,
            accepted=len(rows),
            cross_section=cross_section,
            cross_section_error=float(np.sqrt(((error * events) ** 2).sum()) / generated),
            accepted_cross_section=weight * len(rows),
            effective=float(len(rows)),
            cpu_seconds=float(seconds.sum()),
        ),
    )


def _arrays(
    layout: LayoutName, max_pt_hat: float | None, process: Process, events: int, pythia_seed: int
) -> dict[str, np.ndarray]:
    """A shard as the cache keeps it: rows that pass; events, cross-section and its error in pb, CPU seconds."""
    begin = time.process_time()
    require("awkward", job=JOB)
    require("fastjet", job=JOB)
    pythia = started(process, pythia_seed, job=JOB)
    rng = stream(pythia_seed, "detector")
    rows, done = [], 0
    while done < events:
        batch = pythia.nextBatch(min(BATCH, events - done))
        if not len(batch):
            raise NumericsError("Pythia gave up on a whole batch of events", where=process.name)
        done += len(batch)
        rows.append(_rows(batch, layout, max_pt_hat, rng))
    info = pythia.infoPython()
    numbers = (events, info.sigmaGen() * MB_IN_PB, info.sigmaErr() * MB_IN_PB, time.process_time() - begin)
    return {"rows": np.concatenate(rows), "numbers": np.array(numbers, dtype=np.float64)}


def _rows(
    batch: Any,  # noqa: ANN401 - an awkward array
    layout: LayoutName,
    max_pt_hat: float | None,
    rng: np.random.Generator,
) -> Float[np.ndarray, "m d"]:
    """The rows of a batch that pass."""
    if max_pt_hat is not None:
        batch = batch[batch.info.pT2Hat < max_pt_hat**2]
    final = batch.prt[batch.prt.status > 0]
    stable = _particles(final)
    seen = reconstruct(stable.counts, stable.momenta, stable.kind, rng)
    if layout != "dijet":
        least = 0.0 if layout == "trigger" else forty_mhz.MIN_LEADING_LEPTON_PT
        return forty_mhz.features(seen, min_lepton_pt=least)[0]
    hadrons = _particles(batch.prt[(abs(batch.prt.id) > 400) & (abs(batch.prt.id) < 6000)])
    heavy = Particles(hadrons.counts, hadrons.momenta, _heaviest(hadrons.kind))
    return dijet.features(seen, heavy.select((heavy.kind > 0) & (heavy.pt > HEAVY_MIN_PT)), rng)[0]


def _particles(found: Any) -> Particles:  # noqa: ANN401 - an awkward array
    """The same in flat arrays, with PDG numbers as kinds."""
    import awkward as ak

    flat = ak.flatten(found)
    momenta = np.stack([ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz", "e")], axis=1)
    return Particles(ak.to_numpy(ak.num(found)).astype(np.int64), momenta, ak.to_numpy(flat.id).astype(np.int64))


def _heaviest(pdg: np.ndarray) -> np.ndarray:
    """`BOTTOM` or `CHARM` for hadrons with such a quark, by the digits of their number; else 0."""
    number = np.abs(pdg)
    digits = np.maximum(number // 100 % 10, number // 1000 % 10)
    return np.where((digits == BOTTOM) | (digits == CHARM), digits, 0)
