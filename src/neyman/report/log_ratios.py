"""How the events of unbinned channels are distributed before and after a fit, in bins that a page can show.

The axis is the same before and after: the logarithm of the nominal density of the signal over that of the other
samples, or, where there is only one kind of samples, of the nominal density of all over the reference density.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field

from neyman.core.results import Part
from neyman.likelihood.fitting import Fit
from neyman.likelihood.model import Model
from neyman.likelihood.results import FitResult, Number
from neyman.likelihood.unbinned.channels import Events, UnbinnedChannel
from neyman.plots.log_ratio import bin_of, filled, log_ratio_edges

FEWEST, MOST = 5, 25
"""Bins of a channel: as many as the square root of the events that are expected, within these limits."""
_STEP = 1e-4
_SAME = 1e-9


class Stage(Part):
    """What is expected at some values of the parameters.

    Attributes:
        samples: Events of each sample in each bin.
        error: Uncertainty of their sum in each bin, from the parameters; that of the reference events is not in it.
    """

    samples: dict[str, list[Number]]
    error: list[Number]


class LogRatioRegion(Part):
    """One unbinned channel.

    Attributes:
        name: The channel.
        over: The samples whose densities are compared, signals and others; null for all over the reference density.
        edges: Edges of the bins; the first and the last also hold what is beyond.
        prefit: What is expected at the initial values.
        postfit: What is expected at the best fit.
        data: Observed events in each bin; null if they are hidden.
        data_error: Their errors if they have weights; null for counts.
    """

    name: str
    over: tuple[list[str], list[str]] | None
    edges: list[float]
    prefit: Stage
    postfit: Stage
    data: list[Number] | None
    data_error: list[Number] | None = None


class LogRatios(FitResult):
    """All unbinned channels that have reference events, by which alone one knows what to expect.

    Attributes:
        regions: The channels.
    """

    regions: list[LogRatioRegion] = Field(default_factory=list)


def log_ratios(fit: Fit, *, signals: Sequence[str] = (), hidden: Sequence[str] = ()) -> LogRatios:
    """Fill the histograms of all unbinned channels.

    Args:
        fit: The best fit.
        signals: Samples that the parameter of interest scales.
        hidden: Channels whose data must not be seen.
    """
    model = fit.model
    pairs = zip(model.unbinned, fit.data.events, strict=True)
    found = [
        _region(fit, channel, events, signals=signals, hidden=channel.name in hidden)
        for channel, events in pairs
        if channel.reference is not None
    ]
    return LogRatios(**model.identity(), regions=[each for each in found if each is not None])


def _region(
    fit: Fit, channel: UnbinnedChannel, events: Events, *, signals: Sequence[str], hidden: bool
) -> LogRatioRegion | None:
    """None if all events are alike."""
    model, reference = fit.model, channel.reference
    assert reference is not None  # noqa: S101 - `log_ratios` has looked
    axis = _Axis.of(channel, _yields(model, channel, model.inits), signals)
    values = axis.values(channel, reference)
    if np.ptp(values) < _SAME:
        return None
    nominal = reference.templates.densities(np.zeros(len(channel.alphas))) * reference.weights
    total = abs(_yields(model, channel, model.inits).sum())
    bins = int(np.clip(np.sqrt(total), FEWEST, MOST))
    edges = log_ratio_edges(values, [axis.share[0] @ nominal], bins=bins)
    histogram = _Histogram(model, channel, bin_of(values, edges), bins)
    constrained = np.where(model.constrained & ~model.fixed, model.widths, 0.0) ** 2
    data = error = None
    if not hidden:
        seen = axis.values(channel, events)
        data = filled(seen, events.weights, edges).tolist()
        if not (events.weights == 1).all():
            error = np.sqrt(filled(seen, events.weights**2, edges)).tolist()
    return LogRatioRegion(
        name=channel.name,
        over=axis.over(channel),
        edges=edges.tolist(),
        prefit=histogram.stage(model.inits, np.diag(constrained)),
        postfit=histogram.stage(fit.theta, np.where(np.isfinite(fit.covariance), fit.covariance, 0.0)),
        data=data,
        data_error=error,
    )


class _Axis(NamedTuple):
    """Which densities are compared.

    Attributes:
        share: Weight of each sample in what is above and below the line of the fraction, shape (2, S); of two equal
            rows, the second stands for the reference density.
    """

    share: Float[np.ndarray, "2 s"]

    @classmethod
    def of(cls, channel: UnbinnedChannel, yields: Float[np.ndarray, " s"], signals: Sequence[str]) -> _Axis:
        is_signal = np.array([name in signals for name in channel.samples])
        both = is_signal.any() and not is_signal.all()
        groups = (is_signal, ~is_signal) if both else (np.ones(len(yields), bool),) * 2
        return cls(np.stack([_shares(np.where(group, np.abs(yields), 0.0), group) for group in groups]))

    @property
    def to_reference(self) -> bool:
        return bool((self.share[0] == self.share[1]).all())

    def values(self, channel: UnbinnedChannel, events: Events) -> Float[np.ndarray, " n"]:
        densities = np.log(self.share @ events.templates.densities(np.zeros(len(channel.alphas))))
        found: Float[np.ndarray, " n"] = densities[0] - (0.0 if self.to_reference else densities[1])
        return found

    def over(self, channel: UnbinnedChannel) -> tuple[list[str], list[str]] | None:
        if self.to_reference:
            return None
        above, below = ([channel.samples[s] for s in np.flatnonzero(row)] for row in self.share)
        return above, below


def _shares(size: Float[np.ndarray, " s"], group: Bool[np.ndarray, " s"]) -> Float[np.ndarray, " s"]:
    """Shares of the samples of a group; equal ones if none expects an event."""
    parts = size if size.any() else group.astype(float)
    found: Float[np.ndarray, " s"] = parts / parts.sum()
    return found


def _yields(model: Model, channel: UnbinnedChannel, theta: Float[np.ndarray, " p"]) -> Float[np.ndarray, " s"]:
    table = model.expected(theta)[channel.name]
    return np.array([table[sample][0] for sample in channel.samples])


class _Histogram(NamedTuple):
    """The expected histogram of a channel as a function of all parameters.

    Attributes:
        model: The model.
        channel: The channel.
        bins: Number of the bin of each reference event, shape (R,).
        size: How many bins, K.
    """

    model: Model
    channel: UnbinnedChannel
    bins: Int[np.ndarray, " r"]
    size: int

    def shapes(self, alpha: Float[np.ndarray, " a"]) -> Float[np.ndarray, "s k"]:
        """Share of each bin of each sample, whose sum is 1."""
        reference = self.channel.reference
        assert reference is not None  # noqa: S101 - `log_ratios` has looked
        weights = reference.templates.densities(alpha) * reference.weights
        filled = np.stack([np.bincount(self.bins, each, self.size) for each in weights])
        shares: Float[np.ndarray, "s k"] = filled / filled.sum(1, keepdims=True)
        return shares

    def stage(self, theta: Float[np.ndarray, " p"], covariance: Float[np.ndarray, "p p"]) -> Stage:
        """What is expected at a point, with the uncertainty of the parameters, to first order."""
        model, channel = self.model, self.channel
        yields, alpha = _yields(model, channel, theta), theta[model.compiled.order][channel.places]
        shapes = self.shapes(alpha)
        change = np.zeros((len(theta), self.size))
        for p in map(
            int, np.flatnonzero((np.diagonal(covariance) > 0) & ~model.bin_wise)
        ):  # no other acts on unbinned channels
            change[p] = _slope(lambda at: _yields(model, channel, at), theta, p) @ shapes
        place = model.compiled.order[channel.places].tolist()
        for k, p in enumerate(place):
            if covariance[p, p] > 0:
                change[p] += yields @ _slope(self.shapes, alpha, k)
        variance = np.einsum("pk,pq,qk->k", change, covariance, change)
        return Stage(
            samples={name: row.tolist() for name, row in zip(channel.samples, yields[:, None] * shapes, strict=True)},
            error=np.sqrt(np.maximum(variance, 0.0)).tolist(),
        )


def _slope(
    function: Callable[[Float[np.ndarray, " n"]], np.ndarray], at: Float[np.ndarray, " n"], index: int
) -> np.ndarray:
    """Its derivative in one of its arguments."""
    step = np.zeros(len(at))
    step[index] = _STEP * (1 + abs(at[index]))
    found: np.ndarray = (function(at + step) - function(at - step)) / (2 * step[index])
    return found
