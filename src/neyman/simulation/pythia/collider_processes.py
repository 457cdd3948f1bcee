r"""What collides for the search for anomalies: backgrounds and signals, for the two layouts of an event.

All at 13 TeV, of leading order, with parton showers, multiparton interactions and hadronisation, without pile-up.
Cross-sections are those of Pythia; of a signal they follow from Pythia's default couplings and mean nothing.

| process | `forty_mhz` and `trigger` | `dijet` |
|---|---|---|
| `qcd` | in slices of p̂T, from soft collisions up | p̂T > 1.05 TeV |
| `w` | W → ℓν | W with a parton of p̂T > 1.05 TeV |
| `z` | Z/γ* → ℓℓ, m > 50 GeV | Z with a parton of p̂T > 1.05 TeV |
| `tt` | top quark pairs | top quark pairs of p̂T > 1.05 TeV |
| `a_4l` | A(50) → aa → 4 e or μ, with m_a = 20 | |
| `leptoquark` | pairs of LQ(80) → bτ | |
| `h0_tautau` | h⁰(60) → ττ | |
| `zprime_xy` | | Z'(3500) → X(500) Y(100), each to two light quarks |
| `zprime_tt` | | Z'(3500) → tt̄ |
| `qstar` | | q*(3500) → qW or qZ, with hadronic decays |
| `dark_jets` | | Z'(3500) → two dark quarks, whose hadrons all decay to light quarks |

Masses are in GeV; ℓ is e, μ or τ. The signals of `forty_mhz` are those of arXiv:2107.02157, `zprime_xy` is that of
the R&D data of the LHC Olympics, arXiv:2101.08320.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from neyman.core.errors import ConfigError, near
from neyman.simulation.pythia.processes import Process

LayoutName = Literal["forty_mhz", "trigger", "dijet"]
"""Which columns an event has and which events are kept; `trigger` has the columns of `forty_mhz` for every event."""

SLICES = (20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
"""Where slices of p̂T meet, in GeV; below the first are soft collisions without diffraction."""
HARD = "PhaseSpace:pTHatMin = 1050."
LIGHTEST_QUARKS = ((1, -1), (2, -2))


@dataclass(frozen=True)
class Slice:
    """A part of a process that is generated on its own.

    Attributes:
        process: The settings.
        max_pt_hat: Events with a p̂T from here on are left to the next slice; None if there is no limit, or Pythia
            keeps it. Soft collisions take no limit from Pythia.
    """

    process: Process
    max_pt_hat: float | None = None


def _scalar(pdg: int, name: str, mass: float, width: float, between: tuple[float, float]) -> tuple[str, ...]:
    least, most = between
    return (
        f"{pdg}:new = {name} void 1 0 0 {mass:.10g} {width:.10g} {least:.10g} {most:.10g} 0.",
        f"{pdg}:isResonance = on",
        f"{pdg}:doForceWidth = on",
    )


def _to_two_light_quarks(pdg: int, name: str, mass: float, width: float) -> tuple[str, ...]:
    channels = (f"{pdg}:addChannel = 1 0.5 101 {quark} {other}" for quark, other in LIGHTEST_QUARKS)
    return (*_scalar(pdg, name, mass, width, (0.8 * mass, 1.2 * mass)), *channels)


def _narrow(pdg: int, mass: float, width: float, least: float, most: float) -> tuple[str, ...]:
    return (f"{pdg}:m0 = {mass:.10g}", f"{pdg}:mMin = {least:.10g}", f"{pdg}:mMax = {most:.10g}", *_forced(pdg, width))


def _forced(pdg: int, width: float) -> tuple[str, ...]:
    return (f"{pdg}:mWidth = {width:.10g}", f"{pdg}:doForceWidth = on")


def _only(pdg: int, products: str) -> tuple[str, ...]:
    return (f"{pdg}:onMode = off", f"{pdg}:onIfAny = {products}")


_TOP = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on")
_LEPTONS, _QUARKS = "11 13 15", "1 2 3 4 5"
# Pythia's own Z' and W' refuse further channels ("vanishing cross sections"); the Z' of its Hidden Valley takes them.
_VALLEY = ("HiddenValley:ffbar2Zv = on", *_narrow(4900023, 3500, 35, 3000, 4000), "4900023:onMode = off")

_LEPTONIC: Mapping[str, tuple[str, ...]] = {
    "w": ("WeakSingleBoson:ffbar2W = on", *_only(24, _LEPTONS)),
    "z": ("WeakSingleBoson:ffbar2gmZ = on", "PhaseSpace:mHatMin = 50.", *_only(23, _LEPTONS)),
    "tt": _TOP,
    "a_4l": (
        "HiggsSM:gg2H = on",
        *_narrow(25, 50, 0.01, 45, 55),
        *_scalar(9000005, "a", 20, 0.5, (5, 24.9)),
        "9000005:addChannel = 1 0.5 101 11 -11",
        "9000005:addChannel = 1 0.5 101 13 -13",
        "25:onMode = off",
        "25:addChannel = 1 0.9 103 9000005 9000005",
    ),
    "leptoquark": (
        "LeptoQuark:gg2LQLQbar = on",
        "LeptoQuark:qqbar2LQLQbar = on",
        "42:m0 = 80.",
        "42:mMin = 70.",
        "42:mMax = 90.",
        "42:0:products = 5 15",
    ),
    "h0_tautau": ("HiggsSM:gg2H = on", "25:m0 = 60.", "25:mMin = 55.", "25:mMax = 65.", *_only(25, "15")),
}

_HADRONIC: Mapping[str, tuple[str, ...]] = {
    "qcd": ("HardQCD:all = on", HARD),
    "w": ("WeakBosonAndParton:qqbar2Wg = on", "WeakBosonAndParton:qg2Wq = on", HARD),
    "z": ("WeakBosonAndParton:qqbar2gmZg = on", "WeakBosonAndParton:qg2gmZq = on", "WeakZ0:gmZmode = 2", HARD),
    "tt": (*_TOP, HARD),
    "zprime_xy": (
        *_VALLEY,
        *_to_two_light_quarks(9000001, "X", 500, 1.0),
        *_to_two_light_quarks(9000002, "Y", 100, 0.5),
        "4900023:addChannel = 1 0.5 103 9000001 9000002",
    ),
    "zprime_tt": (
        "NewGaugeBoson:ffbar2gmZZprime = on",
        "Zprime:gmZmode = 3",
        "32:m0 = 3500.",
        "32:mMin = 3000.",
        "32:mMax = 4000.",
        *_only(32, "6"),
    ),
    "qstar": (
        "ExcitedFermion:dg2dStar = on",
        "ExcitedFermion:ug2uStar = on",
        "4000001:m0 = 3500.",
        "4000002:m0 = 3500.",
        "ExcitedFermion:Lambda = 3500.",
        *_only(4000001, "23 24"),
        *_only(4000002, "23 24"),
        *_only(23, _QUARKS),
        *_only(24, _QUARKS),
    ),
    "dark_jets": (
        *_VALLEY,
        "4900023:onIfAny = 4900101",
        "HiddenValley:Ngauge = 3",
        "HiddenValley:FSR = on",
        "HiddenValley:fragment = on",
        "HiddenValley:alphaOrder = 1",
        "HiddenValley:Lambda = 10.",
        "HiddenValley:pTminFSR = 11.",
        "4900101:m0 = 10.",
        "4900111:m0 = 20.",
        "4900113:m0 = 20.",
        "4900111:oneChannel = 1 1.0 91 3 -3",
        "4900113:oneChannel = 1 1.0 91 1 -1",
    ),
}

BACKGROUNDS = ("qcd", "w", "z", "tt")
SIGNALS: Mapping[str, tuple[str, ...]] = {
    "forty_mhz": ("a_4l", "leptoquark", "h0_tautau"),
    "trigger": ("a_4l", "leptoquark", "h0_tautau"),
    "dijet": ("zprime_xy", "zprime_tt", "qstar", "dark_jets"),
}


def slices(process: str, layout: str) -> tuple[Slice, ...]:
    """The parts that a process is generated in; all but `qcd` of `forty_mhz` and `trigger` have one.

    Raises:
        ConfigError: If there is no such layout, or it has no such process.

    Examples:
        >>> [part.process.name for part in slices("w", "forty_mhz")]
        ['w']
    """
    if layout not in SIGNALS:
        raise ConfigError(f"no layout '{layout}'", expected=f"one of {', '.join(SIGNALS)}", hint=near(layout, SIGNALS))
    known = (*BACKGROUNDS, *SIGNALS[layout])
    if process not in known:
        raise ConfigError(
            f"no process '{process}'", where=layout, expected=f"one of {', '.join(known)}", hint=near(process, known)
        )
    if process == "qcd" and layout != "dijet":
        return _qcd_slices()
    settings = (_HADRONIC if layout == "dijet" else _LEPTONIC)[process]
    return (Slice(_with_everything(process, settings)),)


def _qcd_slices() -> tuple[Slice, ...]:
    soft = Slice(_with_everything("qcd_soft", ("SoftQCD:nonDiffractive = on",)), max_pt_hat=SLICES[0])
    hard = []
    for low, high in zip(SLICES, (*SLICES[1:], None), strict=True):
        limit = () if high is None else (f"PhaseSpace:pTHatMax = {high:.10g}",)
        settings = ("HardQCD:all = on", f"PhaseSpace:pTHatMin = {low:.10g}", *limit)
        hard.append(Slice(_with_everything(f"qcd_{low:.0f}", settings)))
    return (soft, *hard)


def _with_everything(name: str, settings: tuple[str, ...]) -> Process:
    """Multiparton interactions, which other jobs do without, decide about isolation and soft jets."""
    return Process(name, ("PartonLevel:MPI = on", *settings))
