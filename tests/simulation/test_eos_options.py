import sys

import numpy as np
import pytest

from neyman.core.errors import ConfigError, DataError, InputError
from neyman.simulation.eos import BToKstarMuMu, BToKstarMuMuMarkovChain, tables
from neyman.simulation.eos.amplitudes import MASSES, Q2_MAX, angular_coefficients, eos_parameters


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"flavour": "B0bra"}, ["flavour", "B0bar", "did you mean"]),
        ({"flavour": "averaged"}, ["did you mean 'average'"]),
        ({"tag": "BFS2005"}, ["tag", "did you mean 'BFS2004'"]),
        ({"tag": "lattice"}, ["tag", "GP2004"]),
        ({"lepton": "tau"}, ["lepton", "mu, e"]),
        ({"lepton": "muon"}, ["did you mean 'mu'"]),
        ({"q2": (8.0, 1.0)}, ["low below high"]),
        ({"q2": (2.0, 2.0)}, ["low below high"]),
        ({"q2": (1.0, np.nan)}, ["low below high"]),
        ({"q2": (0.04, 1.0)}, ["0.044654"]),  # below 4 m_μ²
        ({"q2": (1.0, 19.3)}, ["19.22"]),  # above (m_B − m_K*)²
        ({"q2": (1e6, 8e6)}, ["MeV"]),
        ({"q2": (1.0, 2.0, 3.0)}, ["two numbers"]),
    ],
)
@pytest.mark.parametrize("kind", [BToKstarMuMu, BToKstarMuMuMarkovChain])
def test_options_that_are_none(kind, options, parts, message):
    with pytest.raises(ConfigError) as error:
        kind(**{"flavour": "B0", **options})
    assert isinstance(error.value, InputError)
    message(error, *parts)


def test_a_chain_has_one_flavour_and_whole_numbers(message):
    with pytest.raises(ConfigError) as error:
        BToKstarMuMuMarkovChain(flavour="average")
    message(error, "B0bar")
    with pytest.raises(ConfigError) as error:
        BToKstarMuMuMarkovChain(stride=0)
    message(error, "stride")


def test_electrons_go_lower():
    assert BToKstarMuMu(q2=(0.02, 0.3), tag="Naive", lepton="e", flavour="B0").schema["q2"].low == 0.02


def test_masses_are_those_of_eos():
    with eos_parameters(None, ("C9",), "mu") as (values, _):
        assert values["mass::mu"].evaluate() == MASSES["mu"]
        assert values["mass::e"].evaluate() == MASSES["e"]
        assert (values["mass::B_d"].evaluate() - values["mass::K_d^*"].evaluate()) ** 2 == pytest.approx(Q2_MAX)


def test_where_eos_cannot_go_the_error_says_so(message):
    with pytest.raises(ConfigError) as error:
        angular_coefficients(
            np.array([15.2]), np.array([[4.0]]), parameters=("C9",), tag="BFS2004", lepton="mu", flavour="B0"
        )
    message(error, "charm mass too small", "15.2", "GP2004")
    with eos_parameters(None, ("C9",), "mu") as (_, wilson):
        assert wilson[0].evaluate() == 4.27342842


def test_parameters_of_eos_are_put_back():
    with pytest.raises(RuntimeError, match="on purpose"), eos_parameters(np.array([1.0]), ("C9",), "e"):
        raise RuntimeError("on purpose")
    for lepton in ("mu", "e"):
        with eos_parameters(None, ("C9",), lepton) as (_, wilson):
            assert wilson[0].evaluate() == 4.27342842


def test_the_table_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("NEYMAN_CACHE", str(tmp_path))
    first = BToKstarMuMu(tag="GP2004", flavour="B0")
    assert first.table.error < tables.TOLERANCE

    def fail(*_, **__):
        raise AssertionError("EOS was asked again")

    monkeypatch.setattr(tables, "angular_coefficients", fail)
    again = BToKstarMuMu(tag="GP2004", flavour="B0")
    np.testing.assert_array_equal(again.table.factors, first.table.factors)
    with pytest.raises(AssertionError, match="again"):
        BToKstarMuMu(q2=(1.0, 7.9), tag="GP2004", flavour="B0")
    with pytest.raises(AssertionError, match="again"):
        BToKstarMuMu(tag="GP2004", flavour="B0bar")
    monkeypatch.setattr(tables, "eos_version", lambda: "9.9.9")
    with pytest.raises(AssertionError, match="again"):
        BToKstarMuMu(tag="GP2004", flavour="B0")


def test_without_eos_the_error_says_what_to_install(monkeypatch, message):
    monkeypatch.setitem(sys.modules, "eos", None)
    with pytest.raises(InputError) as error:
        BToKstarMuMu()
    message(error, "posterior needs eos", "pip install 'neyman[posterior]'")


def test_events_of_another_window_are_refused(message):
    wide, narrow = BToKstarMuMu(tag="GP2004", flavour="B0"), BToKstarMuMu(q2=(1.1, 6), tag="GP2004", flavour="B0")
    events = wide.simulate({"C9": 4.0}, 100, 1)
    with pytest.raises(DataError) as error:
        narrow.log_prob({"C9": 4.0}, events)
    message(error, "q2", "1.1 to 6")
    with pytest.raises(DataError) as error:
        narrow.angular_coefficients(np.array([7.0]), {"C9": 4.0})
    message(error, "q2")
    with pytest.raises(ConfigError) as error:
        narrow.observables({"C9": 4.0}, (1.0, 6.0))
    message(error, "1.1")


def test_the_flavours_average_to_the_average():
    """(Γ + Γ̄) p = Γ p_B + Γ̄ p_B̄, each over two."""
    average, b0, b0bar = (BToKstarMuMu(tag="GP2004", flavour=flavour) for flavour in ("average", "B0", "B0bar"))
    q2, theta = np.linspace(1, 8, 50), {"C9": 3.3}
    both = b0.angular_coefficients(q2, theta) + b0bar.angular_coefficients(q2, theta)
    np.testing.assert_allclose(2 * average.angular_coefficients(q2, theta), both, rtol=1e-9, atol=1e-30)
