"""What the diagnostics refuse: no tests at all, shapes that do not belong together, numbers that are not finite."""

from __future__ import annotations

import numpy as np

from neyman.core.errors import DataError


def require_shape(name: str, values: np.ndarray, shape: tuple[int | None, ...]) -> None:
    """Refuse an array of the wrong shape, or one with no entries.

    Args:
        name: What the message calls it.
        values: The array.
        shape: The lengths it must have; None stands for any.

    Raises:
        DataError: If the shape differs, or a length is zero.
    """
    wanted = str(tuple("any" if length is None else length for length in shape)).replace("'", "")
    if values.ndim != len(shape) or any(
        length not in (None, found) for length, found in zip(shape, values.shape, strict=True)
    ):
        raise DataError(f"{name} has shape {values.shape}", expected=f"shape {wanted}")
    if values.size == 0:
        raise DataError(f"{name} is empty, shape {values.shape}", expected="at least one entry along each axis")


def require_finite(name: str, values: np.ndarray, *, log_density: bool = False) -> None:
    """Refuse NaN and infinities; a log-density may be −∞, where the density vanishes.

    Args:
        name: What the message calls it.
        values: The array.
        log_density: Whether −∞ is allowed.

    Raises:
        DataError: With the first place and the number of bad entries.
    """
    bad = np.isnan(values) | (values == np.inf) if log_density else ~np.isfinite(values)
    if bad.any():
        place = tuple(int(index) for index in np.argwhere(bad)[0])
        raise DataError(
            f"{name} is {values[place]} at {place} ({int(bad.sum())} of {values.size} entries not finite)",
            expected="finite numbers or −inf" if log_density else "finite numbers",
            hint="find out which sets produced them: a test without them would not be fair",
        )


def require_fraction(name: str, value: float) -> None:
    """Refuse a probability that is not strictly between 0 and 1.

    Raises:
        DataError: If it is not.
    """
    if not 0 < value < 1:
        raise DataError(f"{name} is {value}", expected="a number between 0 and 1, e.g. 0.99")
