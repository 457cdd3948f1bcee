"""Refusals of hypothesis tests, limits and toys, and their results as JSON. tests/parity compares the numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from neyman.core.errors import InputError, NumericsError, WorkspaceError
from neyman.likelihood.data import Data
from neyman.likelihood.goodness import goodness_of_fit
from neyman.likelihood.hypotheses import hypothesis_test, hypothesis_tests, significance
from neyman.likelihood.limits import upper_limit
from neyman.likelihood.outcomes import GoodnessOfFit, HypothesisTest, Significance, Toys, UpperLimit
from neyman.likelihood.toys import draw, fit_toys, hypothesis_test_with_toys, toys
from neyman.likelihood.workspace import Workspace

DOCUMENT = json.loads((Path(__file__).parents[1] / "cli" / "fit_workspace.json").read_text())


def changed(**config):
    document = json.loads(json.dumps(DOCUMENT))
    document["measurements"][0]["config"] |= config
    return Workspace.from_dict(document).model()


@pytest.fixture(scope="module")
def model():
    return Workspace.from_dict(DOCUMENT).model()


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_strength_is_finite_and_not_negative(model, value):
    with pytest.raises(WorkspaceError, match="zero or above"):
        hypothesis_test(model, value)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.05, float("nan")])
def test_a_level_is_a_probability(model, level):
    with pytest.raises(InputError, match="between 0 and 1"):
        upper_limit(model, level=level)


@pytest.mark.parametrize("compute", [significance, upper_limit, lambda model: hypothesis_test(model, 1.0)])
def test_a_parameter_of_interest_is_needed(compute):
    with pytest.raises(WorkspaceError, match="no parameter of interest"):
        compute(changed(poi=""))


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ({"bounds": [[0.5, 10]]}, "bounds that hold zero"),
        ({"fixed": True}, "one that may move"),
    ],
)
def test_it_must_be_able_to_be_zero_and_to_move(setting, part):
    with pytest.raises(WorkspaceError, match=part):
        upper_limit(changed(parameters=[{"name": "mu", "inits": [1.0], **setting}]))


def test_without_effect_there_is_no_limit():
    document = json.loads(json.dumps(DOCUMENT))
    for channel in document["channels"]:
        for sample in channel["samples"]:
            if any(each["name"] == "mu" for each in sample["modifiers"]):
                sample["data"] = [0.0] * len(sample["data"])
                sample["modifiers"] = [each for each in sample["modifiers"] if each["type"] == "normfactor"]
    with pytest.raises(NumericsError, match="CLs does not come down"):
        upper_limit(Workspace.from_dict(document).model())


def test_results_read_back_from_their_json(model, tmp_path):
    found = [
        (UpperLimit, upper_limit(model)),
        (HypothesisTest, hypothesis_test(model, 1.0)),
        (HypothesisTest, hypothesis_test_with_toys(model, 1.0, count=20, seed=1)),
        (Significance, significance(model)),
        (GoodnessOfFit, goodness_of_fit(model.fit())),
        (Toys, toys(model, count=20, seed=1)),
    ]
    for number, (kind, result) in enumerate(found):
        result.save(tmp_path / f"{number}.json")
        assert kind.load(tmp_path / f"{number}.json").to_json() == result.to_json()


def test_the_limit_is_where_cls_is_the_level(model):
    limit = upper_limit(model, level=0.1)
    at_limits = hypothesis_tests(model, [limit.obs, *limit.exp])
    assert at_limits[0].cls_obs == pytest.approx(0.1, abs=1e-5)
    for band, test in enumerate(at_limits[1:]):
        assert test.cls_exp[band] == pytest.approx(0.1, abs=1e-5)
    assert limit.exp == sorted(limit.exp)


def test_no_toys_are_refused(model):
    with pytest.raises(InputError, match="at least 1"):
        fit_toys(model, model.inits, count=0, seed=1)


def test_drawn_data_have_the_spread_of_their_model(model):
    """Events are Poisson, auxiliary data normal or Poisson around what is expected."""
    data = draw(model, {"mu": 2.0}, 4000, np.random.default_rng(1))
    expected = model.asimov({"mu": 2.0})
    main = np.array([each.main for each in data])
    auxiliary = np.array([each.auxiliary for each in data])
    error = np.sqrt(expected.main / 4000)
    assert np.all(np.abs(main.mean(0) - expected.main) < 4 * error)
    assert main.var(0) == pytest.approx(expected.main, rel=0.12)
    scale = np.array([each for parameters in model.sets for each in parameters.auxdata])
    assert auxiliary.mean(0) == pytest.approx(scale, abs=4 * auxiliary.std() / np.sqrt(4000))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda main: main[:-1], "events in bins"),
        (lambda main: np.where(np.arange(len(main)) == 0, np.nan, main), "not finite"),
        (lambda main: -1.0 - main, "zero or more"),
    ],
)
def test_data_that_do_not_fit_are_refused(model, change, part):
    with pytest.raises(WorkspaceError, match=part):
        model.fit(Data(change(model.observed.main), model.observed.auxiliary))
