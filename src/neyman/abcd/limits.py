"""CLs and upper limits of templates, as a result."""

from __future__ import annotations

from neyman.abcd.hypotheses import cls, upper_limit
from neyman.abcd.likelihood import Theta
from neyman.abcd.results import LimitResult
from neyman.abcd.templates import Templates


def limit_of(
    templates: Templates,
    *,
    poi_value: float = 1.0,
    theta: Theta = "per_bin",
    level: float = 0.05,
    artefact: str | None = None,
) -> LimitResult:
    """CLs of a signal strength, and limits on it.

    Args:
        templates: Expected yields, and observed ones if there are any.
        poi_value: The signal strength of CLs.
        theta: Whether bins share the parameter of the non-closure.
        level: One less the confidence level of the limits.
        artefact: Digest of the artefact that the templates come from.

    Raises:
        InputError: If the strength is negative or the level not between 0 and 1.
        NumericsError: If a fit does not converge; it names the bin.

    Examples:
        >>> found = limit_of(Templates(background=[[400, 50, 4000, 500]], signal=[[1, 15, 0.2, 1]]))
        >>> print(f"{found.cls_exp[2]:.7f}")
        0.0762968
    """
    arrays = (templates.background, templates.signal)
    observed, delta, variance = templates.observed, templates.delta, templates.variance
    tested = cls(*arrays, observed=observed, delta=delta, variance=variance, mu=poi_value, theta=theta)
    limit = upper_limit(*arrays, observed=observed, delta=delta, variance=variance, theta=theta, level=level)
    return LimitResult(
        poi_value=poi_value,
        cls_obs=tested.observed,
        cls_exp=tested.expected.tolist(),
        mu_limit_obs=limit.observed,
        mu_limit_exp=limit.expected.tolist(),
        q_mu=tested.q,
        mu_hat=None if templates.observed is None else tested.mu_hat,
        non_closure=templates.non_closure.tolist(),
        theta=theta,
        level=level,
        artefact=artefact,
    )
