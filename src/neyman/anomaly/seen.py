"""Whether events took part in training: rows that an artefact remembers by a number each.

Scores of events that were trained on are too low. A file is known by its digest, but the same events may come in
another format or beside others; so the artefact keeps hashes of a few thousand rows, from which no event comes back.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt64

ROWS = 2048  # of training, and of calibration
MOST = 0.5  # of the rows that are remembered; with more, a file holds what was trained on


def row_hashes(
    x: Float[np.ndarray, "n d"], precision: type[np.float32 | np.float64] = np.float32
) -> UInt64[np.ndarray, " n"]:
    """A number for each row, the same for the same values.

    Args:
        x: Raw features.
        precision: To which values are the same.

    Examples:
        >>> first, second, third = row_hashes(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -0.0]]))
        >>> bool(first == third), bool(first == second)
        (True, False)
    """
    words = np.asarray(np.random.default_rng(0).integers(2**64, size=x.shape[1], dtype=np.uint64)) | np.uint64(1)
    bits = np.uint32 if precision is np.float32 else np.uint64
    hashes = np.zeros(len(x), dtype=np.uint64)
    for column, word in zip(x.T, words, strict=True):
        with np.errstate(over="ignore"):
            values = column.astype(precision) + precision(0)  # no zero with a sign
        hashes += _mixed(values.view(bits).astype(np.uint64)) * word
    return hashes


def _mixed(bits: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Every bit in all others: sums of exponents alone would coincide (Stafford's variant 13 of MurmurHash3)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def remembered(train: Float[np.ndarray, "n d"], calibration: Float[np.ndarray, "m d"]) -> UInt64[np.ndarray, " k"]:
    """Hashes of some of the rows, ascending; with copies, if rows have them."""
    return np.sort(row_hashes(np.concatenate([train[:ROWS], calibration[:ROWS]])))


def fraction_seen(x: Float[np.ndarray, "n d"], seen: UInt64[np.ndarray, " k"]) -> float:
    """The fraction of the remembered rows that are among these; 0 where most rows have copies, which say nothing.

    Args:
        x: Raw features.
        seen: From `remembered`.
    """
    rows, times = np.unique(seen, return_counts=True)
    alone = rows[times == 1]
    if 2 * len(alone) < len(seen):  # in whole numbers, other events have the same
        return 0.0
    return float(np.isin(alone, row_hashes(x)).mean())
