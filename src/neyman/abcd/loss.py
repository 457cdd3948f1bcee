"""The expected CLs of an ABCD search, or the significance of its discovery, and their gradients [JAX].

| statistic | of | value, to be minimised |
|---|---|---|
| `cls` | exclusion of strength μ | the median CLs without a signal, 2(1 − Φ(√q_A)): arXiv:1007.1727, eq. 89 |
| `log_cls` | the same | its logarithm, which has a gradient however small it is |
| `q` | the same | −q_A, of the Asimov data without a signal |
| `q0` | discovery | −q₀, of the Asimov data with a signal of strength μ |

The Asimov data are made at a fit to the background. Its derivatives with respect to the templates are those of the
implicit function theorem; those of the fit that is compared with it are not needed, as −ln L does not change to first
order around a minimum (envelope theorem).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float
from scipy.special import log_ndtr, ndtr

from neyman.abcd.arrays import Given, check_converged, check_strength, pack, unpack
from neyman.abcd.asimov import asimov_of, fit_background
from neyman.abcd.likelihood import Theta, data_of, model_of, total
from neyman.abcd.profile import fit_at
from neyman.likelihood.compilation import THOROUGH
from neyman.likelihood.precision import jax, jnp

Statistic = Literal["cls", "log_cls", "q", "q0"]


@dataclass(frozen=True, eq=False)
class Loss:
    """A statistic and its gradients.

    Attributes:
        value: The statistic.
        background: Its gradient with respect to the background, shape (bins, 4).
        signal: The same for the signal.
        delta: The same for the non-closure, shape (bins,), if that was given; what the background's own adds is in
            `background` otherwise.
        variance: The same for the variance of the background's yields, shape (bins, 4), if that was given.
    """

    value: float
    background: Float[np.ndarray, "bins 4"]
    signal: Float[np.ndarray, "bins 4"]
    delta: Float[np.ndarray, " bins"] | None = None
    variance: Float[np.ndarray, "bins 4"] | None = None


def loss_and_gradients(
    background: Float[np.ndarray, "bins 4"],
    signal: Float[np.ndarray, "bins 4"],
    *,
    delta: Float[np.ndarray, " bins"] | None = None,
    variance: Float[np.ndarray, "bins 4"] | None = None,
    mu: float = 1.0,
    theta: Theta = "per_bin",
    statistic: Statistic = "cls",
) -> Loss:
    """A statistic of the expected data, and its derivatives with respect to all that is expected.

    It is made for the inside of a training loop: compiled once for each number of bins, then a tenth of a
    millisecond. A yield below `neyman.abcd.likelihood.FLOOR`, as negative weights may sum up to, counts as the floor
    and has no gradient.

    Args:
        background: Expected background in A, B, C, D.
        signal: Expected signal of strength 1.
        delta: Relative non-closure; that of the background, if None.
        variance: Sum of squared weights of the background.
        mu: Signal strength to exclude, or for `q0` to discover.
        theta: Whether bins share the parameter of the non-closure.
        statistic: What is computed; see the head of this file.

    Raises:
        DataError: If shapes differ or a number is not finite.
        NumericsError: If a fit does not converge; it names the bin.

    Examples:
        >>> found = loss_and_gradients(np.array([[400.0, 50, 4000, 500]]), np.array([[1, 15, 0.2, 1]]))
        >>> print(f"{found.value:.7f} {found.signal[0, 1]:.6f}")
        0.0762968 -0.018760
    """
    check_strength(mu)
    packed, given = pack(background, signal, delta, variance)
    compute = _compiled(given, theta == "shared", statistic == "q0")
    found = np.asarray(compute(packed, mu))
    slopes, distance, q = found[:-2], found[-2], found[-1, 0]
    check_converged(distance, packed)
    value, factor = _of_q(max(float(q), 0.0), statistic)
    rows = unpack(factor * slopes, given)
    return Loss(
        value,
        np.asarray(rows.background).T,
        np.asarray(rows.signal).T,
        None if rows.delta is None else np.asarray(rows.delta),
        None if rows.variance is None else np.asarray(rows.variance).T,
    )


def _of_q(q: float, statistic: Statistic) -> tuple[float, float]:
    """The statistic and its derivative with respect to q."""
    if statistic in {"q", "q0"}:
        return -q, -1.0
    root = math.sqrt(max(q, 1e-30))  # q rises with the square of the signal, and without one its slope is zero
    slope = -1 / (2 * root * math.sqrt(2 * math.pi))
    if statistic == "cls":
        return 2 * float(ndtr(-root)), 2 * slope * math.exp(-q / 2)
    logarithm = float(log_ndtr(-root))
    return math.log(2) + logarithm, slope * math.exp(-q / 2 - logarithm)


@functools.cache
def _compiled(given: Given, shared: bool, discovery: bool) -> Any:  # noqa: ANN401, FBT001 - a jitted function
    """The function of packed templates and μ that gives the gradient of q, the distance of each bin, and q, in rows."""

    def q(packed: Float[Array, "k m"], mu: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, " m"]]:
        rows = unpack(packed, given)
        yields, model = model_of(rows.background, rows.signal, rows.delta, rows.variance, shared=shared)
        data = data_of(yields)
        without = fit_background(model, data, shared=shared)
        asimov = asimov_of(model, data, without, strength=mu if discovery else 0.0)
        fixed, measured, start = jax.lax.stop_gradient((model, asimov, without.point(data)))
        tested = jnp.zeros(()) if discovery else mu
        found = jax.lax.stop_gradient(
            fit_at(fixed, measured, start._replace(pull=0 * start.pull), tested, shared=shared)
        )
        value = total(model, asimov, found.point, tested, found.shared)
        return 2 * value, jnp.maximum(without.distance, found.distance)

    def everything(packed: Float[Array, "k m"], mu: Float[Array, ""]) -> Float[Array, "k+2 m"]:
        (value, distance), gradient = jax.value_and_grad(q, has_aux=True)(packed, mu)
        return jnp.concatenate([gradient, distance[None], jnp.broadcast_to(value, (1, len(distance)))])

    return jax.jit(everything, compiler_options=THOROUGH)
