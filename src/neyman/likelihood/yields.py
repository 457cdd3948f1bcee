"""Expected events with their uncertainty, before and after a fit."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Array, Float

from neyman.likelihood.compilation import QUICK
from neyman.likelihood.data import Data
from neyman.likelihood.fitting import Fit
from neyman.likelihood.model import Model
from neyman.likelihood.outcomes import Region, Regions
from neyman.likelihood.precision import jax, jnp
from neyman.likelihood.tables import Layout, Tables
from neyman.likelihood.terms import yields


def prefit(model: Model, data: Data | None = None) -> Regions:
    """Expected events at the initial values.

    The uncertainty is that of the constraints; parameters that nothing constrains add none.
    """
    variance = np.where(model.constrained & ~model.fixed, model.widths, 0.0) ** 2
    return _regions(model, data or model.observed, model.inits, np.diag(variance), stage="prefit")


def postfit(fit: Fit) -> Regions:
    """Expected events at the best fit, with the covariance of the fit; what is undetermined adds none."""
    covariance = np.where(np.isfinite(fit.covariance), fit.covariance, 0.0)
    return _regions(fit.model, fit.data, fit.theta, covariance, stage="postfit")


def _regions(
    model: Model,
    data: Data,
    theta: Float[np.ndarray, " p"],
    covariance: Float[np.ndarray, "p p"],
    *,
    stage: Literal["prefit", "postfit"],
) -> Regions:
    table = model.expected(theta)
    values, vectors = np.linalg.eigh(covariance)
    used = values > 1e-12 * max(values.max(initial=0.0), 1e-300)
    directions = (vectors[:, used] * np.sqrt(values[used])).T[:, model.compiled.order]
    order = model.compiled.order
    change = np.asarray(_changes(model.tables, model.compiled.layout, theta[order], directions))
    regions = []
    for number, name in enumerate(model.grid.names):
        bins = slice(model.grid.starts[number], model.grid.starts[number + 1])
        regions.append(
            Region(
                name=name,
                samples={sample: counts.tolist() for sample, counts in table[name].items()},
                error=np.sqrt((change[:, bins] ** 2).sum(0)).tolist(),
                total_error=float(np.sqrt((change[:, bins].sum(1) ** 2).sum())),
                data=data.main[bins].tolist(),
            )
        )
    return Regions(**model.identity(), stage=stage, regions=regions)


@partial(jax.jit, static_argnames="layout", compiler_options=QUICK)
def _changes(
    tables: Tables, layout: Layout, theta: Float[Array, " p"], directions: Float[Array, "n p"]
) -> Float[Array, "n b"]:
    """Change of the events in each bin, to first order, along each direction."""

    def total(at: Float[Array, " p"]) -> Float[Array, " b"]:
        return yields(tables, layout, at).sum(0)

    _, along = jax.linearize(total, jnp.asarray(theta))
    changes: Float[Array, "n b"] = jax.vmap(along)(directions)
    return changes
