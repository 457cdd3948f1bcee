r"""The 57 columns of `forty_mhz` from files in the manner of CMS's NanoAOD: jagged branches of objects.

| object | branches | what counts |
|---|---|---|
| missing momentum | `PuppiMET_pt`, `PuppiMET_phi`, else `MET_pt`, `MET_phi` | |
| electrons | `Electron_pt`, `_eta`, `_phi` (`_pfRelIso03_all`) | p_T > 3 GeV, \|η\| < 3, isolation < 0.45 |
| muons | `Muon_pt`, `_eta`, `_phi` (`_pfRelIso03_all`, or 04) | p_T > 3 GeV, \|η\| < 2.1, isolation < 0.45 |
| jets | `Jet_pt`, `_eta`, `_phi` | p_T > 15 GeV, \|η\| < 4, no such lepton with half of its p_T within ΔR < 0.4 |

What counts is the same as for simulated events (`forty_mhz`), but for the definition of a jet and of isolation, which
are the file's. Where a file has no isolation, none is asked for. The 64 columns of `dijet` need the particles of a
jet, which NanoAOD does not have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.core.errors import DataError, require
from neyman.core.progress import progress
from neyman.events.events import Events
from neyman.events.features.forty_mhz import (
    ELECTRON_MAX_ETA,
    JET_MAX_ETA,
    JET_MIN_PT,
    LEPTON_MIN_PT,
    MAX_ISOLATION,
    MIN_LEADING_LEPTON_PT,
    MUON_MAX_ETA,
    OBJECTS,
    RADIUS,
    SCHEMA,
)
from neyman.events.features.kinematics import wrapped
from neyman.events.features.particles import leading, pairs
from neyman.events.tables import TableFile

TREE = "Events"
JOB = "anomaly"

_MET = ("PuppiMET", "MET")
_ISOLATION = {"Electron": ("pfRelIso03_all",), "Muon": ("pfRelIso03_all", "pfRelIso04_all"), "Jet": ()}
_ROWS = 50_000  # at a time


@dataclass(frozen=True)
class _Objects:
    """Objects of one kind in n events: how many each event has, and one row (p_T, η, φ) for each."""

    counts: Int[np.ndarray, " n"]
    rows: Float[np.ndarray, "p 3"]

    @property
    def event(self) -> Int[np.ndarray, " p"]:
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def select(self, kept: Bool[np.ndarray, " p"]) -> _Objects:
        return _Objects(np.bincount(self.event[kept], minlength=len(self.counts)), self.rows[kept])


def read_nanoaod(source: str | Path, *, min_lepton_pt: float = MIN_LEADING_LEPTON_PT) -> Events:
    """The 57 columns of the events of a file that have a lepton.

    Args:
        source: `FILE`, or `FILE:TREE` if the tree is not `Events`.
        min_lepton_pt: The least p_T of the leading lepton; 0 keeps every event, with a lepton or without.

    Raises:
        DataError: If the file or the tree is not there or damaged, a branch is missing or not as described, a number
            is not finite, or no event is kept.
        MissingDependencyError: If uproot or Awkward Array is not installed.
    """
    table = _table(source)
    isolation = {kind: _first(table, kind, endings) for kind, endings in _ISOLATION.items()}
    met = next((name for name in _MET if f"{name}_pt" in table.names), _MET[-1])
    wanted = [f"{met}_pt", f"{met}_phi"]
    wanted += [f"{kind}_{part}" for kind in _ISOLATION for part in ("pt", "eta", "phi")]
    wanted += [name for name in isolation.values() if name]
    table.require(wanted)
    kept = []
    with progress("reading", total=table.rows, unit="events") as advance:
        for chunk in _chunks(table, wanted):
            kept.append(_rows(chunk, met, isolation, min_lepton_pt, where=str(table)))
            advance(len(chunk))
    matrix = np.concatenate(kept) if kept else np.zeros((0, len(SCHEMA.columns)))
    if len(matrix) == 0:
        asked = f"one with a lepton of {min_lepton_pt:g} GeV" if min_lepton_pt else "at least one"
        raise DataError(f"no event of {table.rows} is kept", where=str(table), expected=asked)
    return Events.from_matrix(matrix, SCHEMA, where=str(table))


def _table(source: str | Path) -> TableFile:
    try:
        return TableFile.open(source, job=JOB)
    except DataError as error:
        if "trees" not in error.found:
            raise
        return TableFile.open(source, job=JOB, tree=TREE)  # NanoAOD files hold several; the events are in this one


def _first(table: TableFile, kind: str, endings: Sequence[str]) -> str | None:
    return next((f"{kind}_{ending}" for ending in endings if f"{kind}_{ending}" in table.names), None)


def _chunks(table: TableFile, names: Sequence[str]) -> Iterator[Any]:
    with contextlib.closing(table.chunks(names, _ROWS)) as chunks:
        yield from chunks


def _rows(
    chunk: Any,  # noqa: ANN401 - an awkward array of records
    met: str,
    isolation: dict[str, str | None],
    min_lepton_pt: float,
    *,
    where: str,
) -> Float[np.ndarray, "m 57"]:
    found = {kind: _objects(chunk, kind, isolation[kind], where) for kind in _ISOLATION}
    leptons = {
        kind: objects.select((objects.rows[:, 0] > LEPTON_MIN_PT) & (np.abs(objects.rows[:, 1]) < limit))
        for kind, objects, limit in (
            ("electron", found["Electron"], ELECTRON_MAX_ETA),
            ("muon", found["Muon"], MUON_MAX_ETA),
        )
    }
    highest = np.zeros(len(chunk))
    for each in leptons.values():
        np.maximum.at(highest, each.event, each.rows[:, 0])
    objects = {**leptons, "jet": _clean(found["Jet"], leptons)}
    tables = [leading(objects[kind].rows, objects[kind].event, len(chunk), most) for kind, most in OBJECTS]
    missing = np.stack(
        [_flat(chunk, f"{met}_pt", where), np.zeros(len(chunk)), wrapped(_flat(chunk, f"{met}_phi", where))], axis=1
    )
    rows = np.concatenate([missing, *(each.reshape(len(chunk), -1) for each in tables)], axis=1)
    return np.asarray(rows[highest >= min_lepton_pt])


def _clean(jets: _Objects, leptons: dict[str, _Objects]) -> _Objects:
    """Jets that are not one of the leptons found again."""
    jets = jets.select((jets.rows[:, 0] > JET_MIN_PT) & (np.abs(jets.rows[:, 1]) < JET_MAX_ETA))
    again = np.zeros(len(jets.rows), dtype=bool)
    for each in leptons.values():
        jet, lepton = pairs(jets.event, each.counts)
        ours, theirs = jets.rows[jet], each.rows[lepton]
        near = np.hypot(ours[:, 1] - theirs[:, 1], wrapped(ours[:, 2] - theirs[:, 2])) < RADIUS
        again[jet[near & (theirs[:, 0] > 0.5 * ours[:, 0])]] = True
    return jets.select(~again)


def _objects(chunk: Any, kind: str, isolation: str | None, where: str) -> _Objects:  # noqa: ANN401
    """All objects of a kind that are isolated."""
    ak = require("awkward", job=JOB)
    names = [f"{kind}_{part}" for part in ("pt", "eta", "phi")] + ([isolation] if isolation else [])
    counts, parts = None, []
    for name in names:
        branch = chunk[name]
        if branch.ndim != 2:
            raise DataError(f"branch '{name}' has one number an event", where=where, expected="a list of objects")
        these = ak.to_numpy(ak.num(branch))
        if counts is not None and not np.array_equal(these, counts):
            raise DataError(f"branch '{name}' has other numbers of objects than '{names[0]}'", where=where)
        counts = these
        parts.append(_finite(ak.to_numpy(ak.flatten(branch)).astype(np.float64), name, where))
    rows = np.stack(parts, axis=1)
    rows[:, 2] = wrapped(rows[:, 2])
    objects = _Objects(np.asarray(counts, dtype=np.int64), rows[:, :3])
    return objects.select(rows[:, 3] < MAX_ISOLATION) if isolation else objects


def _flat(chunk: Any, name: str, where: str) -> Float[np.ndarray, " n"]:  # noqa: ANN401
    ak = require("awkward", job=JOB)
    if chunk[name].ndim != 1:
        raise DataError(f"branch '{name}' is a list", where=where, expected="one number an event")
    return _finite(ak.to_numpy(chunk[name]).astype(np.float64), name, where)


def _finite(values: Float[np.ndarray, " p"], name: str, where: str) -> Float[np.ndarray, " p"]:
    if not np.isfinite(values).all():
        raise DataError(
            f"branch '{name}' has {values[~np.isfinite(values)][0]}", where=where, expected="finite numbers"
        )
    return values
