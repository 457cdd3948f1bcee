"""Pseudo-experiments of unbinned and binned channels, drawn from densities that are known: pulls and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2, norm
from tests.likelihood.unbinned.oracle import binned_yields
from tests.likelihood.unbinned.problems import joint

from neyman.likelihood.data import Data
from neyman.likelihood.many import fit_many
from neyman.likelihood.unbinned.channels import Events
from neyman.likelihood.unbinned.templates import Templates
from neyman.likelihood.workspace import Workspace

TRUTH = {"mu": 1.2, "JES": 0.4, "JER": -0.3}
TAIL = 0.005
"""On each side of the intervals in which pulls and coverage must be: they hold 99 %."""


def events(channel, region, x):
    """Drawn events, as the likelihood wants them."""
    ratios = region.log_ratios(x)
    pairs = [
        (s, k)
        for s, name in enumerate(channel.samples)
        for k, alpha in enumerate(channel.alphas)
        if alpha in ratios[name][1]
    ]
    hi, lo = ([ratios[channel.samples[s]][1][channel.alphas[k]][side] for s, k in pairs] for side in (0, 1))
    templates = Templates.build(
        [ratios[name][0] for name in channel.samples],
        hi,
        lo,
        [s for s, _ in pairs],
        [k for _, k in pairs],
        parameters=len(channel.alphas),
    )
    return Events(templates, np.ones(len(x)))


def pseudo_experiments(model, problem, truth, count, rng):
    """Poisson numbers of events in bins and regions, events of the density at the truth, and auxiliary data."""
    (control,), regions = problem.binned, {region.name: region for region in problem.regions}
    expected, auxiliary = binned_yields(control, truth), model.expected_auxiliary(truth)
    draws = [regions[channel.name].sampler(truth) for channel in model.unbinned]
    found = []
    for _ in range(count):
        drawn = tuple(
            events(channel, regions[channel.name], draw(rng))
            for channel, draw in zip(model.unbinned, draws, strict=True)
        )
        main = np.concatenate([rng.poisson(expected), [each.total for each in drawn]])
        found.append(Data(main, rng.normal(auxiliary, model.widths[model.constrained]), drawn))
    return found


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    problem, folder = joint(), tmp_path_factory.mktemp("arrays")
    document = problem.workspace(folder, reference=("grid", 200))
    return problem, Workspace.from_dict(document, folder=folder).model()


def coverage_interval(count, probability):
    """The number of intervals that cover."""
    return binom.ppf(TAIL, count, probability), binom.ppf(1 - TAIL, count, probability)


@pytest.mark.parametrize("count", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_pulls_and_coverage(prepared, count):
    problem, model = prepared
    truth = problem.point(**TRUTH)
    data = pseudo_experiments(model, problem, truth, count, np.random.default_rng(count))
    found = fit_many(model, data, model.inits)
    assert found.converged.all()
    pulls = (found.theta - model.vector(truth)) / np.sqrt(found.variance)
    widths = np.sqrt(chi2.ppf([TAIL, 1 - TAIL], count - 1) / (count - 1))
    for name, each in zip(model.names, pulls.T, strict=True):
        assert abs(each.mean()) < norm.isf(TAIL) / np.sqrt(count), name
        assert widths[0] < each.std(ddof=1) < widths[1], name
        for sigmas in (1, 2):
            low, high = coverage_interval(count, norm.cdf(sigmas) - norm.cdf(-sigmas))
            assert low <= (np.abs(each) < sigmas).sum() <= high, (name, sigmas)
