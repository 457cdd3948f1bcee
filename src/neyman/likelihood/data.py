"""Data of a model: events in bins, and the auxiliary measurements that constrain parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neyman.likelihood.unbinned.channels import Events


@dataclass(frozen=True)
class Data:
    """What is observed, or stands for it.

    Attributes:
        main: Events in the bins of all channels, channels sorted by name, shape (B,). An unbinned channel has one
            bin here; its likelihood looks at `events` instead.
        auxiliary: Auxiliary data in pyhf's order, shape (A,).
        events: Events of the unbinned channels, sorted by name.
    """

    main: Float[np.ndarray, " b"]
    auxiliary: Float[np.ndarray, " a"]
    events: tuple[Events, ...] = ()
