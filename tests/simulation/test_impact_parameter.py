import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neyman.core.errors import ConfigError, DataError
from neyman.simulation import impact_parameter
from neyman.simulation.impact_parameter import CONDITIONS, ImpactParameter, impact_parameter_sample, true_map

KINDS = ("simulation", "data")
MUON = np.array([[40.0, 3.0, 0.5, 2.0]])


def conditions(events):
    return np.stack([events[name] for name in CONDITIONS.names], axis=1)


def muons(n, pt=40.0, eta=3.0, phi=0.5):
    return {"pt": np.full(n, pt), "eta": np.full(n, eta), "phi": np.full(n, phi)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_distribution_function_is_that_of_the_events(kind):
    events = impact_parameter_sample(kind, 20_000, 2)
    u = ImpactParameter(kind).cdf(events["ip"], conditions(events))
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    for name in CONDITIONS.names:  # also in each part of the conditions
        values = events[name] + (1e-6 * np.arange(len(events)) if name == "npv" else 0)
        for half in (values < np.median(values), values >= np.median(values)):
            assert stats.kstest(u[half], "uniform").pvalue > 1e-3
    foil = abs(np.cos(events["phi"])) < 0.2
    assert stats.kstest(u[foil], "uniform").pvalue > 1e-3
    far = stats.binomtest(int((u > 0.995).sum()), len(u), 0.005)
    assert far.pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_million_events_of_one_muon(kind):
    """By a generator written here: what each number of the table does, at one point of the conditions."""
    a, b, g, s1, s2, f, v, left, right, tau, t = {
        "simulation": (11.6, 23.4, 0.15, 0.04, 0.06, 0.04, 60, 0, 0, 0.008, 4),
        "data": (12.8, 26.0, 0.22, 0.08, 0.12, 0.12, 66, 2, 6, 0.015, 5),
    }[kind]
    n, rng = 1_000_000, np.random.default_rng(7)
    pt, eta, phi, npv = 25.0, 3.83, 1.5, 3.0
    logistic = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    track = (a + b / pt) * (1 + g * ((eta - 3.2) / 1.2) ** 2)
    track *= 1 + s1 * logistic((eta - 2.7) / 0.05) + s2 * logistic((eta - 3.8) / 0.05)
    track *= 1 + f * np.exp(-0.5 * (np.cos(phi) / 0.25) ** 2)
    tracks = 8 + 6 * rng.standard_gamma(5, n) / np.sqrt(npv)
    width = np.sqrt(track**2 + (v / tracks**0.7) ** 2)
    tail = rng.random(n) < 1 - np.exp(-tau * (1 + npv) / 2)
    width[tail] *= t * np.exp(0.6 * rng.standard_normal(tail.sum()))
    nu = left + (right - left) * logistic(np.cos(phi) / 0.05)
    ip = np.hypot(nu + width * rng.standard_normal(n), width * rng.standard_normal(n)) / 1000
    at = np.array([0.002, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3])
    truth = np.searchsorted(np.sort(ip), at) / n
    found = ImpactParameter(kind).cdf(at, np.tile([[pt, eta, phi, npv]], (len(at), 1)))
    assert (abs(found - truth) < 4 * np.sqrt(truth * (1 - truth) / n)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_quadrature_has_converged(kind, monkeypatch):
    """Against three times as many nodes in each direction: below, and what is above, in its own size."""
    at = np.geomspace(1e-4, 1.0, 25)
    rows = np.array([[45.0, 3.0, 0.0, 1.0], [20.0, 4.4, 1.57, 1.0], [60.0, 2.1, -3.0, 6.0]])
    c = np.repeat(rows, len(at), axis=0)
    law, ip = ImpactParameter(kind), np.tile(at, len(rows))
    below, above = law.cdf(ip, c), np.exp(-np.logaddexp(0, law.log_odds(ip, c)))
    nodes = impact_parameter._nodes_of(48, 24, 72)
    monkeypatch.setattr(impact_parameter, "_nodes", lambda: nodes)
    np.testing.assert_allclose(below, law.cdf(ip, c), atol=1e-6)
    np.testing.assert_allclose(above, np.exp(-np.logaddexp(0, law.log_odds(ip, c))), rtol=2e-3)


@settings(max_examples=20)
@given(
    kind=st.sampled_from(KINDS),
    pt=st.floats(20, 500),
    eta=st.floats(2, 4.5),
    phi=st.floats(-3.14, 3.14),
    npv=st.integers(1, 12),
    p=st.floats(1e-7, 1 - 1e-7),
)
def test_quantiles_invert_the_distribution_function(kind, pt, eta, phi, npv, p):
    law, at = ImpactParameter(kind), np.array([[pt, eta, phi, npv]])
    assert law.cdf(law.quantile(np.array([p]), at), at)[0] == pytest.approx(p, rel=1e-8)


def test_the_true_map_makes_simulation_like_data_in_every_cell():
    simulation, data = (impact_parameter_sample(kind, 12_000, 3) for kind in KINDS)
    mapped = true_map(simulation["ip"], conditions(simulation))
    different = 0
    for right in (True, False):
        for low, high in ((2, 2.7), (2.7, 3.8), (3.8, 4.5)):
            inside, there = (
                ((np.cos(e["phi"]) > 0) == right) & (low < e["eta"]) & (e["eta"] < high) for e in (simulation, data)
            )
            assert stats.ks_2samp(mapped[inside], data["ip"][there]).pvalue > 1e-3
            different += stats.ks_2samp(simulation["ip"][inside], data["ip"][there]).pvalue < 1e-3
    assert different >= 5  # before it was mapped
    for above in (0.05, 0.1):
        found, truth = (mapped > above).sum(), (data["ip"] > above).sum()
        assert abs(found - truth) < 4 * np.sqrt(found + truth)
        assert (simulation["ip"] > above).sum() < 0.6 * truth


def test_the_true_map_is_monotone_and_keeps_the_conditional_rank():
    at = np.concatenate([[0.0], np.geomspace(1e-6, 5.0, 120)])
    for row in ([40.0, 3.0, 0.0, 2.0], [25.0, 2.1, 3.1, 1.0], [80.0, 4.4, 1.5, 7.0]):
        c = np.tile(row, (len(at), 1))
        mapped = true_map(at, c)
        assert mapped[0] == 0
        assert (np.diff(mapped) > 0).all()
        before = ImpactParameter("simulation").log_odds(at[1:], c[1:])
        np.testing.assert_allclose(ImpactParameter("data").log_odds(mapped[1:], c[1:]), before, rtol=1e-7, atol=1e-7)


def test_simulation_is_too_good_and_sees_no_halves():
    rows = {"right": MUON, "left": MUON + np.array([0, 0, 2.1, 0]), "foil": MUON + np.array([0, 0, 1.07, 0])}
    half = np.array([0.5])
    medians = {
        kind: {name: ImpactParameter(kind).quantile(half, row)[0] for name, row in rows.items()} for kind in KINDS
    }
    simulation, data = medians["simulation"], medians["data"]
    assert all(data[name] > 1.05 * simulation[name] for name in rows)
    assert simulation["right"] == pytest.approx(simulation["left"], rel=1e-3)
    assert data["right"] > 1.02 * data["left"]
    assert data["foil"] > 1.05 * data["left"]


def test_conditions_are_distributed_alike_and_seeds_are_independent():
    simulation, data = (impact_parameter_sample(kind, 5_000, 4) for kind in KINDS)
    for name in CONDITIONS.names:
        assert stats.ks_2samp(simulation[name], data[name]).pvalue > 1e-3
    assert not np.isin(simulation["pt"], data["pt"]).any()
    np.testing.assert_array_equal(simulation.matrix, impact_parameter_sample("simulation", 5_000, 4).matrix)
    assert not np.isin(simulation["ip"], impact_parameter_sample("simulation", 5_000, 5)["ip"]).any()
    assert simulation["npv"].mean() == pytest.approx(2.2, abs=5 * np.sqrt(1.2 / 5_000))


def test_kinematics_of_ones_own():
    events = ImpactParameter("data").sample(muons(50, pt=33.0), 1)
    np.testing.assert_array_equal(events["pt"], 33.0)
    again = ImpactParameter("data").sample(events, 1)
    np.testing.assert_array_equal(again["ip"], events["ip"])


@pytest.mark.parametrize(
    ("ip", "c", "part"),
    [
        ([np.nan], MUON, "ip"),
        ([np.inf], MUON, "ip"),
        ([-0.01], MUON, "ip"),
        ([20.0], MUON, "ip"),
        ([0.01, 0.02], MUON, "2 values for 1 rows"),
        ([0.01], MUON[:, :3], "(1, 3)"),
        ([0.01], MUON * [[1, np.nan, 1, 1]], "eta"),
        ([0.01], MUON * [[0.1, 1, 1, 1]], "pt"),
        ([0.01], MUON * [[1, 1, 10, 1]], "phi"),
        ([0.01], MUON * [[1, 1, 1, 0]], "npv"),
    ],
)
def test_values_that_have_no_probability(ip, c, part, message):
    for ask in (ImpactParameter("data").cdf, ImpactParameter("data").log_odds, true_map):
        with pytest.raises(DataError) as error:
            ask(np.array(ip), c)
        message(error, part)


@pytest.mark.parametrize("p", [-0.1, 1.0, np.nan])
def test_probabilities_that_are_none(p, message):
    with pytest.raises(DataError) as error:
        ImpactParameter("data").quantile(np.array([p]), MUON)
    message(error, "[0, 1)")


def test_samples_that_are_none(message):
    for ask in (lambda: ImpactParameter("simulations"), lambda: impact_parameter_sample("simulatoin", 10, 1)):
        with pytest.raises(ConfigError) as error:
            ask()
        message(error, "simulation or data", "did you mean 'simulation'?")
    with pytest.raises(ConfigError) as error:
        impact_parameter_sample("data", 10, 1, kinematics="pytia")
    message(error, "did you mean 'pythia'?")
    for n in (0, -1):
        with pytest.raises(DataError) as error:
            impact_parameter_sample("data", n, 1)
        message(error, "whole number")


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"eta": np.full(3, 5.0)}, "eta"),
        ({"pt": np.array([30.0, np.nan, 30.0])}, "pt"),
        ({"pt": np.full(2, 30.0)}, "different length"),
    ],
)
def test_kinematics_that_are_none(wrong, part, message):
    with pytest.raises(DataError) as error:
        ImpactParameter("data").sample(muons(3) | wrong, 1)
    message(error, part, "kinematics")
    with pytest.raises(DataError) as error:
        ImpactParameter("data").sample({"pt": np.ones(3)}, 1)
    message(error, "missing eta, phi")


def test_no_events_have_no_probabilities():
    assert true_map(np.zeros(0), np.zeros((0, 4))).shape == (0,)
