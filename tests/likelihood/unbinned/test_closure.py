"""What is put in comes out: expectations at a point are fitted by that point, if densities are normalised at it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from neyman.likelihood.fitting import fit as fit_of
from neyman.likelihood.model import Model
from neyman.likelihood.workspace import Workspace

from .densities import quadrature
from .oracle import Oracle, code4
from .problems import interfering, joint, single

EVENTS = {"1.8k": 1.0, "18k": 10.0, "180k": 100.0}
SIZE = 0.055
"""Root mean square of the templates of which the normalisation matters: 5 to 6 %."""


def modelled(problem, folder, truth, *, data="asimov", seed=(), **options):
    """The model of data at a point, the constraints centred there."""
    centres = {name: value for name, value in truth.items() if problem.nominal[name] == 0}
    document = problem.workspace(folder, observed=(data, truth, *seed), centres=centres, **options)
    return Model.build(Workspace.from_dict(document, folder=folder))


def away(fit, truth):
    """Distances of all parameters from the truth, in units of their errors."""
    return {name: abs(each.value - truth[name]) / each.error for name, each in fit.parameters.items()}


@pytest.mark.parametrize("alpha", [0.0, 0.5, -0.5, 1.5, -1.5])
@pytest.mark.parametrize("problem", [single(), joint(), interfering()], ids=["one region", "joint", "interference"])
def test_expectation_is_fitted_by_the_point_it_is_of(tmp_path, problem, alpha):
    systematics = [name for name, value in problem.nominal.items() if value == 0]
    truth = {"mu": 1.3} | {name: alpha * (-1) ** number for number, name in enumerate(systematics)}
    fit = fit_of(modelled(problem, tmp_path, truth))
    assert fit.result.converged
    distances = away(fit, problem.point(**truth))
    assert max(distances.values()) < 0.01, distances


def test_errors_are_those_of_minuit(tmp_path):
    problem = single()
    document = problem.workspace(tmp_path, observed=("drawn", {"mu": 1.3, "JES": 0.5}, 7))
    fit = Model.build(Workspace.from_dict(document, folder=tmp_path)).fit()
    minuit = Oracle(document, tmp_path).minimise(problem.nominal, bounds={"mu": (-10, 10)})
    assert minuit.valid
    assert fit.result.twice_nll <= minuit.fval + 1e-8
    assert fit.result.twice_nll == pytest.approx(minuit.fval, abs=1e-4)
    minuit.hesse()
    for name, each in fit.parameters.items():
        assert each.value == pytest.approx(minuit.values[name], abs=0.01 * each.error)
        assert each.error == pytest.approx(minuit.errors[name], rel=1e-2)


def test_error_of_a_sampled_reference(tmp_path):
    """It is the one that propagates the scatter of dZ/dα, and falls as 1/√N of the reference."""
    problem, counts, seeds = single().changed(size=0.03), [2_000, 8_000, 32_000], 16
    found = {}
    for count in counts:
        folder = tmp_path / str(count)
        folder.mkdir()
        fits = [fit_of(modelled(problem, folder, {}, reference=("sampled", count, seed))) for seed in range(seeds)]
        assert all(fit.result.converged for fit in fits)
        found[count] = np.array([fit["mu"].value - 1 for fit in fits])
    scatter = np.array([np.sqrt(np.mean(found[count] ** 2)) for count in counts])
    relative = (2 * seeds) ** -0.5  # of a root mean square
    slope, error = _slope(np.log(counts), np.log(scatter), relative)
    assert abs(slope + 0.5) < 2.58 * error, (slope, error)
    expected = scatter_of_sampling(problem, tmp_path / str(counts[0])) / np.sqrt(counts)
    assert np.abs(scatter / expected - 1).max() < 3 * relative, scatter / expected


def _slope(x, y, error):
    """Slope of a line, and its error if each y has this one."""
    away = x - x.mean()
    return (away @ y) / (away @ away), error / np.sqrt(away @ away)


def scatter_of_sampling(problem, folder):
    """Standard deviation of μ̂ at α = 0 times √N of the reference, to first order.

    With Z_s = mean of r_s Π g_sk over the reference, dZ_s/dα_k scatters as the mean of r_s (g'_sk(0) − E_s[g'_sk]), the
    slope of −2 ln L by 2 Σ_s ν_s times that, and the estimates by the inverse Hessian times the slope.
    """
    x, widths = quadrature()
    reference = np.exp(problem.region.reference.log_pdf(x))
    names, ratios = list(problem.nominal), problem.region.log_ratios(x)
    influence = np.zeros((len(names), len(x)))
    for process in problem.region.processes:
        log_ratio, templates = ratios[process.name]
        for name, (hi, lo) in templates.items():
            derivative = np.imag(code4(1e-30j, np.exp(hi), np.exp(lo))) / 1e-30
            mean = np.sum(widths * reference * np.exp(log_ratio) * derivative)
            influence[names.index(name)] += 2 * process.events * np.exp(log_ratio) * (derivative - mean)
    covariance = (widths * reference * influence) @ influence.T
    oracle = Oracle(problem.workspace(folder), folder, normaliser=problem.normaliser)
    slopes = [[oracle.gradient(problem.point(**{n: problem.nominal[n] + by})) for n in names] for by in (1e-5, -1e-5)]
    up, down = (np.array([[each[n] for n in names] for each in side]) for side in slopes)
    inverse = np.linalg.inv((up - down) / 2e-5)
    return np.sqrt((inverse @ covariance @ inverse)[0, 0])


TRUTH = {"mu": 1.3, "JES": 0.5, "JER": -0.5, "theory": 0.5}
RUNAWAY = {"mu": 2.445, "JES": -5.0, "JER": 5.0, "theory": 5.0}
"""Where the products of templates of 5.5 % integrate to far more than one: the lowest −2 ln L without normalisation."""


def large(events):
    return single().changed(events=EVENTS[events], size=SIZE)


@pytest.mark.parametrize("events", EVENTS)
def test_normalised_densities_return_the_truth_from_everywhere(tmp_path, events):
    """From the nominal point and, by the oracle's fit, from 4 corners: there is one minimum."""
    problem = large(events)
    fit = fit_of(modelled(problem, tmp_path, TRUTH))
    assert max(away(fit, TRUTH).values()) < 0.01
    centres = {name: value for name, value in TRUTH.items() if name != "mu"}
    oracle = Oracle(problem.workspace(tmp_path, observed=("asimov", TRUTH), centres=centres), tmp_path)
    assert fit.result.twice_nll <= oracle.twice_nll(TRUTH) + 1e-8
    for first, second in itertools.product((-4.0, 4.0), repeat=2):
        start = {"mu": 1.3, "JES": first, "JER": second, "theory": first * second / 4}
        minuit = oracle.minimise(start, bounds={"mu": (-10, 10)})
        assert minuit.fval == pytest.approx(fit.result.twice_nll, abs=1e-3)


@pytest.mark.parametrize(("events", "fits"), [("1.8k", 8), ("18k", 4), ("180k", 1)])
def test_normalised_densities_return_the_truth_from_events(tmp_path, events, fits):
    """The mean of some fits to drawn events is the truth, as far as their errors allow."""
    problem, pulls = large(events), []
    for seed in range(fits):
        folder = tmp_path / str(seed)
        folder.mkdir()
        fit = fit_of(modelled(problem, folder, TRUTH, data="drawn", seed=(seed,)))
        assert fit.result.converged
        pulls.append([(each.value - TRUTH[name]) / each.error for name, each in fit.parameters.items()])
    assert np.abs(np.mean(pulls, axis=0)).max() < 3 / np.sqrt(fits)


@pytest.mark.parametrize("events", EVENTS)
def test_without_normalisation_a_fit_misses_the_truth_or_runs_away(tmp_path, events):
    """To a minimum of its own, by more than one of its errors and with errors that are too small; or to the bounds."""
    problem = large(events)
    right = fit_of(modelled(problem, tmp_path, TRUTH))
    wrong = fit_of(modelled(problem, tmp_path, TRUTH, normalise=False))
    assert max(away(right, TRUTH).values()) < 0.01
    if not wrong.result.at_bounds:
        assert away(wrong, TRUTH)["JES"] > 1
        assert wrong["JES"].error < 0.5 * right["JES"].error


@pytest.mark.parametrize(("events", "depth"), [("1.8k", 100.0), ("18k", 1500.0), ("180k", 15000.0)])
def test_without_normalisation_the_lowest_minimum_is_where_densities_are_too_large(tmp_path, events, depth):
    problem, models = large(events), []
    for normalise in (True, False):
        document = problem.workspace(tmp_path, observed=("asimov", TRUTH), normalise=normalise)
        models.append(Model.build(Workspace.from_dict(document, folder=tmp_path)))
    normalised, published = models
    assert normalised.twice_nll(RUNAWAY) - normalised.twice_nll(TRUTH) > 10
    assert published.twice_nll(TRUTH) - published.twice_nll(RUNAWAY) > depth
    assert min(process.norm(RUNAWAY) for process in problem.region.processes) > 1.01


@pytest.mark.parametrize("events", EVENTS)
def test_without_normalisation_fits_run_away(tmp_path, events):
    """Truth where Z > 1: the normalised fit is right, the other one ends at a bound or does not end."""
    problem, truth = large(events), TRUTH | {"JES": 1.5, "JER": -1.5, "theory": 1.5}
    right = fit_of(modelled(problem, tmp_path, truth))
    wrong = fit_of(modelled(problem, tmp_path, truth, normalise=False))
    assert max(away(right, truth).values()) < 0.01
    assert wrong.result.at_bounds or not wrong.result.converged
