"""Templates on their way into compiled functions: checked, and packed into one array."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neyman.abcd.templates import REGIONS
from neyman.core.errors import DataError, InputError, NumericsError
from neyman.likelihood.precision import Floats


class Given(NamedTuple):
    """Which of the rows are there; what a function is compiled for.

    Attributes:
        delta: Whether the non-closure is.
        variance: Whether the variance of the background is.
        observed: Whether observed events are.
    """

    delta: bool
    variance: bool
    observed: bool = False


class Rows(NamedTuple):
    """The rows of a packed array.

    Attributes:
        background: Shape (4, m).
        signal: Shape (4, m).
        delta: Shape (m,).
        variance: Shape (4, m).
        observed: Shape (4, m).
    """

    background: Floats
    signal: Floats
    delta: Floats | None
    variance: Floats | None
    observed: Floats | None


def pack(
    background: Float[np.ndarray, " ..."],
    signal: Float[np.ndarray, " ..."],
    delta: Float[np.ndarray, " ..."] | None = None,
    variance: Float[np.ndarray, " ..."] | None = None,
    observed: Float[np.ndarray, " ..."] | None = None,
) -> tuple[Float[np.ndarray, "k m"], Given]:
    """All arrays in one, a row for each quantity: one array crosses to the compiled function faster than five.

    Raises:
        DataError: If shapes differ, or a number is not finite.
    """
    names = ("background", "signal", "delta", "variance", "observed")
    given = {
        name: np.asarray(array, float)
        for name, array in zip(names, (background, signal, delta, variance, observed), strict=True)
        if array is not None
    }
    bins = len(given["background"])
    for name, array in given.items():
        expected = (bins,) if name == "delta" else (bins, 4)
        if array.shape != expected or not bins:
            raise DataError(f"{name} of shape {array.shape}", expected=f"shape {expected}, regions A, B, C, D last")
    packed = np.concatenate([array.T.reshape(-1, bins) for array in given.values()])
    if not math.isfinite(packed.sum()):
        _complain(given)
    return packed, Given("delta" in given, "variance" in given, "observed" in given)


def unpack(packed: Floats, given: Given) -> Rows:
    """The rows of an array that `pack` made, or of its gradient."""
    variance = 8 + given.delta
    observed = variance + 4 * given.variance
    return Rows(
        packed[:4],
        packed[4:8],
        packed[8] if given.delta else None,
        packed[variance:observed] if given.variance else None,
        packed[observed:] if given.observed else None,
    )


def check_strength(mu: float) -> None:
    """Raise an InputError unless a signal strength is finite and not negative."""
    if not (math.isfinite(mu) and mu >= 0):
        raise InputError(f"signal strength {mu:g}", expected="a number that is zero or above")


def check_converged(distance: Floats, packed: Float[np.ndarray, "k m"], *, tolerance: float = 1e-7) -> None:
    """Check that all bins are at their minima.

    Args:
        distance: Estimated distance to the minimum of each bin, shape (m,).
        packed: What was fitted, to say what it was.
        tolerance: The largest distance that will do.

    Raises:
        NumericsError: If one is not; it names the first. If none is, it is what they share that was not found.
    """
    wrong = ~(np.asarray(distance) <= tolerance)
    if len(wrong) > 1 and wrong.all():
        raise NumericsError(
            f"the fit of what {len(wrong)} bins share, the signal strength or θ, found no minimum",
            where=f"with the fewest events: {_shown(packed, int(np.argmin(packed[:4].min(axis=0))))}",
            hint="merge bins; or export the regions as a workspace and look with `neyman fit scan`",
        )
    if wrong.any():
        bin_ = int(np.argmax(wrong))
        raise NumericsError(
            f"bin {bin_}: the fit found no minimum",
            where=_shown(packed, bin_),
            hint="merge this bin with its neighbour",
        )


def _shown(packed: Float[np.ndarray, "k m"], bin_: int) -> str:
    background, signal = (", ".join(f"{value:.4g}" for value in packed[rows, bin_]) for rows in (range(4), range(4, 8)))
    return f"bin {bin_}, background ({background}) and signal ({signal}) in A, B, C, D"


def _complain(given: dict[str, Float[np.ndarray, " ..."]]) -> None:
    for name, array in given.items():
        if not np.isfinite(array).all():
            bin_, *region = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
            place = f"{name} in region {REGIONS[region[0]]}" if region else name
            raise DataError(f"{array[(bin_, *region)]:g} in bin {bin_}", where=place, expected="a finite number")
    raise DataError("yields whose sum is not finite", expected="numbers of events")
