"""The events of `neyman demo fit`: a resonance in the mass of two jets, drawn from closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from neyman.core.errors import require
from neyman.core.files import make_folder
from neyman.core.random import stream

MASS, WIDTH = 1200.0, 60.0
"""Mass and resolution of the resonance in GeV."""
_EXPECTED = {"signal": 60.0, "multijet": 9000.0, "top": 1500.0}
_TAGGED = {"signal": 0.7, "multijet": 0.08, "top": 0.45}
_SIMULATED = 40_000
_LOWEST = 500.0
_SCALE = {"multijet": 160.0, "top": 230.0}


def write_events(folder: Path, *, seed: int) -> None:
    """Write ROOT files of simulation and of data, the latter with a signal of strength 1.

    Args:
        folder: Where; one file for each sample, with branches `m_jj` (GeV), `n_b` and, in simulation, `weight`.
        seed: Seed of the events.
    """
    uproot = require("uproot", job="fit")
    make_folder(folder)
    data: dict[str, list[Float[np.ndarray, " n"]]] = {"m_jj": [], "n_b": []}
    for sample, expected in _EXPECTED.items():
        mass, tags = _draw(sample, _SIMULATED, stream(seed, "simulation", sample))
        weight = np.full(_SIMULATED, expected / _SIMULATED)
        with uproot.recreate(folder / f"{sample}.root") as file:
            file["events"] = {"m_jj": mass, "n_b": tags, "weight": weight}
        rng = stream(seed, "data", sample)
        mass, tags = _draw(sample, int(rng.poisson(expected)), rng)
        data["m_jj"].append(mass)
        data["n_b"].append(tags)
    with uproot.recreate(folder / "data.root") as file:
        file["events"] = {name: np.concatenate(parts) for name, parts in data.items()}


def _draw(sample: str, count: int, rng: np.random.Generator) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    mass = rng.normal(MASS, WIDTH, count) if sample == "signal" else _LOWEST + rng.exponential(_SCALE[sample], count)
    return mass, np.where(rng.random(count) < _TAGGED[sample], 2.0, rng.integers(0, 2, count).astype(float))
