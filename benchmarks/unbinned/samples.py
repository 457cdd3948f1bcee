"""Synthetic simulation of a measurement with one unbinned region, as arrays on disk, and workspaces that name them.

Three samples of 100, 900 and 800 events and five systematics on each. Density ratios are exp(N(0, 0.3)), templates
differ from the nominal density by 5 %, both with a mean of one over the reference. A control region has ten bins.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np

YIELDS = {"signal": 100.0, "background": 900.0, "continuum": 800.0}
STRENGTHS = {"signal": "mu", "background": "k_background", "continuum": "k_continuum"}
SYSTEMATICS = tuple(f"np_{k}" for k in range(5))
TRUTH = {"mu": 1.3, **dict(zip(SYSTEMATICS, (0.3, -0.2, 0.4, -0.3, 0.1), strict=True))}
PARAMETERS = (*STRENGTHS.values(), *SYSTEMATICS)
SPREAD, SHIFT = 0.3, 0.05
BINS = 10
_AT_ONCE = 1 << 18


def pairs():
    return list(itertools.product(YIELDS, SYSTEMATICS))


def log_normal(rng, size, spread):
    """Logarithms of positive numbers with a mean of one."""
    return rng.normal(-0.5 * spread**2, spread, size)


def variations(rng, size):
    """Logarithms of up and down templates, which pull to opposite sides, though not by the same amount."""
    common, own = rng.normal(size=size), rng.normal(size=size)
    up, down = SHIFT * common, SHIFT * (-0.8 * common + 0.6 * own)
    return up - 0.5 * SHIFT**2, down - 0.5 * SHIFT**2


def yield_factors():
    """Relative yields at +1 and −1 of each sample and systematic: in the unbinned region, and in the control region."""
    rng = np.random.default_rng(3)
    found = {}
    for pair in pairs():
        sizes = rng.normal(0, 0.04, 2)
        found[pair] = tuple((float(1 + size), float(1 / (1 + 0.9 * size))) for size in sizes)
    return found


def write(folder: Path, events: int, seed: int = 1) -> None:
    """Write all arrays and both workspaces; a piece of the events at a time, so that memory does not limit them."""
    arrays = {
        (which, name): np.lib.format.open_memmap(folder / file, mode="w+", dtype=np.float64, shape=(events,))
        for which in ("observed", "reference")
        for name, file in _files(which).items()
    }
    rng = np.random.default_rng(seed)
    for start, which in itertools.product(range(0, events, _AT_ONCE), ("observed", "reference")):
        here = slice(start, min(start + _AT_ONCE, events))
        size = here.stop - here.start
        density = np.zeros(size)
        for sample, expected in expected_yields().items():
            log_density = log_normal(rng, size, SPREAD)
            arrays[which, sample][here] = log_density
            for systematic in SYSTEMATICS:
                up, down = variations(rng, size)
                arrays[which, f"{sample}_{systematic}_hi"][here], arrays[which, f"{sample}_{systematic}_lo"][here] = (
                    up,
                    down,
                )
                alpha = TRUTH[systematic]
                log_density += abs(alpha) * (up if alpha > 0 else down)
            density += expected * np.exp(log_density)
        # Observed events are simulation weighted to what is expected at the truth, the usual form of such studies.
        weights = density / events if which == "observed" else rng.uniform(0.5, 1.5, size) / events
        arrays[which, "weights"][here] = weights
    for array in arrays.values():
        array.flush()
    for normalise in (True, False):
        (folder / name_of(normalise=normalise)).write_text(json.dumps(workspace(normalise=normalise)))


def name_of(*, normalise: bool) -> str:
    return "normalised.json" if normalise else "published.json"


def _files(which: str) -> dict[str, str]:
    varied = [f"{sample}_{systematic}_{side}" for sample, systematic in pairs() for side in ("hi", "lo")]
    return {name: f"{which}_{name}.npy" for name in ("weights", *YIELDS, *varied)}


def expected_yields() -> dict[str, float]:
    """Events of each sample in the unbinned region at the truth."""
    found = {sample: TRUTH.get(STRENGTHS[sample], 1.0) * value for sample, value in YIELDS.items()}
    for (sample, systematic), ((up, down), _) in yield_factors().items():
        alpha = TRUTH[systematic]
        found[sample] *= (up if alpha > 0 else down) ** abs(alpha)
    return found


def control_region() -> dict[str, np.ndarray]:
    """Nominal events of each sample in each bin of the control region, which holds little signal."""
    slopes = {"signal": (10.0, 0.0), "background": (600.0, -0.25), "continuum": (400.0, 0.15)}
    return {sample: scale * np.exp(slope * np.arange(BINS)) for sample, (scale, slope) in slopes.items()}


def observed_control() -> np.ndarray:
    total = np.zeros(BINS)
    for sample, nominal in control_region().items():
        factor = TRUTH.get(STRENGTHS[sample], 1.0)
        for systematic in SYSTEMATICS:
            alpha, (_, (up, down)) = TRUTH[systematic], yield_factors()[sample, systematic]
            factor *= (up if alpha > 0 else down) ** abs(alpha)
        total += factor * nominal
    return np.round(total)


def workspace(*, normalise: bool) -> dict:
    def both(name: str) -> dict:
        return {which: {"path": _files(which)[name]} for which in ("observed", "reference")}

    unbinned, binned = [], []
    for sample, value in YIELDS.items():
        strength = {"name": STRENGTHS[sample], "type": "normfactor", "data": None}
        shapes, norms = [strength], [strength]
        for systematic in SYSTEMATICS:
            (up, down), (up_control, down_control) = yield_factors()[sample, systematic]
            ratios = {f"{side}_log_ratio": both(f"{sample}_{systematic}_{side}") for side in ("hi", "lo")}
            data = {"hi": up, "lo": down, **ratios, "relative_to": "nominal"}
            shapes.append({"name": systematic, "type": "normplusshape", "data": data})
            norms.append({"name": systematic, "type": "normsys", "data": {"hi": up_control, "lo": down_control}})
        unbinned.append({"name": sample, "yield": value, "log_ratio": both(sample), "modifiers": shapes})
        binned.append({"name": sample, "data": control_region()[sample].tolist(), "modifiers": norms})
    region = {
        "name": "SR",
        "type": "unbinned",
        "observed": {"weights": {"path": _files("observed")["weights"]}},
        "reference": {"weights": {"path": _files("reference")["weights"]}},
        "normalise": normalise,
        "samples": unbinned,
    }
    free = [{"name": name, "inits": [1.0], "bounds": [[0.0, 10.0]]} for name in STRENGTHS.values()]
    return {
        "channels": [{"name": "CR", "samples": binned}, region],
        "observations": [{"name": "CR", "data": observed_control().tolist()}],
        "measurements": [{"name": "measurement", "config": {"poi": "mu", "parameters": free}}],
        "version": "1.0.0",
    }


def load(folder: Path, which: str) -> dict[str, np.ndarray]:
    """All arrays of the observed, or of the reference events: weights, ln r of samples, logarithms of templates."""
    return {name: np.load(folder / file) for name, file in _files(which).items()}


def templates(arrays: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Those of one side, shape (K, S, N)."""
    found = np.empty((len(SYSTEMATICS), len(YIELDS), len(arrays["weights"])))
    for k, systematic in enumerate(SYSTEMATICS):
        for s, sample in enumerate(YIELDS):
            found[k, s] = arrays[f"{sample}_{systematic}_{side}"]
    return found


def points(count: int, seed: int = 5, reach: float = 1.0) -> np.ndarray:
    """Parameters near the truth, |α| < `reach`, shape (count, P)."""
    rng = np.random.default_rng(seed)
    strengths = rng.uniform(0.8, 1.3, (count, len(STRENGTHS)))
    return np.hstack([strengths, rng.uniform(-reach, reach, (count, len(SYSTEMATICS)))])
