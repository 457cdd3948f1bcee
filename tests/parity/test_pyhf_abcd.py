"""CLs of the ABCD likelihood against pyhf's, with shapefactors for the rates and a normsys for the non-closure."""

import warnings

import numpy as np
import pyhf
import pytest

from neyman.abcd import cls, significance, upper_limit

from .pyhf_oracle import backend, minuit_optimizer

CLOSED = ([[400.0, 50, 4000, 500]], [[1.0, 15, 0.2, 1]])
OPEN = ([[400.0, 55, 4000, 500]], [[1.0, 15, 0.2, 1]])
TWO = ([[400.0, 52, 4000, 500], [80, 9, 900, 100]], [[1.0, 10, 0.2, 1], [1, 6, 0.2, 1]])
EVERYWHERE = (TWO[0], [[20.0, 10, 5, 25], [10, 6, 3, 12]])
THREE = (
    [[400.0, 52, 4000, 500], [80, 9, 900, 100], [20, 3, 150, 18]],
    [[9.0, 10, 4, 12], [1, 6, 0.2, 1], [1, 4, 0, 1]],
)
DATA = [[390.0, 61, 4050, 488], [85, 7, 880, 111]]
VARIANCE = [[300.0, 60, 5000, 400], [70, 12, 800, 90]]
CASES = {
    "closed": (*CLOSED, {}),
    "10 % open": (*OPEN, {}),
    "30 % open, below": ([[400.0, 35, 4000, 500]], CLOSED[1], {}),
    "two bins": (*TWO, {}),
    "signal everywhere": (*EVERYWHERE, {}),
    "other data": (*EVERYWHERE, {"observed": DATA}),
    "other data, less than the background": (*TWO, {"observed": [[410.0, 41, 3950, 510], [83, 4, 920, 95]]}),
    "δ given": (*EVERYWHERE, {"observed": DATA, "delta": [0.2, -0.3]}),
    "δ shared": (*EVERYWHERE, {"observed": DATA, "theta": "shared"}),
    "δ shared, three bins": (*THREE, {"theta": "shared"}),
    "simulation's statistics": (*EVERYWHERE, {"observed": DATA, "variance": VARIANCE}),
    "statistics, δ shared": (*TWO, {"variance": VARIANCE, "theta": "shared"}),
}


def specification(background, signal, delta, variance, theta):
    a, b, c, d = np.array(background).T
    predicted = a * d / c
    growth = b / predicted if delta is None else 1 + np.array(delta)

    def shapes(*names):
        return [{"name": name, "type": "shapefactor", "data": None} for name in names]

    def signals(region):
        yields = [row[region] for row in signal]
        return {"name": "sig", "data": yields, "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}

    def systematic(name, factor):
        return {"name": name, "type": "normsys", "data": {"hi": factor, "lo": 1 / factor}}

    expected = []
    for i, value in enumerate(predicted):
        name = "closure" if theta == "shared" else f"closure{i}"
        modifiers = [*shapes("a", "t"), systematic(name, growth[i])]
        if variance is not None:
            sigma = np.sqrt((np.array(variance)[i] / np.array(background)[i] ** 2).sum())
            modifiers.append(systematic(f"statistics{i}", np.exp(sigma)))
        alone = [value if j == i else 0.0 for j in range(len(predicted))]
        expected.append({"name": f"bkg{i}", "data": alone, "modifiers": modifiers})
    plain = {"A": (a, ("a",), 0), "C": (c, ("c",), 2), "D": (d, ("c", "t"), 3)}
    samples = {
        name: {"name": "bkg", "data": list(rate), "modifiers": shapes(*w)} for name, (rate, w, _) in plain.items()
    }
    return {
        "channels": [
            *({"name": name, "samples": [signals(plain[name][2]), sample]} for name, sample in samples.items()),
            {"name": "B", "samples": [signals(1), *expected]},
        ]
    }


def in_pyhf(background, signal, *, observed=None, delta=None, variance=None, theta="per_bin"):
    """The model, data in its order, and bounds that are above zero."""
    spec = specification(background, signal, delta, variance, theta)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
        settings = {"normsys": {"interpcode": "code1"}}
        model = pyhf.Model(spec, poi_name="mu", modifier_settings=settings, validate=False)
    counts = np.array(background if observed is None else observed)
    order = [counts[:, "ABCD".index(name)] for name in model.config.channels]
    bounds = [
        (1e-8, 10.0) if low >= 0 and index != model.config.poi_index else (low, high)
        for index, (low, high) in enumerate(model.config.suggested_bounds())
    ]
    return model, [*np.concatenate(order), *model.config.auxdata], bounds


@pytest.fixture(autouse=True, scope="module")
def exact():
    """With JAX's gradients: those of finite differences leave CLs off by up to 1e-5."""
    with backend("jax", minuit_optimizer(tolerance=1e-6, strategy=2)):
        yield


def arrays(background, signal, options):
    given = {name: np.array(value) if isinstance(value, list) else value for name, value in options.items()}
    return np.array(background), np.array(signal), given


@pytest.mark.parametrize("case", CASES)
def test_cls(case):
    background, signal, options = CASES[case]
    model, data, bounds = in_pyhf(background, signal, **options)
    observed, expected = pyhf.infer.hypotest(
        1.0, data, model, test_stat="qtilde", return_expected_set=True, par_bounds=bounds
    )
    background, signal, given = arrays(background, signal, options)
    found = cls(background, signal, **{"observed": background, **given})
    assert found.observed == pytest.approx(float(observed), abs=1e-6)
    assert found.expected[::-1] == pytest.approx([float(each) for each in expected][::-1], abs=1e-6)


def test_the_numbers_that_were_known_before():
    background, signal = (np.array(each) for each in CLOSED)
    assert cls(background, signal).expected[2] == pytest.approx(0.0762968, abs=1e-6)
    background, signal = (np.array(each) for each in OPEN)
    found = cls(background, signal, observed=background)
    assert (found.observed, found.expected[2]) == pytest.approx((0.2194295, 0.1233081), abs=1e-6)


def test_limits():
    """pyhf's CLs at our limits is 0.05."""
    background, signal, options = CASES["other data"]
    model, data, bounds = in_pyhf(background, signal, **options)
    background, signal, given = arrays(background, signal, options)
    limit = upper_limit(background, signal, **given)

    def theirs(mu):
        return pyhf.infer.hypotest(mu, data, model, test_stat="qtilde", return_expected_set=True, par_bounds=bounds)

    assert float(theirs(limit.observed)[0]) == pytest.approx(0.05, abs=1e-5)
    for number, mu in enumerate(limit.expected):
        assert float(theirs(mu)[1][number]) == pytest.approx(0.05, abs=1e-5)


def test_significance():
    background, signal, options = CASES["other data"]
    model, data, bounds = in_pyhf(background, signal, **options)
    q0 = pyhf.infer.test_statistics.q0(
        0.0, data, model, model.config.suggested_init(), bounds, model.config.suggested_fixed()
    )
    background, signal, given = arrays(background, signal, options)
    assert significance(background, signal, **given).observed ** 2 == pytest.approx(float(q0), abs=1e-5)
