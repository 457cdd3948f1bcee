"""Numbers of results in words and arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from neyman.likelihood.results import Number
from neyman.plots.posterior import with_error


def array(values: Sequence[Number]) -> Float[np.ndarray, " n"]:
    """Numbers as an array; what is null is not a number.

    Examples:
        >>> array([1.0, None])
        array([ 1., nan])
    """
    return np.array([np.nan if value is None else value for value in values], float)


def number(value: Number, digits: int = 4) -> str:
    """A number; what is null is a dash.

    Examples:
        >>> number(-0.123456), number(None)
        ('−0.1235', '—')
    """
    return "—" if value is None or not np.isfinite(value) else f"{value:.{digits}g}".replace("-", "−")


def pm(value: Number, error: Number) -> str:
    """A value with its error, if it has one.

    Examples:
        >>> pm(1.234, 0.1), pm(1.234, None)
        ('1.23 ± 0.10', '1.234')
    """
    if value is None or not error or not np.isfinite(error):
        return number(value)
    return with_error(value, error)
