"""How figures look: one plain style of our own, and the experiments' fonts, ticks and colours from mplhep."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes

Style = Literal["plain", "atlas", "cms", "lhcb"]

LEARNED = "#2f6fd0"
EXACT = "#111111"
PRIOR = "#8a8d93"
TRUTH = "#c8102e"
BAND = "#d7dbe2"
# Petroff, arXiv:2107.02270: six colours that remain apart for colour-blind readers and in greyscale.
CYCLE = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd")
LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))

PLAIN: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 11.0,
    "axes.labelsize": 12.0,
    "axes.titlesize": 12.0,
    "axes.linewidth": 0.9,
    "axes.spines.top": True,
    "axes.spines.right": True,
    "axes.grid": False,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.formatter.use_mathtext": True,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.7,
    "lines.markersize": 4.5,
    "errorbar.capsize": 0.0,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "legend.handlelength": 1.8,
    "mathtext.fontset": "dejavusans",
    "savefig.bbox": None,
    "xtick.labelsize": 11.0,
    "ytick.labelsize": 11.0,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 6.0,
    "ytick.major.size": 6.0,
    "xtick.minor.size": 3.0,
    "ytick.minor.size": 3.0,
}
# What is taken from an experiment's style. Its sizes are made for 10-inch figures and stay behind.
TAKEN = ("axes.prop_cycle", "xaxis.labellocation", "yaxis.labellocation", "xtick.direction", "ytick.direction",
         "xtick.top", "ytick.right", "axes.unicode_minus")  # fmt: skip
MPLHEP_NAMES = {"atlas": "ATLAS", "cms": "CMS", "lhcb": "LHCb2"}


@contextlib.contextmanager
def styled(style: Style = "plain") -> Iterator[None]:
    """Make figures in a style; matplotlib's own settings are as before afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = mpl.rcParams  # its stubs know each key by name
        settings.update(PLAIN)
        if style != "plain":
            settings.update(_experiment(MPLHEP_NAMES[style]))
        yield


def colour(index: int) -> str:
    """The colour of the curve with a number, in the present style; matplotlib would look "C0" up when it draws."""
    colours: list[str] = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    return colours[index % len(colours)]


def pin(axes: Axes) -> None:
    """Fix the look of the ticks, which matplotlib otherwise reads from its settings when the figure is drawn."""
    settings: Any = mpl.rcParams
    for axis, second in (("x", "top"), ("y", "right")):
        for which in ("major", "minor"):
            look: dict[str, Any] = {
                "axis": axis,
                "which": which,
                "direction": settings[f"{axis}tick.direction"],
                "length": settings[f"{axis}tick.{which}.size"],
                "width": settings[f"{axis}tick.{which}.width"],
                "labelsize": settings[f"{axis}tick.labelsize"],
                "labelfontfamily": settings["font.family"],
                second: settings[f"{axis}tick.{second}"],
            }
            axes.tick_params(**look)


def _experiment(name: str) -> dict[str, Any]:
    import mplhep

    theirs: dict[str, Any] = getattr(mplhep.style, name)
    taken = {key: theirs[key] for key in TAKEN if key in theirs}
    # Named fonts rather than "sans-serif": which font that means is looked up only when the figure is drawn.
    family = theirs["font.family"]
    taken["font.family"] = [theirs[f"font.{family}"][0], "DejaVu Sans"]
    taken["mathtext.fontset"] = "stix" if family == "serif" else "stixsans"
    return taken
