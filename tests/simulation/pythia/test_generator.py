import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from neyman.core.errors import ConfigError, MissingDependencyError, NumericsError
from neyman.simulation.pythia import generator
from neyman.simulation.pythia.columns import MAX_ETA, MIN_PT, SCHEMA
from neyman.simulation.pythia.processes import PROCESSES, Process, semi_visible_jets

pytest.importorskip("pythia8mc")

HARD = Process("hard", ("HardQCD:all = on", "PhaseSpace:pTHatMin = 400.", "PartonLevel:all = off"))


@pytest.fixture(scope="module")
def signal():
    made = generator.run(semi_visible_jets(), 150, 1)
    return made, dict(zip(SCHEMA.names, made.rows.T, strict=True))


def test_a_signal_has_its_edge_and_what_is_missing(signal):
    made, columns = signal
    assert made.events == 150
    assert 0.15 < len(made.rows) / 150 < 0.5
    # The transverse mass of all decay products ends at the mass of the Z'; only initial-state radiation that
    # joins a jet goes above.
    assert (columns["transverse_mass"] < 1600).mean() > 0.9
    assert 700 < np.median(columns["transverse_mass"]) < 1300
    assert np.median(columns["met_ratio"]) > 0.15
    np.testing.assert_allclose(made.weights, 1)
    assert made.weight_sum == pytest.approx(150)


def test_columns_agree_with_each_other(signal):
    _, columns = signal
    assert (columns["jet1_pt"] >= columns["jet2_pt"]).all()
    np.testing.assert_allclose(columns["met_ratio"], columns["met"] / columns["transverse_mass"])
    np.testing.assert_allclose(columns["delta_eta"], abs(columns["jet1_eta"] - columns["jet2_eta"]))
    four = [np.array([columns[f"jet{n}_{name}"] for name in ("pt", "eta", "phi", "mass")]) for n in (1, 2)]
    momenta = [np.array([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]) for pt, eta, phi, _ in four]
    energy = sum(np.sqrt((p**2).sum(axis=0) + jet[3] ** 2) for p, jet in zip(momenta, four, strict=True))
    np.testing.assert_allclose(columns["dijet_mass"], np.sqrt(energy**2 - (sum(momenta) ** 2).sum(axis=0)), rtol=1e-6)


def test_jets_are_those_of_fastjet():
    fastjet = pytest.importorskip("fastjet")
    pythia = generator.started(PROCESSES["top_pairs"], 5)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 0.8)
    finder = generator.jet_finder()
    compared = 0
    for _ in range(40):
        pythia.next()
        seen = [p for p in pythia.event if p.isFinal() and p.isVisible() and abs(p.eta()) < 5]
        clusters = fastjet.ClusterSequence([fastjet.PseudoJet(p.px(), p.py(), p.pz(), p.e()) for p in seen], definition)
        jets = [jet for jet in fastjet.sorted_by_pt(clusters.inclusive_jets(MIN_PT)) if abs(jet.eta()) < MAX_ETA]
        row = generator._row(pythia.event, finder)
        if row is None:
            continue
        compared += 1
        for jet, start in zip(jets, (0, 9), strict=False):
            phi = jet.phi_std()
            expected = [jet.pt(), jet.eta(), phi, jet.m(), len(jet.constituents())]
            np.testing.assert_allclose(row[start : start + 5], expected, rtol=1e-6, atol=1e-4)
        missing = np.hypot(sum(p.px() for p in seen), sum(p.py() for p in seen))
        assert row[SCHEMA.names.index("met")] == pytest.approx(missing, rel=1e-6)
    assert compared >= 5


def test_the_bias_is_undone_by_the_weights():
    """The cross-section above 400 GeV, from a biased run that begins at 300 GeV and from a plain one."""
    biased = Process("hard", ("HardQCD:all = on", "PhaseSpace:pTHatMin = 300.", *PROCESSES["qcd"].settings[2:]))
    biased = dataclasses.replace(biased, settings=(*biased.settings, "PartonLevel:all = off"))
    pythia = generator.started(biased, 2)
    above, every = [], []
    for _ in range(3000):
        pythia.next()
        info = pythia.infoPython()
        every.append(info.weight())
        above.append(info.pTHat() > 400)
    every, above = np.array(every), np.array(above)
    found = info.sigmaGen() * generator.MB_IN_PB * every[above].sum() / every.sum()
    plain = generator.run(HARD, 3000, 3)
    assert plain.cross_section == pytest.approx(1950, rel=0.05)  # of leading order, NNPDF 2.3, pythia8mc 8.317
    assert found == pytest.approx(plain.cross_section, rel=0.08)


def test_stdout_is_left_to_results():
    code = "from neyman.simulation.pythia import *; generator = __import__('neyman').simulation.pythia.generator"
    code += "; generator.run(PROCESSES['top_pairs'], 2, 1); print('done')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"


def test_seeds():
    first, again, other = (generator.run(semi_visible_jets(), 20, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.rows, again.rows)
    assert first.rows.shape != other.rows.shape or not np.isin(first.rows, other.rows).all()


def test_settings_that_pythia_does_not_know(message):
    with pytest.raises(ConfigError) as error:
        generator.run(Process("typo", ("HardQCD:al = on",)), 1, 1)
    message(error, "HardQCD:al = on", "typo")


def test_settings_that_pythia_cannot_begin_with(message):
    with pytest.raises(ConfigError) as error:
        generator.run(Process("nothing", ("Beams:eCM = 1.",)), 1, 1)
    message(error, "cannot begin", "nothing")


class Failing:
    def infoPython(self):
        return self

    def next(self):
        return False


def test_pythia_that_gives_up(monkeypatch, message):
    monkeypatch.setattr(generator, "started", lambda process, seed: Failing())
    with pytest.raises(NumericsError) as error:
        generator.run(HARD, 1, 1)
    message(error, "in a row", "hard")


def test_without_pythia(monkeypatch, message):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(MissingDependencyError) as error:
        generator.run(HARD, 1, 1)
    message(error, "neyman[abcd]")
