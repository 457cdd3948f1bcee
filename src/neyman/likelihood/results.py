"""What comes out of a likelihood: frozen, read back from JSON, with the digest of the workspace it came from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neyman.core.results import Part, Result

Number = float | None
"""A number; null in JSON where it is not finite or does not exist."""
Minimiser = Literal["newton", "minuit"]


class Estimate(Part):
    """A parameter at the minimum.

    Attributes:
        value: Its value.
        error: Square root of its diagonal entry of the inverse Hessian of −ln L; 0 if fixed, null if undetermined.
    """

    value: Number
    error: Number


class FitResult(Result):
    """Base of all results of a model.

    Attributes:
        workspace: Digest of the workspace.
        measurement: Name of the measurement.
        poi: The parameter of interest, if there is one.
        blinded: Whether values are shifted or left out, see `neyman.fit.blinding`.
    """

    workspace: str
    measurement: str
    poi: str | None
    blinded: bool = False


class Correlation(Part):
    """Correlations of the parameters that are not bin-wise.

    Attributes:
        names: The parameters, those that were fixed left out.
        matrix: Row by row.
    """

    names: list[str]
    matrix: list[list[Number]]


class UnbinnedCheck(Part):
    """What to know of a fit in an unbinned channel, by the names of its samples; see `neyman.likelihood.validity`.

    Attributes:
        normalised: Whether densities are normalised.
        events: Sum of the weights of the observed events.
        lowest_density: The smallest density of an observed event, relative to the reference; must be above zero.
        negative: Samples with a negative yield.
        extrapolated: Parameters of shapes whose value is beyond ±1.
        reference_events: How many events the reference has.
        nominal_integral: What densities integrate to at α = 0; 1 if the ratios are right.
        drift: What they would integrate to at the minimum without normalisation, relative to α = 0.
        effective_size: Effective number of reference events at the minimum.
        nominal_effective_size: The same at α = 0.
    """

    normalised: bool
    events: float
    lowest_density: Number
    negative: list[str]
    extrapolated: dict[str, float]
    reference_events: int = 0
    nominal_integral: dict[str, Number] = Field(default_factory=dict)
    drift: dict[str, Number] = Field(default_factory=dict)
    effective_size: dict[str, Number] = Field(default_factory=dict)
    nominal_effective_size: dict[str, Number] = Field(default_factory=dict)


class BestFit(FitResult):
    """The minimum of −ln L.

    Attributes:
        converged: Whether it is a minimum.
        message: What to know about it, and what to try if it is none.
        twice_nll: −2 ln L, with the constants that pyhf has.
        parameters: Estimates, in pyhf's order; those of single bins as `name[i]`.
        correlation: Correlations.
        minimiser: What found it.
        steps: How many steps that took.
        distance: Estimated distance to the minimum, in units of −ln L.
        at_bounds: Parameters that a bound holds.
        other_minima: −2 ln L, above this one's, of other minima that other starts led to.
        second_minimiser: −2 ln L of what Minuit found, less this one's; null if it was not asked.
        unbinned: What to know of each unbinned channel.
        warnings: What speaks against trusting this fit, a line for each.
    """

    converged: bool
    message: str
    twice_nll: Number
    parameters: dict[str, Estimate]
    correlation: Correlation
    minimiser: Minimiser
    steps: int
    distance: Number
    at_bounds: list[str]
    other_minima: list[float]
    second_minimiser: Number = None
    unbinned: dict[str, UnbinnedCheck] = Field(default_factory=dict)
    warnings: list[str] = Field(default_factory=list)


class Interval(Part):
    """An interval where −2 ln L, minimised over all else, is below `delta` above its minimum.

    Attributes:
        lower: Its lower end; null if a bound comes first.
        upper: Its upper end; null if a bound comes first.
        delta: 1 for 68.3 %, 3.84 for 95 %.
    """

    lower: Number
    upper: Number
    delta: float


class Intervals(FitResult):
    """Intervals of several parameters.

    Attributes:
        parameters: Best values.
        intervals: An interval of each.
    """

    parameters: dict[str, Number]
    intervals: dict[str, Interval]


class Scan(FitResult):
    """The profile of −2 ln L over one parameter.

    Attributes:
        parameter: Its name.
        best: Where the minimum is.
        values: Where it was held.
        delta_twice_nll: −2 ln L above the minimum, all else minimised.
        stat_only: The same with all constrained parameters held at their best values; null if not asked for.
        converged: Whether each fit did.
        interval_68: Where it crosses 1.
        interval_95: Where it crosses 3.84.
    """

    parameter: str
    best: Number
    values: list[float]
    delta_twice_nll: list[Number]
    stat_only: list[Number] | None = None
    converged: list[bool]
    interval_68: Interval
    interval_95: Interval


class Contour(FitResult):
    """The profile of −2 ln L over two parameters.

    Attributes:
        parameters: Their names.
        best: Where the minimum is.
        x: Values of the first.
        y: Values of the second.
        delta_twice_nll: One row for each `y`; 2.30 bounds the region of 68.3 %, 5.99 that of 95 %.
    """

    parameters: tuple[str, str]
    best: tuple[Number, Number]
    x: list[float]
    y: list[float]
    delta_twice_nll: list[list[Number]]


class Impact(Part):
    """What one nuisance parameter does to the parameter of interest.

    Attributes:
        name: The nuisance parameter.
        value: Its best value.
        error: Its error.
        pull: (value − auxiliary) / width of its constraint; null without one.
        constraint: Its error over the width of its constraint; null without one.
        postfit_up: Change of the parameter of interest if it is held at value + error.
        postfit_down: The same at value − error.
        prefit_up: The same at value + width of its constraint; null without one.
        prefit_down: The same at value − width.
    """

    name: str
    value: Number
    error: Number
    pull: Number
    constraint: Number
    postfit_up: Number
    postfit_down: Number
    prefit_up: Number
    prefit_down: Number


class Impacts(FitResult):
    """Impacts on the parameter of interest, largest first.

    Attributes:
        parameter: The parameter of interest.
        value: Its best value.
        error: Its error.
        impacts: One entry for each nuisance parameter.
        groups: Part of the error that goes, in quadrature, if all parameters of a group are held at their best values.
        statistical: The error with all constrained parameters held.
    """

    parameter: str
    value: Number
    error: Number
    impacts: list[Impact]
    groups: dict[str, Number]
    statistical: Number
