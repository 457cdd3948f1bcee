"""Data of a model: events in bins, and the auxiliary measurements that constrain parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Data:
    """What is observed, or stands for it.

    Attributes:
        main: Events in the bins of all channels, channels sorted by name, shape (B,).
        auxiliary: Auxiliary data in pyhf's order, shape (A,).
    """

    main: Float[np.ndarray, " b"]
    auxiliary: Float[np.ndarray, " a"]
