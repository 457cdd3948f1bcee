"""The page of a posterior run: the answer first, then why it can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from neyman.diagnostics.coverage import CoverageCurve
from neyman.events.events import Events
from neyman.plots.coverage import plot_coverage
from neyman.plots.events import Expectation, plot_events
from neyman.plots.loss import plot_loss
from neyman.plots.posterior import plot_posterior, with_error
from neyman.plots.ranks import plot_ranks
from neyman.plots.style import Style
from neyman.plots.widths import plot_width_scaling, plot_widths
from neyman.posterior.results import (
    CheckResult,
    Coverage,
    Curve,
    ExactComparison,
    InferenceResult,
    ParameterSummary,
    RunResult,
    SizeCheck,
    StageHistory,
)
from neyman.report.footer import footer
from neyman.report.page import Check, Headline, Page, Section, Table

LABELS = {"C9": r"$\mathrm{Re}\,C_9$"}
WORDS = {"C9": "Re C9"}
STAGES = {"statistic": "the statistic of an event, on small sets", "flow": "the flow, on sets of all sizes"}


def posterior_page(
    result: RunResult, *, observed: Events, expected: Mapping[str, Expectation], style: Style = "plain"
) -> Page:
    """The page of a run.

    Args:
        result: What the run found.
        observed: The events of the example.
        expected: What theory expects of each column at the posterior mean.
        style: Style of the figures.
    """
    inference, check = result.inference, result.check
    (name,) = inference.parameters
    found = inference.parameters[name]
    truth = result.truth.get(name)
    word, leptons = WORDS.get(name, name), _simulator(result).get("lepton", "mu").replace("mu", "μ")
    return Page(
        title=f"Posterior of {word} from {inference.n_events:,} B→K*{leptons * 2} decays",
        subtitle=_subtitle(result),
        headlines=[
            Headline(word, with_error(found.mean, found.sd), "posterior mean and standard deviation"),
            *([] if truth is None else [_truth_headline(truth, found)]),
            *_headlines(check),
        ],
        checks=[Check(verdict.name, verdict.passed, verdict.detail) for verdict in check.verdicts],
        sections=[
            _answer(inference, name, truth, style),
            Section(
                "The events",
                "One set of simulated decays that the network has not seen, and what theory expects at the posterior "
                "mean. Pulls are differences in units of the statistical uncertainty.",
                figures=[
                    (
                        plot_events({"simulated events": observed}, expected=expected, style=style),
                        f"The {inference.n_events:,} decays, in the angles of LHCb (arXiv:1512.04442).",
                    )
                ],
            ),
            _calibration(check, name, style),
            *_truth(check, name, style),
            _training(result, style),
        ],
        provenance=footer(result.training.artefact, dict(_flat(result.config)), result.provenance),
    )


def _simulator(result: RunResult) -> dict[str, Any]:
    found = result.config.get("simulator", {})
    return found if isinstance(found, dict) else {}


def _subtitle(result: RunResult) -> str:
    options, parts = _simulator(result), []
    if "q2" in options:
        parts.append("q² from {:g} to {:g} GeV²".format(*options["q2"]))
    parts += [str(options[key]) for key in ("tag",) if key in options]
    if "flavour" in options:
        parts.append("CP average" if options["flavour"] == "average" else str(options["flavour"]))
    kind = {"set_encoder": "set encoder", "scores": "analytic scores"}.get(
        result.training.estimator, result.training.estimator
    )
    parts.append(f"{kind}, trained in {result.training.cpu_seconds:,.0f} CPU-s")
    return "; ".join(parts)


def _truth_headline(truth: float, found: ParameterSummary) -> Headline:
    pull = f"{(found.mean - truth) / found.sd:+.1f}".replace("-", "−")
    return Headline("truth", f"{truth:.4g}", f"the example was simulated here; the mean is {pull} sd away")


def _headlines(check: CheckResult) -> list[Headline]:
    compared = [size for size in check.sizes if size.exact is not None]
    if not compared:
        return []
    worst = max(compared, key=lambda size: size.exact.kl if size.exact else 0.0)
    assert worst.exact is not None  # noqa: S101 - selected above
    return [
        Headline(
            "KL(exact‖learned)",
            f"{worst.exact.kl:.3f} nats",
            f"at {worst.n_events:,} events, the worst size; the prior itself has {worst.exact.kl_prior:.2f}",
        )
    ]


def _answer(inference: InferenceResult, name: str, truth: float | None, style: Style) -> Section:
    curve = inference.density[name]
    grid, learned = _arrays(curve)
    exact = None if inference.exact is None else _arrays(inference.exact[name])[1]
    low, high = inference.prior[name]
    figure = plot_posterior(
        grid,
        learned,
        exact=exact,
        prior=np.full(len(grid), -np.log(high - low)),
        truth=truth,
        label=LABELS.get(name, name),
        style=style,
    )
    found = inference.parameters[name]
    rows = [[name, *(f"{value:.4f}" for value in (found.mean, found.sd, found.q16, found.q50, found.q84))]]
    word = WORDS.get(name, name)
    text = f"The posterior of {word} for {inference.n_events:,} events, with a flat prior from {low:g} to {high:g}."
    caption = "The learned posterior; the band is the central 68 % interval."
    if inference.exact is not None:
        text += " The dashed line is the exact posterior, computed from the likelihood of every event."
        caption = "Learned and exact posterior, and their difference; the band is the central 68 % interval."
    warnings = [f"Careful: {warning}." for warning in inference.warnings]
    return Section(
        "The answer",
        "\n\n".join([text, *warnings]),
        figures=[(figure, caption)],
        tables=[Table(["parameter", "mean", "sd", "16 %", "50 %", "84 %"], rows)],
    )


def _calibration(check: CheckResult, name: str, style: Style) -> Section:
    largest = check.sizes[-1]
    figures: list[tuple[Figure, str]] = [
        (
            plot_ranks(
                np.array(size.ranks[name].ranks),
                size.ranks[name].draws,
                label=LABELS.get(name, name),
                style=style,
            ),
            f"{size.n_events:,} events: rank of the truth among {size.ranks[name].draws} draws from the posterior of "
            f"each of {size.sets} sets, uniform if the posterior is calibrated. The p of the check is twice the "
            "smaller of those of χ² and of the largest ECDF difference.",
        )
        for size in check.sizes
    ]
    for attribute, kind, caption in (
        (
            "coverage",
            "region of highest density",
            "Coverage: how often the region of highest density holds the truth, against its probability.",
        ),
        (
            "tarp",
            "ball around a random point",
            "TARP (arXiv:2302.03026): the same for balls around points that have nothing to do with the set.",
        ),
    ):
        curves = {f"N = {size.n_events:,}": _coverage_curve(getattr(size, attribute)) for size in check.sizes}
        figures.append((plot_coverage(curves, kind=kind, style=style), caption))
    return Section(
        "Is it calibrated?",
        f"{largest.sets} sets of each size were simulated at parameters from the prior, none of them seen in training. "
        "A posterior that had learned nothing would pass these three tests as well"
        + ("; the next section is where it would fail." if largest.exact is not None else "."),
        figures=figures,
    )


def _truth(check: CheckResult, name: str, style: Style) -> list[Section]:
    compared = [size for size in check.sizes if size.exact is not None]
    if not compared:
        return []
    middle = compared[len(compared) // 2]
    assert middle.exact is not None  # noqa: S101 - selected above
    label = LABELS.get(name, name)
    figures, compared_sets = _scaling(check.sizes, name, label, style), _finite(middle.exact)
    if compared_sets.size:
        caption = (
            f"Learned against exact posterior, one point for each of {compared_sets.shape[1]} sets of "
            f"{middle.n_events:,} events."
        )
        figures.insert(0, (plot_widths(*compared_sets, label=label, style=style), caption))
    header = ["events", "sets", "KL", "KL of the prior", "width ratio", "shift (rms, σ)"]
    rows = [
        [
            f"{size.n_events:,}",
            f"{found.sets}",
            f"{found.kl:.4f} ± {found.kl_error:.4f}",
            f"{found.kl_prior:.2f}",
            f"{found.sd_ratio:.3f} ± {found.sd_ratio_error:.3f}",
            f"{found.shift_rms:.2f}",
        ]
        for size in compared
        if (found := size.exact) is not None
    ]
    text = (
        "The density of this simulator is known, so every learned posterior can be laid beside the exact one of the "
        "same events. KL is the mean of KL(exact‖learned) in nats; the width ratio is learned over exact standard "
        "deviation; the shift is the difference of the means in exact standard deviations."
    )
    if not check.passed:
        text += (
            "\n\nSome checks failed: train longer (epochs, and events of the flow, in the config) before using this."
        )
    return [Section("Is it the truth?", text, figures=figures, tables=[Table(header, rows)])]


def _finite(found: ExactComparison) -> np.ndarray:
    """Learned mean and width, exact mean and width, of the sets where all are numbers."""
    rows = np.array([found.learned_mean, found.learned_sd, found.exact_mean, found.exact_sd])
    return np.asarray(rows[:, np.isfinite(rows).all(axis=0)])


def _scaling(sizes: list[SizeCheck], name: str, label: str, style: Style) -> list[tuple[Figure, str]]:
    """Width against size, where there are sets away from the edges of the prior."""
    rows = [
        (float(size.n_events), width, bound)
        for size in sizes
        if size.cramer_rao is not None
        and (width := size.width[name]) is not None
        and (bound := size.cramer_rao[name]) is not None
    ]
    if len(rows) < 2:
        return []
    n_events, width, bound = np.array(rows).T
    figure = plot_width_scaling(
        n_events, width, bound_at_one=float(np.mean(bound * np.sqrt(n_events))), label=label, style=style
    )
    caption = (
        "Width of the learned posterior of sets whose truth is away from the edges of the prior, and the Cramér-Rao "
        "bound; of few events the posterior is narrower, as the prior contributes."
    )
    return [(figure, caption)]


def _training(result: RunResult, style: Style) -> Section:
    figures = [
        (_loss(stage, style), f"Training of {STAGES.get(name, name)}. The validation loss is that of averaged weights.")
        for name, stage in result.training.stages.items()
    ]
    text = "; ".join(
        f"{name}: {len(stage.step)} epochs, epoch {stage.best + 1} kept" + (", stopped early" * stage.stopped_early)
        for name, stage in result.training.stages.items()
    )
    return Section("Training", text[:1].upper() + text[1:] + ".", figures=figures)


def _flat(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The entries of the config; those of `training` one by one."""
    rows: list[tuple[str, Any]] = []
    for key, value in config.items():
        if key == "training" and isinstance(value, Mapping):
            rows += _flat(value, f"{key}.")
        else:
            rows.append((prefix + key, value))
    return rows


def _loss(stage: StageHistory, style: Style) -> Figure:
    step = np.array(stage.step, dtype=float)
    return plot_loss(step, np.array(stage.training), step, np.array(stage.validation), style=style)


def _coverage_curve(found: Coverage) -> CoverageCurve:
    return CoverageCurve(
        level=np.array(found.level),
        coverage=np.array(found.coverage),
        low=np.array(found.low),
        high=np.array(found.high),
        confidence=found.confidence,
        n=found.n,
        max_deviation=found.max_deviation,
        p_value=found.p_value,
    )


def _arrays(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    values = [-np.inf if value is None else value for value in curve.log_density]
    return np.array(curve.grid), np.array(values)
