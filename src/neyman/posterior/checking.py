"""Whether a learned posterior can be believed: calibration at every size, and the distance from the truth.

Ranks, coverage and TARP are necessary and not sufficient: the prior passes all three. So each is reported
beside the divergence from the exact posterior and the width against it, which the prior fails.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from neyman.core.progress import progress
from neyman.core.random import stream
from neyman.diagnostics.coverage import CoverageCurve, hpd_coverage
from neyman.diagnostics.grids import moments
from neyman.diagnostics.ranks import rank_uniformity, ranks
from neyman.diagnostics.tarp import tarp
from neyman.posterior.estimators import Estimator, ExactGrid
from neyman.posterior.grids import log_density_on, prior_grid
from neyman.posterior.inference import exact_estimator
from neyman.posterior.results import CheckResult, Coverage, ExactComparison, RankCheck, SizeCheck, Verdict
from neyman.posterior.trained import TrainedPosterior
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import Simulator, TractableSimulator

P_VALUE = 1e-3
KL = 0.05
SD_RATIO = (0.97, 1.03)
DRAWS = 999
_EVENTS_AT_ONCE = 2_000_000
_FROM_EDGE = 2.0  # Cramér-Rao widths: closer to an edge the prior makes the posterior narrower
_BOUND_POINTS = 21


def check(
    trained: TrainedPosterior,
    *,
    sets: int = 1000,
    exact_sets: int = 200,
    sizes: Sequence[int] | None = None,
    seed: int = 0,
) -> CheckResult:
    """Check a trained posterior on sets that it has never seen.

    Args:
        trained: The posterior.
        sets: How many sets to simulate at each size, for ranks, coverage and TARP.
        exact_sets: How many of these to compare with the exact posterior.
        sizes: Numbers of events; None for the smallest and largest trained for, and one in between.
        seed: The seed of the sets; they differ from those of training at any seed.
    """
    return check_estimator(
        trained.estimator,
        trained.simulator,
        sizes=sizes or default_sizes(trained.config.events),
        sets=sets,
        exact_sets=exact_sets,
        seed=seed,
        exact=exact_estimator(trained),
        artefact=trained.digest or None,
    )


def check_estimator(
    estimator: Estimator,
    simulator: Simulator,
    *,
    sizes: Sequence[int],
    sets: int,
    exact_sets: int,
    seed: int,
    exact: ExactGrid | None,
    artefact: str | None = None,
) -> CheckResult:
    """Check any estimator; see `check`."""
    prior = estimator.prior
    results = []
    with progress("checking", total=sum(sizes) * sets, unit="events") as advance:
        for size in sizes:
            rng = stream(seed, "check", size)
            theta = prior.sample(sets, rng)
            samples = np.empty((sets, DRAWS, len(prior.parameters)))
            at_samples, at_truth = np.empty((sets, DRAWS)), np.empty(sets)
            comparison = _Comparison(estimator, exact, prior)
            at_once = max(1, _EVENTS_AT_ONCE // size)
            for start in range(0, sets, at_once):
                rows = slice(start, min(start + at_once, sets))
                events = list(simulator.simulate_sets(theta[rows], size, rng))
                samples[rows] = estimator.sample(events, DRAWS, rng)
                # The density at the draws and at the truth in one call: contexts are summed once.
                points = np.concatenate([samples[rows], theta[rows][:, None]], axis=1)
                log_density = estimator.log_prob(points, events)
                at_samples[rows], at_truth[rows] = log_density[:, :-1], log_density[:, -1]
                comparison.add(events[: max(0, exact_sets - start)])
                advance(len(events) * size)
            results.append(
                SizeCheck(
                    n_events=size,
                    sets=sets,
                    ranks=_ranks(samples, theta, prior, rng),
                    coverage=_coverage(hpd_coverage(at_truth, at_samples, rng=rng)),
                    tarp=_coverage(tarp(samples, theta, rng=rng)),
                    exact=comparison.result(),
                    **_widths(samples, theta, simulator, prior, size),
                )
            )
    verdicts = [verdict for result in results for verdict in judge(result)]
    return CheckResult(
        passed=all(verdict.passed for verdict in verdicts),
        verdicts=verdicts,
        sizes=results,
        parameters=list(prior.parameters),
        seed=seed,
        artefact=artefact,
    )


def default_sizes(serve: tuple[int, int]) -> list[int]:
    """The smallest and the largest size, and the one halfway in the logarithm, rounded to one digit."""
    low, high = serve
    middle = np.sqrt(low * high)
    digit = 10 ** int(np.log10(middle))
    return sorted({low, int(np.clip(round(middle / digit) * digit, low, high)), high})


def judge(result: SizeCheck) -> list[Verdict]:
    """The verdicts on one size of sets."""
    at = f"at {result.n_events} events"
    verdicts = [
        Verdict(
            name=f"ranks of {name} uniform {at}",
            passed=found.p_value > P_VALUE,
            detail=f"p = {found.p_value:.3g}, wanted above {P_VALUE:g}",
        )
        for name, found in result.ranks.items()
    ]
    for name, curve in (("coverage as stated", result.coverage), ("TARP coverage as stated", result.tarp)):
        detail = f"largest deviation {curve.max_deviation:.3f}, p = {curve.p_value:.3g}, wanted above {P_VALUE:g}"
        verdicts.append(Verdict(name=f"{name} {at}", passed=curve.p_value > P_VALUE, detail=detail))
    if result.exact is not None:
        found = result.exact
        low, high = SD_RATIO
        verdicts += [
            Verdict(
                name=f"close to the exact posterior {at}",
                passed=found.kl < KL,
                detail=f"KL = {found.kl:.4f} ± {found.kl_error:.4f} (prior {found.kl_prior:.2f}), wanted below {KL:g}",
            ),
            Verdict(
                name=f"as wide as the exact posterior {at}",
                passed=low <= found.sd_ratio <= high,
                detail=f"width ratio {found.sd_ratio:.3f} ± {found.sd_ratio_error:.3f}, wanted {low:g} to {high:g}",
            ),
        ]
    return verdicts


class _Comparison:
    """Collects learned and exact posteriors of single sets."""

    def __init__(self, estimator: Estimator, exact: ExactGrid | None, prior: UniformPrior) -> None:
        self.estimator, self.exact, self.prior = estimator, exact, prior
        self.rows: list[tuple[float, ...]] = []

    def add(self, sets: Sequence[Float[np.ndarray, "_ c"]]) -> None:
        if self.exact is None or not sets:
            return
        grid = prior_grid(self.prior)
        learned = log_density_on(self.estimator, grid, sets)
        mean, sd = moments(grid, learned)
        flat = float(self.prior.log_prob(self.prior.low[None])[0])
        truths = [self.exact.density(matrix) for matrix in sets]
        at = np.stack([points for points, _ in truths])
        on_exact = self.estimator.log_prob(at[:, :, None], sets)
        for row, (points, log_p) in enumerate(truths):
            p = np.exp(log_p)
            # Not renormalised on these points: what the learned density puts elsewhere is a loss.
            kl = np.trapezoid(p * (log_p - on_exact[row]), points)
            exact_mean, exact_sd = moments(points, log_p)
            of_prior = np.trapezoid(p * (log_p - flat), points)
            self.rows.append((kl, of_prior, mean[row], sd[row], float(exact_mean), float(exact_sd)))

    def result(self) -> ExactComparison | None:
        if not self.rows:
            return None
        kl, of_prior, mean, sd, exact_mean, exact_sd = np.array(self.rows).T
        ratio, count = sd / exact_sd, len(kl)
        return ExactComparison(
            sets=count,
            kl=float(kl.mean()),
            kl_error=float(kl.std() / np.sqrt(count)),
            kl_prior=float(of_prior.mean()),
            sd_ratio=float(ratio.mean()),
            sd_ratio_error=float(ratio.std() / np.sqrt(count)),
            shift_rms=float(np.sqrt((((mean - exact_mean) / exact_sd) ** 2).mean())),
            learned_mean=mean.tolist(),
            learned_sd=sd.tolist(),
            exact_mean=exact_mean.tolist(),
            exact_sd=exact_sd.tolist(),
        )


def _ranks(
    samples: Float[np.ndarray, "b n d"], theta: Float[np.ndarray, "b d"], prior: UniformPrior, rng: np.random.Generator
) -> dict[str, RankCheck]:
    found = ranks(samples, theta, rng=rng)
    return {
        name: RankCheck(
            ranks=found[:, column].tolist(), draws=DRAWS, p_value=rank_uniformity(found[:, column], DRAWS).p_value
        )
        for column, name in enumerate(prior.parameters)
    }


def _coverage(curve: CoverageCurve) -> Coverage:
    return Coverage(
        level=curve.level.tolist(),
        coverage=curve.coverage.tolist(),
        low=curve.low.tolist(),
        high=curve.high.tolist(),
        confidence=curve.confidence,
        n=curve.n,
        max_deviation=curve.max_deviation,
        p_value=curve.p_value,
    )


def _widths(
    samples: Float[np.ndarray, "b n d"],
    theta: Float[np.ndarray, "b d"],
    simulator: Simulator,
    prior: UniformPrior,
    size: int,
) -> dict[str, dict[str, float | None] | None]:
    """Learned widths and Cramér-Rao bounds of sets whose truth is away from the edges of the prior."""
    variance = samples.var(axis=1)
    bound = np.zeros_like(theta)
    known = isinstance(simulator, TractableSimulator) and len(prior.parameters) == 1
    if known and isinstance(simulator, TractableSimulator):
        grid = prior_grid(prior, points=_BOUND_POINTS)
        (name,) = prior.parameters
        information = [simulator.fisher_matrix({name: float(value)})[0, 0] for value in grid]
        bound[:, 0] = 1 / (size * np.interp(theta[:, 0], grid, information))
    margin = _FROM_EDGE * np.sqrt(np.where(bound > 0, bound, variance))
    inside = (theta - margin > prior.low) & (theta + margin < prior.high)

    def root_mean(values: Float[np.ndarray, "b d"]) -> dict[str, float | None]:
        columns = [values[inside[:, k], k] for k in range(values.shape[1])]
        return {
            name: float(np.sqrt(column.mean())) if len(column) else None
            for name, column in zip(prior.parameters, columns, strict=True)
        }

    return {"width": root_mean(variance), "cramer_rao": root_mean(bound) if known else None}
