"""Signal and background from three Gaussians: the toy on which pairs of scores for ABCD are compared.

Of C. Pollard et al., *ABCDisCo*, arXiv:2007.14400, section 3, with a final discriminant added. What an optimal
classifier would learn is known in closed form, and so is how well it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from neyman.core.errors import ConfigError, DataError, near
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.simulation.protocol import check_count, generator

LABELS = ("background", "signal")

_SCHEMA = Schema(
    (
        *(Column(name=name, label=f"$x_{name[1]}$") for name in ("x0", "x1", "x2")),
        Column(name="m", low=0.0, high=1.0, label="$m$"),
    )
)


@dataclass(frozen=True)
class ThreeGaussians:
    r"""Events in three features \(x_0, x_1, x_2\) and a final discriminant \(m\) in [0, 1].

    Background: mean 0, σ in each, correlation ρ of the first two. Signal: displaced means, σ, independent. Within a
    class \(m\) knows nothing of \(x\): background falls as \(e^{-m/\text{decay}}\), signal is a normal peak, both cut
    to [0, 1].

    Attributes:
        scale: σ.
        correlation: ρ of the first two features in the background.
        signal_means: Means of the three features in the signal.
        decay: Scale of the exponential of `m` in the background.
        peak: Mean and width of `m` in the signal, before it is cut.

    Raises:
        ConfigError: If a number is not finite, a width is not above zero, or ρ is not between −1 and 1.

    Examples:
        >>> toy = ThreeGaussians()
        >>> signal = toy.sample(1000, "signal", rng=1)
        >>> signal
        Events(1000 × [x0, x1, x2, m])
        >>> threshold = toy.log_ratio_quantile(0.9, "signal")  # keeps 90 % of the signal, and of the background
        >>> round(float(toy.log_ratio_survival(np.array([threshold]), "background")[0]), 5)
        0.00334
    """

    scale: float = 1.5
    correlation: float = -0.8
    signal_means: tuple[float, float, float] = (2.5, 2.5, 2.0)
    decay: float = 0.3
    peak: tuple[float, float] = (0.5, 0.1)

    def __post_init__(self) -> None:
        if not np.isfinite([self.scale, self.correlation, *self.signal_means, self.decay, *self.peak]).all():
            raise ConfigError(f"{self!r}", expected="finite numbers")
        if min(self.scale, self.decay, self.peak[1]) <= 0:
            raise ConfigError(
                f"widths scale={self.scale:g}, decay={self.decay:g}, peak={self.peak[1]:g}", expected="all above zero"
            )
        if not -1 < self.correlation < 1:
            raise ConfigError(f"correlation is {self.correlation:g}", expected="a number between -1 and 1")

    @property
    def schema(self) -> Schema:
        """The columns `x0`, `x1`, `x2` and `m`."""
        return _SCHEMA

    def covariance(self, label: str) -> Float[np.ndarray, "3 3"]:
        """The covariance of the three features in a class."""
        matrix = np.eye(3)
        if _known(label) == "background":
            matrix[0, 1] = matrix[1, 0] = self.correlation
        return matrix * self.scale**2

    def mean(self, label: str) -> Float[np.ndarray, 3]:
        """The means of the three features in a class."""
        return np.array(self.signal_means) if _known(label) == "signal" else np.zeros(3)

    def sample(self, n: int, label: str, rng: np.random.Generator | int) -> Events:
        """Independent events of one class.

        Args:
            n: How many.
            label: Which class.
            rng: A generator, or a seed for one.

        Raises:
            DataError: If there is no such class, or `n` is below one.
        """
        count, draw = check_count(n), generator(rng)
        root = np.linalg.cholesky(self.covariance(label))
        x = self.mean(label) + draw.standard_normal((count, 3)) @ root.T
        m = self._discriminant(label).ppf(draw.random(count))
        return Events.from_matrix(np.column_stack([x, np.clip(m, 0.0, 1.0)]), self.schema)

    def log_ratio(self, events: Events) -> Float[np.ndarray, " n"]:
        r"""\(\ln p_s(x)/p_b(x)\) of the three features: what an optimal classifier of them learns."""
        x = np.stack([events[name] for name in ("x0", "x1", "x2")], axis=1)
        densities = {}
        for label in LABELS:
            root = np.linalg.cholesky(self.covariance(label))
            standard = np.linalg.solve(root, (x - self.mean(label)).T)
            densities[label] = -0.5 * (standard**2).sum(axis=0) - np.log(np.diag(root)).sum()
        return np.asarray(densities["signal"] - densities["background"])

    def log_ratio_m(self, events: Events) -> Float[np.ndarray, " n"]:
        r"""\(\ln p_s(m)/p_b(m)\) of the final discriminant; add it to `log_ratio` for that of all columns."""
        m = events["m"]
        return np.asarray(self._discriminant("signal").logpdf(m) - self._discriminant("background").logpdf(m))

    def log_ratio_survival(self, threshold: Float[np.ndarray, " k"], label: str) -> Float[np.ndarray, " k"]:
        r"""The fraction of a class whose `log_ratio` is above each threshold: how well the best classifier does.

        The log-ratio is quadratic in normal variables, \(\sum_j \alpha_j z_j^2 + \beta_j z_j + \gamma_j\). Its
        characteristic function is known, and is turned into a tail probability by the midpoint sum of R. B. Davies,
        Biometrika 60 (1973) 415, eq. 8; good to 1e-10 absolute.

        Raises:
            DataError: If there is no such class, or a threshold is NaN.
        """
        at = np.asarray(threshold, dtype=np.float64)
        if np.isnan(at).any():
            raise DataError("a threshold is NaN", where="log_ratio_survival", expected="numbers")
        alpha, beta, gamma = self._quadratic(label)
        low, high = _reach(alpha, beta, gamma)
        step = 2 * np.pi / (high - low)
        t = step * (np.arange(_terms(alpha, beta, step)) + 0.5)
        width = 1 - 2j * np.outer(t, alpha)
        phi = np.exp(
            (1j * np.outer(t, gamma) - 0.5 * (t[:, None] * beta) ** 2 / width - 0.5 * np.log(width)).sum(axis=1)
        )
        sums = [float((np.imag(phi * np.exp(-1j * y * t)) / t).sum()) for y in np.clip(at, low, high)]
        return np.clip(0.5 + np.array(sums) * step / np.pi, 0.0, 1.0)

    def discriminant_shares(self, edges: Float[np.ndarray, " e"], label: str) -> Float[np.ndarray, " b"]:
        """The fraction of a class in each bin of m.

        Raises:
            DataError: If there is no such class.

        Examples:
            >>> ThreeGaussians().discriminant_shares(np.array([0.0, 0.5, 1.0]), "signal")
            array([0.5, 0.5])
        """
        shares: Float[np.ndarray, " b"] = np.diff(self._discriminant(label).cdf(edges))
        return shares

    def log_ratio_quantile(self, survival: float, label: str) -> float:
        """The threshold on `log_ratio` that keeps a fraction of a class.

        Raises:
            DataError: If the fraction is not between 0 and 1.
        """
        from scipy.optimize import brentq

        if not 0 < survival < 1:
            raise DataError(f"a fraction of {survival!r}", expected="a number between 0 and 1")
        low, high = _reach(*self._quadratic(label))
        kept = lambda at: float(self.log_ratio_survival(np.array([at]), label)[0]) - survival  # noqa: E731
        return float(brentq(kept, low, high, xtol=1e-10))

    def _quadratic(self, label: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """α, β and γ of the log-ratio in independent unit normals of a class, one entry for each direction.

        (x0 ± x1)/√2 and x2 are independent in both classes.
        """
        turn = np.array([[1, 1, 0], [1, -1, 0], [0, 0, np.sqrt(2)]]) / np.sqrt(2)
        background = self.scale**2 * np.array([1 + self.correlation, 1 - self.correlation, 1])
        signal, shift = np.full(3, self.scale**2), turn @ self.mean("signal")
        # ln p_s/p_b = ½ [u²/V_b − (u − s)²/V_s + ln V_b/V_s]; then u = mean + width · z.
        square, linear = 0.5 * (1 / background - 1 / signal), shift / signal
        constant = 0.5 * (np.log(background / signal) - shift**2 / signal)
        mean, width = turn @ self.mean(label), np.sqrt(background if label == "background" else signal)
        return (
            square * width**2,
            (2 * square * mean + linear) * width,
            square * mean**2 + linear * mean + constant,
        )

    def _discriminant(self, label: str) -> Any:  # noqa: ANN401 - scipy has no types
        if _known(label) == "background":
            return stats.truncexpon(1 / self.decay, scale=self.decay)
        location, width = self.peak
        return stats.truncnorm(-location / width, (1 - location) / width, loc=location, scale=width)


def _reach(alpha: np.ndarray, beta: np.ndarray, gamma: np.ndarray) -> tuple[float, float]:
    """An interval outside which nothing is left, also of a tail that falls only as exp(−y/2|α|)."""
    mean = float((alpha + gamma).sum())
    half = 12 * float(np.sqrt((2 * alpha**2 + beta**2).sum())) + 50 * float(np.abs(alpha).max())
    return mean - half, mean + half


def _terms(alpha: np.ndarray, beta: np.ndarray, step: float) -> int:
    """How many frequencies it takes until the modulus of the characteristic function is below 1e-12.

    Raises:
        ConfigError: If it does not fall fast enough, for want of a linear term.
    """
    for terms in [1 << power for power in range(6, 18)]:
        width = 1 + (2 * terms * step * alpha) ** 2
        if (-0.5 * (terms * step * beta) ** 2 / width - 0.25 * np.log(width)).sum() < np.log(1e-12):
            return terms
    raise ConfigError(
        "signal and background have nearly the same mean in x2",
        expected="means that differ: only then has the log-ratio a smooth density",
    )


def _known(label: str) -> str:
    if label not in LABELS:
        raise DataError(f"no class '{label}'", expected="background or signal", hint=near(label, LABELS))
    return label
