r"""What is simulated: each process is a name and the settings that Pythia 8 reads.

| process | Pythia 8 | cross-section | kept | kept per CPU-second |
|---|---|---|---|---|
| `semi_visible_jets` | Z' of 1.5 TeV to dark quarks; 0.3 of their hadrons are invisible | 20 fb | 31 % | 100 |
| `qcd` | two partons of p̂T > 80 GeV | 3.3 µb | 1.3 % | 2.5 |
| `top_pairs` | top quark pairs | 0.51 nb | 21 % | 50 |
| `vector_bosons` | W → ℓν or Z → νν with a parton of p̂T > 80 GeV | 1.1 nb | 20 % | 57 |

Kept is what passes the preselection. Cross-sections are of leading order, and that of the signal is of Pythia's
default couplings: scale them. Backgrounds fall steeply with p̂T; they are drawn with a bias
\((\hat p_T/100\,\mathrm{GeV})^k\) that their weights undo. With k = 5.5 what is kept of QCD is flat in the transverse
mass up to 2 TeV, where without a bias next to nothing would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neyman.core.errors import ConfigError, near

COMMON = (
    "Beams:eCM = 13000.",
    # Multiparton interactions take three quarters of the time and leave missing momentum as it is.
    "PartonLevel:MPI = off",
)


@dataclass(frozen=True)
class Process:
    """A process that Pythia 8 can generate.

    Attributes:
        name: A short name, for files and messages.
        settings: The lines that Pythia reads, beside `COMMON`.
    """

    name: str
    settings: tuple[str, ...]


def semi_visible_jets(mass: float = 1500.0, invisible: float = 0.3) -> Process:
    r"""A resonance Z' that decays to two dark quarks, whose jets are visible in part.

    The model of T. Cohen, M. Lisanti, H. K. Lou, *Semi-visible jets*, arXiv:1503.00009, in the Hidden Valley of
    Pythia 8: two dark colours, two flavours, confinement at 10 GeV, dark mesons of 20 GeV. The width of the Z' is
    1 % of its mass.

    Args:
        mass: Mass of the Z' in GeV.
        invisible: r_inv, the fraction of dark mesons that stay invisible.

    Raises:
        ConfigError: If the mass is not above 100 GeV, or the fraction not between 0 and 1.

    Examples:
        >>> semi_visible_jets().name
        'semi_visible_jets'
    """
    if not (np.isfinite(mass) and mass > 100):
        raise ConfigError(f"a mass of {mass!r} GeV", expected="a number above 100")
    if not 0 <= invisible <= 1:
        raise ConfigError(f"an invisible fraction of {invisible!r}", expected="a number from 0 to 1")
    visible = 1 - invisible
    return Process(
        "semi_visible_jets",
        (
            "HiddenValley:ffbar2Zv = on",
            f"4900023:m0 = {mass:.10g}",
            f"4900023:mMin = {mass * 14 / 15:.10g}",
            f"4900023:mMax = {mass * 16 / 15:.10g}",
            f"4900023:mWidth = {mass / 100:.10g}",
            "4900023:doForceWidth = on",
            "4900023:onMode = off",
            "4900023:onIfAny = 4900101",
            "HiddenValley:Ngauge = 2",
            "HiddenValley:nFlav = 2",
            "HiddenValley:FSR = on",
            "HiddenValley:fragment = on",
            "HiddenValley:alphaOrder = 1",
            "HiddenValley:Lambda = 10.",
            "HiddenValley:pTminFSR = 11.",
            "HiddenValley:probVector = 0.75",
            "HiddenValley:spinFv = 0",
            "4900101:m0 = 10.",
            "4900111:m0 = 20.",
            "4900113:m0 = 20.",
            "4900211:m0 = 9.99",
            "4900213:m0 = 9.99",
            "4900211:mayDecay = off",
            "4900213:mayDecay = off",
            # Dark pions decay to the heaviest quark they can, dark rhos to all alike; the rest escapes.
            f"4900111:oneChannel = 1 {invisible:.10g} 0 4900211 -4900211",
            f"4900111:addChannel = 1 {visible:.10g} 91 5 -5",
            f"4900113:oneChannel = 1 {invisible:.10g} 0 4900213 -4900213",
            f"4900113:addChannel = 1 {visible / 2:.10g} 91 1 -1",
            f"4900113:addChannel = 1 {visible / 2:.10g} 91 2 -2",
        ),
    )


def _biased(power: float) -> tuple[str, ...]:
    return (
        "PhaseSpace:bias2Selection = on",
        f"PhaseSpace:bias2SelectionPow = {power}",
        "PhaseSpace:bias2SelectionRef = 100.",
    )


PROCESSES: dict[str, Process] = {
    process.name: process
    for process in (
        semi_visible_jets(),
        Process("qcd", ("HardQCD:all = on", "PhaseSpace:pTHatMin = 80.", *_biased(5.5))),
        Process("top_pairs", ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "PhaseSpace:pTHatMin = 10.", *_biased(1.0))),
        Process(
            "vector_bosons",
            (
                "WeakBosonAndParton:qqbar2gmZg = on",
                "WeakBosonAndParton:qg2gmZq = on",
                "WeakBosonAndParton:qqbar2Wg = on",
                "WeakBosonAndParton:qg2Wq = on",
                "WeakZ0:gmZmode = 2",
                "23:onMode = off",
                "23:onIfAny = 12 14 16",
                "24:onMode = off",
                "24:onIfAny = 11 13 15",
                "PhaseSpace:pTHatMin = 80.",
                *_biased(3.0),
            ),
        ),
    )
}


def process_named(name: str) -> Process:
    """The process of a name, with its usual settings.

    Raises:
        ConfigError: If there is none.
    """
    if name not in PROCESSES:
        raise ConfigError(f"no process '{name}'", expected=f"one of {', '.join(PROCESSES)}", hint=near(name, PROCESSES))
    return PROCESSES[name]
