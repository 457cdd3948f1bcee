r"""Shower shapes of photons, in a simulation and in data that differ in each shape and in how they hang together.

Four shapes are given by correlated normal variables z, which p_T and η displace, stretch and skew:

\[ u_j = \mu_j(c) + \sigma_j(c)\, \sinh\!\big(\operatorname{arcsinh} z_j + \varepsilon_j\big), \qquad
   z \sim N\big(0,\; 1 + (1 - 0.4\,|\eta|/2.5)\,(R - 1)\big) \]

(M. C. Jones, A. Pewsey, Biometrika 96 (2009) 761, with δ = 1), and \(x_j = e^{u_j}\), but r9, which is below 1, is
the logistic function of its u. With \(a = (\eta/2.5)^2\) and \(b = \ln(p_T/40\,\mathrm{GeV})\),
\(\mu_j = \mu_0 + \mu_a a + \mu_b b\) and \(\ln \sigma_j = \ln \sigma_0 + \sigma_a a\).

| simulation / data | r9 | σ_iηiη | H/E | isolation |
|---|---|---|---|---|
| μ₀ | 2.6 / 2.4 | −4.65 / −4.62 | −3.6 / −3.5 | 0.2 / 0.35 |
| μ_a | −0.5 / −0.7 | 0.9 / 0.95 | 0.4 / 0.5 | 0.3 / 0.5 |
| μ_b | 0.25 / 0.2 | −0.05 / −0.04 | −0.3 / −0.3 | 0.2 / 0.25 |
| σ₀ | 0.8 / 0.9 | 0.09 / 0.1 | 0.6 / 0.65 | 0.6 / 0.65 |
| σ_a | 0.1 / 0.2 | 0.3 / 0.35 | 0.1 / 0.1 | 0.1 / 0.15 |
| ε | −0.1 / −0.2 | 0.1 / 0.2 | 0 / 0.1 | 0.1 / 0.1 |

R, simulation above the diagonal and data below:

| | r9 | σ_iηiη | H/E | isolation |
|---|---|---|---|---|
| r9 | | −0.70 | −0.30 | −0.10 |
| σ_iηiη | −0.45 | | 0.20 | 0.10 |
| H/E | −0.20 | 0.30 | | 0.20 |
| isolation | −0.30 | 0.10 | 0.50 | |

A perfect map of each shape alone leaves the correlations of simulation, which a classifier finds; a map of all four
need not. p_T − 20 GeV is exponential with mean 30 GeV and |η| < 2.5 uniform, in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from neyman.core.errors import ConfigError, DataError, near
from neyman.core.random import stream
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.simulation.protocol import check_count

CONDITIONS = Schema(
    (
        Column(name="pt", unit="GeV", low=20.0, label=r"$p_T$", role="condition"),
        Column(name="eta", low=-2.5, high=2.5, label=r"$\eta$", role="condition"),
    )
)
SHAPES = Schema(
    (
        Column(name="r9", low=0.0, high=1.0, label="$R_9$"),
        Column(name="sigma_ieta_ieta", low=0.0, label=r"$\sigma_{i\eta i\eta}$"),
        Column(name="h_over_e", low=0.0, label="$H/E$"),
        Column(name="isolation", unit="GeV", low=0.0, label=r"$I_\mathrm{ph}$"),
    )
)
SCHEMA = Schema((*SHAPES.columns, *CONDITIONS.columns))

MEAN_PT, REFERENCE_PT = 30.0, 40.0
DECORRELATION = 0.4
"""The part of the correlations that is gone at |η| = 2.5."""


@dataclass(frozen=True)
class _Law:
    """The numbers of the tables above, one for each shape.

    Attributes:
        location: μ₀, μ_a and μ_b.
        width: σ₀ and σ_a.
        skew: ε.
        correlation: R.
    """

    location: Float[np.ndarray, "3 4"]
    width: Float[np.ndarray, "2 4"]
    skew: Float[np.ndarray, 4]
    correlation: Float[np.ndarray, "4 4"]

    def moments(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """μ and σ of each shape, of shape `(n, 4)`."""
        a, b = (c[:, 1:] / CONDITIONS["eta"].high) ** 2, np.log(c[:, :1] / REFERENCE_PT)
        location = self.location[0] + self.location[1] * a + self.location[2] * b
        return location, self.width[0] * np.exp(self.width[1] * a)

    def correlations(self, c: np.ndarray) -> Float[np.ndarray, "n 4 4"]:
        """Of z, given each row of conditions."""
        kept = 1 - DECORRELATION * np.abs(c[:, 1]) / CONDITIONS["eta"].high
        return np.asarray(np.eye(4) + kept[:, None, None] * (self.correlation - np.eye(4)))

    def shapes(self, z: np.ndarray, c: np.ndarray) -> Float[np.ndarray, "n 4"]:
        """The shapes of the normal variables."""
        location, width = self.moments(c)
        u = location + width * np.sinh(np.arcsinh(z) + self.skew)
        return np.column_stack([special.expit(u[:, 0]), np.exp(u[:, 1:])])

    def normal(self, x: np.ndarray, c: np.ndarray) -> tuple[Float[np.ndarray, "n 4"], Float[np.ndarray, " n"]]:
        """The normal variables of the shapes, and ln |dz/dx|."""
        location, width = self.moments(c)
        u = np.column_stack([special.logit(x[:, 0]), np.log(x[:, 1:])])
        standard = (u - location) / width
        bent = np.arcsinh(standard) - self.skew
        slopes = np.log(np.cosh(bent)) - 0.5 * np.log1p(standard**2) - np.log(width) - np.log(x)
        slopes[:, 0] -= np.log1p(-x[:, 0])  # dr9/du = r9 (1 − r9)
        return np.sinh(bent), slopes.sum(axis=1)


def _correlation(*above: float) -> Float[np.ndarray, "4 4"]:
    """A matrix of correlations from what is above its diagonal, row by row."""
    matrix = np.eye(4)
    rows, columns = np.triu_indices(4, 1)
    matrix[rows, columns] = matrix[columns, rows] = above
    return matrix


LAWS: dict[str, _Law] = {
    "simulation": _Law(
        location=np.array([[2.6, -4.65, -3.6, 0.2], [-0.5, 0.9, 0.4, 0.3], [0.25, -0.05, -0.3, 0.2]]),
        width=np.array([[0.8, 0.09, 0.6, 0.6], [0.1, 0.3, 0.1, 0.1]]),
        skew=np.array([-0.1, 0.1, 0.0, 0.1]),
        correlation=_correlation(-0.7, -0.3, -0.1, 0.2, 0.1, 0.2),
    ),
    "data": _Law(
        location=np.array([[2.4, -4.62, -3.5, 0.35], [-0.7, 0.95, 0.5, 0.5], [0.2, -0.04, -0.3, 0.25]]),
        width=np.array([[0.9, 0.1, 0.65, 0.65], [0.2, 0.35, 0.1, 0.15]]),
        skew=np.array([-0.2, 0.2, 0.1, 0.1]),
        correlation=_correlation(-0.45, -0.2, -0.3, 0.3, 0.1, 0.5),
    ),
}


def shower_shapes_sample(kind: str, n: int, seed: int) -> Events:
    """Photons with their shower shapes.

    Args:
        kind: `simulation` or `data`; the same seed gives independent events of both.
        n: How many.
        seed: The seed.

    Returns:
        `r9`, `sigma_ieta_ieta`, `h_over_e`, `isolation` in GeV, and the conditions `pt` in GeV and `eta`.

    Raises:
        ConfigError: If there is no such kind.
        DataError: If `n` is not a whole number above zero.

    Examples:
        >>> shower_shapes_sample("data", 1000, seed=1)
        Events(1000 × [r9, sigma_ieta_ieta, h_over_e, isolation, pt, eta])
    """
    law, draw = _law(kind), stream(seed, "shower shapes", kind)
    pt = CONDITIONS["pt"].low + draw.exponential(MEAN_PT, check_count(n))
    c = np.column_stack([pt, draw.uniform(CONDITIONS["eta"].low, CONDITIONS["eta"].high, n)])
    z = np.einsum("nij,nj->ni", np.linalg.cholesky(law.correlations(c)), draw.standard_normal((n, 4)))
    return Events.from_matrix(np.column_stack([law.shapes(z, c), c]), SCHEMA)


def true_log_prob(kind: str, x: Float[np.ndarray, "n d"], c: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " n"]:
    """The logarithm of the density of shapes given conditions: per GeV, for isolation is in GeV.

    Args:
        kind: `simulation` or `data`.
        x: r9, σ_iηiη, H/E and isolation in GeV, above zero and r9 below one: of shape `(n, 4)`.
        c: p_T in GeV and η of each: of shape `(n, 2)`.

    Raises:
        ConfigError: If there is no such kind.
        DataError: If a value is not finite or out of range, or the shapes do not match.
    """
    law = _law(kind)
    z, slope = law.normal(*_checked(x, c))
    root = np.linalg.cholesky(law.correlations(c))
    white = np.linalg.solve(root, z[:, :, None])[:, :, 0]
    log_det = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    return np.asarray(slope - log_det - 0.5 * (white**2).sum(axis=1) - 2 * np.log(2 * np.pi))


def map_of_each(x: Float[np.ndarray, "n d"], c: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "n 4"]:
    r"""The exact \(F_\mathrm{data}^{-1}(F_\mathrm{sim}(x_j|c)|c)\) of each shape alone: what no such map can surpass.

    Args:
        x: Shapes of simulation, as for `true_log_prob`.
        c: p_T in GeV and η of each.

    Returns:
        Shapes that are distributed as in data one by one, but correlated as in simulation.

    Raises:
        DataError: If a value is not finite or out of range, or the shapes do not match.
    """
    z, _ = LAWS["simulation"].normal(*_checked(x, c))
    return LAWS["data"].shapes(z, c)


def _law(kind: str) -> _Law:
    if kind not in LAWS:
        raise ConfigError(f"no sample '{kind}'", expected="simulation or data", hint=near(kind, LAWS))
    return LAWS[kind]


def _checked(x: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapes and conditions, of which a density is known.

    Raises:
        DataError: If they are not that.
    """
    expected = f"({len(c)}, {len(SHAPES.columns)}) and ({len(c)}, {len(CONDITIONS.columns)})"
    if f"{x.shape} and {c.shape}" != expected:
        raise DataError(f"arrays of shape {x.shape} and {c.shape}", expected=expected)
    for schema, rows in ((SHAPES, x), (CONDITIONS, c)):
        for name, values in zip(schema.names, rows.T, strict=True):
            schema.check(name, values)
    if len(x) and (x.min() <= 0 or x[:, 0].max() >= 1):
        raise DataError("a shape of 0, or r9 of 1", expected="shapes above 0, r9 below 1")
    return x, c
