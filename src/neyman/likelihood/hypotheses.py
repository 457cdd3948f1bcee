"""Test statistics of the profile likelihood and what follows from their asymptotic distributions (arXiv:1007.1727).

| question | use |
|---|---|
| is there a signal? | `significance`: q₀ |
| is a signal of this strength excluded? | `hypothesis_test`: q̃ and CLs |
| which strengths are? | `upper_limit` in limits.py |
| few events? | `hypothesis_test_with_toys` in toys.py: the asymptotic formulae need about ten |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from neyman.core.errors import NumericsError, WorkspaceError
from neyman.likelihood.data import Data
from neyman.likelihood.fitting import Fit, fit, lowest
from neyman.likelihood.model import Model
from neyman.likelihood.newton import Minimum
from neyman.likelihood.outcomes import HypothesisTest, Significance

BANDS = (-2, -1, 0, 1, 2)
"""Standard deviations of the background at which expected values are given."""


def poi_of(model: Model) -> int:
    """Number of the parameter of interest.

    Raises:
        WorkspaceError: If there is none, or it is fixed or cannot be zero.
    """
    if model.poi is None:
        raise WorkspaceError(
            f"measurement '{model.measurement}' has no parameter of interest", hint="name one: --poi NAME"
        )
    index = model.index(model.poi)
    low, high = model.bounds[index]
    if not low <= 0 < high:
        raise WorkspaceError(
            f"parameter of interest '{model.poi}' has bounds [{low:g}, {high:g}]", expected="bounds that hold zero"
        )
    if model.fixed[index]:
        raise WorkspaceError(f"parameter of interest '{model.poi}' is fixed", expected="one that may move")
    return index


def physical_bounds(model: Model) -> Float[np.ndarray, "p 2"]:
    """The model's bounds, with a parameter of interest that is not negative: what makes q into q̃."""
    bounds = model.bounds.copy()
    poi = poi_of(model)
    bounds[poi, 0] = max(bounds[poi, 0], 0.0)
    return bounds


@dataclass(frozen=True)
class Reference:
    """What all hypotheses about a model and data share.

    Attributes:
        model: The model.
        data: The data.
        poi: Number of the parameter of interest.
        best: Parameters of the best fit with a parameter of interest that is not negative.
        best_value: −ln L there.
        background: Parameters of the best fit without a signal.
        asimov: The data expected there.
        asimov_value: −ln L of these data at their own minimum, which is where they were made.
    """

    model: Model
    data: Data
    poi: int
    best: Float[np.ndarray, " p"]
    best_value: float
    background: Float[np.ndarray, " p"]
    asimov: Data
    asimov_value: float

    @classmethod
    def of(cls, model: Model, data: Data | None = None) -> Reference:
        """Do the fits.

        Raises:
            NumericsError: If one does not converge.
        """
        data = data or model.observed
        poi = poi_of(model)
        without = checked(fit(model, data, fixed={model.names[poi]: 0.0}))
        free = fit(model, data)
        best, value = free.theta, free.value
        if best[poi] <= 0 or not free.result.converged or value > without.value:
            best, value = without.theta, without.value  # q̃: the best of the allowed ones is at zero
        asimov = model.asimov(without.theta)
        return cls(model, data, poi, best, value, without.theta, asimov, _own_minimum(model, without.theta, asimov))

    def statistics(self, values: Sequence[float]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """q̃ of the data and of the background's Asimov data, for each value of the parameter of interest.

        Raises:
            NumericsError: If a fit does not converge.
        """
        name = self.model.names[self.poi]
        found, asimov = [], []
        for value in values:
            share = min(value / self.best[self.poi], 1.0) if self.best[self.poi] > 0 else 0.0
            along = self.background + share * (self.best - self.background)
            found.append(lowest(self.model, self.data, fixed={name: value}, start=along))
            asimov.append(lowest(self.model, self.asimov, fixed={name: value}, start=self.background))
            if not (found[-1].converged and asimov[-1].converged):
                raise NumericsError(
                    f"the fit with {name} = {value:g} found no minimum", hint="minimiser minuit, or toys"
                )
        at = np.asarray(values)
        q = np.where(self.best[self.poi] > at, 0.0, np.maximum(2 * (_values(found) - self.best_value), 0.0))
        return q, np.maximum(2 * (_values(asimov) - self.asimov_value), 0.0)


def _own_minimum(model: Model, theta: Float[np.ndarray, " p"], asimov: Data) -> float:
    """−ln L of Asimov data where it is lowest: where they were made, unless densities are not normalised."""
    if all(channel.normalise for channel in model.unbinned):
        return model.value(theta, asimov)
    return float(lowest(model, asimov, fixed={}, start=theta).value)


def _values(found: Sequence[Minimum]) -> Float[np.ndarray, " n"]:
    return np.array([float(each.value) for each in found])


def checked(found: Fit) -> Fit:
    """The same fit.

    Raises:
        NumericsError: If it did not converge.
    """
    if not found.result.converged:
        raise NumericsError(found.result.message)
    return found


def tail_probabilities(
    q: Float[np.ndarray, " n"], q_asimov: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """CLs+b and CLb of q̃ (eq. 65 and 66).

    Examples:
        >>> clsb, clb = tail_probabilities(np.array([2.0]), np.array([3.0]))
        >>> print(f"{clsb[0]:.4f} {clb[0]:.4f}")
        0.0786 0.6247
    """
    root, root_asimov = np.sqrt(q), np.sqrt(q_asimov)
    safe = np.where(root_asimov > 0, root_asimov, 1.0)
    shift = np.where(q <= q_asimov, root - root_asimov, (q - q_asimov) / (2 * safe))
    return norm.sf(shift + root_asimov), norm.sf(shift)


def expected_cls(q_asimov: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 5"]:
    """CLs expected without a signal, at −2 to 2 standard deviations (eq. 89)."""
    bands = -np.array(BANDS, float)
    cls: Float[np.ndarray, "n 5"] = norm.sf(bands + np.sqrt(q_asimov)[:, None]) / norm.sf(bands)
    return cls


def hypothesis_tests(model: Model, values: Sequence[float], data: Data | None = None) -> list[HypothesisTest]:
    """CLs for several values of the parameter of interest, by the asymptotic formulae.

    Args:
        model: The model.
        values: Values of the parameter of interest.
        data: The data; those of the workspace by default.

    Raises:
        WorkspaceError: If there is no parameter of interest, or a value is negative or not finite.
        NumericsError: If a fit does not converge.
    """
    for value in values:
        if not (np.isfinite(value) and value >= 0):
            raise WorkspaceError(f"{value} for '{model.poi}'", expected="a value that is zero or above")
    return evaluate(Reference.of(model, data), values)


def hypothesis_test(model: Model, value: float, data: Data | None = None) -> HypothesisTest:
    """CLs for one value of the parameter of interest; see `hypothesis_tests`."""
    return hypothesis_tests(model, [value], data)[0]


def evaluate(reference: Reference, values: Sequence[float]) -> list[HypothesisTest]:
    """`hypothesis_tests`, with the fits that all values share done before."""
    q, q_asimov = reference.statistics(values)
    clsb, clb = tail_probabilities(q, q_asimov)
    expected = expected_cls(q_asimov)
    return [
        HypothesisTest(
            **reference.model.identity(),
            poi_value=float(value),
            cls_obs=float(clsb[i] / clb[i]),
            cls_exp=expected[i].tolist(),
            clsb_obs=float(clsb[i]),
            clb_obs=float(clb[i]),
            q_obs=float(q[i]),
        )
        for i, value in enumerate(values)
    ]


def significance(model: Model, data: Data | None = None) -> Significance:
    """Significance of a signal: q₀ = −2 ln [L(0) / L(μ̂)] for μ̂ > 0, else 0 (eq. 12); Z = √q₀ (eq. 53).

    The expected significance is the median with a signal of strength 1, from its Asimov data.

    Raises:
        WorkspaceError: If there is no parameter of interest.
        NumericsError: If a fit does not converge.
    """
    data = data or model.observed
    reference = Reference.of(model, data)
    name = model.names[reference.poi]
    zero = checked(fit(model, data, fixed={name: 0.0}, start=reference.background))
    q0 = max(2 * (zero.value - reference.best_value), 0.0) if reference.best[reference.poi] > 0 else 0.0
    with_signal = checked(fit(model, data, fixed={name: 1.0}, start=reference.best))
    asimov = model.asimov(with_signal.theta)
    expected = checked(fit(model, asimov, fixed={name: 0.0}, start=with_signal.theta))
    return Significance(
        **model.identity(),
        q0=q0,
        p_value=float(norm.sf(np.sqrt(q0))),
        observed=float(np.sqrt(q0)),
        expected=float(np.sqrt(max(2 * (expected.value - _own_minimum(model, with_signal.theta, asimov)), 0.0))),
    )
