"""Goodness of fit, pulls, impacts and scans against cabinetry."""

from __future__ import annotations

import numpy as np
import pytest

from neyman.likelihood.goodness import goodness_of_fit

from .workspaces_written import WORKSPACES

pytestmark = [
    # pyhf's NumPy backend where its fits stray into negative rates
    pytest.mark.filterwarnings("ignore:.*invalid value encountered:RuntimeWarning"),
    # cabinetry's dependencies, while they are imported
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def everything(compare):
    build, codes = WORKSPACES["everything"]
    return compare("everything", build(), codes)


@pytest.fixture(scope="module")
def cabinetry(everything):
    """cabinetry, and its fit; it sets pyhf's backend and leaves it, which is undone here."""
    import cabinetry

    from .pyhf_oracle import precise

    with precise():
        yield (
            cabinetry,
            cabinetry.fit.fit(everything.oracle.model, everything.oracle.data.tolist(), goodness_of_fit=True),
        )


def test_best_fit_and_errors(everything, cabinetry):
    fit, theirs = everything.model.fit(), cabinetry[1]
    moving = ~everything.model.fixed
    np.testing.assert_array_less(np.abs(fit.theta - theirs.bestfit), 0.01 * fit.errors + 1e-9)
    np.testing.assert_allclose(fit.errors[moving], theirs.uncertainty[moving], rtol=1e-2)


def test_correlations(everything, cabinetry):
    result, theirs = everything.model.fit().result, cabinetry[1]
    place = [theirs.labels.index(name) for name in result.correlation.names]
    np.testing.assert_allclose(result.correlation.matrix, theirs.corr_mat[np.ix_(place, place)], atol=5e-3)


def test_goodness_of_fit(everything, cabinetry):
    assert goodness_of_fit(everything.model.fit()).p_value == pytest.approx(cabinetry[1].goodness_of_fit, abs=1e-4)


@pytest.mark.slow
@pytest.mark.guard
def test_impacts(everything, cabinetry):
    found = {each.name: each for each in everything.model.fit().impacts().impacts}
    module, fit = cabinetry
    ranking = module.fit.ranking(everything.oracle.model, everything.oracle.data.tolist(), fit_results=fit)
    error = everything.model.fit()["mu"].error
    for row, name in enumerate(ranking.labels):
        for ours, theirs in (
            (found[name].postfit_up, ranking.postfit_up[row]),
            (found[name].postfit_down, ranking.postfit_down[row]),
            (found[name].prefit_up, ranking.prefit_up[row]),
            (found[name].prefit_down, ranking.prefit_down[row]),
        ):
            if ours is not None and np.isfinite(ours):
                assert ours == pytest.approx(theirs, abs=0.01 * error), name


def test_scan(everything, cabinetry):
    module, _ = cabinetry
    theirs = module.fit.scan(
        everything.oracle.model, everything.oracle.data.tolist(), "mu", par_range=(0.2, 2.6), n_steps=5
    )
    low, high = theirs.parameter_values[0], theirs.parameter_values[-1]
    ours = everything.model.fit().scan("mu", low=float(low), high=float(high), points=5)
    np.testing.assert_allclose(ours.delta_twice_nll, theirs.delta_nlls, atol=2e-3)
