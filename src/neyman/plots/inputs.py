"""What figures refuse: nothing to draw, arrays that do not fit together, numbers not finite or out of range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_shape


def require_numbers(
    name: str,
    values: np.ndarray,
    shape: tuple[int | None, ...],
    *,
    low: float = -np.inf,
    high: float = np.inf,
) -> None:
    """Refuse an array that cannot be drawn.

    Args:
        name: What the message calls it.
        values: The array.
        shape: The lengths it must have; None stands for any.
        low: Smallest number allowed.
        high: Largest number allowed.

    Raises:
        DataError: If the shape differs or is empty, or a number is not finite or out of range; with its place.
    """
    require_shape(name, values, shape)
    bad = ~(np.isfinite(values) & (values >= low) & (values <= high))
    if bad.any():
        place = tuple(int(index) for index in np.argwhere(bad)[0])
        raise DataError(
            f"{values[place]} ({int(bad.sum())} of {values.size} entries cannot be drawn)",
            where=name + "".join(f"[{index}]" for index in place),
            expected=_range_in_words(low, high),
        )


def _range_in_words(low: float, high: float) -> str:
    if np.isfinite([low, high]).all():
        return f"numbers from {low:g} to {high:g}"
    if np.isfinite(low):
        return f"finite numbers, at least {low:g}"
    return f"finite numbers, at most {high:g}" if np.isfinite(high) else "finite numbers"


def require_increasing(name: str, values: np.ndarray) -> None:
    """Refuse positions that do not increase.

    Raises:
        DataError: With the first place where they do not.
    """
    wrong = np.flatnonzero(np.diff(values) <= 0)
    if len(wrong):
        at = int(wrong[0])
        raise DataError(
            f"{values[at]:g} is followed by {values[at + 1]:g}", where=f"{name}[{at}]", expected="increasing numbers"
        )


def require_names(names: Sequence[str]) -> None:
    """Refuse no names, or one that stands twice: its rows could not be told apart.

    Raises:
        DataError: If there are none, or with the one that stands twice.
    """
    if not names:
        raise DataError("no names, so nothing to draw", expected="at least one")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"'{twice[0]}' stands twice among the names", expected="each name once")
