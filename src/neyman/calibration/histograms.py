"""The histograms of the figure that people know: data, simulation and corrected simulation with its band."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.calibration.results import Histogram
from neyman.calibration.sample import Sample
from neyman.calibration.weighted import Distribution
from neyman.diagnostics.displacement import displacement_quantiles

_BINS = 50
_SHARE = 2e-4  # of events that may be beyond the figure, on either side
_LONG_TAIL = 10.0  # in medians: an axis that is linear would show a spike and nothing else


def histograms(
    data: Sample,
    simulation: Sample,
    corrected: Sample,
    variations: Float[np.ndarray, "m n d"] | None,
) -> dict[str, Histogram]:
    """One histogram of each variable, of all events.

    Args:
        data: Events of data.
        simulation: Simulated events.
        corrected: The same, corrected.
        variations: The same, as trainings on bootstrapped events correct them; None if there were none.
    """
    return {
        name: _histogram(place, data, simulation, corrected, variations) for place, name in enumerate(data.variables)
    }


def _histogram(
    place: int,
    data: Sample,
    simulation: Sample,
    corrected: Sample,
    variations: Float[np.ndarray, "m n d"] | None,
) -> Histogram:
    edges, logarithmic = figure_edges(data, simulation, place)
    total = data.w.sum()

    def counts(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scale = total / w.sum()
        squares = np.histogram(x, edges, weights=w**2)[0]
        return np.histogram(x, edges, weights=w)[0] * scale, np.sqrt(squares) * scale

    of_data, of_simulation = counts(data.x[:, place], data.w), counts(simulation.x[:, place], simulation.w)
    nominal, error = counts(corrected.x[:, place], corrected.w)
    moved = corrected.x[:, place] - simulation.x[:, place]
    band = None
    if variations is not None:
        band = np.std([counts(each[:, place], corrected.w)[0] for each in variations], axis=0, ddof=1)
    return Histogram(
        edges=edges.tolist(),
        logarithmic=logarithmic,
        data=of_data[0].tolist(),
        data_error=of_data[1].tolist(),
        simulation=of_simulation[0].tolist(),
        simulation_error=of_simulation[1].tolist(),
        corrected=nominal.tolist(),
        corrected_error=error.tolist(),
        displacement=displacement_quantiles(simulation.x[:, place], moved, edges).tolist(),
        up=None if band is None else (nominal + band).tolist(),
        down=None if band is None else (nominal - band).tolist(),
    )


def figure_edges(data: Sample, simulation: Sample, place: int) -> tuple[Float[np.ndarray, " e"], bool]:
    """Edges of bins that span nearly all events of both, and whether they are of equal width in the logarithm."""
    ends = [
        Distribution.of(each.x[:, place], each.w).quantile(np.array([_SHARE, 0.5, 1 - _SHARE]))
        for each in (data, simulation)
    ]
    low, high = min(float(each[0]) for each in ends), max(float(each[2]) for each in ends)
    median = max(float(each[1]) for each in ends)
    if low > 0 and high > _LONG_TAIL * median:
        return np.geomspace(low, high, _BINS + 1), True
    return np.linspace(low, high if high > low else low + 1.0, _BINS + 1), False
