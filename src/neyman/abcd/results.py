"""What the job answers, as JSON can hold it. The fields are a contract, kept by golden files."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from neyman.core.results import Number, Part, Result


class LimitResult(Result):
    """CLs and limits of templates. Expected values are at −2, −1, 0, 1, 2 standard deviations of the background.

    Attributes:
        poi_value: The signal strength of CLs.
        cls_obs: Observed CLs; null if there are no observed data.
        cls_exp: Expected CLs.
        mu_limit_obs: Observed upper limit on the signal strength.
        mu_limit_exp: Expected upper limits.
        q_mu: q̃ of the Asimov data without a signal.
        mu_hat: Best signal strength; null if there are no observed data.
        non_closure: δ of each bin, B·C/(A·D) − 1.
        theta: Whether bins share the parameter of the non-closure.
        level: One less the confidence level of the limits.
        artefact: Digest of the artefact that the templates come from; null for a file of templates.
    """

    poi_value: float
    cls_obs: float | None = None
    cls_exp: list[Number]
    mu_limit_obs: float | None = None
    mu_limit_exp: list[Number]
    q_mu: Number
    mu_hat: float | None = None
    non_closure: list[Number]
    theta: str
    level: float
    artefact: str | None = None


class Regions(Part):
    """Yields of the four regions, one number per bin."""

    A: list[Number]
    B: list[Number]
    C: list[Number]
    D: list[Number]


class CutsResult(Part):
    """A pair of cuts with hard gates, and what it is worth.

    Attributes:
        cuts: The cuts.
        allowed: Whether closure and yields were as asked for where the cuts were chosen.
        background: Expected background.
        signal: Expected signal of strength 1.
        variance: Σw² of the background.
        non_closure: δ of each bin, B·C/(A·D) − 1.
        non_closure_error: Its standard deviation, from the simulation's statistics.
        total_non_closure: δ of all bins together.
        total_non_closure_error: Its standard deviation.
        contamination: How much of the signal in B the signal elsewhere would predict as background.
        cls_exp: Expected CLs of a signal strength of 1, at −2 to 2 standard deviations.
        mu_limit_exp: Expected upper limits on the signal strength.
        q_mu: q̃ of the Asimov data without a signal.
    """

    cuts: tuple[Number, Number]
    allowed: bool
    background: Regions
    signal: Regions
    variance: Regions
    non_closure: list[Number]
    non_closure_error: list[Number]
    total_non_closure: Number
    total_non_closure_error: Number
    contamination: Number
    cls_exp: list[Number]
    mu_limit_exp: list[Number]
    q_mu: Number


class Optimum(Part):
    """What the best score would reach if the background were known; for simulations whose best score is.

    Attributes:
        mu_limit_exp: Expected upper limits of one cut on it, at −2 to 2 standard deviations.
        ratio: The median limit of the trained scores over this one's.
    """

    mu_limit_exp: list[Number]
    ratio: Number


class PlaneCounts(Part):
    """Where test events are, in the plane of the two scores.

    Attributes:
        first: Edges along the first score.
        second: Edges along the second.
        background: Expected background in each cell, a list for each interval of the first score.
        signal: Expected signal.
    """

    first: list[Number]
    second: list[Number]
    background: list[list[Number]]
    signal: list[list[Number]]


class Verdict(Part):
    """One check, its outcome and the numbers behind it."""

    name: str
    passed: bool
    detail: str


class CheckResult(Result):
    """What two scores are worth on events that decided about nothing.

    Attributes:
        passed: Whether all verdicts are.
        verdicts: Each check's outcome.
        test: The chosen cuts on test events.
        validation: The same on the events they were chosen on.
        cut_and_count: Two features in place of the scores, with cuts chosen in the same way; null if none are named.
        optimum: The best score with a known background; null if it is not known.
        plane: Where test events are.
        edges: Edges of the bins of the discriminant.
        discriminant: Its column.
        method: What the scores were trained by.
        seed: The seed of everything.
        artefact: Digest of the artefact.
    """

    passed: bool
    verdicts: list[Verdict]
    test: CutsResult
    validation: CutsResult
    cut_and_count: CutsResult | None = None
    optimum: Optimum | None = None
    plane: PlaneCounts
    edges: list[Number]
    discriminant: str
    method: str
    seed: int
    artefact: str | None = None


class ConstraintHistory(Part):
    """One constraint, epoch by epoch.

    Attributes:
        value: The number that is constrained, in training.
        multiplier: Its multiplier; null if it was only watched.
        satisfied: Whether it held; null if it was only watched.
    """

    value: list[Number]
    multiplier: list[Number] | None = None
    satisfied: list[bool] | None = None


class PhaseHistory(Part):
    """One phase of training, epoch by epoch.

    Attributes:
        step: Steps done.
        training: Mean training loss.
        validation: What decided about the best epoch.
        cpu_seconds: CPU time.
        best: The epoch that was kept.
        stopped_early: Whether patience ran out.
        objective: The statistic that was minimised, in training; null in a phase without.
        objective_validation: The same with hard gates on validation events.
        constraints: Each constraint.
    """

    step: list[int]
    training: list[Number]
    validation: list[Number]
    cpu_seconds: list[Number]
    best: int
    stopped_early: bool
    objective: list[Number] | None = None
    objective_validation: list[Number] | None = None
    constraints: dict[str, ConstraintHistory] = Field({})


class TrainingResult(Result):
    """What training did.

    Attributes:
        phases: History of each phase.
        cpu_seconds: CPU time of all of it.
        bias: What training in batches did to the loss; empty if each step saw all events.
        method: What the scores were trained by.
        artefact: Digest of the artefact.
    """

    phases: dict[str, PhaseHistory]
    cpu_seconds: Number
    bias: str
    method: str
    artefact: str


class RunResult(Result):
    """Everything that `run` did.

    Attributes:
        config: The config.
        training: The training.
        check: The checks.
        limit: CLs and limits of the test events' templates.
        provenance: The program that made it.
    """

    config: dict[str, Any]
    training: TrainingResult
    check: CheckResult
    limit: LimitResult
    provenance: dict[str, Any]
