"""What comes out of tests and pseudo-experiments; what comes out of fits is in results.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neyman.core.results import Part
from neyman.likelihood.results import FitResult, Number


class UnbinnedGoodness(Part):
    """How the events of an unbinned channel are distributed, given their number; see `neyman.likelihood.goodness`.

    Attributes:
        reference_size: Effective number of reference events; expectations are as precise as that.
        summary: What is histogrammed: the `score` of the parameter of interest, or the `density` over the reference's.
        statistic: χ² of that histogram; null if all events are alike.
        degrees_of_freedom: Its bins less one.
        p_value_asymptotic: From a χ² distribution: on the high side, as some parameters were fitted to these events.
        p_value: From pseudo-experiments.
        energy: Energy distance between observed and expected log-ratios times the number of events; null if all events
            are alike.
        energy_p_value: From pseudo-experiments.
        toy_statistics: `statistic` of pseudo-experiments.
        toy_energies: `energy` of pseudo-experiments.
    """

    reference_size: Number
    summary: Literal["score", "density"]
    statistic: Number
    degrees_of_freedom: int
    p_value_asymptotic: Number
    p_value: Number = None
    energy: Number
    energy_p_value: Number = None
    toy_statistics: list[Number] = Field(default_factory=list)
    toy_energies: list[Number] = Field(default_factory=list)


class GoodnessOfFit(FitResult):
    """Distance of the best fit from the saturated model (Baker and Cousins, NIM 221 (1984) 437).

    Attributes:
        statistic: −2 ln L of the best fit above that of the saturated model; an unbinned channel is one bin of it.
        degrees_of_freedom: Bins less parameters that nothing constrains.
        p_value: Probability of a larger value; null if only pseudo-experiments can tell.
        method: Whether from a χ² distribution or from pseudo-experiments.
        toys: How many pseudo-experiments.
        toy_statistics: Their values.
        unbinned: How the events of unbinned channels are distributed, where there is a reference.
    """

    statistic: Number
    degrees_of_freedom: int
    p_value: Number
    method: Literal["asymptotic", "toys"]
    toys: int = 0
    toy_statistics: list[Number] = Field(default_factory=list)
    unbinned: dict[str, UnbinnedGoodness] = Field(default_factory=dict)


class Significance(FitResult):
    """Significance of a signal (arXiv:1007.1727, eq. 12 and 53).

    Attributes:
        q0: The test statistic.
        p_value: Probability of as much, without a signal.
        observed: In standard deviations.
        expected: Median with a signal of strength 1.
    """

    q0: Number
    p_value: Number
    observed: Number
    expected: Number


class HypothesisTest(FitResult):
    """CLs of one value of the parameter of interest (arXiv:1007.1727 and J. Phys. G 28 (2002) 2693).

    Attributes:
        poi_value: The value.
        cls_obs: CLs of the data.
        cls_exp: CLs expected without a signal, at −2, −1, 0, 1, 2 standard deviations.
        cls_exp_error: Statistical error of pseudo-experiments on the median; null with the asymptotic formulae.
        clsb_obs: p-value of signal and background.
        clb_obs: 1 less the p-value of background.
        q_obs: The test statistic q̃.
        cls_obs_error: Statistical error of pseudo-experiments; null with the asymptotic formulae.
        method: How.
        toys: How many pseudo-experiments of each hypothesis.
    """

    poi_value: float
    cls_obs: Number
    cls_exp: list[Number]
    clsb_obs: Number
    clb_obs: Number
    q_obs: Number
    cls_obs_error: Number = None
    cls_exp_error: Number = None
    method: Literal["asymptotic", "toys"] = "asymptotic"
    toys: int = 0


class UpperLimit(FitResult):
    """Upper limit on the parameter of interest by CLs.

    Attributes:
        obs: The limit.
        exp: Limits expected without a signal, at −2, −1, 0, 1, 2 standard deviations.
        level: One less the confidence level.
        scan: Values that CLs was computed at on the way, for a plot.
    """

    obs: Number
    exp: list[Number]
    level: float
    scan: list[HypothesisTest] = Field(default_factory=list)


class ConstructedInterval(Part):
    """Values of a parameter that a Neyman construction accepts, from the lowest to the highest.

    Attributes:
        level: Confidence level.
        lower: Lower end; null if the range of the construction ends first.
        upper: Upper end, likewise.
        lower_error: Statistical error of pseudo-experiments; null without them.
        upper_error: The same of the upper end.
    """

    level: float
    lower: Number
    upper: Number
    lower_error: Number = None
    upper_error: Number = None


class NeymanConstruction(FitResult):
    """Values of a parameter that the data do not exclude, by pseudo-experiments at each; see construction.py.

    Attributes:
        parameter: Its name.
        best: Where the minimum is.
        statistic: `t`: −2 ln of the profile likelihood ratio; or `qtilde`, which is 0 below the best value.
        values: The values, in ascending order.
        observed: The statistic of the data at each.
        critical_68: What 68.3 % of pseudo-experiments do not exceed.
        critical_68_error: Its statistical error; null if there are too few of them to tell.
        critical_95: What 95.4 % do not exceed.
        critical_95_error: Its statistical error.
        asymptotic_critical: Both for many events.
        p_values: Share of pseudo-experiments as far out as the data.
        toys: How many pseudo-experiments at each value.
        converged: How many of them could be fitted; the others are left out.
        seed: The seed.
        interval_68: Values that are accepted at 68.3 %.
        interval_95: Values that are accepted at 95.4 %.
        asymptotic_68: The same with the asymptotic critical value.
        asymptotic_95: The same.
    """

    parameter: str
    best: Number
    statistic: Literal["t", "qtilde"]
    values: list[float]
    observed: list[Number]
    critical_68: list[Number]
    critical_68_error: list[Number]
    critical_95: list[Number]
    critical_95_error: list[Number]
    asymptotic_critical: tuple[float, float]
    p_values: list[Number]
    toys: int
    converged: list[int]
    seed: int
    interval_68: ConstructedInterval
    interval_95: ConstructedInterval
    asymptotic_68: ConstructedInterval
    asymptotic_95: ConstructedInterval


class Region(Part):
    """Expected and observed events of one channel.

    Attributes:
        name: The channel.
        samples: Expected events of each sample in each bin.
        error: Uncertainty of their sum in each bin.
        total_error: Uncertainty of the sum over bins.
        data: Observed events in each bin.
    """

    name: str
    samples: dict[str, list[Number]]
    error: list[Number]
    total_error: Number
    data: list[Number]


class Regions(FitResult):
    """Expected events of all channels.

    Attributes:
        stage: `prefit`, or `postfit`.
        regions: The channels.
    """

    stage: Literal["prefit", "postfit"]
    regions: list[Region]


class ParameterToys(Part):
    """What pseudo-experiments say of one parameter.

    Attributes:
        truth: Value they were made with.
        mean: Mean of the estimates.
        sd: Standard deviation of the estimates.
        pull_mean: Mean of (estimate − truth) / error.
        pull_width: Standard deviation of it.
        coverage_68: Share whose interval of one error holds the truth.
        coverage_95: Share whose interval of two errors does.
    """

    truth: Number
    mean: Number
    sd: Number
    pull_mean: Number
    pull_width: Number
    coverage_68: Number
    coverage_95: Number


class Toys(FitResult):
    """Fits of pseudo-experiments with shifted auxiliary data.

    Attributes:
        toys: How many.
        converged: How many fits did; the others are left out of all that follows.
        seed: The seed.
        parameters: Summary of each parameter.
        values: Estimates of the parameter of interest, or of the first parameter if there is none.
        errors: Their errors.
        twice_nll: −2 ln L of each, without constants.
    """

    toys: int
    converged: int
    seed: int
    parameters: dict[str, ParameterToys]
    values: list[Number]
    errors: list[Number]
    twice_nll: list[Number]
