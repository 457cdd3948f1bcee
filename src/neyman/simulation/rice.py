r"""The length of a two-dimensional normal vector whose width is uncertain: mixtures of Rice's law.

With width σ in each direction and a mean of length ν the length r has
\(P(R > r) = Q_1(\nu/\sigma, r/\sigma)\), Marcum's function (S. O. Rice, Bell Syst. Tech. J. 24 (1945) 46, eq. 3.10-11).
In \(y = r^2/2\sigma^2\) and \(m = \nu^2/2\sigma^2\) that is a sum of positive terms,

\[ P(R > r) = e^{-y} \sum_{j \ge 0} \mathrm{Poisson}(j; m) \sum_{i \le j} \frac{y^i}{i!}, \]

which is exact far out where a distribution function is 1 but for rounding, and whose derivative comes with it. It is
short if ν is small beside σ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

TERMS = 16
"""Of the sum over j: enough for 1e-10 of the probability above r, as far as ν = σ and r = 7 σ."""
FURTHEST = 700.0
"""The largest y: beyond it a law has a probability of 1e-300."""
MAX_STEPS = 60
TOLERANCE = 1e-10


@dataclass(frozen=True)
class RiceMixture:
    """For each of n rows, k Rice laws with weights.

    Attributes:
        widths: σ of each.
        weights: Their weights, which sum to one in a row.
        offset: ν of each row.
    """

    widths: Float[np.ndarray, "n k"]
    weights: Float[np.ndarray, "n k"]
    offset: Float[np.ndarray, " n"]

    def probabilities(
        self, length: Float[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """The probability below and above a length in each row, and its density per unit of ln(length).

        Both are exact where they are small.
        """
        y = np.minimum(0.5 * (length[:, None] / self.widths) ** 2, FURTHEST)
        m = 0.5 * (self.offset[:, None] / self.widths) ** 2
        poisson, power = np.exp(-m), np.ones_like(y)  # Poisson(j; m) and y^j/j!
        beyond_one, density, sums = np.zeros_like(y), poisson.copy(), np.zeros_like(y)
        for j in range(1, TERMS if self.offset.any() else 1):
            poisson, power = poisson * m / j, power * y / j
            sums += power
            beyond_one += poisson * sums
            density += poisson * power
        damped = self.weights * np.exp(-y)
        above = (damped * (1 + beyond_one)).sum(axis=1)
        below = (-self.weights * np.expm1(-y) - damped * beyond_one).sum(axis=1)
        return below, above, (2 * y * damped * density).sum(axis=1)

    def log_odds(self, length: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The logarithm of P(below)/P(above) of a length in each row; −∞ at zero."""
        below, above, _ = self.probabilities(length)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(below) - np.log(above))

    def length_at(self, log_odds: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The length at which `log_odds` is a given number, to 1e-10 of it.

        By Newton's method in ln(length), where the log-odds rise smoothly, held inside a bracket: no row is below the
        Rayleigh law of its narrowest width, nor above that of its widest displaced by ν.
        """
        rayleigh = np.sqrt(2 * np.logaddexp(0.0, log_odds))
        with np.errstate(divide="ignore"):  # a length of zero is not searched for
            low = np.log(self.widths.min(axis=1) * rayleigh)
            at = np.log(rayleigh) + (self.weights * np.log(self.widths)).sum(axis=1)
            high = np.log(self.widths.max(axis=1) * rayleigh + self.offset)
        left = np.flatnonzero(rayleigh)
        for _ in range(MAX_STEPS):
            below, above, density = self.select(left).probabilities(np.exp(at[left]))
            with np.errstate(divide="ignore", invalid="ignore"):
                excess = np.log(below) - np.log(above) - log_odds[left]
                newton = at[left] - excess * below * above / density
            low[left] = np.where(excess <= 0, at[left], low[left])
            high[left] = np.where(excess >= 0, at[left], high[left])
            inside = (newton >= low[left]) & (newton <= high[left])
            following = np.where(inside, newton, 0.5 * (low[left] + high[left]))
            done = np.abs(following - at[left]) < TOLERANCE
            at[left] = following
            left = left[~done]
            if not left.size:
                break
        return np.asarray(np.exp(at))

    def select(self, rows: Int[np.ndarray, " m"]) -> RiceMixture:
        """Some of the rows."""
        return RiceMixture(self.widths[rows], self.weights[rows], self.offset[rows])
