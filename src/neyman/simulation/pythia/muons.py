"""Muons of Z → μμ at 13 TeV where LHCb sees them: the kinematics that impact parameters are drawn for.

Of leading order, with the parton shower, which gives the Z its transverse momentum, and without multiparton
interactions and hadronisation, which would take 24 of 25 parts of the time and leave the muons as they are.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.simulation.pythia.generator import collisions, started
from neyman.simulation.pythia.processes import Process
from neyman.simulation.pythia.shards import Work, made_in_shards

MIN_PT, ETA_RANGE = 20.0, (2.0, 4.5)
"""The fiducial region of LHCb's Z → μμ (arXiv:2112.07458), asked of each muon alone."""
EVENTS_PER_SHARD = 20_000
"""Generated events in a shard: 6 s of work."""
FORMAT = 1
"""To be raised when columns, selection or the way that events are made change."""
JOB = "calibration"

Z_MUONS = Process(
    "z_muons",
    (
        "HadronLevel:all = off",
        "WeakSingleBoson:ffbar2gmZ = on",
        "WeakZ0:gmZmode = 2",
        "23:onMode = off",
        "23:onIfAny = 13",
        "PhaseSpace:mHatMin = 60.",
        "PhaseSpace:mHatMax = 120.",
    ),
)

KINEMATICS = (
    Column(name="pt", unit="GeV", low=MIN_PT, label=r"$p_T$", role="condition"),
    Column(name="eta", low=ETA_RANGE[0], high=ETA_RANGE[1], label=r"$\eta$", role="condition"),
    Column(name="phi", unit="rad", low=-np.pi, high=np.pi, periodic=True, label=r"$\phi$", role="condition"),
)
SCHEMA = Schema((*KINEMATICS, Column(name="charge", low=-1.0, high=1.0, label="$q$", role="condition")))


def z_muons(events: int, seed: int, executor: Executor | None = None) -> Events:
    """The muons with p_T > 20 GeV and 2 < η < 4.5 of so many Z → μμ: 0.36 of an event, both of it for one in ten.

    They depend on the number and the seed, not on the executor. Shards of 20,000 events are kept in the cache; see
    `made_in_shards`.

    Args:
        events: How many are generated.
        seed: The seed.
        executor: Where shards are made; None is this process.

    Returns:
        One row for each muon: `pt` in GeV, `eta`, `phi` in radians, `charge`.

    Raises:
        MissingDependencyError: If Pythia is not installed.
        DataError: If `events` is not a whole number above zero.
        NeymanError: If a worker process dies.
    """
    work = Work(Z_MUONS, _arrays, {"selection": (MIN_PT, *ETA_RANGE), "columns": SCHEMA.names, "format": FORMAT}, JOB)
    shards = made_in_shards(work, events, seed, executor, events_per_shard=EVENTS_PER_SHARD)
    return Events.from_matrix(np.concatenate([arrays["rows"] for arrays in shards]), SCHEMA, where=Z_MUONS.name)


def _arrays(process: Process, events: int, pythia_seed: int) -> dict[str, np.ndarray]:
    pythia = started(process, pythia_seed, job=JOB)
    rows = [
        (muon.pT(), muon.eta(), muon.phi(), muon.charge())
        for event in collisions(pythia, events, where=process.name)
        for muon in event
        if abs(muon.id()) == 13 and muon.isFinal()
    ]
    muons = np.array(rows, dtype=np.float64).reshape(-1, len(SCHEMA.columns))
    pt, eta = muons[:, 0], muons[:, 1]
    return {"rows": muons[(pt > MIN_PT) & (eta > ETA_RANGE[0]) & (eta < ETA_RANGE[1])]}
