"""Words and numbers in figures: names that fit, values with errors, legends of the right width."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from neyman.plots.panels import legend_above

LONGEST = 44  # characters of a name beside an axis
LETTER = 0.085  # inches: a letter of a legend, on the wide side
HANDLE = 0.68  # inches: the rest of an entry of a legend
ROW = 0.22  # inches


def short(name: str, most: int = LONGEST) -> str:
    """A name with its middle left out where it is too long; mathtext, which cannot be cut, stays whole.

    Underscores stay underscores: matplotlib takes them for subscripts only between dollars.

    Examples:
        >>> print(short("alpha_jes_EtaIntercalibration_modelling", 20))
        alpha_jes_…modelling
    """
    if len(name) <= most or name.count("$") > 1:
        return name
    head = most // 2
    return name[:head] + "…" + name[len(name) - (most - head - 1) :]


def with_errors(value: float, below: float, above: float) -> str:
    """A value with its errors to two digits of the smaller one, as mathtext where they differ.

    Args:
        value: The value.
        below: Distance to the lower end; infinite if there is none.
        above: Distance to the upper end.

    Examples:
        >>> print(with_errors(1.0234, 0.187, 0.2149))
        $1.02^{+0.21}_{-0.19}$
        >>> print(with_errors(-0.5, 0.1, 0.1))
        −0.50 ± 0.10
    """
    above_text, below_text = _digits(below, above)
    number = f"{value:.{decimals_of(min(below, above))}f}"
    if above_text == below_text:
        return minus(f"{number} ± {above_text}")
    return f"${number}^{{+{above_text}}}_{{-{below_text}}}$"


def errors_only(below: float, above: float) -> str:
    """The errors of a value that must not be seen.

    Examples:
        >>> print(errors_only(0.187, 0.2149))
        +0.21 −0.19
    """
    above_text, below_text = _digits(below, above)
    return f"± {above_text}" if above_text == below_text else f"+{above_text} −{below_text}"


def _digits(below: float, above: float) -> tuple[str, str]:
    decimals = decimals_of(min(below, above))
    return f"{above:.{decimals}f}".replace("inf", "∞"), f"{below:.{decimals}f}".replace("inf", "∞")


def decimals_of(error: float) -> int:
    """Decimals that show two digits of an error."""
    if not 0 < error < float("inf"):
        return 2
    return max(0, 1 - int(f"{error:.1e}".partition("e")[2]))


def minus(text: str) -> str:
    """Hyphens as minus signs, outside of mathtext."""
    return text.replace("-", "−")


def axis_label(label: str, unit: str) -> str:
    """A label with its unit.

    Examples:
        >>> axis_label("$m_{jj}$", "GeV")
        '$m_{jj}$ [GeV]'
    """
    return f"{label} [{unit}]" if unit else label


def put_title(axes: Axes, title: str, *, room: float = 0.85) -> None:
    """A title above a panel on the left; the figure grows by the lines after the first.

    Args:
        axes: The panel.
        title: The title, whose lines end between words.
        room: The part of the width of the figure that the panel has for sure.
    """
    figure: Any = axes.figure
    lines = [""]
    for word in re.findall(r"(?:\$[^$]*\$|\S)+", title):
        line = f"{lines[-1]} {word}".strip()
        if LETTER * _letters(line) < room * figure.get_figwidth():
            lines[-1] = line
        else:
            lines.append(word)
    figure.set_figheight(figure.get_figheight() + ROW * (len(lines) - 1))
    axes.set_title("\n".join(lines), loc="left", fontsize=11)


def apart_numbers(axes: Axes) -> None:
    """Keep the numbers of the horizontal axis apart from the lowest one of the vertical axis, and from the label.

    A common power of ten would stand where experiments put the label, so that small numbers are written out.
    """
    axes.tick_params(axis="x", pad=6.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: minus(f"{value:.6g}")))


def fitting_legend(figure: Figure, handles: Sequence[Any]) -> None:
    """A legend above the panels in as few rows as its entries allow; the figure grows by the rows after the first."""
    lengths = [_letters(handle.get_label()) for handle in handles]
    columns = next(
        columns for columns in range(min(6, len(handles)), 0, -1) if columns == 1 or _fits(figure, lengths, columns)
    )
    figure.set_figheight(figure.get_figheight() + ROW * (-(-len(handles) // columns) - 1))
    legend_above(figure, handles, columns=columns)


def _letters(label: str) -> int:
    """How many letters wide a label is: a command of mathtext is one, its brackets are none."""
    return len(re.sub(r"[${}^_]", "", re.sub(r"\\[a-zA-Z]+", "x", label))) if label.count("$") > 1 else len(label)


def _fits(figure: Figure, lengths: Sequence[int], columns: int) -> bool:
    """Whether columns, each as wide as its longest entry, fit beside one another; matplotlib fills them in turn."""
    full, more = divmod(len(lengths), columns)
    ends = list(accumulate([full + 1] * more + [full] * (columns - more)))
    longest = [max(lengths[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    return bool(LETTER * sum(longest) + HANDLE * columns < figure.get_figwidth())
