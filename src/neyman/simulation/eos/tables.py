r"""Angular coefficients as cubic splines in q² and quadratic forms in the Wilson coefficients.

\[ J_i(q^2; \theta) = \sum_k B_k(q^2) \sum_m c_{kmi}\, b_m(\theta) \]

with B-splines \(B_k\) (de Boor, *A Practical Guide to Splines*, ch. IX) and monomials \(b_m\). The spline
*is* the density from here on: sampling and evaluating it agree to rounding. How far it is from EOS is
measured between the nodes when it is built.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline, make_interp_spline

from neyman.core.cache import cached_arrays
from neyman.core.errors import NumericsError
from neyman.simulation.eos import quadratic
from neyman.simulation.eos.amplitudes import angular_coefficients, eos_version, standard_model
from neyman.simulation.eos.angles import NAMES, RATE

FORMAT = 1  # of the arrays in the cache: raise it when their meaning changes
DEGREE = 3
STEP = 2.0  # in a Wilson coefficient; EOS's numerical noise of 6e-7 is not amplified inside
TOLERANCE = 2e-6  # of dΓ/dq², between the nodes; the noise of BFS2004 alone reaches 9e-7
_NODES = (64, 128, 256, 512)


@dataclass(frozen=True)
class AngularTable:
    r"""J_i(q²; θ) for all q² in a window and all θ.

    Attributes:
        knots: Knots of the splines in q², GeV².
        factors: The coefficients \(c_{kmi}\), with the J_i in units of `scale`.
        center: The θ that the quadratic forms are expanded about: the Standard Model.
        scale: The Standard Model's Γ in the window, GeV, so that its integrated rate is one.
        error: Largest difference from EOS between the nodes, in units of dΓ/dq².
    """

    knots: Float[np.ndarray, " t"]
    factors: Float[np.ndarray, "k m 12"]
    center: Float[np.ndarray, " d"]
    scale: float
    error: float

    @functools.cached_property
    def spans(self) -> Float[np.ndarray, " k"]:
        """The integral of each B-spline (de Boor, ch. X)."""
        order = DEGREE + 1
        return np.asarray((self.knots[order:] - self.knots[:-order]) / order)

    def monomials(self, theta: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "b m"]:
        """The monomials b_m(θ)."""
        return quadratic.monomials(theta - self.center)

    def gradients(self, theta: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "b m d"]:
        """Their derivatives with respect to θ."""
        return quadratic.gradients(theta - self.center)

    def __call__(self, q2: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n m 12"]:
        """The quadratic form of each J_i at each q²."""
        return np.asarray(self._spline(q2)).reshape(len(q2), *self.factors.shape[1:])

    def integral(self, low: float, high: float) -> Float[np.ndarray, "m 12"]:
        """The quadratic form of each J_i, integrated over q² from low to high."""
        return np.asarray(self._spline.integrate(low, high)).reshape(self.factors.shape[1:])

    @functools.cached_property
    def _spline(self) -> BSpline:
        return BSpline(self.knots, self.factors.reshape(len(self.factors), -1), DEGREE)


def angular_table(q2: tuple[float, float], parameters: tuple[str, ...], options: dict[str, str]) -> AngularTable:
    """The table of a window in q², from the cache or from EOS (a few seconds).

    Args:
        q2: The window, GeV².
        parameters: Wilson coefficients.
        options: `tag`, `lepton` and `flavour`, as `angular_coefficients` takes them.

    Raises:
        NumericsError: If splines cannot follow EOS in this window.
        ConfigError: If EOS cannot evaluate there.
    """
    key: dict[str, Any] = {
        "format": FORMAT,
        "eoshep": eos_version(),
        "nodes": [list(_NODES), STEP, TOLERANCE],
        "q2": list(q2),
        "parameters": list(parameters),
        **options,
    }
    arrays = cached_arrays("eos", key, lambda: _build(q2, parameters, options))
    spline = make_interp_spline(arrays["q2"], arrays["J"].reshape(len(arrays["q2"]), -1), k=DEGREE)
    factors = np.asarray(spline.c).reshape(arrays["J"].shape)
    scale = float(spline.integrate(*q2).reshape(arrays["J"].shape[1:])[0] @ RATE)
    return AngularTable(np.asarray(spline.t), factors / scale, arrays["center"], scale, float(arrays["error"]))


def _build(q2: tuple[float, float], parameters: tuple[str, ...], options: dict[str, str]) -> dict[str, np.ndarray]:
    center = standard_model(parameters, options["lepton"])
    offsets = quadratic.design(len(parameters), STEP)
    # Fixed points that are no nodes, and crowd at the ends, where splines are weakest; with θ off the design.
    probes = q2[0] + (q2[1] - q2[0]) * 0.5 * (1 - np.cos(np.pi * (np.arange(16) + 0.41) / 16))
    between = 0.7 * offsets[1:2] - 0.45 * offsets[-1:]
    exact = angular_coefficients(probes, center + between, parameters=parameters, **options)[0]
    error = np.inf
    for count in _NODES:
        nodes = np.geomspace(*q2, count)
        nodes[[0, -1]] = q2
        values = angular_coefficients(nodes, center + offsets, parameters=parameters, **options)
        factors = np.ascontiguousarray(np.moveaxis(quadratic.fit(offsets, values), 0, 1))  # (q², m, 12)
        spline = make_interp_spline(nodes, factors.reshape(count, -1), k=DEGREE)
        found = quadratic.monomials(between)[0] @ spline(probes).reshape(len(probes), -1, len(NAMES))
        error = float((np.abs(found - exact) / (exact @ RATE)[:, None]).max())
        if error < TOLERANCE:
            return {"q2": nodes, "J": factors, "center": center, "error": np.array(error)}
    raise NumericsError(
        f"splines with {_NODES[-1]} nodes miss EOS by {error:.1e} of dΓ/dq²",
        where=f"q² from {q2[0]:g} to {q2[1]:g} GeV², tag {options['tag']}",
        expected=f"less than {TOLERANCE:g}",
        hint="choose a window that is further from threshold, or does not cross a resonance",
    )
