"""How far one sample is from data: histograms, inclusive and in cells, distances, a classifier, tails.

All of it is for weighted events, negative weights included. None of the numbers is zero for two samples of the same
distribution: what they are then is the *floor*, the same metric for a second sample of data of that size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neyman.calibration.cells import Cells
from neyman.calibration.classifier import Area, classifier_area
from neyman.calibration.config import ChecksConfig
from neyman.calibration.results import Metrics, TailRatio
from neyman.calibration.sample import Sample
from neyman.calibration.weighted import Distribution, effective_events, fraction_above, total_weight, wasserstein
from neyman.core.errors import DataError

LEAST_PER_BIN = 20
"""Effective events of either sample that a bin of equal population has at least, for χ² to be χ²."""

DEFAULT_TAILS = (0.99, 0.999)
"""Quantiles of data beyond which events are counted, of variables without thresholds."""


@dataclass(frozen=True)
class Chi2:
    """A χ² and its degrees of freedom; both add up.

    Attributes:
        value: χ².
        dof: Degrees of freedom: the bins, less one for the common scale.
    """

    value: float = 0.0
    dof: int = 0

    def __add__(self, other: Chi2) -> Chi2:
        return Chi2(self.value + other.value, self.dof + other.dof)

    @property
    def per_bin(self) -> float:
        """χ² per degree of freedom; NaN without one."""
        return self.value / self.dof if self.dof else np.nan


def histogram_chi2(
    candidate: Float[np.ndarray, " n"],
    candidate_weights: Float[np.ndarray, " n"],
    data: Float[np.ndarray, " m"],
    data_weights: Float[np.ndarray, " m"],
    bins: int,
) -> Chi2:
    """χ² of two weighted histograms of the same shape in bins that hold equal shares of the data.

    Σ (a/A − b/B)²/(σₐ²/A² + σ_b²/B²), where a and b are sums of weights in a bin, A and B those of all bins, and
    σ² = Σw² (Gagunashvili, arXiv:physics/0605123). One degree of freedom is lost as the histograms are scaled to each
    other. Where there are few events, bins are fewer, so that each has `LEAST_PER_BIN` of either.

    Returns:
        χ²; without degrees of freedom if there are too few events for two bins.
    """
    events = min(effective_events(candidate_weights), effective_events(data_weights))
    bins = min(bins, int(events / LEAST_PER_BIN))
    if bins < 2 or min(candidate_weights.sum(), data_weights.sum()) <= 0:
        return Chi2()
    edges = np.unique(Distribution.of(data, data_weights).quantile(np.arange(1, bins) / bins))
    a, variance_a = _shares(candidate, candidate_weights, edges)
    b, variance_b = _shares(data, data_weights, edges)
    variance = variance_a + variance_b
    filled = variance > 0
    return Chi2(float((((a - b) ** 2)[filled] / variance[filled]).sum()), max(int(filled.sum()) - 1, 0))


def _shares(
    values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"], edges: Float[np.ndarray, " e"]
) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
    """The share of weight in each bin and its variance; the outermost bins are open."""
    place, size, total = np.searchsorted(edges, values, side="left"), len(edges) + 1, weights.sum()
    return (
        np.bincount(place, weights=weights, minlength=size) / total,
        np.bincount(place, weights=weights**2, minlength=size) / total**2,
    )


def inclusive_chi2(candidate: Sample, data: Sample, bins: int) -> list[Chi2]:
    """χ² of each variable, all events together."""
    return [histogram_chi2(x, candidate.w, y, data.w, bins) for x, y in zip(candidate.x.T, data.x.T, strict=True)]


def cells_chi2(candidate: Sample, data: Sample, cells: Cells, bins: int) -> list[list[Chi2]]:
    """χ² of each variable in each cell, `[cell][variable]`. How many events are in which cell does not matter."""
    of_candidate, of_data = cells.index(candidate.c), cells.index(data.c)
    return [
        inclusive_chi2(candidate.select(of_candidate == cell), data.select(of_data == cell), bins)
        for cell in range(len(cells))
    ]


def tail_ratios(candidate: Sample, data: Sample, options: ChecksConfig) -> list[TailRatio]:
    """The fraction of the candidate beyond each threshold, over that of data."""
    found = []
    for place, name in enumerate(data.variables):
        thresholds: tuple[float, ...] = options.tail_thresholds.get(name, ())
        if not thresholds:
            levels = np.array(DEFAULT_TAILS)
            thresholds = tuple(Distribution.of(data.x[:, place], data.w).quantile(levels).tolist())
        found += [_tail_ratio(candidate, data, place, threshold) for threshold in thresholds]
    return found


def _tail_ratio(candidate: Sample, data: Sample, place: int, threshold: float) -> TailRatio:
    above = fraction_above(candidate.x[:, place], candidate.w, threshold)
    of_data = fraction_above(data.x[:, place], data.w, threshold)
    ratio = error = np.nan
    if of_data.value > 0:
        ratio = above.value / of_data.value
        error = float(np.hypot(above.error, ratio * of_data.error)) / of_data.value
    return TailRatio(
        variable=data.variables[place],
        threshold=threshold,
        ratio=ratio,
        error=error,
        effective_events=above.effective_events,
        effective_events_data=of_data.effective_events,
    )


def area(candidate: Sample, data: Sample, rng: np.random.Generator) -> Area:
    """How well a classifier of variables and conditions tells the candidate from data."""
    return classifier_area(np.hstack([data.x, data.c]), data.w, np.hstack([candidate.x, candidate.c]), candidate.w, rng)


def require_comparable(candidate: Sample, data: Sample) -> None:
    """Refuse samples that cannot be compared.

    Raises:
        DataError: If they have other variables or conditions, values that are not finite, hardly any events, or
            weights whose sum is not above zero.
    """
    for what in ("variables", "conditions"):
        found, expected = getattr(candidate, what), getattr(data, what)
        if found != expected:
            raise DataError(f"{what} {', '.join(found)}", where="the simulation", expected=f"{', '.join(expected)}")
    for where, sample in (("the simulation", candidate), ("data", data)):
        columns = {**dict(zip(sample.variables, sample.x.T, strict=True)),
                   **dict(zip(sample.conditions, sample.c.T, strict=True)), "weights": sample.w}  # fmt: skip
        for name, column in columns.items():
            bad = np.flatnonzero(~np.isfinite(column))
            if len(bad):
                raise DataError(
                    f"'{name}' is {column[bad[0]]} in event {bad[0]} ({len(bad)} of {len(column)} not finite)",
                    where=where,
                    expected="finite numbers",
                )
        total_weight(sample.w, where)
        enough = 2 * LEAST_PER_BIN
        if effective_events(sample.w) < enough:
            found = f"{len(sample)} events, as good as {effective_events(sample.w):.3g} without weights"
            raise DataError(found, where=where, expected=f"at least {enough}, to say anything about them")


def measure(candidate: Sample, data: Sample, options: ChecksConfig, rng: np.random.Generator) -> Metrics:
    """All metrics of a sample against data.

    Args:
        candidate: Corrected simulation, or another sample of data for the floor.
        data: The data that judge: they define bins, cells and units.
        options: Cells, bins and thresholds.
        rng: Deals out events to the classifier.

    Raises:
        DataError: If the samples cannot be compared.
        ConfigError: If there are edges of cells of something that is no condition.
        MissingDependencyError: If scikit-learn is not installed.
    """
    require_comparable(candidate, data)
    inclusive = inclusive_chi2(candidate, data, options.bins)
    in_cells = cells_chi2(candidate, data, Cells.of(data, options.cells), options.bins)
    names = data.variables
    by_variable = {name: each.per_bin for name, each in zip(names, inclusive, strict=True)}
    by_variable_cells = {
        name: sum((cell[place] for cell in in_cells), Chi2()).per_bin for place, name in enumerate(names)
    }
    found = area(candidate, data, rng)
    return Metrics(
        events=len(candidate),
        effective_events=effective_events(candidate.w),
        dof=round(np.mean([each.dof for each in inclusive])),
        dof_cells=round(np.mean([sum(each[place].dof for each in in_cells) for place in range(len(names))])),
        chi2_per_bin=_mean(by_variable.values()),
        chi2_per_bin_by_variable=by_variable,
        chi2_per_bin_cells=_mean(by_variable_cells.values()),
        chi2_per_bin_cells_by_variable=by_variable_cells,
        chi2_per_bin_by_cell=[_mean(each.per_bin for each in cell) for cell in in_cells],
        wasserstein=_distances(candidate, data),
        auc=found.value,
        auc_error=found.error,
        tails=tail_ratios(candidate, data, options),
    )


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _distances(candidate: Sample, data: Sample) -> dict[str, float]:
    """Wasserstein distances in units of the data's standard deviation; NaN where weights or a constant allow none."""
    distances = {}
    for name, x, y in zip(data.variables, candidate.x.T, data.x.T, strict=True):
        shares = data.w / data.w.sum()
        variance = float(shares @ (y - shares @ y) ** 2)
        distance = wasserstein(x, candidate.w, y, data.w)
        distances[name] = distance / np.sqrt(variance) if variance > 0 else np.nan
    return distances
