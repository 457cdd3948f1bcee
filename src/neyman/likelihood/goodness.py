"""Goodness of fit against the saturated model."""

from __future__ import annotations

from scipy.stats import chi2

from neyman.likelihood.fitting import Fit
from neyman.likelihood.results import GoodnessOfFit


def goodness_of_fit(fit: Fit) -> GoodnessOfFit:
    """−2 ln L above that of a model with a parameter for each bin, as a χ² (Baker and Cousins, NIM 221 (1984) 437).

    Auxiliary data count as measurements that each bring one parameter along, so that the degrees of freedom are the
    bins less the parameters that nothing constrains. For few events see `goodness_of_fit_with_toys` in toys.py.
    """
    statistic = 2 * fit.value  # −ln L without constants is that ratio
    free = int((~fit.fixed & ~fit.model.constrained).sum())
    degrees = fit.model.grid.bins - free
    return GoodnessOfFit(
        **fit.model.identity(),
        statistic=statistic,
        degrees_of_freedom=degrees,
        p_value=float(chi2.sf(statistic, degrees)) if degrees > 0 else None,
        method="asymptotic",
    )
