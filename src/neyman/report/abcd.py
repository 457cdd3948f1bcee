"""The page of an abcd run: the limit, then the regions it comes from, and whether they close."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.abcd.results import CheckResult, CutsResult, Regions, RunResult
from neyman.plots.closure import plot_closure, predict
from neyman.plots.limit_comparison import plot_limit_comparison
from neyman.plots.plane import plot_plane
from neyman.plots.style import Style
from neyman.report.abcd_training import training_section
from neyman.report.footer import footer
from neyman.report.numbers import number, pm
from neyman.report.page import Check, Headline, Page, Section, Table
from neyman.simulation.gaussians import ThreeGaussians
from neyman.simulation.pythia.columns import SCHEMA

REGIONS = ("A", "B", "C", "D")
METHODS = {
    "cls": "CLs under constraints",
    "cls_alone": "CLs without constraints",
    "double_disco": "Double DisCo",
    "bce": "cross-entropy",
}
DATA = {"toy": "Three-Gaussian toy", "semi_visible_jets": "Semi-visible jets", "files": "Events from files"}


def abcd_page(result: RunResult, *, style: Style = "plain") -> Page:
    """The page of a run.

    Args:
        result: What the run found.
        style: Style of the figures.
    """
    check = result.check
    return Page(
        title=f"ABCD with two scores trained by {_method(check.method)}",
        subtitle=_subtitle(result),
        headlines=_headlines(result),
        checks=[Check(each.name, each.passed, re.sub(r"-(?=\d)", "−", each.detail)) for each in check.verdicts],
        sections=[
            _limit(result, style),
            _regions(check, style),
            _closure(result, style),
            training_section(result, style),
        ],
        provenance=footer(result.training.artefact, result.config, result.provenance),
    )


def _subtitle(result: RunResult) -> str:
    events = DATA.get(_kind(result.config), "Events")
    n_bins = len(result.check.edges) - 1
    bins = f"{n_bins} bin{'' if n_bins == 1 else 's'} of {result.check.discriminant}"
    return f"{events}; {bins}; trained in {result.training.cpu_seconds:,.0f} CPU-s"


def _method(kind: str) -> str:
    return METHODS.get(kind, kind)


def _kind(config: Mapping[str, Any]) -> str:
    return str((config.get("data") or {}).get("kind", ""))


def _headlines(result: RunResult) -> list[Headline]:
    test, limits, found = result.check.test, result.limit.mu_limit_exp, result.limit.cls_exp
    confidence = f"{100 * (1 - result.limit.level):g} % CL"
    lines = [
        Headline("expected limit on μ", f"< {_three(limits[2])}", f"{confidence}; ±1 σ: {_span(limits)}"),
        Headline(f"expected CLs of μ = {result.limit.poi_value:g}", _three(found[2]), f"±1 σ: {_span(found)}"),
    ]
    if result.limit.mu_limit_obs is not None:
        lines.append(Headline("observed limit on μ", f"< {number(result.limit.mu_limit_obs, 3)}", confidence))
    lines += [
        Headline(
            "non-closure",
            _per_cent(test.total_non_closure, test.total_non_closure_error),
            "of all bins together, test events",
        ),
        Headline(
            "signal contamination", _per_cent(test.contamination), "share of the signal in B that A, C and D predict"
        ),
        Headline(
            "in region B",
            f"{_sum(test.signal.B)} on {_sum(test.background.B)}",
            "signal (μ = 1) on background events expected",
        ),
    ]
    if result.check.optimum is not None:
        note = "limit over that of the best score with a known background"
        lines.append(Headline("beside the optimum", f"{number(result.check.optimum.ratio, 3)} ×", note))
    return lines


def _span(values: list[float]) -> str:
    return f"{_three(values[1])} to {_three(values[3])}"


def _sum(values: list[float]) -> str:
    return _three(float(np.sum(values)))


def _three(value: float) -> str:
    """Three digits, or all before the decimal point.

    Examples:
        >>> _three(1.1), _three(94123.4), _three(0.0), _three(np.nan)
        ('1.10', '94,123', '0', '—')
    """
    if not value or not np.isfinite(value):
        return number(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}".replace("-", "−")


def _per_cent(value: float, error: float | None = None) -> str:
    return f"{pm(100 * value, None if error is None else 100 * error) if error else number(100 * value, 2)} %"


def _rows(regions: Regions) -> Float[np.ndarray, "b 4"]:
    return np.stack([np.array(getattr(regions, region), float) for region in REGIONS], axis=1)


def _limit(result: RunResult, style: Style) -> Section:
    check = result.check
    shown: dict[str, CutsResult] = {_method(check.method): check.test}
    if check.cut_and_count is not None:
        reference = " and ".join(_reference(result.config))
        shown[f"cut and count{f' on {reference}' if reference else ''}"] = check.cut_and_count
    expected = np.array([each.mu_limit_exp for each in shown.values()], float)
    best = None if check.optimum is None else check.optimum.mu_limit_exp[2]
    names = tuple(name if each.allowed else f"{name} (does not close)" for name, each in shown.items())
    figure = plot_limit_comparison(
        names,
        np.where(np.isfinite(expected), expected, np.nan),
        best=best if best is not None and np.isfinite(best) else None,
        best_label="best score",
        label=_limit_label(result.limit.level),
        style=style,
    )
    rows = [
        [
            name,
            *(_three(value) for value in each.mu_limit_exp),
            _per_cent(each.total_non_closure, each.total_non_closure_error),
        ]
        for name, each in zip(names, shown.values(), strict=True)
    ]
    if check.optimum is not None:
        rows.append(["best score", *(_three(value) for value in check.optimum.mu_limit_exp), "background known"])
    text = (
        "Expected upper limits on the signal strength μ, from profile-likelihood fits to the four regions in all bins. "
        "Cuts were chosen on validation events; all numbers are of test events, with hard gates. "
        "The non-closure of each bin, and the simulation's statistics, are uncertainties of the fit."
    )
    if check.cut_and_count is not None and check.cut_and_count.allowed is False:
        text += " Cut and count has no cuts that close well enough; the closest were taken."
    caption = "Expected limits, and how much they scatter from data set to data set."
    if best is not None:
        caption += " The line is one cut on the best score that there is, as if the background were known."
    header = ["", "−2 σ", "−1 σ", "median", "+1 σ", "+2 σ", "non-closure"]
    return Section(
        "The limit",
        text,
        figures=[(figure, caption)],
        tables=[Table(header, rows, f"Upper limits on μ at {100 * (1 - result.limit.level):g} % confidence.")],
    )


def _limit_label(level: float) -> str:
    return rf"{100 * (1 - level):g} % CL upper limit on $\mu$"


def _reference(config: Mapping[str, Any]) -> list[str]:
    found = (config.get("evaluation") or {}).get("reference")
    return [str(name) for name in found] if found else []


def _regions(check: CheckResult, style: Style) -> Section:
    plane, test = check.plane, check.test
    background, signal = _rows(test.background), _rows(test.signal)
    figure = plot_plane(
        (np.array(plane.first), np.array(plane.second)),
        {"background": np.array(plane.background), "signal": np.array(plane.signal)},
        test.cuts,
        yields={"background": background.sum(axis=0), "signal": signal.sum(axis=0)},
        labels=("score $f_1$ [logit]", "score $f_2$ [logit]"),
        style=style,
    )
    caption = (
        "Test events in the plane of the two scores, at the luminosity of the data and μ = 1. The lines are the cuts, "
        f"at {number(test.cuts[0])} and {number(test.cuts[1])}; the numbers are events in each region."
    )
    cells = [
        [
            _bin(check, index),
            *(f"{_three(b)} | {_three(s)}" for b, s in zip(background[index], signal[index], strict=True)),
        ]
        for index in range(len(background))
    ]
    total = [f"{_three(b)} | {_three(s)}" for b, s in zip(background.sum(axis=0), signal.sum(axis=0), strict=True)]
    return Section(
        "The regions",
        "Signal is looked for in B, where both scores are high. For background whose scores are independent, A·D/C "
        "is what B holds.",
        figures=[(figure, caption)],
        tables=[
            Table(
                [check.discriminant, *REGIONS],
                [*cells, ["sum", *total]],
                "Expected events: background | signal (μ = 1).",
            )
        ],
    )


def _bin(check: CheckResult, index: int) -> str:
    return f"{number(check.edges[index])} to {number(check.edges[index + 1])}"


def _closure(result: RunResult, style: Style) -> Section:
    check, test = result.check, result.check.test
    background, variance = _rows(test.background), _rows(test.variance)
    largest = float((result.config.get("evaluation") or {}).get("largest_non_closure", 0.1))
    figure = plot_closure(
        background,
        variance,
        signal=np.array(test.signal.B, float),
        edges=np.array(check.edges),
        label=_axis(result),
        largest=largest,
        style=style,
    )
    found, errors = predict(background, variance), np.sqrt(variance[:, 1])
    rows = [
        [
            _bin(check, index),
            pm(found.value[index], found.error[index]),
            pm(background[index, 1], errors[index]),
            _per_cent(test.non_closure[index], test.non_closure_error[index]),
            _per_cent(check.validation.non_closure[index], check.validation.non_closure_error[index]),
        ]
        for index in range(len(background))
    ]
    rows.append(
        [
            "all bins",
            "",
            "",
            _per_cent(test.total_non_closure, test.total_non_closure_error),
            _per_cent(check.validation.total_non_closure, check.validation.total_non_closure_error),
        ]
    )
    return Section(
        "Does it close?",
        "Non-closure is δ = B·C/(A·D) − 1 of the background. Its uncertainty is that of the simulation's statistics.",
        figures=[
            (
                figure,
                "Background in B and its prediction in test events, and their ratio. The dashed line is the signal; "
                f"the grey band marks ±{100 * largest:g} %.",
            )
        ],
        tables=[
            Table(
                [check.discriminant, "A·D/C", "background in B", "δ", "δ, validation"],
                rows,
                "Closure in test events; the last column is of the events that the cuts were chosen on.",
            )
        ],
    )


def _axis(result: RunResult) -> str:
    """The discriminant with its unit, where the simulation says it."""
    kind, name = _kind(result.config), result.check.discriminant
    schema = {"toy": ThreeGaussians().schema, "semi_visible_jets": SCHEMA}.get(kind)
    return schema[name].axis_label if schema is not None and name in schema.names else name
