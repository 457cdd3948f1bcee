r"""Goodness of fit: of bins against the saturated model, of unbinned channels by how their events are distributed.

| what is tested | with |
|---|---|
| events in bins, auxiliary data, number of events of each unbinned channel | the saturated model |
| an unbinned channel, along the direction that the parameter of interest looks at | a histogram of its score |
| an unbinned channel, along all that its samples can tell apart | the energy distance between log-ratios |

An unbinned channel has no saturated model. Its number of events is a Poisson count, though, that its yields predict,
and so it enters the statistic of the saturated model as one bin; how the events are distributed, given their number, is
left to the other two. They look at fixed functions of the density ratios, which are sufficient for the fractions of
samples: what the ratios do not see does not change the estimates of these either.

Distributions are known from pseudo-experiments that are fitted in turn (`goodness_of_fit_with_toys` in toys.py). All
expectations are sums over the reference events: if these are not many more than the observed ones, their own scatter
looks like a misfit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln, xlogy
from scipy.stats import chi2

from neyman.core.random import stream
from neyman.likelihood.data import Data
from neyman.likelihood.fitting import Fit
from neyman.likelihood.model import Model
from neyman.likelihood.outcomes import GoodnessOfFit, UnbinnedGoodness
from neyman.likelihood.unbinned.channels import Events, UnbinnedChannel

_MOST_BINS = 50
_PER_BIN = 50  # effective reference events that a bin needs at least
_FLAT = 1e-9
_TINY = 1e-300
_ANGLES, _DIRECTIONS = 8, 24


def goodness_of_fit(fit: Fit) -> GoodnessOfFit:
    """−2 ln L above that of a model with a parameter for each bin, as a χ² (Baker and Cousins, NIM 221 (1984) 437).

    Auxiliary data count as measurements that each bring one parameter along, so that the degrees of freedom are the
    bins less the parameters that nothing constrains. For few events see `goodness_of_fit_with_toys` in toys.py.

    With unbinned channels there is no p-value of a χ²: parameters are fitted to the distribution of events as well,
    and then do not minimise this statistic.
    """
    model = fit.model
    statistic = saturated(model, fit.theta, fit.value, fit.data)
    free = int((~fit.fixed & ~model.constrained).sum())
    degrees = model.grid.bins - free
    return GoodnessOfFit(
        **model.identity(),
        statistic=statistic,
        degrees_of_freedom=degrees,
        p_value=float(chi2.sf(statistic, degrees)) if degrees > 0 and not model.unbinned else None,
        method="asymptotic",
        unbinned={look.channel.name: look.goodness() for look in looks(fit)},
    )


def saturated(model: Model, theta: Float[np.ndarray, " p"], value: float, data: Data) -> float:
    """−2 ln L of bins, of constraints and of the numbers of events of unbinned channels, above the saturated model.

    Args:
        model: The model.
        theta: Parameters in pyhf's order, shape (P,).
        value: −ln L there, without constants.
        data: The data.
    """
    terms = model.unbinned_terms(data)
    if terms is None:
        return 2 * value  # −ln L without constants is that ratio
    counts = np.array([max(events.total, 0.0) for events in data.events])
    expected = np.array([_at(model, channel, theta)[0].sum() for channel in model.unbinned])
    densities = float(terms.pull(theta[model.compiled.order], curvature=False).value)
    with np.errstate(divide="ignore"):
        found = value - densities + (xlogy(counts, counts / expected) - counts).sum()  # the value has the Σ ν
    return float(2 * found)


def looks(fit: Fit) -> list[Look]:
    """How to look at the events of each unbinned channel that has a reference."""
    return [Look.of(fit, u) for u, each in enumerate(fit.model.unbinned) if each.reference is not None]


class Distances(NamedTuple):
    """How far the events of a channel are from what is expected.

    Attributes:
        histogram: Baker and Cousins' χ² of the multinomial distribution, over bins of the score.
        energy: The energy distance times the number of events.
    """

    histogram: float
    energy: float


class Mixture(NamedTuple):
    """The density of an unbinned channel at a fixed point, relative to the reference.

    Attributes:
        coefficients: Of each sample, shape (S,).
        alpha: Parameters of shapes, shape (K,).
    """

    coefficients: Float[np.ndarray, " s"]
    alpha: Float[np.ndarray, " k"]

    @classmethod
    def at(cls, model: Model, channel: UnbinnedChannel, theta: Float[np.ndarray, " p"]) -> Mixture:
        """At parameters in pyhf's order."""
        yields, alpha = _at(model, channel, theta)
        return cls(yields / channel.normaliser(alpha, curvature=False).value, alpha)

    def __call__(self, events: Events) -> Float[np.ndarray, "s n"]:
        """What each sample adds to the density at events."""
        parts: Float[np.ndarray, "s n"] = self.coefficients[:, None] * events.templates.densities(self.alpha)
        return parts


@dataclass(frozen=True, eq=False)
class Summary:
    """What is histogrammed of an event.

    That is the score ∂ ln p / ∂μ of the parameter of interest, the most powerful function of an event for its value
    (optimal observable, Diehl and Nachtmann, Z. Phys. C 62 (1994) 397); or ln p / p_ref in a channel whose density does
    not depend on it.

    Attributes:
        here: The density at the best fit.
        sides: With a little more and a little less of the parameter of interest; None for ln p.
        step: Their distance.
    """

    here: Mixture
    sides: tuple[Mixture, Mixture] | None = None
    step: float = 1.0

    @classmethod
    def of(cls, fit: Fit, channel: UnbinnedChannel, reference: Events) -> Summary:
        """The score, if it is not the same for all events."""
        here = cls(Mixture.at(fit.model, channel, fit.theta))
        if fit.model.poi is None:
            return here
        place = fit.model.index(fit.model.poi)
        step = 1e-3 * (1 + abs(fit.theta[place]))
        along = step * (np.arange(len(fit.theta)) == place)
        up, down = (Mixture.at(fit.model, channel, fit.theta + sign * along) for sign in (1, -1))
        score = cls(here.here, (up, down), 2 * step)
        return score if np.ptp(score(reference)) > _FLAT else here

    def __call__(self, events: Events) -> Float[np.ndarray, " n"]:
        """Its values at events."""
        density = np.maximum(self.here(events).sum(0), _TINY)
        if self.sides is None:
            return np.asarray(np.log(density))
        up, down = (side(events) for side in self.sides)
        # Sample by sample, so that one that does not change is left out exactly: a small share stays above zero.
        return np.asarray((up - down).sum(0) / (self.step * density))


@dataclass(frozen=True, eq=False)
class Look:
    """Functions of an event that are fixed at a best fit, and then used for data and pseudo-experiments alike.

    Attributes:
        fit: The best fit.
        number: Number of the unbinned channel.
        summary: What is histogrammed.
        edges: Inner edges of its bins, which are of equal probability at the best fit, shape (B − 1,).
        scale: From log-ratios to the space of distances, shape (S − 1, D): D is how many directions they vary in.
    """

    fit: Fit
    number: int
    summary: Summary
    edges: Float[np.ndarray, " b"]
    scale: Float[np.ndarray, "r d"]

    @classmethod
    def of(cls, fit: Fit, number: int) -> Look:
        """Choose bins and scales by what is expected at the best fit."""
        channel = fit.model.unbinned[number]
        assert channel.reference is not None  # noqa: S101 - `looks` has looked
        reference, weights = channel.reference, _expected(fit.model, channel, fit.theta)
        summary = Summary.of(fit, channel, reference)
        bins = min(2 * fit.data.events[number].total ** 0.4, _size(weights) / _PER_BIN, _MOST_BINS)
        edges = _edges(summary(reference), weights, round(bins))
        return cls(fit, number, summary, edges, _scale(_logs(channel, reference), weights))

    @property
    def channel(self) -> UnbinnedChannel:
        """The channel."""
        return self.fit.model.unbinned[self.number]

    @property
    def reference(self) -> Events:
        """Its reference events."""
        assert self.channel.reference is not None  # noqa: S101 - `looks` has looked
        return self.channel.reference

    @cached_property
    def directions(self) -> Float[np.ndarray, "k d"]:
        """Unit vectors over which distances along a line are averaged: all there are, evenly spaced, or random."""
        dimensions = self.scale.shape[1]
        if dimensions == 1:
            return np.ones((1, 1))
        if dimensions == 2:
            angles = np.pi * np.arange(_ANGLES) / _ANGLES
            return np.stack([np.cos(angles), np.sin(angles)], axis=1)
        drawn = stream(0, "directions").normal(size=(_DIRECTIONS, dimensions))
        unit: Float[np.ndarray, "k d"] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        return unit

    @cached_property
    def _reference_bins(self) -> Int[np.ndarray, " n"]:
        return self._bins(self.reference)

    @cached_property
    def _reference_places(self) -> list[tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]]:
        """Along each direction, the order of the reference events and where they then are."""
        found = []
        for along in self._places(self.reference):
            order = np.argsort(along)
            found.append((order, along[order]))
        return found

    def _bins(self, events: Events) -> Int[np.ndarray, " n"]:
        return np.searchsorted(self.edges, self.summary(events), side="right")

    def _places(self, events: Events) -> Float[np.ndarray, "k n"]:
        found: Float[np.ndarray, "k n"] = self.directions @ (_logs(self.channel, events) @ self.scale).T
        return found

    def goodness(self) -> UnbinnedGoodness:
        """What the data say, without p-values of pseudo-experiments."""
        fit = self.fit
        events = fit.data.events[self.number]
        weights = _expected(fit.model, self.channel, fit.theta)
        found = self.distances(fit.theta, events)
        degrees, several = len(self.edges), self.scale.shape[1] > 0
        return UnbinnedGoodness(
            reference_size=_size(weights),
            summary="score" if self.summary.sides else "density",
            statistic=found.histogram if degrees else None,
            degrees_of_freedom=degrees,
            p_value_asymptotic=float(chi2.sf(found.histogram, degrees)) if degrees else None,
            energy=found.energy if several else None,
        )

    def distances(self, theta: Float[np.ndarray, " p"], events: Events) -> Distances:
        """How far events are from what is expected at a point; zero if there are none."""
        weights = _expected(self.fit.model, self.channel, theta)
        total = events.total
        if total <= 0:
            return Distances(0.0, 0.0)
        expected, observed = weights / weights.sum(), events.weights / total
        count = len(self.edges) + 1
        share = np.maximum(np.bincount(self._reference_bins, expected, count), 0.0)
        seen = np.maximum(np.bincount(self._bins(events), observed, count), 0.0)
        with np.errstate(divide="ignore"):
            histogram = 2 * total * xlogy(seen, np.where(seen > 0, seen, 1.0) / share).sum()
        along = [
            energy_distance(x, observed, y, expected[order])
            for x, (order, y) in zip(self._places(events), self._reference_places, strict=True)
        ]
        d = self.scale.shape[1]
        average = np.exp(gammaln((d + 1) / 2) - gammaln(d / 2)) * np.sqrt(np.pi)  # 1 / mean of |cos| over directions
        return Distances(float(histogram), float(total * average * np.mean(along)) if along else 0.0)


def energy_distance(
    x: Float[np.ndarray, " n"], w: Float[np.ndarray, " n"], y: Float[np.ndarray, " m"], v: Float[np.ndarray, " m"]
) -> float:
    """2 E|X − Y| − E|X − X′| − E|Y − Y′| on a line (Székely and Rizzo, J. Stat. Plan. Inference 143 (2013) 1249).

    Its average over all directions is, up to a factor, that of a space.

    Args:
        x: One sample.
        w: Its weights, whose sum is 1.
        y: Another, in ascending order.
        v: Its weights, whose sum is 1.

    Examples:
        >>> zero, one, all_ = np.zeros(1), np.ones(1), np.ones(1)
        >>> energy_distance(zero, all_, one, all_)
        2.0
    """
    order = np.argsort(x)
    x, w = x[order], w[order]
    below, moment = (np.concatenate([[0.0], np.cumsum(each)]) for each in (v, v * y))
    at = np.searchsorted(y, x, side="right")
    across = w @ (x * (2 * below[at] - below[-1]) + moment[-1] - 2 * moment[at])
    within_x = w @ (x * (np.cumsum(w) - w) - (np.cumsum(w * x) - w * x))
    within_y = v @ (y * below[:-1] - moment[:-1])
    return float(2 * (across - within_x - within_y))


def _at(
    model: Model, channel: UnbinnedChannel, theta: Float[np.ndarray, " p"]
) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, " k"]]:
    """Yields and parameters of shapes of a channel at a point."""
    table = model.expected(theta)[channel.name]
    return np.array([table[sample][0] for sample in channel.samples]), theta[model.compiled.order][channel.places]


def _expected(model: Model, channel: UnbinnedChannel, theta: Float[np.ndarray, " p"]) -> Float[np.ndarray, " n"]:
    """Weights of the reference events that make them what is expected."""
    found: Float[np.ndarray, " n"] = channel.expected_weights(*_at(model, channel, theta)).sum(0)
    return found


def _size(weights: Float[np.ndarray, " n"]) -> float:
    """Effective number of events."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _logs(channel: UnbinnedChannel, events: Events) -> Float[np.ndarray, "n r"]:
    """Log-ratios between the samples' nominal densities; of a single sample, to the reference density."""
    found = np.log(np.maximum(events.templates.densities(np.zeros(len(channel.alphas))), _TINY)).T
    return np.asarray(found[:, :-1] - found[:, -1:] if found.shape[1] > 1 else found)


def _edges(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"], bins: int) -> Float[np.ndarray, " b"]:
    """Inner edges of bins of equal probability; fewer where many events have one value."""
    order = np.argsort(values)
    share = np.maximum.accumulate(np.cumsum(weights[order]) / weights.sum())
    at = np.searchsorted(share, np.arange(1, bins) / bins) if bins > 1 else np.zeros(0, int)
    edges = np.unique(values[order][np.minimum(at, len(values) - 1)])
    return np.asarray(edges[(edges > values.min()) & (edges <= values.max())])


def _scale(logs: Float[np.ndarray, "n r"], weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, "r d"]:
    """What makes log-ratios uncorrelated and of unit variance, so that it does not matter which ratios they are."""
    share = weights / weights.sum()
    away = logs - share @ logs
    variance, axes = np.linalg.eigh((share[:, None] * away).T @ away)
    varies = variance > max(1e-10 * variance.max(), 1e-20)
    scale: Float[np.ndarray, "r d"] = axes[:, varies] / np.sqrt(variance[varies])
    return scale
