"""The exported workspace has the same likelihood: `neyman fit` gives the same CLs."""

import numpy as np
import pytest

from neyman.abcd.hypotheses import cls, upper_limit
from neyman.abcd.templates import Templates
from neyman.abcd.workspace import to_workspace
from neyman.likelihood.hypotheses import hypothesis_test
from neyman.likelihood.limits import upper_limit as limit_of_workspace

BACKGROUND = [[400.0, 52, 4000, 500], [80, 9, 900, 100]]
SIGNAL = [[20.0, 10, 5, 25], [10, 6, 3, 12]]
OBSERVED = [[390.0, 61, 4050, 488], [85, 7, 880, 111]]
VARIANCE = [[300.0, 60, 5000, 400], [70, 12, 800, 90]]


@pytest.mark.parametrize("theta", ["per_bin", "shared"])
@pytest.mark.parametrize("more", [{}, {"variance": VARIANCE}, {"observed": OBSERVED, "delta": [0.2, -0.3]}], ids=str)
def test_cls_is_that_of_the_likelihood_room(more, theta):
    templates = Templates(BACKGROUND, SIGNAL, **more)
    model = to_workspace(templates, theta=theta).model(normsys="code1")
    theirs = hypothesis_test(model, 1.0)
    arrays = {name: np.array(values) for name, values in more.items()}
    observed = arrays.pop("observed", templates.background)
    ours = cls(templates.background, templates.signal, observed=observed, theta=theta, **arrays)
    assert ours.expected == pytest.approx(theirs.cls_exp, abs=1e-6)
    assert ours.observed == pytest.approx(theirs.cls_obs, abs=1e-6)


def test_limits_agree():
    templates = Templates(BACKGROUND, SIGNAL)
    theirs = limit_of_workspace(to_workspace(templates).model(normsys="code1"))
    ours = upper_limit(templates.background, templates.signal)
    assert ours.expected == pytest.approx(theirs.exp, rel=1e-4)


def test_an_empty_region_and_another_file(tmp_path):
    templates = Templates([[400.0, 50, 4000, 500]], [[0.0, 15, 0, 0]], observed=[[0, 0, 3, 0]])
    workspace = to_workspace(templates)
    workspace.save(tmp_path / "regions.json")
    back = type(workspace).load(tmp_path / "regions.json")
    assert back.model(normsys="code1").fit().result.converged
