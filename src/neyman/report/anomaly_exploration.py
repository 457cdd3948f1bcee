"""The page of a table before anything is trained on it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from neyman.anomaly.outcomes import Exploration, FeatureSummary
from neyman.plots.components import plot_components, plot_distances
from neyman.plots.correlation import plot_correlation
from neyman.plots.feature_grid import plot_features
from neyman.plots.style import Style
from neyman.report.numbers import array, number
from neyman.report.page import Headline, Page, Section, Table

MOST = 64  # features with a histogram
MOMENTS = "Mean, deviation and skewness are without the few values that are far from all others, if there are any."
PLANE = (
    "Standardised columns. Left: 99 % of up to 2,000 events along each axis. Right: bars, each component; line, all so"
    " far."
)


def exploration_page(found: Exploration, source: str, *, style: Style = "plain") -> Page:
    """The page of a table.

    Args:
        found: What was found.
        source: The file.
        style: Style of the figures.
    """
    remarks = "\n\n".join(f"{remark[0].upper()}{remark[1:]}." for remark in found.remarks)
    varying = [feature for feature in found.features if feature.distinct > 1]
    half = 1 + int(np.searchsorted(np.cumsum(found.explained), 0.5))
    return Page(
        title="A table before training",
        subtitle=source,
        headlines=[
            Headline("Rows", f"{found.rows:,}", f"{found.looked_at:,} were looked at"),
            Headline("Columns", str(len(found.features)), f"{len(found.constant)} constant"),
            Headline("Half of the variance", f"{half} components", f"of {len(found.explained)}, standardised columns"),
        ],
        sections=[
            Section(heading="What deserves attention", text=remarks or "Nothing stands out."),
            _histograms(found, style),
            _correlations(found, style),
            _components(found, style),
            Section(heading="Columns in numbers", text=MOMENTS, tables=[_table(found)]),
        ],
        provenance={"file": source, "columns": f"{len(varying)} vary"},
    )


def _histograms(found: Exploration, style: Style) -> Section:
    shown = [feature for feature in found.features if feature.distinct > 1][:MOST]
    figure = plot_features(
        [feature.name for feature in shown],
        [array(feature.edges) for feature in shown],
        [np.array(feature.counts, dtype=np.float64) for feature in shown],
        style=style,
    )
    caption = "From the 0.5 % to the 99.5 % quantile, logarithmic; what is beyond is in the first and last bin."
    return Section(heading="Each column", figures=[(figure, caption)])


def _correlations(found: Exploration, style: Style) -> Section:
    figures: list[tuple[Figure, str]] = []
    if len(found.correlation_names) > 1:
        figure = plot_correlation(
            tuple(found.correlation_names), np.array(found.correlation, dtype=np.float64), threshold=0.3, style=style
        )
        figures.append((figure, "Columns with a correlation of at least 0.3 with another one."))
    return Section(heading="Correlations", figures=figures)


def _components(found: Exploration, style: Style) -> Section:
    plane = plot_components(np.array(found.components, dtype=np.float64), array(found.explained), style=style)
    distances = plot_distances(
        array(found.distance_edges),
        np.array(found.distances, dtype=np.float64),
        np.array(found.nearest, dtype=np.float64),
        style=style,
    )
    names = "; ".join(f"{place}: {', '.join(three)}" for place, three in enumerate(found.loadings, start=1))
    return Section(
        heading="Components and distances",
        text=f"What weighs most in each component: {names}.",
        figures=[
            (
                plane,
                PLANE,
            ),
            (distances, "The further both are apart, the more structure there is below the scale of the whole."),
        ],
    )


def _table(found: Exploration) -> Table:
    rows = [
        (
            each.name,
            f"{each.distinct:,}",
            _most_common(each, found.looked_at),
            number(each.mean, 3),
            number(each.deviation, 3),
            number(each.skewness, 2),
        )
        for each in found.features
    ]
    return Table(("column", "different values", "most common", "mean", "deviation", "skewness"), rows)


def _most_common(feature: FeatureSummary, rows: int) -> str:
    """The most common number, if any stands more than once."""
    if feature.distinct == rows:
        return "—"
    return f"{number(feature.most_common, 6)} ({100 * feature.most_common_fraction:.2g} %)"
