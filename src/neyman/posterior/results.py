"""What the job answers, as JSON can hold it. The fields are a contract, kept by golden files."""

from __future__ import annotations

from typing import Any

from neyman.core.results import Number, Part, Result


class ParameterSummary(Part):
    """Mean, standard deviation and quantiles of one parameter's posterior."""

    mean: Number
    sd: Number
    q16: Number
    q50: Number
    q84: Number


class Curve(Part):
    """A density on a grid, as its logarithm; null where it vanishes."""

    grid: list[Number]
    log_density: list[float | None]


class InferenceResult(Result):
    """The posterior of one set of events.

    Attributes:
        parameters: Summary of each parameter.
        n_events: Size of the set.
        method: `flow` or `exact`.
        density: The posterior density of each parameter.
        exact: The exact one, where the simulator's density is known.
        prior: The bounds of the flat prior.
        warnings: What the reader must know before using the numbers.
        artefact: Digest of the artefact.
        observed: SHA-256 of the file of events; None for events that came from memory.
    """

    parameters: dict[str, ParameterSummary]
    n_events: int
    method: str
    density: dict[str, Curve]
    exact: dict[str, Curve] | None = None
    prior: dict[str, tuple[float, float]]
    warnings: tuple[str, ...] = ()
    artefact: str | None = None
    observed: str | None = None


class Coverage(Part):
    """Share of sets whose true parameters lie in the region of each credibility level."""

    level: list[Number]
    coverage: list[Number]
    low: list[Number]
    high: list[Number]
    confidence: float
    n: int
    max_deviation: Number
    p_value: Number


class RankCheck(Part):
    """Simulation-based calibration of one parameter: ranks of the truth among posterior draws."""

    ranks: list[int]
    draws: int
    p_value: Number


class ExactComparison(Part):
    """The learned posterior against the exact one, set by set.

    Attributes:
        sets: How many sets.
        kl: Mean of KL(exact‖learned), nats.
        kl_error: Standard error of that mean.
        kl_prior: Mean of KL(exact‖prior): what having learned nothing costs.
        sd_ratio: Mean ratio of standard deviations, learned over exact.
        sd_ratio_error: Standard error of that mean.
        shift_rms: Root mean square of the difference of means, in exact standard deviations.
        learned_mean: Posterior means.
        learned_sd: Posterior standard deviations.
        exact_mean: Exact posterior means.
        exact_sd: Exact posterior standard deviations.
    """

    sets: int
    kl: Number
    kl_error: Number
    kl_prior: Number
    sd_ratio: Number
    sd_ratio_error: Number
    shift_rms: Number
    learned_mean: list[Number]
    learned_sd: list[Number]
    exact_mean: list[Number]
    exact_sd: list[Number]


class SizeCheck(Part):
    """All checks at one size of sets.

    Attributes:
        n_events: The size.
        sets: How many sets were simulated from the prior.
        ranks: Ranks of each parameter.
        coverage: Expected coverage of regions of highest density.
        tarp: Coverage of balls around random points.
        width: Root mean square of the posterior standard deviation of each parameter, away from the prior's edges.
        cramer_rao: The same of the Cramér-Rao bound; None if the simulator's information is not known.
        exact: Comparison with the exact posterior; None if it is not known.
    """

    n_events: int
    sets: int
    ranks: dict[str, RankCheck]
    coverage: Coverage
    tarp: Coverage
    width: dict[str, float | None]
    cramer_rao: dict[str, float | None] | None = None
    exact: ExactComparison | None = None


class Verdict(Part):
    """One check, its outcome and the numbers behind it."""

    name: str
    passed: bool
    detail: str


class CheckResult(Result):
    """Whether a learned posterior can be believed.

    Attributes:
        passed: Whether all verdicts are.
        verdicts: Each check's outcome.
        sizes: The numbers, for each size of sets.
        parameters: Names of the parameters.
        seed: The seed of the sets that were simulated.
        artefact: Digest of the artefact.
    """

    passed: bool
    verdicts: list[Verdict]
    sizes: list[SizeCheck]
    parameters: list[str]
    seed: int
    artefact: str | None = None


class StageHistory(Part):
    """The losses of one stage of training, epoch by epoch."""

    step: list[int]
    training: list[Number]
    validation: list[Number]
    cpu_seconds: list[Number]
    best: int
    stopped_early: bool


class TrainingResult(Result):
    """What training did.

    Attributes:
        stages: History of each stage.
        cpu_seconds: CPU time of all of it, simulation included.
        artefact: Digest of the artefact.
        estimator: Kind of the estimator.
    """

    stages: dict[str, StageHistory]
    cpu_seconds: Number
    artefact: str
    estimator: str


class RunResult(Result):
    """Everything that `run` did.

    Attributes:
        config: The config.
        training: The training.
        check: The checks.
        inference: The posterior of the example set.
        truth: The parameters that the example was simulated at.
        provenance: The program that made it.
    """

    config: dict[str, Any]
    training: TrainingResult
    check: CheckResult
    inference: InferenceResult
    truth: dict[str, float]
    provenance: dict[str, Any]
