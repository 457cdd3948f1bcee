"""What a likelihood can use: histograms that are neither empty nor negative, and what deserves a second look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from neyman.core.errors import DataError
from neyman.fit.config import FitConfig
from neyman.fit.histograms import Histogram
from neyman.fit.settings import covers
from neyman.fit.templates import Key, Template


def usable(config: FitConfig, templates: list[Template], histograms: Mapping[Key, Histogram]) -> dict[Key, Histogram]:
    """The histograms as a likelihood can use them: negative bins are treated as `NegativeBins` says.

    Raises:
        DataError: If data are negative, or simulation is empty, negative or of no positive yield.
    """
    data = config.data.Name
    found = {}
    for template in templates:
        histogram = histograms[template.key]
        if template.key.sample == data:
            _refuse_negative_data(template, histogram)
        else:
            histogram = _usable(template, histogram, config.General.NegativeBins)
        found[template.key] = histogram
    return found


def _refuse_negative_data(template: Template, histogram: Histogram) -> None:
    negative = np.flatnonzero(histogram.values < 0)
    if len(negative):
        raise DataError(
            f"{template.key}: bin {negative[0]} is {histogram.values[negative[0]]:.4g}",
            where=template.where,
            expected="data that are not negative",
            hint="wider bins, or other weights",
        )


def _usable(template: Template, histogram: Histogram, negative_bins: str) -> Histogram:
    if histogram.entries == 0:
        raise DataError(
            f"{template.key}: no events in any bin",
            where=template.where,
            expected="a Filter and Binning that hold some",
            hint=f"if it is not in {template.key.region}, leave that out of its Regions",
        )
    negative = np.flatnonzero(histogram.values < 0)
    if len(negative) and negative_bins == "error":
        lowest = histogram.values[negative[0]]
        raise DataError(
            f"{template.key}: bin {negative[0]} is {lowest:.4g} (negative bins: {len(negative)})",
            where=template.where,
            expected="bins that are not negative",
            hint="wider bins, or NegativeBins: clip or keep in General",
        )
    if negative_bins == "clip":
        histogram = replace(histogram, values=np.maximum(histogram.values, 0.0))
    if histogram.total <= 0:
        raise DataError(
            f"{template.key}: the yield is {histogram.total:.4g}", where=template.where, expected="a positive yield"
        )
    return histogram


def warnings(config: FitConfig, histograms: Mapping[Key, Histogram]) -> Iterator[str]:
    """What is allowed, and yet often a mistake; one line each."""
    for systematic in config.Systematics:
        up, down = systematic.Up.Normalization, systematic.Down.Normalization
        if up is not None and down is not None and up * down > 0:
            yield f"systematic '{systematic.Name}': Up and Down change the yield in the same direction"
    for key, histogram in histograms.items():
        negative = np.flatnonzero(histogram.values < 0).tolist()
        if negative:
            yield f"{key}: negative in bins {negative}"
    for region in config.Regions:
        data = histograms[Key(region.Name, config.data.Name)]
        simulated = [
            histograms[Key(region.Name, sample.Name)].values
            for sample in config.Samples
            if not sample.Data and covers(sample.Regions, region.Name)
        ]
        impossible = np.flatnonzero((np.sum(simulated, axis=0) <= 0) & (data.values > 0)).tolist()
        if impossible:
            yield f"region '{region.Name}': data but no expectation in bins {impossible}"
        if data.entries == 0:
            yield f"region '{region.Name}': no data"
        if not np.array_equal(data.values, data.variances):
            yield f"region '{region.Name}': the data are weighted; the likelihood takes them for Poisson counts"
