"""Whether events took part in training: rows that an artefact remembers by a number each.

Scores of events that were trained on are too low. A file is known by its digest, but the same events may come in
another format or beside others; so the artefact keeps hashes of a few thousand rows, from which no event comes back.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt64

ROWS = 2048  # of training, and of calibration
MOST = 0.5  # of the rows that are remembered; with more, a file holds what was trained on


def row_hashes(x: Float[np.ndarray, "n d"]) -> UInt64[np.ndarray, " n"]:
    """A number for each row, the same for the same values to single precision.

    Args:
        x: Raw features.

    Examples:
        >>> first, second, third = row_hashes(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -0.0]]))
        >>> bool(first == third), bool(first == second)
        (True, False)
    """
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(x, dtype=np.float32) + np.float32(0)  # no zero with a sign
    words = np.random.default_rng(0).integers(2**64, size=x.shape[1], dtype=np.uint64, endpoint=False)
    return np.asarray(single.view(np.uint32).astype(np.uint64) @ (words | np.uint64(1)))


def remembered(train: Float[np.ndarray, "n d"], calibration: Float[np.ndarray, "m d"]) -> UInt64[np.ndarray, " k"]:
    """Hashes of some of the rows, ascending; with copies, if rows have them."""
    return np.sort(row_hashes(np.concatenate([train[:ROWS], calibration[:ROWS]])))


def fraction_seen(x: Float[np.ndarray, "n d"], seen: UInt64[np.ndarray, " k"]) -> float:
    """The fraction of the remembered rows that are among these; 0 where rows have copies, which say nothing.

    Args:
        x: Raw features.
        seen: From `remembered`.
    """
    if len(np.unique(seen)) < len(seen):  # in whole numbers, other events have the same
        return 0.0
    return float(np.isin(seen, row_hashes(x)).mean())
