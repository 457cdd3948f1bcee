"""How events of an unbinned channel are distributed in the logarithm of a density ratio: data, and what is expected.

What a likelihood without bins looks at has no axis that everybody knows. The signal's density over that of all else is
the most powerful function of an event (Neyman and Pearson, Phil. Trans. R. Soc. A 231 (1933) 289): it is there that
data and model must agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from neyman.core.errors import DataError
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.observed import Observed
from neyman.plots.stacks import plot_stack
from neyman.plots.style import Style
from neyman.plots.text import short

BEYOND = 0.005
"""Share of what is expected that may be beyond either end of the axis."""
_STEEP = 30.0  # largest over smallest bin, above which the axis is logarithmic


def log_ratio_edges(
    values: Float[np.ndarray, " n"], weights: Sequence[Float[np.ndarray, " n"]], *, bins: int = 20
) -> Float[np.ndarray, " edges"]:
    """Edges of bins of one width that hold nearly all of each of several distributions over the same events.

    A tail that is like none of them, such as a background a hundred units below every signal, is for the first bin:
    give the weights of the signal and they decide where the axis begins.

    Args:
        values: Log-ratios of the events, shape `(n,)`.
        weights: Weights of the events in each distribution, shape `(n,)`; those of negative sum do not count.
        bins: How many bins.

    Raises:
        DataError: If lengths differ, a number is not finite, or there is no range: no distribution has events, or all
            have one value.

    Examples:
        >>> log_ratio_edges(np.linspace(-1, 1, 1001), [np.ones(1001)], bins=2).round(2)
        array([-0.99,  0.  ,  0.99])
    """
    require_numbers("log-ratios", values, (None,))
    order, ends = np.argsort(values), list[float]()
    for number, each in enumerate(weights):
        require_numbers(f"weights of distribution {number}", each, (len(values),))
        if each.sum() > 0:
            share = np.maximum.accumulate(np.cumsum(each[order])) / each.sum()
            at = np.searchsorted(share, [BEYOND, 1 - BEYOND])
            ends += values[order][np.minimum(at, len(values) - 1)].tolist()
    if not ends or not min(ends) < max(ends):
        raise DataError("log-ratios without a range", expected="events with different values, and weights")
    return np.linspace(min(ends), max(ends), bins + 1)


def filled(
    values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"]
) -> Float[np.ndarray, " k"]:
    """Sum of weights in each bin; the first and the last also hold what is beyond.

    Raises:
        DataError: If lengths differ, a number is not finite, or edges do not increase.

    Examples:
        >>> filled(np.array([-9.0, 0.5, 1.0, 9.0]), np.ones(4), np.array([0.0, 1.0, 2.0]))
        array([2., 2.])
    """
    require_numbers("edges", edges, (None,))
    require_increasing("edges", edges)
    if len(values):
        require_numbers("log-ratios", values, (None,))
        require_numbers("weights", weights, (len(values),))
    return np.bincount(bin_of(values, edges), weights, len(edges) - 1).astype(
        float
    )  # of no events it counts in integers


def bin_of(values: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"]) -> np.ndarray:
    """Number of the bin of each value, shape `(n,)`; a bin holds its lower edge."""
    return np.searchsorted(edges[1:-1], values, side="right")


def plot_log_ratio(
    samples: Mapping[str, Float[np.ndarray, " k"]],
    error: Float[np.ndarray, " k"],
    *,
    edges: Float[np.ndarray, " edges"],
    over: tuple[Sequence[str], Sequence[str]] | None = None,
    data: Observed | None = None,
    signals: tuple[str, ...] = (),
    lines: Mapping[str, Float[np.ndarray, " k"]] | None = None,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """Samples on top of one another in bins of a log-ratio, data, and their ratio; see `plot_stack`.

    The vertical axis is logarithmic where yields differ much and none is negative. What is expected comes from
    `filled`, with the reference events weighted to what each sample expects.

    Args:
        samples: Expected events per bin by sample.
        error: Uncertainty of their sum in each bin.
        edges: Edges of the bins, shape `(k + 1,)`; the first and the last bin also hold what is beyond.
        over: Of which samples the densities are compared: those above and those below the line of the fraction. None
            for the density of all over the reference density.
        data: The data and their blinded bins.
        signals: Samples that are drawn on top.
        lines: Yields that are drawn as lines, e.g. the sum before the fit.
        title: The channel, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: As of `plot_stack`.
    """
    total = np.sum(list(samples.values()), axis=0) if samples else np.zeros(0)
    positive = len(total) > 0 and total.min() > 0 and all((each >= 0).all() for each in samples.values())
    return plot_stack(
        samples,
        error,
        data=data,
        edges=edges,
        signals=signals,
        lines=lines,
        title=title,
        label=ratio_label(over),
        log_y=bool(positive and total.max() > _STEEP * total.min()),
        style=style,
    )


def ratio_label(over: tuple[Sequence[str], Sequence[str]] | None) -> str:
    """What the axis shows.

    Examples:
        >>> ratio_label((["signal"], ["top", "W", "Z"]))
        'ln [ p(signal) / p(3 samples) ]'
        >>> ratio_label(None)
        'ln [ p / p(reference) ]'
    """
    if over is None:
        return "ln [ p / p(reference) ]"
    above, below = (_named(each) for each in over)
    return f"ln [ p({above}) / p({below}) ]"


def _named(names: Sequence[str]) -> str:
    return " + ".join(short(each, 20) for each in names) if len(names) < 3 else f"{len(names)} samples"
