"""Diagnostics, in NumPy: is a posterior calibrated, and how far is it from the exact one?

What to use when:

- `ranks` and `rank_uniformity`, `rank_ecdf`: one parameter at a time, from samples (SBC).
- `central_coverage`: the same as statements about intervals. `hpd_coverage`: jointly, needs the density.
- `tarp`: jointly, from samples alone.
- `grids`: exact and learned one-dimensional posteriors side by side; the only ones here that notice a posterior
  that ignores the data. The others average over the prior and let posterior = prior pass.
- `auroc`, `efficiency_at`, `best_improvement`: how well a score separates two samples, with intervals.
"""

from neyman.diagnostics.coverage import CoverageCurve, central_coverage, hpd_coverage
from neyman.diagnostics.displacement import displacement_quantiles
from neyman.diagnostics.ecdf import EcdfCurve, ecdf_band, rank_ecdf
from neyman.diagnostics.grids import cumulative, kl_divergence, moments, normalise, quantiles
from neyman.diagnostics.intervals import binomial_interval, poisson_interval
from neyman.diagnostics.ranks import UniformityTest, rank_uniformity, ranks
from neyman.diagnostics.roc import (
    Estimate,
    RocCurve,
    auroc,
    average_precision,
    best_improvement,
    efficiency_at,
    roc_curve,
)
from neyman.diagnostics.tarp import tarp

__all__ = [
    "CoverageCurve",
    "EcdfCurve",
    "Estimate",
    "RocCurve",
    "UniformityTest",
    "auroc",
    "average_precision",
    "best_improvement",
    "binomial_interval",
    "central_coverage",
    "cumulative",
    "displacement_quantiles",
    "ecdf_band",
    "efficiency_at",
    "hpd_coverage",
    "kl_divergence",
    "moments",
    "normalise",
    "poisson_interval",
    "quantiles",
    "rank_ecdf",
    "rank_uniformity",
    "ranks",
    "roc_curve",
    "tarp",
]
