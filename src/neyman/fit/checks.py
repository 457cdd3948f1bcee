"""What a likelihood can use: histograms that are neither empty nor negative, and what deserves a second look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from neyman.core.errors import DataError
from neyman.fit.config import FitConfig
from neyman.fit.histograms import Histogram
from neyman.fit.settings import RegionConfig, covers
from neyman.fit.templates import Key, Template
from neyman.fit.variations import SIDES


def usable(config: FitConfig, templates: list[Template], histograms: Mapping[Key, Histogram]) -> dict[Key, Histogram]:
    """The histograms as a likelihood can use them: negative bins are treated as `NegativeBins` says.

    Raises:
        DataError: If data are negative, or simulation is empty, negative or of no positive yield.
    """
    data = config.data.Name if config.data else None
    unbinned = {region.Name for region in config.Regions if region.unbinned}
    found = {}
    for template in templates:
        histogram = histograms[template.key]
        if template.key.sample == data:
            _refuse_negative_data(template, histogram)
        else:
            _refuse_empty(template, histogram)
            if template.key.region in unbinned:
                _refuse_negative_yield(template, histogram, config.General.NegativeBins)
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


def _refuse_empty(template: Template, histogram: Histogram) -> None:
    if histogram.entries == 0:
        raise DataError(
            f"{template.key}: no events in any bin",
            where=template.where,
            expected="a Filter and Binning that hold some",
            hint=f"if it is not in {template.key.region}, leave that out of its Regions",
        )


def _refuse_negative_yield(template: Template, histogram: Histogram, negative_bins: str) -> None:
    """Of an unbinned region; an interference may be negative, if that is what was meant."""
    if histogram.total == 0 or (histogram.total < 0 and negative_bins != "keep"):
        raise DataError(
            f"{template.key}: the yield is {histogram.total:.4g}",
            where=template.where,
            expected="a positive yield",
            hint="NegativeBins: keep in General, if it is an interference" if histogram.total else "",
        )


def _usable(template: Template, histogram: Histogram, negative_bins: str) -> Histogram:
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
        up, down = (systematic.side(name).Normalization for name in SIDES)
        if up is not None and down is not None and up * down > 0:
            yield f"systematic '{systematic.Name}': Up and Down change the yield in the same direction"
    for key, histogram in histograms.items():
        negative = np.flatnonzero(histogram.values < 0).tolist()
        if negative:
            yield f"{key}: negative in bins {negative}"
    if config.data is None:
        names = ", ".join(region.Name for region in config.Regions if not region.unbinned)
        if names:
            yield f"no sample of data: what is observed in {names} is what is expected (Asimov data)"
        return
    for region in config.Regions:
        if not region.unbinned:
            yield from _of_data(config, region, histograms[Key(region.Name, config.data.Name)], histograms)
        elif covers(config.data.Regions, region.Name):
            yield f"region '{region.Name}': its events are those of AsimovWeights, not of '{config.data.Name}'"


def _of_data(
    config: FitConfig, region: RegionConfig, data: Histogram, histograms: Mapping[Key, Histogram]
) -> Iterator[str]:
    expected = np.sum([histograms[Key(region.Name, each.Name)].values for each in config.simulated(region)], axis=0)
    impossible = np.flatnonzero((expected <= 0) & (data.values > 0)).tolist()
    if impossible:
        yield f"region '{region.Name}': data but no expectation in bins {impossible}"
    if data.entries == 0:
        yield f"region '{region.Name}': no data"
    if not np.array_equal(data.values, data.variances):
        yield f"region '{region.Name}': the data are weighted; the likelihood takes them for Poisson counts"
