"""Our density against EOS's own, which is asked here directly and shares no code with ours."""

import numpy as np
import pytest

from neyman.events.events import Events
from neyman.simulation.eos import BToKstarMuMu
from neyman.simulation.eos.amplitudes import load_eos
from neyman.simulation.eos.angles import RATE

pytest.importorskip("matplotlib")
eos = load_eos()  # not imported as it is: it changes how matplotlib draws

WINDOW = (1.0, 8.0)
COLUMNS = ("q2", "cos(theta_l)", "cos(theta_K)", "phi")
PDF = "B->K^*ll::P(q2,cos(theta_l),cos(theta_K),phi)"


@pytest.fixture(scope="module")
def parameters():
    return eos.Parameters()


def eos_log_pdf(points, c9, parameters, *, tag, lepton="mu", conjugate="false"):
    """log of dΓ/Γ[1, 6]: EOS divides by the rate in that bin, whatever the window (b-to-kstar-ll.cc)."""
    kinematics = eos.Kinematics(
        **{
            name + end: value
            for name, low, high in zip(COLUMNS, (1.0, -1.0, -1.0, -np.pi), (8.0, 1.0, 1.0, np.pi), strict=True)
            for end, value in (("", (low + high) / 2), ("_min", low), ("_max", high))
        }
    )
    options = eos.Options(l=lepton, q="d", model="WET", tag=tag, **{"cp-conjugate": conjugate})
    coefficient = parameters[f"b->s{lepton}{lepton}::Re{{c9}}"]
    before = coefficient.evaluate()
    coefficient.set(c9)
    try:
        pdf = eos.SignalPDF.make(PDF, parameters, kinematics, options)
        out = np.empty(len(points))
        for i, point in enumerate(points):
            for name, value in zip(COLUMNS, point, strict=True):
                kinematics[name].set(float(value))
            out[i] = pdf.evaluate()
    finally:
        coefficient.set(before)
    return out


def random_points(n, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform([1.0, -1.0, -1.0, -np.pi], [8.0, 1.0, 1.0, np.pi], size=(n, 4))


def log_rate_ratio(decay, c9):
    """log Γ[1, 8]/Γ[1, 6]."""
    monomials = decay.table.monomials(np.array([[c9]]))[0]
    return np.log((monomials @ decay.table.integral(1, 8) @ RATE) / (monomials @ decay.table.integral(1, 6) @ RATE))


def check(decay, c9, points, theirs):
    ours = decay.log_prob({"C9": c9}, Events.from_matrix(points, decay.schema))
    difference = theirs - ours
    # EOS's own noise is 6e-7 of dΓ/dq², which is more of the density where that is small.
    typical = np.exp(ours) * (WINDOW[1] - WINDOW[0]) * 8 * np.pi
    assert (np.abs(difference - np.median(difference)) * np.minimum(typical, 1)).max() < 1e-5
    assert np.median(difference) == pytest.approx(log_rate_ratio(decay, c9), abs=1e-4)


@pytest.mark.parametrize("tag", ["BFS2004", "GP2004"])
@pytest.mark.parametrize(("c9", "n"), [(4.27342842, 500), (3.1, 250), (6.0, 250)])
def test_it_is_that_of_eos_up_to_one_constant(tag, c9, n, parameters):
    points = random_points(n, 1)
    check(BToKstarMuMu(tag=tag, flavour="B0bar"), c9, points, eos_log_pdf(points, c9, parameters, tag=tag))


@pytest.mark.parametrize("tag", ["GP2004", "GvDV2020", "Naive"])
@pytest.mark.parametrize("lepton", ["mu", "e"])
def test_other_flavour_leptons_and_tags(tag, lepton, parameters):
    points = random_points(200, 2)
    theirs = eos_log_pdf(points, 3.7, parameters, tag=tag, lepton=lepton, conjugate="true")
    check(BToKstarMuMu(tag=tag, lepton=lepton, flavour="B0"), 3.7, points, theirs)


@pytest.mark.parametrize("flip", [(1, -1, 1, 1), (1, 1, 1, -1), (1, -1, 1, -1), (1, 1, -1, 1)])
def test_other_angles_would_be_noticed(flip, parameters):
    """Negative control: with the sign of one angle wrong the comparison fails."""
    decay, points = BToKstarMuMu(tag="GP2004", flavour="B0bar"), random_points(200, 3)
    theirs = eos_log_pdf(points * flip, 4.0, parameters, tag="GP2004")
    with pytest.raises(AssertionError):
        check(decay, 4.0, points, theirs)
    check(decay, 4.0, points, eos_log_pdf(points, 4.0, parameters, tag="GP2004"))


@pytest.mark.parametrize("other", [{"flavour": "B0"}, {"tag": "Naive"}, {"lepton": "e"}])
def test_another_decay_would_be_noticed(other, parameters):
    points = random_points(200, 4)
    theirs = eos_log_pdf(points, 4.0, parameters, tag="GP2004")
    with pytest.raises(AssertionError):
        check(BToKstarMuMu(**{"tag": "GP2004", "flavour": "B0bar"} | other), 4.0, points, theirs)
