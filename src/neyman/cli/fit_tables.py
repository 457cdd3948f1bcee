"""Results of fits as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import singledispatch

from neyman.likelihood.outcomes import (
    ConstructedInterval,
    GoodnessOfFit,
    HypothesisTest,
    NeymanConstruction,
    Significance,
    Toys,
    UpperLimit,
)
from neyman.likelihood.results import BestFit, Contour, FitResult, Impacts, Interval, Number, Scan

MOST = 40
"""Parameters that are shown, unless all are asked for."""
BANDS = ("−2σ", "−1σ", "median", "+1σ", "+2σ")


def describe(result: FitResult, *, everything: bool = False) -> str:
    """A result in lines, each with its line break.

    Args:
        result: The result.
        everything: Whether to show all parameters.
    """
    return _describe(result, None if everything else MOST)


@singledispatch
def _describe(result: FitResult, most: int | None) -> str:
    del most
    return result.to_json() + "\n"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns: names to the left, numbers to the right.

    Examples:
        >>> print(table([("name", "n"), ("a", "10"), ("bc", "2")]), end="")
        name   n
        a     10
        bc     2
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() + "\n" for row in rows
    )


def number(value: Number, digits: int = 4) -> str:
    """A number; what is not known is a dash.

    Examples:
        >>> number(0.0123456), number(None)
        ('0.01235', '-')
    """
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def measured(value: Number, error: Number) -> tuple[str, str]:
    """A value, and its error to two digits.

    Examples:
        >>> measured(1.23456, 0.0234)
        ('1.235', '± 0.023')
        >>> measured(1.5, 0.0)
        ('1.5', 'fixed')
        >>> measured(1.5, None)
        ('1.5', '± -')
    """
    if error == 0:
        return number(value), "fixed"
    if value is None or error is None or not (math.isfinite(value) and math.isfinite(error)):
        return number(value), f"± {number(error, 2)}"
    decimals = 1 - int(f"{error:.1e}".partition("e")[2])
    if not 0 <= decimals <= 8 or abs(value) > 1e9:
        return f"{value:.6g}", f"± {error:.2g}"
    return rounded(value, decimals), f"± {error:.{decimals}f}"


def rounded(value: Number, decimals: int) -> str:
    """A number to some decimals; zero has no sign.

    Examples:
        >>> rounded(-0.001, 2), rounded(0.125, 2), rounded(None, 2)
        ('0.00', '0.12', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


@_describe.register(BestFit)
def _best_fit(result: BestFit, most: int | None) -> str:
    rows = [("parameter", "value", "error", "")]
    for name, each in list(result.parameters.items())[:most]:
        rows.append((name, *measured(each.value, each.error), "at a bound" if name in result.at_bounds else ""))
    minima = ", ".join(f"{each:.3g}" for each in result.other_minima)
    return (
        table(rows)
        + _left_out(len(result.parameters), most)
        + f"−2 ln L = {number(result.twice_nll, 8)}\n{result.message}\n"
        + (f"other minima, with −2 ln L higher by {minima}\n" if minima else "")
    )


def _left_out(count: int, most: int | None) -> str:
    return f"and {count - most} more, which --all shows\n" if most is not None and count > most else ""


@_describe.register(HypothesisTest)
def _test(result: HypothesisTest, most: int | None) -> str:
    del most
    error = f" ± {number(result.cls_obs_error, 2)}" if result.cls_obs_error is not None else ""
    return (
        f"CLs of {result.poi} = {number(result.poi_value)}\n"
        + table([("observed", number(result.cls_obs) + error), *_expected(result.cls_exp)])
        + (f"from {result.toys} pseudo-experiments of each hypothesis\n" if result.toys else "")
    )


def _expected(values: Sequence[Number]) -> list[tuple[str, str]]:
    return [(f"expected, {band}", number(value)) for band, value in zip(BANDS, values, strict=True)]


@_describe.register(UpperLimit)
def _limit(result: UpperLimit, most: int | None) -> str:
    del most
    head = f"upper limit on {result.poi} at {100 * (1 - result.level):g} % CL\n"
    return head + table([("observed", number(result.obs)), *_expected(result.exp)])


@_describe.register(Scan)
def _scan(result: Scan, most: int | None) -> str:
    del most
    head = [result.parameter, "−2 Δln L"] + (["stat. only"] if result.stat_only else [])
    rows = [head]
    for i, value in enumerate(result.values):
        statistical = [rounded(result.stat_only[i], 3)] if result.stat_only else []
        rows.append([number(value), rounded(result.delta_twice_nll[i], 3), *statistical])
    return (
        table(rows)
        + f"best {number(result.best)}\n68.3 %: {_ends(result.interval_68)}\n95 %: {_ends(result.interval_95)}\n"
    )


def _ends(interval: Interval) -> str:
    ends = [number(end) if end is not None else "a bound" for end in (interval.lower, interval.upper)]
    return " to ".join(ends)


@_describe.register(Contour)
def _contour(result: Contour, most: int | None) -> str:
    del most
    first, second = result.parameters
    values = [each for row in result.delta_twice_nll for each in row if each is not None]
    inside = [sum(each < delta for each in values) / max(len(values), 1) for delta in (2.30, 5.99)]
    return (
        table([("", first, second), ("best", number(result.best[0]), number(result.best[1])),
               ("from", number(result.x[0]), number(result.y[0])), ("to", number(result.x[-1]), number(result.y[-1]))])
        + f"of {len(values)} points {inside[0]:.0%} are within 68.3 %, {inside[1]:.0%} within 95 %; --json has them\n"
    )  # fmt: skip


@_describe.register(Impacts)
def _impacts(result: Impacts, most: int | None) -> str:
    rows = [
        (
            each.name,
            *measured(each.value, each.error),
            rounded(each.pull, 2),
            number(each.postfit_up, 3),
            number(each.postfit_down, 3),
        )
        for each in result.impacts[:most]
    ]
    groups: Mapping[str, Number] = {**result.groups, "statistical": result.statistical}
    value, error = measured(result.value, result.error)
    return (
        f"{result.parameter} = {value} {error}\n"
        + table([("parameter", "value", "error", "pull", "impact up", "impact down"), *rows])
        + _left_out(len(result.impacts), most)
        + "\n"
        + table([("part of the error", ""), *((name, number(part, 3)) for name, part in groups.items())])
    )


@_describe.register(Significance)
def _significance(result: Significance, most: int | None) -> str:
    del most
    return table(
        [
            ("observed", f"{number(result.observed)} σ"),
            ("expected", f"{number(result.expected)} σ"),
            ("p-value", number(result.p_value)),
        ]
    )


@_describe.register(GoodnessOfFit)
def _goodness(result: GoodnessOfFit, most: int | None) -> str:
    del most
    toys = f"from {result.toys} pseudo-experiments"
    how = toys if result.toys else "which --toys tells" if result.unbinned else "from χ²"
    text = table(
        [
            ("−2 ln L above the saturated model", number(result.statistic)),
            ("degrees of freedom", str(result.degrees_of_freedom)),
            (f"p-value, {how}", number(result.p_value)),
        ]
    )
    for name, each in result.unbinned.items():
        of = "the score" if each.summary == "score" else "the density"
        rows = [
            (f"χ² of a histogram of {of}", number(each.statistic)),
            ("degrees of freedom", str(each.degrees_of_freedom)),
            ("p-value, from χ², conservative", number(each.p_value_asymptotic)),
            ("energy distance × events", number(each.energy)),
        ]
        if result.toys:
            rows.insert(3, (f"p-value, {toys}", number(each.p_value)))
            rows.append((f"p-value, {toys}", number(each.energy_p_value)))
        text += f"\n{name}: how events are distributed, compared with {number(each.reference_size)} of reference\n"
        text += table(rows)
    return text


@_describe.register(NeymanConstruction)
def _construction(result: NeymanConstruction, most: int | None) -> str:
    del most
    rows = [
        [result.parameter, "t" if result.statistic == "t" else "q̃", "68.3 %", "error", "95.4 %", "error", "p-value"]
    ]
    for i, value in enumerate(result.values):
        numbers = (
            result.observed[i],
            result.critical_68[i],
            result.critical_68_error[i],
            result.critical_95[i],
            result.critical_95_error[i],
            result.p_values[i],
        )
        rows.append([number(value), *(rounded(each, 3) for each in numbers)])
    rows.append(["asymptotic", "", *_apart(result.asymptotic_critical), ""])
    ends = [("", "constructed", "asymptotic")]
    for level, found, formula in (
        ("68.3 %", result.interval_68, result.asymptotic_68),
        ("95.4 %", result.interval_95, result.asymptotic_95),
    ):
        ends.append((level, _constructed(found), _constructed(formula)))
    return (
        table(rows)
        + f"best {number(result.best)}\n"
        + table(ends)
        + f"from {result.toys} pseudo-experiments at each value, seed {result.seed}\n"
        + ("" if not result.blinded else "of what is expected at initial values\n")
    )


def _apart(values: tuple[float, float]) -> list[str]:
    return [rounded(values[0], 3), "", rounded(values[1], 3), ""]


def _constructed(interval: ConstructedInterval) -> str:
    """Both ends; one that is open is that of the range."""
    ends = []
    for end, error in ((interval.lower, interval.lower_error), (interval.upper, interval.upper_error)):
        of_toys = f" ± {number(error, 2)}" if error is not None else ""
        ends.append("open" if end is None else number(end) + of_toys)
    return " to ".join(ends)


@_describe.register(Toys)
def _toys(result: Toys, most: int | None) -> str:
    rows = [["parameter", "truth", "mean", "sd", "pull", "width", "in 68 %", "in 95 %"]]
    for name, each in list(result.parameters.items())[:most]:
        numbers = (each.truth, each.mean, each.sd, each.pull_mean, each.pull_width, each.coverage_68, each.coverage_95)
        rows.append([name, *(number(value, 3) for value in numbers)])
    return (
        table(rows) + _left_out(len(result.parameters), most) + f"{result.converged} of {result.toys} fits converged\n"
    )
