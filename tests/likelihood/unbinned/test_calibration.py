"""Data made from reference events that were sampled: a fit of them ends where they were made."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from neyman.likelihood.model import Model
from neyman.likelihood.toys import draw
from neyman.likelihood.workspace import Workspace

from .problems import joint

POINT = {"mu": 1.3, "JES": 0.6, "JER": -1.4}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arrays")
    document = joint().workspace(folder, reference=("sampled", 2000, 3))
    return Model.build(Workspace.from_dict(document, folder=folder))


def test_asimov_data_of_a_sampled_reference_close(model):
    """Raw reference weights integrate densities to 1 ± 2 %: fits of their Asimov data were off by parts of an error."""
    integrals = [each.nominal / each.reference.weights.sum() for each in model.unbinned]
    assert max(np.abs(each - 1).max() for each in integrals) > 0.005
    fit = model.fit(model.asimov(POINT))
    away = (fit.theta - model.vector(POINT)) / np.where(fit.errors > 0, fit.errors, 1)
    assert np.abs(away).max() < 1e-4, dict(zip(model.names, away, strict=True))
    assert np.abs(model.gradient(POINT, model.asimov(POINT))).max() < 1e-4


def test_weights_of_each_sample_have_the_sum_of_its_yield(model):
    (channel, *_) = model.unbinned
    yields = np.array([model.expected(POINT)[channel.name][sample][0] for sample in channel.samples])
    weights = channel.expected_weights(yields, model.vector(POINT)[model.compiled.order][channel.places])
    np.testing.assert_allclose(weights.sum(1), yields, rtol=1e-12)
    assert (weights >= 0).all()


def test_pseudo_experiments_pull_nowhere(model):
    """The score at the truth has mean zero over pseudo-experiments, parameter by parameter."""
    toys = draw(model, POINT, 150, np.random.default_rng(5))
    scores = np.array([model.gradient(POINT, toy) for toy in toys])
    pull = scores.mean(0) / (scores.std(0, ddof=1) / np.sqrt(len(toys)))
    assert np.abs(pull).max() < norm.isf(0.005 / len(pull))
