"""The score of background and signals, and how well it separates them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neyman.anomaly.outcomes import AnomalyResult
from neyman.anomaly.results import ErrorAnalysis, FeatureShift, Measured, Separation
from neyman.diagnostics.intervals import ONE_SIGMA, binomial_interval
from neyman.plots.roc import RocCurve, plot_roc
from neyman.plots.score_distribution import plot_scores
from neyman.plots.style import Style
from neyman.report.numbers import array, number
from neyman.report.page import Section, Table

NAMES = {
    "energy": "energy",
    "score_norm": "score norm",
    "weighted_norm": "weighted score norm",
    "knn": "nearest neighbours",
    "autoencoder": "autoencoder",
    "forest": "isolation forest",
    "mahalanobis": "Mahalanobis distance",
    "combined": "combined p-values",
}
MOST = 5


def default_separations(result: AnomalyResult) -> list[Separation]:
    """How the score of the artefact separates each signal."""
    if result.evaluation is None:
        return []
    return [each for each in result.evaluation.separations if each.score == result.evaluation.default_score]


def scores_section(result: AnomalyResult, style: Style) -> Section:
    """The distribution of the score, with the threshold."""
    scores = result.scores
    asked = (result.config.get("error_rate") or {}).get("fpr")
    rate = next((each for each in result.error_rates if each.fpr == asked), result.error_rates[0])
    threshold = rate.threshold
    name = NAMES.get(str(result.config.get("score")), "score")
    figure = plot_scores(
        array(scores.edges),
        np.array(scores.calibration, dtype=np.float64),
        np.array(scores.test, dtype=np.float64),
        signals={key: np.array(counts, dtype=np.float64) for key, counts in list(scores.signals.items())[:MOST]},
        threshold=threshold,
        fpr=rate.fpr,
        log_x=scores.logarithmic,
        label=f"{name}, σ = {result.score_sigma:.2g}",
        style=style,
    )
    flagged = "" if threshold is None else f" Red: what is flagged at a false-positive rate of at most {rate.fpr:g}."
    caption = (
        "Above, fractions of events; points are background that neither trained nor calibrated. Below, the fraction"
        f" above each score, with the 95 % interval of the calibration sample as a band.{flagged} The last bin has all"
        " that is beyond."
    )
    text = """The score was chosen before any signal was looked at. Where points lie on the grey area, calibration
        events stand for others, and the promise of the error rate holds."""
    return Section(heading="The score", text=text, figures=[(figure, caption)])


def roc_section(result: AnomalyResult, style: Style) -> Section:
    """What the score separates, beside other scores."""
    separations = default_separations(result)[:MOST]
    figures = []
    if separations:
        background = separations[0].background_events
        figure = plot_roc(
            {each.signal: roc_of(each) for each in separations}, smallest=1.0 / background, level=ONE_SIGMA, style=style
        )
        caption = (
            "Bands: Clopper-Pearson intervals of 68 %, of the signal on the left, of both on the right. An improvement"
            f" of 1 is no cut at all. {background:,} background events say nothing of rates near {1 / background:.1g}."
        )
        figures.append((figure, caption))
    tables = [_table(separations, result)]
    evaluation = result.evaluation
    others = sorted({each.score for each in evaluation.separations}) if evaluation else []
    if evaluation and len(others) > 1:
        tables.append(_scores_table(evaluation.separations))
    if evaluation and evaluation.errors:
        tables.append(_errors_table(evaluation.errors))
    return Section(
        heading="What it separates",
        text="Signals of simulation, which training has not seen. An efficiency is a dash where too few background"
        " events are left to measure the rejection: it is not zero, it is unknown.",
        figures=figures,
        tables=tables,
    )


def roc_of(separation: Separation) -> RocCurve:
    """The curve of a separation with its intervals."""
    background, signal = array(separation.curve.background), array(separation.curve.signal)
    n, m = separation.background_events, separation.signal_events
    low, high = binomial_interval(np.round(signal * m), m, level=ONE_SIGMA)
    below, above = binomial_interval(np.round(background * n), n, level=ONE_SIGMA)
    with np.errstate(divide="ignore", invalid="ignore"):
        sic = np.where(background > 0, signal / np.sqrt(background), np.nan)
        sic_low, sic_high = low / np.sqrt(above), np.where(below > 0, high / np.sqrt(below), np.nan)
    return RocCurve(background, signal, low, high, sic, sic_low, sic_high)


def _table(separations: Sequence[Separation], result: AnomalyResult) -> Table:
    rejections = [point.rejection for point in separations[0].working_points] if separations else []
    header = ("signal", "AUROC", *(f"ε at {100 * each:g} %" for each in rejections), "best improvement", "flagged")
    rows = []
    for each in separations:
        promised = each.promised
        rows.append(
            (
                each.signal,
                _interval(each.auroc, 3),
                *(_interval(point.signal_efficiency, 2) for point in each.working_points),
                _interval(each.max_improvement, 2),
                _interval(promised.signal_efficiency, 2) if promised else "—",
            )
        )
    level = result.evaluation.level if result.evaluation else 0.95
    return Table(header, rows, f"Signal efficiency ε at fixed rejection of background; {100 * level:g} % intervals.")


def _interval(measured: Measured | None, digits: int) -> str:
    if measured is None or not np.isfinite(measured.value):
        return "—"
    return f"{number(measured.value, digits)} [{number(measured.low, digits)}, {number(measured.high, digits)}]"


def _errors_table(errors: Sequence[ErrorAnalysis]) -> Table:
    rows = [
        (f"background above {number(errors[0].threshold, 3)}", f"{errors[0].false_positives:,}",
         _shifts(errors[0].false_positive_features)),
        *((f"{each.signal} below it", f"{each.false_negatives:,}", _shifts(each.false_negative_features))
          for each in errors),
    ]  # fmt: skip
    caption = (
        "What is on the wrong side, and how its features differ from the right side, in standard deviations there."
    )
    return Table(("events", "number", "largest differences"), rows, caption)


def _shifts(features: Sequence[FeatureShift]) -> str:
    return ", ".join(f"{each.feature} {each.shift:+.1f}".replace("-", "−") for each in features[:4]) or "—"


def _scores_table(separations: Sequence[Separation]) -> Table:
    rows = [
        (each.signal, NAMES.get(each.score, each.score), _interval(each.auroc, 3),
         _interval(each.working_points[0].signal_efficiency, 2))
        for each in separations
    ]  # fmt: skip
    return Table(
        ("signal", "score", "AUROC", "ε at 99 %"),
        rows,
        "Other scores, fitted on the same background events; 95 % intervals.",
    )
