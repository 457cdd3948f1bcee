"""An event as a detector sees it, unrolled: pseudorapidity over azimuth, objects as large as their momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neyman.core.errors import DataError
from neyman.plots.inputs import require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import CYCLE, TRUTH, Style, styled
from neyman.plots.text import fitting_legend, put_title

LOOKS: dict[str, dict[str, Any]] = {
    "jet": {"marker": "o", "facecolor": "#5790fc55", "edgecolor": CYCLE[0]},
    "b-jet": {"marker": "o", "facecolor": "#7a21dd55", "edgecolor": CYCLE[5]},
    "electron": {"marker": "s", "facecolor": "#f89c2066", "edgecolor": CYCLE[1]},
    "muon": {"marker": "D", "facecolor": "#e4253655", "edgecolor": CYCLE[2]},
}
LARGEST = 1500.0  # points squared, of the object of highest pT
SMALLEST = 26.0
NUMBERED = 6  # objects with their pT beside them
EDGE = 0.35  # rad from ±π, within which an object is drawn on both sides
REACH = 4.5  # of the axis in η, at least


@dataclass(frozen=True)
class EventObjects:
    """What was reconstructed in one event.

    Attributes:
        kinds: `jet`, `b-jet`, `electron` or `muon` of each object.
        pt: Transverse momenta in GeV, shape `(n,)`, above zero.
        eta: Pseudorapidities.
        phi: Azimuths in rad; any multiple of 2π is taken off.
        met: Missing transverse momentum in GeV; 0 for none.
        met_phi: Its azimuth in rad.

    Raises:
        DataError: If lengths differ, a kind is unknown, or a number is not finite or a pT not above zero.
    """

    kinds: Sequence[str]
    pt: Float[np.ndarray, " n"]
    eta: Float[np.ndarray, " n"]
    phi: Float[np.ndarray, " n"]
    met: float = 0.0
    met_phi: float = 0.0

    def __post_init__(self) -> None:
        for name in ("pt", "eta", "phi"):
            values = getattr(self, name)
            if len(values) != len(self.kinds):
                raise DataError(f"{len(values)} values", where=name, expected=f"{len(self.kinds)}, one an object")
            if len(values):
                require_numbers(name, values, (None,), low=0.0 if name == "pt" else -np.inf)
        unknown = sorted({*self.kinds} - {*LOOKS})
        if unknown:
            raise DataError(f"object '{unknown[0]}'", expected=f"one of {', '.join(LOOKS)}")
        if not (np.isfinite([self.met, self.met_phi]).all() and self.met >= 0):
            raise DataError(f"missing momentum {self.met:g} at {self.met_phi:g}", expected="finite, not negative")


def plot_event(event: EventObjects, *, title: str = "", style: Style = "plain") -> Figure:
    """One event in the η-φ plane; areas are proportional to pT, missing momentum is a line at its azimuth.

    Args:
        event: The objects.
        title: Which event it is.
        style: Look of the figure.
    """
    with styled(style):
        figure = new_figure(height=4.4)
        axes = one_panel(figure)
        handles = draw_event(axes, event)
        put_title(axes, title)
        if handles:
            fitting_legend(figure, handles)
    return figure


def draw_event(axes: Axes, event: EventObjects) -> list[Any]:
    """Draw an event into a panel, and give what its legend says."""
    phi = wrapped(np.asarray(event.phi, dtype=np.float64))
    largest = max([1.0, float(event.met), *np.asarray(event.pt).tolist()])
    size = np.maximum(LARGEST * np.asarray(event.pt) / largest, SMALLEST)
    kinds = np.array(event.kinds, dtype=object)
    handles: list[Any] = []
    for kind, look in LOOKS.items():
        chosen = kinds == kind
        if chosen.any():
            axes.scatter(event.eta[chosen], phi[chosen], s=size[chosen], linewidths=1.2, **look)
            edge = chosen & (np.abs(phi) > np.pi - EDGE)  # half of it is on the other side
            if edge.any():
                other = phi[edge] - np.sign(phi[edge]) * 2 * np.pi
                axes.scatter(event.eta[edge], other, s=size[edge], linewidths=1.2, **look)
            handles.append(_key(kind, look))
    if event.met > 0:
        at = float(wrapped(np.array([event.met_phi]))[0])
        width = 1.2 + 6.0 * float(event.met) / largest
        axes.axhline(at, color=TRUTH, linewidth=width, alpha=0.35, zorder=0)
        label = rf"$p_\mathrm{{T}}^\mathrm{{miss}}$ {event.met:.0f} GeV"
        handles.append(Line2D([], [], color=TRUTH, linewidth=min(width, 5.0), alpha=0.35, label=label))
    _numbers(axes, event, phi)
    reach = max(REACH, 1.12 * float(np.abs(event.eta).max())) if len(event.pt) else REACH
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-np.pi, np.pi)
    axes.set_yticks([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi], ["−π", "−π/2", "0", "π/2", "π"])
    axes.set_xlabel(r"pseudorapidity $\eta$")
    axes.set_ylabel(r"azimuth $\phi$")
    return handles


def wrapped(phi: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Azimuths between −π and π.

    Examples:
        >>> wrapped(np.array([0.0, 3 * np.pi / 2])).round(3).tolist()
        [0.0, -1.571]
    """
    return np.asarray((phi + np.pi) % (2 * np.pi) - np.pi)


def _key(kind: str, look: dict[str, Any]) -> Line2D:
    return Line2D([], [], linestyle="none", marker=look["marker"], markerfacecolor=look["facecolor"],
                  markeredgecolor=look["edgecolor"], markersize=7.5, label=kind)  # fmt: skip


def _numbers(axes: Axes, event: EventObjects, phi: np.ndarray) -> None:
    """The pT of the hardest objects, in them; of two that lie on one another, that of the harder one."""
    order = np.argsort(-np.asarray(event.pt), kind="stable")[:NUMBERED]
    placed: list[tuple[float, float]] = []
    for index in order.tolist():
        eta, azimuth = float(event.eta[index]), float(phi[index])
        if abs(azimuth) > 0.93 * np.pi or any(abs(eta - e) < 0.9 and abs(azimuth - p) < 0.42 for e, p in placed):
            continue
        axes.text(eta, azimuth, f"{event.pt[index]:.0f}", ha="center", va="center", fontsize=8.0, zorder=4)
        placed.append((eta, azimuth))
