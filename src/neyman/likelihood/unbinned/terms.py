"""The unbinned channels of a model with data: what they add to −ln L at a point, with derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

from neyman.likelihood.compilation import QUICK
from neyman.likelihood.derivatives import Pull
from neyman.likelihood.precision import Floats, jax
from neyman.likelihood.tables import Layout, Tables
from neyman.likelihood.terms import Vector, yields
from neyman.likelihood.unbinned.channels import Events, UnbinnedChannel


def _unbinned_yields(tables: Tables, layout: Layout, theta: Vector) -> Float[Array, "s u"]:
    found: Array = yields(tables, layout, theta)[:, tables.unbinned]
    return found


_yields = jax.jit(_unbinned_yields, static_argnames="layout", compiler_options=QUICK)


@dataclass(frozen=True, eq=False)
class Terms:
    """Unbinned channels and their events.

    Attributes:
        tables: The model.
        layout: How to read it.
        channels: The U channels.
        events: Their events.
    """

    tables: Tables
    layout: Layout
    channels: Sequence[UnbinnedChannel]
    events: Sequence[Events]

    def pull(self, theta: Floats, *, exact: bool = True, curvature: bool = True) -> Pull:
        """What the channels add to −ln L.

        Args:
            theta: Parameters in the order of the tables.
            exact: Whether the Hessian is exact, or one that is never indefinite.
            curvature: Whether it is wanted at all; else it is of no use.
        """
        at_point = np.asarray(theta)
        expected = np.asarray(_yields(self.tables, self.layout, at_point))
        rows, wide, count = expected.shape[0], self.layout.wide, len(self.channels)
        found = Pull(
            np.zeros(()),
            np.zeros((rows, count)),
            np.zeros(wide),
            np.zeros((count, rows, rows)),
            np.zeros((count, rows, wide)),
            np.zeros((wide, wide)),
        )
        for u, (channel, events) in enumerate(zip(self.channels, self.events, strict=True)):
            s, at = len(channel.samples), channel.places
            term = channel.log_density(events, expected[:s, u], at_point[at], exact=exact, curvature=curvature)
            found.value[...] -= term.value
            found.yields[:s, u] = -term.gradient[:s]
            found.wide[at] -= term.gradient[s:]
            found.yields_yields[u, :s, :s] = -term.hessian[:s, :s]
            found.yields_wide[u, :s, at] = -term.hessian[s:, :s]
            found.wide_wide[np.ix_(at, at)] -= term.hessian[s:, s:]
        return found
