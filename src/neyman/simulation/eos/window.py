"""The options of B→K*ℓℓ, checked before EOS sees them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neyman.core.errors import ConfigError
from neyman.events.columns import Column, Schema
from neyman.simulation.eos.amplitudes import FLAVOURS, LEPTONS, MASSES, Q2_MAX, TAGS


@dataclass(frozen=True)
class Options:
    """A window in q² and what else determines the distribution.

    Attributes:
        q2: Window in q², GeV².
        tag: The calculation of the amplitudes, by its name in EOS.
        lepton: `mu` or `e`.
        flavour: `B0`, `B0bar` or `average`, the CP average.
    """

    q2: tuple[float, float]
    tag: str
    lepton: str
    flavour: str

    def schema(self) -> Schema:
        """The columns of the events, in the angles of LHCb."""
        low, high = self.q2
        return Schema(
            (
                Column(name="q2", unit="GeV^2", low=low, high=high, label="$q^2$"),
                Column(name="cos_theta_l", low=-1.0, high=1.0, label=r"$\cos\theta_\ell$"),
                Column(name="cos_theta_K", low=-1.0, high=1.0, label=r"$\cos\theta_K$"),
                Column(name="phi", unit="rad", low=-np.pi, high=np.pi, periodic=True, label=r"$\phi$"),
            )
        )


def check_options(q2: Sequence[float], *, tag: str, lepton: str, flavour: str) -> Options:
    """The options, if the decay exists at them.

    Raises:
        ConfigError: If the window is empty or leaves the phase space, or another option is not one of those
            that there are.
    """
    for name, value, known in (("tag", tag, TAGS), ("lepton", lepton, LEPTONS), ("flavour", flavour, FLAVOURS)):
        if value not in known:
            near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.4)
            raise ConfigError(
                f"found {value!r}",
                where=f"BToKstarMuMu {name}",
                expected=f"one of {', '.join(known)}",
                hint=f"did you mean '{near[0]}'?" if near else "",
            )
    return Options(check_window(q2, (4 * MASSES[lepton] ** 2, Q2_MAX)), tag, lepton, flavour)


def check_window(q2: Sequence[float], within: tuple[float, float]) -> tuple[float, float]:
    """A window in q², if it is inside another.

    Raises:
        ConfigError: If it is not, or is empty.
    """
    try:
        low, high = (float(value) for value in q2)
    except (TypeError, ValueError):
        raise ConfigError(f"q² window {q2!r}", expected="two numbers, low and high in GeV²") from None
    if not low < high:
        raise ConfigError(f"q² window [{low:g}, {high:g}] GeV²", expected="low below high")
    if low < within[0] or high > within[1]:
        raise ConfigError(
            f"q² window [{low:g}, {high:g}] GeV²",
            expected=f"inside [{within[0]:.6g}, {within[1]:.6g}] GeV²",
            hint="divide MeV² by 1e6" if high > 1e4 else "",
        )
    return low, high
