"""The regions as a workspace in pyhf's JSON, which `neyman fit` reads and systematic uncertainties can be added to.

| what | becomes |
|---|---|
| rates a, c, d of the background | shapefactors: `rate` on A and B, `base` on C and D, `transfer` on B and D |
| δ, with a θ for each bin or one for all | normsys {1 + δ, 1/(1 + δ)} in B, with interpolation code 1 |
| the simulation's statistics σ | normsys {exp σ, exp −σ} in B |

A normsys has one size for a sample, so each bin of B is a sample of its own. The likelihood is that of
`neyman.abcd.likelihood` if normsys is interpolated by code 1: `--interpolation normsys=code1`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.abcd.likelihood import FLOOR, Theta
from neyman.abcd.templates import REGIONS, Templates
from neyman.likelihood.workspace import Workspace

INTERPOLATION = "normsys=code1"
"""What fits of these workspaces have to be told."""

_SHAPES = {"A": ("rate",), "B": ("rate", "transfer"), "C": ("base",), "D": ("base", "transfer")}
_HIGHEST = 1e3  # of a rate, in units of what is expected


def to_workspace(templates: Templates, *, theta: Theta = "per_bin") -> Workspace:
    """A workspace with the same likelihood.

    Args:
        templates: The yields. Without observed data, the background stands for them.
        theta: Whether bins share the parameter of the non-closure.

    Raises:
        DataError: If a 1 + δ is not above zero.

    Examples:
        >>> templates = Templates(background=[[400, 55, 4000, 500]], signal=[[1, 15, 0.2, 1]])
        >>> to_workspace(templates).channels
        ('A', 'B', 'C', 'D')
    """
    background = np.maximum(templates.background, FLOOR)
    a, _, c, d = background.T
    nominal = {"A": a, "B": a * (d / c), "C": c, "D": d}
    observed = templates.background if templates.observed is None else templates.observed
    data = {region: observed[:, number].tolist() for number, region in enumerate(REGIONS)}
    channels = []
    for number, region in enumerate(REGIONS):
        signal = {
            "name": "signal",
            "data": np.maximum(templates.signal[:, number], 0.0).tolist(),
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        }
        if region == "B":
            samples = _predicted(templates, background, nominal[region], theta)
        else:
            samples = [{"name": "background", "data": nominal[region].tolist(), "modifiers": _shapes(region)}]
        channels.append({"name": region, "samples": [signal, *samples]})
    bins = templates.bins
    parameters: list[dict[str, Any]] = [
        {"name": name, "inits": [1.0] * bins, "bounds": [[FLOOR, _HIGHEST]] * bins}
        for name in ("rate", "base", "transfer")
    ]
    return Workspace.from_dict(
        {
            "channels": channels,
            "observations": [{"name": region, "data": data[region]} for region in REGIONS],
            "measurements": [{"name": "abcd", "config": {"poi": "mu", "parameters": parameters}}],
            "version": "1.0.0",
        },
        where="the regions",
    )


def _shapes(region: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": "shapefactor", "data": None} for name in _SHAPES[region]]


def _predicted(
    templates: Templates, background: Float[np.ndarray, "n 4"], nominal: Float[np.ndarray, " n"], theta: Theta
) -> list[dict[str, Any]]:
    """A sample for each bin of B, with its own uncertainties."""
    growth = 1 + templates.non_closure
    found = []
    for number, value in enumerate(nominal.tolist()):
        alone = [value if other == number else 0.0 for other in range(len(nominal))]
        name = "non_closure" if theta == "shared" else f"non_closure_{number}"
        modifiers = [*_shapes("B"), _normsys(name, float(growth[number]))]
        if templates.variance is not None:
            sigma = np.sqrt((templates.variance[number] / background[number] ** 2).sum())
            modifiers.append(_normsys(f"statistics_{number}", float(np.exp(sigma))))
        found.append({"name": f"background_{number}", "data": alone, "modifiers": modifiers})
    return found


def _normsys(name: str, factor: float) -> dict[str, Any]:
    return {"name": name, "type": "normsys", "data": {"hi": factor, "lo": 1 / factor}}
