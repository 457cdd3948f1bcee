"""Upper limits by CLs: where it crosses one less the confidence level."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from neyman.core.errors import InputError, NumericsError
from neyman.likelihood.data import Data
from neyman.likelihood.hypotheses import Reference, evaluate
from neyman.likelihood.model import Model
from neyman.likelihood.outcomes import HypothesisTest, UpperLimit

_ROUNDS = 40
_CLOSE = 1e-6


def upper_limit(model: Model, data: Data | None = None, *, level: float = 0.05) -> UpperLimit:
    """The largest value of the parameter of interest that is not excluded, observed and expected.

    The six crossings are looked for at the same time, by secants on ln CLs kept inside brackets. A limit may lie beyond
    the upper bound of the parameter of interest: the bound matters only for the best fit.

    Args:
        model: The model.
        data: The data; those of the workspace by default.
        level: One less the confidence level.

    Raises:
        WorkspaceError: If there is no parameter of interest.
        NumericsError: If a fit does not converge, or CLs does not fall below the level.
    """
    if not 0 < level < 1:
        raise InputError(f"level {level}", expected="between 0 and 1, as 0.05")
    reference = Reference.of(model, data)
    goal = np.log(level)
    at = _first_guess(reference, level)
    low, low_log = np.zeros(6), np.zeros(6)
    high, high_log = np.full(6, np.inf), np.full(6, -np.inf)
    seen: dict[float, HypothesisTest] = {}
    found = np.full(6, np.nan)
    for _ in range(_ROUNDS):
        tests = evaluate(reference, at.tolist())
        seen.update({test.poi_value: test for test in tests})
        logs = np.array([np.log(_which(test, i)) for i, test in enumerate(tests)])
        found = np.where(np.isnan(found) & (np.abs(logs - goal) < _CLOSE), at, found)
        if not np.isnan(found).any():
            break
        above = logs > goal
        low, low_log = np.where(above, at, low), np.where(above, logs, low_log)
        high, high_log = np.where(above, high, at), np.where(above, high_log, logs)
        bracketed = np.isfinite(high)
        width = np.where(bracketed, high - low, 1.0)
        with np.errstate(invalid="ignore"):
            share = np.where(bracketed, (low_log - goal) / np.where(bracketed, low_log - high_log, 1.0), 0.5)
        secant = low + np.clip(share, 0.02, 0.98) * width
        at = np.where(np.isnan(found), np.where(bracketed, secant, 2 * np.maximum(low, 1e-6)), found)
    else:
        raise NumericsError(
            f"CLs does not come down to {level} for '{model.poi}' up to {at.max():.3g}",
            hint="is the parameter of interest without effect on the yields?",
        )
    scan = sorted(seen.values(), key=lambda test: test.poi_value)
    return UpperLimit(**model.identity(), obs=float(found[0]), exp=found[1:].tolist(), level=level, scan=scan)


def _which(test: HypothesisTest, index: int) -> float:
    value = test.cls_obs if index == 0 else test.cls_exp[index - 1]
    return max(float(value if value is not None else 0.0), 1e-300)


def _first_guess(reference: Reference, level: float) -> Float[np.ndarray, " 6"]:
    """Limits as if the estimate were normal with a known error (arXiv:1007.1727, eq. 87 and 89)."""
    upper = reference.model.bounds[reference.poi, 1]
    probe = min(1.0, 0.5 * upper)
    for _ in range(30):
        _, q_asimov = reference.statistics([probe])
        if q_asimov[0] > 0.1:
            break
        probe *= 3
    sigma = probe / np.sqrt(max(q_asimov[0], 1e-6))
    bands = np.array([0, -2, -1, 0, 1, 2], float)
    guess = sigma * (norm.isf(level * norm.cdf(bands)) + bands)
    guess[0] = max(guess[0] + reference.best[reference.poi], 0.1 * sigma)
    positive: Float[np.ndarray, " 6"] = np.maximum(guess, 1e-3 * sigma)
    return positive
