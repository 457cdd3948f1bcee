"""Runs Pythia 8, finds jets and keeps the events that pass the preselection.

Jets are found by the FastJet core that Pythia brings (`SlowJet`): the same jets as those of FastJet itself, without
handing each particle over to Python.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import ConfigError, NumericsError, require
from neyman.simulation.pythia.columns import MAX_ETA, MIN_PT, RADIUS, SCHEMA, is_kept, jet_columns, pair_columns
from neyman.simulation.pythia.processes import COMMON, Process

LARGEST_SEED = 900_000_000
"""Of Pythia's random numbers."""
MB_IN_PB = 1e9
MAX_PARTICLE_ETA = 5.0
MAX_FAILURES = 100
"""In a row; Pythia gives up on some events, but not on so many."""


@dataclass(frozen=True)
class Generated:
    """Events that were kept, and what it takes to normalise them.

    Attributes:
        rows: One row for each event, in the order of `SCHEMA`.
        weights: Their weights, as Pythia has them: not normalised.
        events: How many events were generated.
        weight_sum: Sum of the weights of all of them.
        cross_section: In pb, of all of them.
        cross_section_error: Its statistical uncertainty.
        cpu_seconds: How long it took.
    """

    rows: Float[np.ndarray, "n d"]
    weights: Float[np.ndarray, " n"]
    events: int
    weight_sum: float
    cross_section: float
    cross_section_error: float
    cpu_seconds: float


def run(process: Process, events: int, pythia_seed: int) -> Generated:
    """Generate events and keep those that pass the preselection.

    Args:
        process: What to generate.
        events: How many, before the preselection.
        pythia_seed: Seed of Pythia's random numbers, from 1 to `LARGEST_SEED`.

    Raises:
        MissingDependencyError: If Pythia is not installed.
        ConfigError: If Pythia does not know a setting, or cannot begin with them.
        NumericsError: If it gives up on a hundred events in a row.
    """
    begin = time.process_time()
    pythia = started(process, pythia_seed)
    finder = jet_finder()
    rows: list[np.ndarray] = []
    weights: list[float] = []
    weight_sum = 0.0
    for event in collisions(pythia, events, where=process.name):
        weight = pythia.infoPython().weight()
        weight_sum += weight
        row = _row(event, finder)
        if row is not None:
            rows.append(row)
            weights.append(weight)
    info = pythia.infoPython()  # a copy: it has to be asked for anew
    return Generated(
        rows=np.array(rows).reshape(-1, len(SCHEMA.columns)),
        weights=np.array(weights),
        events=events,
        weight_sum=weight_sum,
        cross_section=info.sigmaGen() * MB_IN_PB,
        cross_section_error=info.sigmaErr() * MB_IN_PB,
        cpu_seconds=time.process_time() - begin,
    )


def collisions(pythia: Any, events: int, *, where: str) -> Iterator[Any]:  # noqa: ANN401 - Pythia has no types
    """So many events, one after the other, each in the same record; those that Pythia gives up on are passed over.

    Args:
        pythia: What `started` gave.
        events: How many.
        where: The name of the process, for messages.

    Raises:
        NumericsError: If it gives up on a hundred events in a row.
    """
    failures, done = 0, 0
    while done < events:
        if pythia.next():
            failures, done = 0, done + 1
            yield pythia.event
            continue
        failures += 1
        if failures > MAX_FAILURES:
            raise NumericsError(f"Pythia gave up on {failures} events in a row", where=where)


def started(process: Process, pythia_seed: int, *, job: str = "abcd") -> Any:  # noqa: ANN401 - Pythia has no types
    """A Pythia that is ready to generate.

    Args:
        process: What to generate.
        pythia_seed: Seed of Pythia's random numbers, from 1 to `LARGEST_SEED`.
        job: The job that it is for, whose extra brings Pythia.

    Raises:
        MissingDependencyError: If Pythia is not installed.
        ConfigError: If it does not know a setting, or cannot begin with them.
    """
    pythia = require("pythia8mc", job=job).Pythia("", False)  # noqa: FBT003 - Pythia's own: no banner
    own = ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {pythia_seed}")
    for line in (*own, *COMMON, *process.settings):
        if not pythia.readString(line, False):  # noqa: FBT003 - Pythia's own: no warning on stdout
            raise ConfigError(f"Pythia does not know '{line}'", where=process.name, expected="a setting of Pythia 8")
    if not pythia.init():
        raise ConfigError("Pythia cannot begin with these settings", where=process.name)
    return pythia


def jet_finder() -> Any:  # noqa: ANN401 - Pythia has no types
    """Anti-kT with R = 0.8 of all visible particles with |η| < 5, by the FastJet core in Pythia.

    M. Cacciari, G. Salam, G. Soyez, arXiv:0802.1189 and arXiv:1111.6097.
    """
    pythia = require("pythia8mc", job="abcd")
    finder = pythia.SlowJet(-1, RADIUS, 0.0, MAX_PARTICLE_ETA, 2, 2)
    with _silenced():  # its first use writes a banner to stdout, which belongs to results
        finder.analyze(pythia.Event())
    return finder


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Nothing reaches stdout, also of what C++ writes."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _row(event: Any, finder: Any) -> Float[np.ndarray, " d"] | None:  # noqa: ANN401 - Pythia has no types
    """The columns of one event; None if it does not pass."""
    finder.analyze(event)
    missing = np.zeros(2)
    leading: list[tuple[int, np.ndarray]] = []
    for index in range(finder.sizeJet()):  # in falling pT; all visible particles are in one
        jet = finder.p(index)
        missing -= jet.px(), jet.py()
        if len(leading) < 2 and jet.pT() > MIN_PT and abs(jet.eta()) < MAX_ETA:
            leading.append((index, np.array([jet.px(), jet.py(), jet.pz(), jet.e()])))
    if len(leading) < 2:
        return None
    (first, p_first), (second, p_second) = leading
    pair = pair_columns(p_first, p_second, missing)
    if not is_kept(pair):
        return None
    return np.concatenate([*(jet_columns(_constituents(event, finder, jet)) for jet in (first, second)), pair])


def _constituents(event: Any, finder: Any, jet: int) -> Float[np.ndarray, "n 4"]:  # noqa: ANN401
    particles = [event[index] for index in finder.constituents(jet)]
    return np.array([(p.px(), p.py(), p.pz(), p.e()) for p in particles])
