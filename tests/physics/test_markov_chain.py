"""EOS's own Markov chain against the exact sampler."""

import numpy as np
import pytest

from neyman.diagnostics.autocorrelation import integrated_autocorrelation_time
from neyman.simulation.eos import BToKstarMuMu, BToKstarMuMuMarkovChain
from neyman.simulation.eos.angles import angular_functions

C9 = {"C9": 3.4}


@pytest.fixture(scope="module")
def chain():
    return BToKstarMuMuMarkovChain(tag="GP2004", stride=5, pre_N=500, preruns=3).simulate(C9, 3_000, 1).matrix


def test_its_events_are_not_independent(chain):
    assert all(integrated_autocorrelation_time(column) > 1.5 for column in chain.T)
    assert len(np.unique(chain, axis=0)) < 0.95 * len(chain)


def pulls(chain, decay, c9):
    """Differences of moments, in units of an error that knows the autocorrelation."""
    exact = decay.simulate({"C9": c9}, 200_000, 2).matrix

    def moments(points):
        return np.column_stack([points[:, 0], angular_functions(*points[:, 1:].T)])

    theirs, ours = moments(chain), moments(exact)
    used = ours.std(axis=0) > 0
    theirs, ours = theirs[:, used], ours[:, used]
    tau = np.array([integrated_autocorrelation_time(column) for column in theirs.T])
    error = np.sqrt(tau * theirs.var(axis=0) / len(theirs) + ours.var(axis=0) / len(ours))
    return (theirs.mean(axis=0) - ours.mean(axis=0)) / error


def test_its_moments_are_those_of_the_exact_sampler(chain):
    assert np.abs(pulls(chain, BToKstarMuMu(tag="GP2004", flavour="B0bar"), C9["C9"])).max() < 4.5


def test_another_coefficient_would_be_noticed(chain):
    """Negative control: the chain follows C9, as EOS's model SM would not."""
    assert np.abs(pulls(chain, BToKstarMuMu(tag="GP2004", flavour="B0bar"), 7.0)).max() > 6


def test_chains_stand_one_after_another():
    simulator = BToKstarMuMuMarkovChain(tag="GP2004", stride=1, pre_N=100, preruns=1, chains=3)
    assert len(simulator.simulate(C9, 10, 1)) == 10
    assert len(simulator.simulate(C9, 2, 1)) == 2


def test_it_is_silent(capfd):
    BToKstarMuMuMarkovChain(tag="GP2004", stride=1, pre_N=100, preruns=1).simulate(C9, 5, 1)
    out, err = capfd.readouterr()
    assert out == err == ""


@pytest.mark.slow
def test_large_recoil_too():
    """BFS2004 in the same way; some 13 ms a step."""
    chain = BToKstarMuMuMarkovChain(stride=5, pre_N=300, preruns=2).simulate(C9, 1_000, 3).matrix
    assert np.abs(pulls(chain, BToKstarMuMu(flavour="B0bar"), C9["C9"])).max() < 4.5
