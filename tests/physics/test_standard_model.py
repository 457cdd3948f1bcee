"""Observables of the Standard Model, against EOS's and against those in the literature."""

import numpy as np
import pytest
from scipy.optimize import brentq

from neyman.simulation.eos import BToKstarMuMu
from neyman.simulation.eos.amplitudes import load_eos
from neyman.simulation.eos.angles import LHCB_SIGNS, NAMES, RATE, angular_functions

pytest.importorskip("matplotlib")
eos = load_eos()  # not imported as it is: it changes how matplotlib draws

BIN = (1.1, 6.0)
SIX_S = NAMES.index("6s")


@pytest.fixture(scope="module", params=["average", "B0bar", "B0"])
def decay(request):
    return BToKstarMuMu(flavour=request.param)


EXPECTED = {
    "average": {"F_L": 0.7309, "A_FB": -0.0392, "P5p": -0.3611},
    "B0bar": {"F_L": 0.7306, "A_FB": -0.0397, "P5p": -0.3596, "zero": 3.984},
    "B0": {"F_L": 0.7311, "A_FB": -0.0386, "P5p": -0.3626, "zero": 3.972},
}


def test_observables(decay):
    expected = dict(EXPECTED[decay.options.flavour])
    zero = expected.pop("zero", None)
    found = decay.observables(decay.standard_model, BIN)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-4), name
    if zero is not None:
        crossing = brentq(lambda q2: decay.angular_coefficients(np.array([q2]), decay.standard_model)[0, SIX_S], 3, 5)
        assert crossing == pytest.approx(zero, abs=1e-3)


@pytest.mark.parametrize("c9", [4.27342842, 3.3])
@pytest.mark.parametrize("edges", [BIN, (2.0, 4.3)])
def test_averages_are_those_of_eos(c9, edges):
    """EOS's own integrals of the CP-averaged observables in LHCb's angles."""
    decay = BToKstarMuMu()
    parameters = eos.Parameters()
    parameters.set("b->smumu::Re{c9}", c9)
    kinematics = eos.Kinematics(q2_min=edges[0], q2_max=edges[1])
    options = eos.Options(l="mu", q="d", model="WET", tag="BFS2004")
    names = {"F_L": "F_L", "A_FB": "A_FB@LHCb", "P5p": "P'_5@LHCb"}
    names |= {f"S{name}": f"S_{name}@LHCb" for name in ("3", "4", "5", "6s", "7", "8", "9")}
    found = decay.observables({"C9": c9}, edges)
    assert set(found) == set(names)
    for name, theirs in names.items():
        value = eos.Observable.make(f"B->K^*ll::{theirs}", parameters, kinematics, options).evaluate()
        assert found[name] == pytest.approx(value, abs=1e-5), name


def test_observables_are_moments_of_simulated_events():
    """What an experiment would count: A_FB and F_L from events, without any J."""
    decay = BToKstarMuMu(q2=BIN)
    events = decay.simulate(decay.standard_model, 400_000, 1)
    expected = decay.observables(decay.standard_model)
    forward = np.sign(events["cos_theta_l"])
    assert forward.mean() == pytest.approx(expected["A_FB"], abs=4 / len(events) ** 0.5)
    longitudinal = (5 * events["cos_theta_K"] ** 2 - 1) / 2  # <cos²θK> = (1 + 2 F_L)/5
    assert longitudinal.mean() == pytest.approx(expected["F_L"], abs=4 * longitudinal.std() / len(events) ** 0.5)


def test_the_signs_are_those_of_turning_two_angles():
    """f_i(−cos θl, cos θK, −φ) = sign_i f_i(cos θl, cos θK, φ)."""
    rng = np.random.default_rng(1)
    cos_l, cos_k, phi = rng.uniform(-1, 1, 50), rng.uniform(-1, 1, 50), rng.uniform(-3, 3, 50)
    turned, straight = angular_functions(-cos_l, cos_k, -phi), angular_functions(cos_l, cos_k, phi)
    np.testing.assert_allclose(turned, LHCB_SIGNS * straight, atol=1e-14)


def test_the_rate_is_the_integral_over_angles():
    x, w = np.polynomial.legendre.leggauss(6)
    phi = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    points = np.stack(np.meshgrid(x, x, phi, indexing="ij"), axis=-1).reshape(-1, 3)
    weights = np.einsum("i,j,k->ijk", w, w, np.full(8, 2 * np.pi / 8)).ravel()
    np.testing.assert_allclose(weights @ angular_functions(*points.T), RATE, atol=1e-12)
