r"""Impact parameters of muons as LHCb would see them, in a simulation that is too good and in data.

The impact parameter (IP) of a track is its distance from the primary vertex. Its two projections are normal, with one
width σ and a mean that misalignment displaces by ν, so that the IP follows Rice's law:

\[ \sigma^2 = \Big[\Big(a + \frac{b}{p_T}\Big)\,\big(1 + g (\tfrac{\eta - 3.2}{1.2})^2\big)\,
   \big(1 + \textstyle\sum_k s_k\, H(\tfrac{\eta - \eta_k}{0.05})\big)\,
   \big(1 + f e^{-\frac12 (\cos\phi / 0.25)^2}\big)\Big]^2 + \Big[\frac{v}{N^{0.7}}\Big]^2 \]

and in the tail, where a muon was scattered or badly measured, σ is larger by a factor of median t and log-normal
spread 0.6. H is the logistic function: a step where tracks of that η begin to cross more material, smeared by the
length of the luminous region. Between the halves of the detector, where they overlap, ν goes from the one to the other
as H(cos φ/0.05). N = 8 + 6 Γ(5)/√n_PV tracks make the vertex, and a muon is in the tail with the probability
\(1 - \exp(-\tau (1 + n_{PV})/2)\), for other vertices confuse. Neither is observed: given all that is, the IP is a
mixture of Rice laws. n_PV − 1 is Poisson with mean 1.2.

| number | unit | simulation | data | what it is |
|---|---|---|---|---|
| a | µm | 11.6 | 12.8 | resolution of a track of high p_T |
| b | µm GeV | 23.4 | 26.0 | multiple scattering; with a, 35 µm at 1 GeV in simulation |
| g | | 0.15 | 0.22 | growth away from η = 3.2 |
| s₁, η₁ = 2.7 | | 0.04 | 0.08 | material: a step in η |
| s₂, η₂ = 3.8 | | 0.06 | 0.12 | material: another |
| f | | 0.04 | 0.12 | RF foil, where the two halves overlap, at φ = ±π/2 |
| v | µm | 60 | 66 | resolution of the vertex, 6 µm for 28 tracks |
| ν, cos φ < 0 | µm | 0 | 2 | misalignment of the left half |
| ν, cos φ > 0 | µm | 0 | 6 | misalignment of the right half |
| τ | | 0.008 | 0.015 | scale of the probability of the tail |
| t | | 4 | 5 | how much wider the tail is |

The numbers are of the size that LHCb quotes (arXiv:1405.7808: below 35 µm above 1 GeV, vertices to 13 µm); the
differences are invented, of the size that is found. Nothing else differs: p_T, η, φ and n_PV are distributed alike.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from neyman.core.errors import ConfigError, DataError, near
from neyman.core.random import stream
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.simulation.muon_kinematics import muon_kinematics
from neyman.simulation.protocol import check_count, generator
from neyman.simulation.pythia.muons import KINEMATICS
from neyman.simulation.rice import RiceMixture

MUONS = Schema(KINEMATICS)
CONDITIONS = Schema((*KINEMATICS, Column(name="npv", low=1.0, label=r"$n_\mathrm{PV}$", role="condition")))
IP = Column(name="ip", unit="mm", low=0.0, high=10.0, label="IP")
SCHEMA = Schema((IP, *CONDITIONS.columns))

MICRONS = 1e3
"""In a millimetre."""
EXTRA_VERTICES = 1.2
STEPS, STEP_WIDTH = (2.7, 3.8), 0.05
FOIL_WIDTH, OVERLAP_WIDTH = 0.25, 0.05
TRACKS_LEAST, TRACKS_SHAPE, TRACKS_SCALE, TRACKS_POWER = 8.0, 5.0, 6.0, 0.7
TAIL_SPREAD = 0.6
ROWS_AT_ONCE = 128
"""Each takes 208 nodes; so many rows stay in the cache of a core."""


@dataclass(frozen=True)
class Numbers:
    """A column of the table above."""

    a: float
    b: float
    growth: float
    steps: tuple[float, float]
    foil: float
    vertex: float
    offsets: tuple[float, float]
    tail: float
    widening: float


NUMBERS: dict[str, Numbers] = {
    "simulation": Numbers(11.6, 23.4, 0.15, (0.04, 0.06), 0.04, 60.0, (0.0, 0.0), 0.008, 4.0),
    "data": Numbers(12.8, 26.0, 0.22, (0.08, 0.12), 0.12, 66.0, (2.0, 6.0), 0.015, 5.0),
}


@dataclass(frozen=True)
class ImpactParameter:
    """The law of the impact parameter given p_T, η, φ and n_PV.

    Conditions are an array of shape `(n, 4)`: p_T in GeV above 20, η from 2 to 4.5, φ in radians, n_PV from 1.

    Attributes:
        kind: `simulation` or `data`.

    Raises:
        ConfigError: If there is no such kind.

    Examples:
        >>> muon = np.array([[40.0, 3.0, 0.0, 2.0]])
        >>> for kind in ("simulation", "data"):
        ...     median, far = (1000 * ImpactParameter(kind).quantile(np.array([p]), muon)[0] for p in (0.5, 0.99))
        ...     print(f"{kind}: median {median:.1f} µm, 1 % above {far:.0f} µm")
        simulation: median 16.7 µm, 1 % above 49 µm
        data: median 19.9 µm, 1 % above 100 µm
    """

    kind: str

    def __post_init__(self) -> None:
        if self.kind not in NUMBERS:
            raise ConfigError(f"no sample '{self.kind}'", expected="simulation or data", hint=near(self.kind, NUMBERS))

    def sample(self, kinematics: Events | Mapping[str, np.ndarray], rng: np.random.Generator | int) -> Events:
        """One event for each muon, with a number of vertices drawn for it.

        Args:
            kinematics: Columns `pt`, `eta` and `phi`; others are ignored.
            rng: A generator, or a seed for one.

        Returns:
            `ip` in mm, `pt`, `eta`, `phi`, `npv`.

        Raises:
            DataError: If a column is missing, or a value is not finite or out of range.
        """
        draw = generator(rng)
        given = {name: kinematics[name] for name in MUONS.names} if isinstance(kinematics, Events) else kinematics
        muons = Events(given, MUONS, where="kinematics")
        n = len(muons)
        npv = 1 + draw.poisson(EXTRA_VERTICES, n).astype(np.float64)
        conditions = np.column_stack([muons.matrix, npv])
        width = self._width(conditions, draw.gamma(TRACKS_SHAPE, TRACKS_SCALE, n))
        in_tail = draw.random(n) < self._tail(conditions)
        factor = np.where(in_tail, self._widened(draw.standard_normal(n)), 1.0)
        along, across = factor * width * draw.standard_normal((2, n))
        ip = np.hypot(along + self._offset(conditions), across) / MICRONS
        return Events.from_matrix(np.column_stack([ip, conditions]), SCHEMA)

    def cdf(self, ip: Float[np.ndarray, " n"], conditions: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " n"]:
        """The probability of a smaller impact parameter, what is not observed integrated out.

        By Gauss-Laguerre quadrature over the tracks of the vertex, and Gauss-Hermite quadrature over the tail: good to
        1e-6, and in the tail to 1e-3 of what is above as far as 1 mm.

        Args:
            ip: In mm.
            conditions: One row for each.

        Raises:
            DataError: If a value is not finite or out of range, or the lengths differ.
        """
        return self._each_piece(lambda law, at: law.probabilities(at)[0], _checked_ip(ip) * MICRONS, conditions)

    def quantile(self, p: Float[np.ndarray, " n"], conditions: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " n"]:
        """The impact parameter in mm below which lies a probability: the inverse of `cdf`.

        Raises:
            DataError: If a probability is not from 0 to below 1, a condition is out of range, or the lengths differ.
        """
        if not ((p >= 0) & (p < 1)).all():
            raise DataError("a probability that is NaN or outside [0, 1)", expected="numbers from 0 to below 1")
        with np.errstate(divide="ignore"):
            log_odds = np.log(p) - np.log1p(-p)
        return self._at_log_odds(log_odds, conditions)

    def log_odds(self, ip: Float[np.ndarray, " n"], conditions: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " n"]:
        """The logarithm of F/(1 − F), F as in `cdf`: also where F is 1 but for rounding; −∞ at zero.

        Raises:
            DataError: As `cdf`.
        """
        return self._each_piece(RiceMixture.log_odds, _checked_ip(ip) * MICRONS, conditions)

    def _at_log_odds(self, value: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        return self._each_piece(RiceMixture.length_at, value, conditions) / MICRONS

    def _each_piece(
        self, function: Callable[[RiceMixture, np.ndarray], np.ndarray], values: np.ndarray, conditions: np.ndarray
    ) -> np.ndarray:
        """A function of the law given each row of conditions and of a value for it, some rows at once."""
        if len(values) != len(_checked(conditions)):
            raise DataError(f"{len(values)} values for {len(conditions)} rows of conditions", expected="one for each")
        out = np.empty(len(values))
        for start in range(0, len(values), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            out[rows] = function(self._law(conditions[rows]), values[rows])
        return out

    def _law(self, conditions: np.ndarray) -> RiceMixture:
        nodes, tail = _nodes(), self._tail(conditions)[:, None]
        width = self._width(conditions[:, None, :], nodes.tracks)
        return RiceMixture(
            np.where(nodes.in_tail, width * self._widened(nodes.spread), width),
            np.where(nodes.in_tail, tail, 1 - tail) * nodes.weights,
            self._offset(conditions),
        )

    @property
    def _numbers(self) -> Numbers:
        return NUMBERS[self.kind]

    def _width(self, conditions: np.ndarray, tracks: np.ndarray) -> np.ndarray:
        """σ in µm outside the tail: `conditions` of shape `(..., 4)`, the Γ variable of the tracks of `(...)`."""
        numbers = self._numbers
        pt, eta, phi, npv = np.moveaxis(conditions, -1, 0)
        track = (numbers.a + numbers.b / pt) * (1 + numbers.growth * ((eta - 3.2) / 1.2) ** 2)
        steps = zip(numbers.steps, STEPS, strict=True)
        track = track * (1 + sum(step * special.expit((eta - at) / STEP_WIDTH) for step, at in steps))
        track = track * (1 + numbers.foil * np.exp(-0.5 * (np.cos(phi) / FOIL_WIDTH) ** 2))
        vertex = numbers.vertex / (TRACKS_LEAST + tracks / np.sqrt(npv)) ** TRACKS_POWER
        return np.asarray(np.hypot(track, vertex))

    def _offset(self, conditions: np.ndarray) -> np.ndarray:
        """ν in µm."""
        left, right = self._numbers.offsets
        return np.asarray(left + (right - left) * special.expit(np.cos(conditions[:, 2]) / OVERLAP_WIDTH))

    def _tail(self, conditions: np.ndarray) -> np.ndarray:
        return -np.expm1(-0.5 * self._numbers.tail * (1 + conditions[:, 3]))

    def _widened(self, spread: np.ndarray) -> np.ndarray:
        return self._numbers.widening * np.exp(TAIL_SPREAD * spread)


def true_map(ip: Float[np.ndarray, " n"], conditions: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " n"]:
    r"""What a correction of the impact parameter is to find: \(F_\mathrm{data}^{-1}(F_\mathrm{sim}(x|c)|c)\).

    Args:
        ip: Of simulation, in mm.
        conditions: One row for each.

    Raises:
        DataError: If a value is not finite or out of range, or the lengths differ.

    Examples:
        >>> muon = np.array([[40.0, 3.0, 0.0, 2.0]])
        >>> print(np.round(1000 * true_map(np.array([0.017]), muon), 1))  # from 17 µm
        [20.2]
    """
    log_odds = ImpactParameter("simulation").log_odds(ip, conditions)
    return ImpactParameter("data")._at_log_odds(log_odds, conditions)


def impact_parameter_sample(kind: str, n: int, seed: int, *, kinematics: str = "toy") -> Events:
    """Muons with their impact parameters.

    Args:
        kind: `simulation` or `data`; the same seed gives independent events of both.
        n: How many.
        seed: The seed.
        kinematics: `toy` or `pythia`; see `muon_kinematics`.

    Returns:
        `ip` in mm, `pt` in GeV, `eta`, `phi` in radians, `npv`.

    Raises:
        ConfigError: If there is no such kind or kinematics.
        DataError: If `n` is not a whole number above zero.
        MissingDependencyError: If kinematics come from Pythia, and it is not installed.

    Examples:
        >>> impact_parameter_sample("simulation", 1000, seed=1)
        Events(1000 × [ip, pt, eta, phi, npv])
    """
    law = ImpactParameter(kind)
    draw = stream(seed, "impact parameter", kind)
    return law.sample(muon_kinematics(check_count(n), draw, kinematics), draw)


@dataclass(frozen=True)
class _Nodes:
    """Where what is not observed is integrated: each array has one entry for a node."""

    tracks: np.ndarray
    spread: np.ndarray
    in_tail: np.ndarray
    weights: np.ndarray


@functools.cache
def _nodes() -> _Nodes:
    """Fewer over the tracks in the tail, where the law is smoother."""
    return _nodes_of(core_tracks=16, tail_tracks=8, spreads=24)


def _nodes_of(core_tracks: int, tail_tracks: int, spreads: int) -> _Nodes:
    core, core_weights = _gamma_nodes(core_tracks)
    tail, tail_weights = _gamma_nodes(tail_tracks)
    spread, spread_weights = np.polynomial.hermite_e.hermegauss(spreads)
    return _Nodes(
        tracks=np.concatenate([core, np.repeat(tail, spreads)]),
        spread=np.concatenate([np.zeros(core_tracks), np.tile(spread, tail_tracks)]),
        in_tail=np.arange(core_tracks + tail_tracks * spreads) >= core_tracks,
        weights=np.concatenate([core_weights, np.outer(tail_weights, spread_weights / spread_weights.sum()).ravel()]),
    )


def _gamma_nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = special.roots_genlaguerre(count, TRACKS_SHAPE - 1)
    return nodes * TRACKS_SCALE, weights / weights.sum()


def _checked(conditions: np.ndarray) -> np.ndarray:
    if conditions.ndim != 2 or conditions.shape[1] != len(CONDITIONS.columns):
        raise DataError(
            f"conditions of shape {conditions.shape}",
            expected=f"(events, {len(CONDITIONS.columns)}): {', '.join(CONDITIONS.names)}",
        )
    for name, values in zip(CONDITIONS.names, conditions.T, strict=True):
        CONDITIONS.check(name, values)
    return conditions


def _checked_ip(ip: np.ndarray) -> np.ndarray:
    SCHEMA.check(IP.name, ip)
    return ip
