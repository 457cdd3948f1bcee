"""The page of an anomaly run: the score and its threshold, what it separates, and candidates for a physicist."""

from __future__ import annotations

import numpy as np

from neyman.anomaly.consumption import Consumption
from neyman.anomaly.outcomes import AnomalyResult, ErrorRate
from neyman.plots.loss import plot_loss
from neyman.plots.style import Style
from neyman.report.anomaly_candidates import candidates_section, learned_section
from neyman.report.anomaly_scores import NAMES, default_separations, roc_section, scores_section
from neyman.report.footer import footer
from neyman.report.numbers import array, number
from neyman.report.page import Check, Headline, Page, Section, Table

DATA = {"simulation": "Simulated collisions", "files": "Events from files"}
NOT_A_FLAG = """
A flag says that an event scores higher than all but a chosen fraction of *simulated or recorded background*, and
nothing more. It is not a discovery, and not evidence for a signal: of enough events some are flagged by construction,
at the rate that was chosen. It is not a probability that the event is signal.

It is as good as the background it was trained on. What simulation gets wrong, what a detector does on a bad day, and
rare known processes that the sample lacks all look anomalous. A signal in the middle of the background does not: an
over-density, as a resonance in a spectrum of jets, needs another method.

A candidate is a reason to look. A claim needs an analysis that was fixed before, on independent data, with systematic
uncertainties and five standard deviations after all trials are counted.
"""


def anomaly_page(result: AnomalyResult, *, style: Style = "plain") -> Page:
    """The page of a run.

    Args:
        result: What the run found.
        style: Style of the figures.
    """
    return Page(
        title="Events that do not look like background",
        subtitle=_subtitle(result),
        headlines=_headlines(result),
        checks=_checks(result),
        sections=[
            scores_section(result, style),
            *([roc_section(result, style)] if result.evaluation else []),
            _rates(result),
            Section(heading="What a flag is not", text=NOT_A_FLAG.replace("*", "")),
            *candidates_section(result, style),
            learned_section(result, style),
            _training(result, style),
        ],
        provenance=footer(result.training.artefact, result.config, result.provenance),
    )


def _subtitle(result: AnomalyResult) -> str:
    data = result.config.get("data") or {}
    events = f"{result.training.training_events:,} background events, {len(result.training.features)} features"
    what = DATA.get(str(data.get("kind", "")), "Events")
    layout = f" ({data['layout']}, no pile-up)" if "layout" in data else ""
    return f"{what}{layout}; learned from {events}, without any signal"


def _asked(result: AnomalyResult) -> ErrorRate:
    fpr = (result.config.get("error_rate") or {}).get("fpr")
    return next((rate for rate in result.error_rates if rate.fpr == fpr), result.error_rates[0])


def _headlines(result: AnomalyResult) -> list[Headline]:
    rate = _asked(result)
    if rate.threshold is None:
        promise = Headline(
            "Flags",
            "none",
            f"{rate.calibration_events:,} calibration events; a rate of {rate.fpr:g} needs {rate.needed:,}",
        )
    else:
        promise = Headline(
            "False positives, promised",
            f"at most {100 * rate.fpr:g} %",
            f"at {100 * (1 - rate.delta):g} % confidence; measured {_percent(rate)}",
        )
    found = [
        Headline(
            f"AUROC, {each.signal}", number(each.auroc.value, 3), f"95 %: {each.auroc.low:.3f} to {each.auroc.high:.3f}"
        )
        for each in default_separations(result)[:4]
    ]
    used = Consumption(cpu_seconds=result.training.cpu_seconds, joules=result.training.joules)
    cost = Headline("Training", f"{result.training.cpu_seconds:,.0f} CPU-s", used.in_words().partition("; ")[2])
    return [promise, *found, cost]


def _percent(rate: ErrorRate) -> str:
    if rate.measured is None or rate.low is None or rate.high is None:
        return "not"
    return f"{100 * rate.measured:.2g} % ({100 * rate.low:.2g} to {100 * rate.high:.2g})"


def _checks(result: AnomalyResult) -> list[Check]:
    p_value = result.exchangeable_p_value
    checks = [
        Check(
            "calibration and test background score alike",
            bool(p_value > 1e-3),
            f"Kolmogorov-Smirnov p = {p_value:.2g}, above 0.001",
        )
    ]
    rate = _asked(result)
    if rate.low is not None:
        checks.append(
            Check(
                "the false-positive rate of test background agrees with the promise",
                rate.low <= rate.fpr,
                f"measured {_percent(rate)}, promised at most {100 * rate.fpr:g} %",
            )
        )
    return checks


def _rates(result: AnomalyResult) -> Section:
    asked = _asked(result)
    text = f"""The threshold of a flag is a score of the calibration sample, so high in rank that the true
        false-positive rate is above the one asked for with a probability of at most {asked.delta:g} over calibration
        samples. Nothing is assumed of the distribution of scores, only that calibration events and the background to
        come are alike. With too few calibration events no threshold keeps such a promise, and nothing is flagged.

        "Expected" is the true rate in the mean; it is below the promise, the more so the fewer events there are."""
    rows = [
        (
            f"{rate.fpr:g}",
            f"{rate.calibration_events:,}",
            f"{rate.needed:,}",
            "—" if rate.rank is None else f"{rate.rank:,}",
            number(rate.threshold, 4),
            number(rate.expected, 2),
            number(rate.measured, 2),
            "—" if rate.low is None or rate.high is None else f"{rate.low:.2g} to {rate.high:.2g}",
        )
        for rate in result.error_rates
    ]
    header = ("rate asked for", "calibration events", "fewest", "rank", "threshold", "expected", "measured", "95 %")
    caption = f"What these events can promise at {100 * (1 - asked.delta):g} % confidence; a dash: nothing."
    return Section(heading="What the error rate promises", text=text, tables=[Table(header, rows, caption)])


def _training(result: AnomalyResult, style: Style) -> Section:
    training = result.training
    history = training.history
    step = np.array(history.step, dtype=np.float64)
    figure = plot_loss(
        step, array(history.training), step, array(history.validation), y_label="loss of score matching", style=style
    )
    best = f"Epoch {history.best + 1} of {len(history.step)} is kept: it has the lowest loss of validation events."
    left_out = [f"{', '.join(training.constant)} never change"] if training.constant else []
    left_out += [f"{len(training.redundant)} say nearly the same as others"] if training.redundant else []
    used = Consumption(cpu_seconds=training.cpu_seconds, joules=training.joules).in_words()
    text = f"""An energy network learned {NAMES.get(str(result.config.get("score")), "the score")} of
        {training.training_events:,} background events by denoising score matching; it has seen no signal.
        {"Not among its features: " + "; ".join(left_out) + "." if left_out else ""}

        Cost: {used}."""
    seconds = [(step_name, f"{value:,.1f}") for step_name, value in result.seconds.items()]
    return Section(
        heading="Training",
        text=text,
        figures=[(figure, best)],
        tables=[Table(("step", "wall time [s]"), seconds, "Where the time of the run went.")] if seconds else [],
    )
