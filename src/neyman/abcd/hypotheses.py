"""CLs, significance and upper limits of an ABCD search, by asymptotic formulae (arXiv:1007.1727) [JAX].

| question | use |
|---|---|
| is a signal of this strength excluded? | `cls` |
| is there a signal? | `significance` |
| which strengths are excluded? | `upper_limit` |

The expected answers follow from Asimov data, as pyhf makes them: from the fit to the observed data, or to the
background if there are none.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq

from neyman.abcd.arrays import Given, check_converged, check_strength, pack, unpack
from neyman.abcd.asimov import asimov_of, fit_background
from neyman.abcd.likelihood import Data, Model, Point, Theta, background_of, data_of, model_of
from neyman.abcd.profile import Fit, fit_at, fit_free
from neyman.core.errors import InputError, NumericsError
from neyman.likelihood.compilation import QUICK
from neyman.likelihood.hypotheses import expected_cls, tail_probabilities
from neyman.likelihood.precision import Floats, jax, jnp

Templates = Float[np.ndarray, "bins 4"]

_LARGEST_STRENGTH = 1e9


@dataclass(frozen=True, eq=False)
class CLs:
    """CLs of a signal strength.

    Attributes:
        observed: CLs of the observed data; None if there are none.
        expected: CLs expected without a signal, at −2 to 2 standard deviations, shape (5,).
        q: q̃ of the Asimov data without a signal.
        q_observed: q̃ of the observed data; None if there are none.
        mu_hat: Best signal strength, not negative; of the Asimov data, where it is zero, if there are no observed ones.
    """

    observed: float | None
    expected: Float[np.ndarray, " 5"]
    q: float
    q_observed: float | None
    mu_hat: float


@dataclass(frozen=True)
class Significance:
    """Significance of a signal, in standard deviations.

    Attributes:
        observed: Z = √q₀ of the observed data; None if there are none.
        expected: The same of Asimov data with a signal of strength 1.
        mu_hat: Best signal strength, not negative; None if there are no observed data.
    """

    observed: float | None
    expected: float
    mu_hat: float | None


@dataclass(frozen=True, eq=False)
class Limit:
    """Upper limit on the signal strength.

    Attributes:
        observed: Where the observed CLs crosses the level; None if there are no observed data.
        expected: The same expected without a signal, at −2 to 2 standard deviations, shape (5,).
        level: One less the confidence level.
    """

    observed: float | None
    expected: Float[np.ndarray, " 5"]
    level: float


def cls(
    background: Templates,
    signal: Templates,
    *,
    observed: Templates | None = None,
    delta: Float[np.ndarray, " bins"] | None = None,
    variance: Templates | None = None,
    mu: float = 1.0,
    theta: Theta = "per_bin",
) -> CLs:
    """CLs of a signal strength, observed and expected.

    Args:
        background: Expected background in A, B, C, D.
        signal: Expected signal of strength 1.
        observed: Observed events.
        delta: Relative non-closure; that of the background, if None.
        variance: Sum of squared weights of the background.
        mu: The signal strength.
        theta: Whether bins share the parameter of the non-closure.

    Raises:
        DataError: If shapes differ or a number is not finite.
        InputError: If the signal strength is negative.
        NumericsError: If a fit does not converge; it names the bin.

    Examples:
        >>> background, signal = np.array([[400.0, 55, 4000, 500]]), np.array([[1, 15, 0.2, 1]])
        >>> found = cls(background, signal, observed=background)
        >>> print(f"{found.observed:.6f} {found.expected[2]:.6f}")
        0.219430 0.123308
    """
    check_strength(mu)
    return _Fits(background, signal, observed=observed, delta=delta, variance=variance, theta=theta).cls(mu)


def upper_limit(
    background: Templates,
    signal: Templates,
    *,
    observed: Templates | None = None,
    delta: Float[np.ndarray, " bins"] | None = None,
    variance: Templates | None = None,
    theta: Theta = "per_bin",
    level: float = 0.05,
) -> Limit:
    """The signal strength at which CLs is `level`, observed and expected. Arguments are those of `cls`.

    Raises:
        DataError: If shapes differ or a number is not finite.
        InputError: If the level is not between 0 and 1.
        NumericsError: If a fit does not converge, or CLs does not come down to the level.

    Examples:
        >>> found = upper_limit(np.array([[400.0, 55, 4000, 500]]), np.array([[1, 15, 0.2, 1]]))
        >>> print(f"{found.expected[2]:.4f}")
        1.2791
    """
    if not 0 < level < 1:
        raise InputError(f"level {level}", expected="between 0 and 1, as 0.05")
    fits = _Fits(background, signal, observed=observed, delta=delta, variance=variance, theta=theta)

    @functools.cache
    def at(mu: float) -> CLs:
        return fits.cls(mu)

    def excess(which: int | None) -> Callable[[float], float]:
        def function(log_mu: float) -> float:
            found = at(math.exp(log_mu))
            value = found.observed if which is None else found.expected[which]
            return math.log(max(float(value or 0.0), 1e-300) / level)

        return function

    expected = np.array([math.exp(_crossing(excess(i))) for i in range(5)])
    seen = None if observed is None else math.exp(_crossing(excess(None)))
    return Limit(seen, expected, level)


def significance(
    background: Templates,
    signal: Templates,
    *,
    observed: Templates | None = None,
    delta: Float[np.ndarray, " bins"] | None = None,
    variance: Templates | None = None,
    theta: Theta = "per_bin",
) -> Significance:
    """Significance Z = √q₀ of a signal (eq. 12 and 53). Arguments are those of `cls`.

    Asimov data have a signal of strength 1, and a background from a fit with this strength to the observed data, as
    in pyhf; or, if there are none, from a fit without a signal to the background.

    Raises:
        DataError: If shapes differ or a number is not finite.
        NumericsError: If a fit does not converge; it names the bin.

    Examples:
        >>> found = significance(np.array([[400.0, 50, 4000, 500]]), np.array([[1, 15, 0.2, 1]]))
        >>> print(f"{found.expected:.4f}")
        1.7742
    """
    return _Fits(background, signal, observed=observed, delta=delta, variance=variance, theta=theta).significance()


class _Fits:
    """What all questions about some templates share."""

    def __init__(
        self,
        background: Templates,
        signal: Templates,
        *,
        observed: Templates | None,
        delta: Float[np.ndarray, " bins"] | None,
        variance: Templates | None,
        theta: Theta,
    ) -> None:
        self._packed, given = pack(background, signal, delta, variance, observed)
        self._observed = observed is not None
        prepare, self._at, self._discovery = _compiled(given, theta == "shared")
        self._common = jax.device_get(prepare(self._packed))
        check_converged(self._common.distance, self._packed)

    def cls(self, mu: float) -> CLs:
        """CLs of a signal strength."""
        q, q_asimov, distance = jax.device_get(self._at(self._common, mu))
        check_converged(distance, self._packed)
        expected = expected_cls(np.array([q_asimov]))[0]
        best = float(self._common.best.mu)
        if not self._observed:
            return CLs(None, expected, float(q_asimov), None, best)
        clsb, clb = tail_probabilities(np.array([q]), np.array([q_asimov]))
        seen = float(clsb[0] / clb[0]) if clb[0] > 0 else 0.0  # both may be too small for a floating-point number
        return CLs(seen, expected, float(q_asimov), float(q), best)

    def significance(self) -> Significance:
        """Significance of a signal."""
        q, q_asimov, distance = jax.device_get(self._discovery(self._common))
        check_converged(distance, self._packed)
        if not self._observed:
            return Significance(None, math.sqrt(q_asimov), None)
        return Significance(math.sqrt(q), math.sqrt(q_asimov), float(self._common.best.mu))


class _Common(NamedTuple):
    """The fits that do not depend on the tested strength.

    Attributes:
        model: What is expected.
        data: The observed data, or the background.
        without: Parameters of the fit without a signal.
        asimov: The Asimov data made there.
        best: The best fit.
        distance: Estimated distance to the minima of each bin.
    """

    model: Model
    data: Data
    without: Point
    asimov: Data
    best: Fit
    distance: Floats


@functools.cache
def _compiled(given: Given, shared: bool) -> tuple[Callable[..., Any], ...]:  # noqa: FBT001 - a key of the cache
    """Three compiled functions: the common fits, q̃ of data and Asimov data at a strength, and q₀ of both."""

    def prepare(packed: Float[Array, "k m"]) -> _Common:
        rows = unpack(packed, given)
        yields, model = model_of(rows.background, rows.signal, rows.delta, rows.variance, shared=shared)
        data = data_of(yields if rows.observed is None else rows.observed)
        without = fit_background(model, data, shared=shared)
        point = without.point(data)
        asimov = asimov_of(model, data, without)
        if rows.observed is None:
            best = Fit(jnp.zeros(()), without.shared, point, jnp.zeros(()), without.distance)
        else:
            best = fit_free(model, data, point, 0.0, without.shared, shared=shared)
        return _Common(model, data, point, asimov, best, jnp.maximum(without.distance, best.distance))

    def at(common: _Common, mu: Floats) -> tuple[Floats, Floats, Floats]:
        model, _, point, asimov, best, _ = common
        expected = fit_at(model, asimov, _unpulled(point), mu, shared=shared)
        found = expected if not given.observed else fit_at(model, common.data, point, mu, shared=shared)
        q = jnp.where(best.mu > mu, 0.0, jnp.maximum(2 * (found.value - best.value), 0.0))
        return q, jnp.maximum(2 * expected.value, 0.0), jnp.maximum(found.distance, expected.distance)

    def discovery(common: _Common) -> tuple[Floats, Floats, Floats]:
        model, data, point, asimov, best, _ = common
        none = fit_at(model, data, point, 0.0, shared=shared)
        q = jnp.where(best.mu > 0, jnp.maximum(2 * (none.value - best.value), 0.0), 0.0)
        if given.observed:
            one = fit_at(model, data, point, 1.0, shared=shared)
            rates = background_of(model, data, one.point, one.shared)
            centre = data.centre + model.spread * one.point.pull
            asimov, point = Data(rates + model.signal, centre, one.shared), one.point
        else:
            one = none
            asimov = asimov._replace(counts=asimov.counts + model.signal)
        expected = fit_at(model, asimov, _unpulled(point), 0.0, shared=shared)
        distance = jnp.maximum(jnp.maximum(none.distance, one.distance), expected.distance)
        return q, jnp.maximum(2 * expected.value, 0.0), distance

    return tuple(jax.jit(each, compiler_options=QUICK) for each in (prepare, at, discovery))


def _unpulled(point: Point) -> Point:
    """Where Asimov data are at their minimum: their auxiliary measurements have moved to the parameters."""
    return point._replace(pull=jnp.zeros_like(point.pull))


def _crossing(excess: Callable[[float], float]) -> float:
    """Where a function that falls crosses zero, by brackets that grow from 0."""
    low = high = 0.0
    while excess(high) > 0:
        low, high = high, high + 1.0
        if high > math.log(_LARGEST_STRENGTH):
            raise NumericsError(
                f"CLs does not come down to the level up to a signal strength of {_LARGEST_STRENGTH:g}",
                hint="is there a signal in B?",
            )
    while low == high or excess(low) < 0:
        low, high = low - 1.0, low
    return float(brentq(excess, low, high, xtol=1e-10, rtol=1e-12))
