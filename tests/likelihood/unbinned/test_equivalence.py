"""Unbinned channels are histograms with many bins, as far as pyhf can say what they say.

A histogram is an unbinned channel whose ratios are constant within bins: the two then agree to all digits. Events of a
continuous density agree with their histogram as far as its bins are narrow.

Templates that integrate to one are a density at α = −1, 0 and 1 whether they are added or multiplied; between and
beyond, code 0 has a line where code 4 has a curve, and normalised products of several systematics have no counterpart.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from iminuit import Minuit
from tests.parity.pyhf_oracle import Oracle as Pyhf

from neyman.likelihood.workspace import Workspace

from .densities import HIGH, LOW, quadrature
from .problems import normfactor, normsys, single

SYSTEMATICS = {"signal": "JES", "falling": "theory", "wide": "JER"}
"""One for each sample."""
TRUTH = {"mu": 1.3, "eff": 0.4, "JES": 0.0, "theory": 0.0, "JER": 0.0}
BOUNDS = {"name": "mu", "bounds": [[-10.0, 10.0]]}


def extra(name):
    """Modifiers of yields, the same in both."""
    return {"signal": [normfactor("mu"), normsys("eff", 0.9, 1.1)], "falling": [normsys("eff", 1.02, 0.99)]}.get(
        name, []
    )


def integrals(values, edges):
    """Integrals of functions over bins: 8 points of Gauss and Legendre in each."""
    points, weights = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    x = edges[:-1, None] + half * (points + 1)
    return {name: (function(x) * weights * half).sum(1) for name, function in values.items()}


def histograms(problem, count):
    """Bins of each sample's density as (nominal, hi, lo), of the reference, and the edges."""
    edges, region = np.linspace(LOW, HIGH, count + 1), problem.region
    found = {}
    for process in region.processes:
        name = SYSTEMATICS[process.name]
        functions = {
            "nominal": lambda x, p=process: np.exp(p.density.log_pdf(x)),
            "hi": lambda x, p=process, n=name: np.exp(p.density.log_pdf(x) + p.templates(x)[n][0]),
            "lo": lambda x, p=process, n=name: np.exp(p.density.log_pdf(x) + p.templates(x)[n][1]),
        }
        found[process.name] = integrals(functions, edges)
    return found, integrals({"all": lambda x: np.exp(region.reference.log_pdf(x))}, edges)["all"], edges


def document(channel, observations, centres):
    settings = [BOUNDS, *({"name": name, "auxdata": [value]} for name, value in centres.items())]
    return {
        "channels": [channel],
        "observations": observations,
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": settings}}],
        "version": "1.0.0",
    }


def binned(problem, bins, counts, centres):
    """The histogram, shapes as histosys."""
    samples = []
    for process in problem.region.processes:
        nominal, hi, lo = (process.events * bins[process.name][key] for key in ("nominal", "hi", "lo"))
        shape = {"hi_data": hi.tolist(), "lo_data": lo.tolist()}
        modifiers = [*extra(process.name), {"name": SYSTEMATICS[process.name], "type": "histosys", "data": shape}]
        samples.append({"name": process.name, "data": nominal.tolist(), "modifiers": modifiers})
    return document({"name": "SR", "samples": samples}, [{"name": "SR", "data": counts.tolist()}], centres)


def unbinned(problem, folder, ratios, weights, centres):
    """The unbinned channel, from ln r, ln g(+1) and ln g(−1) by sample, for observed and reference events."""

    def write(name, values):
        np.save(folder / f"{name}.npy", values)
        return {"path": f"{name}.npy"}

    samples = []
    for process in problem.region.processes:
        arrays = [
            {where: write(f"{process.name}_{number}_{where}", ratios[where][process.name][number]) for where in ratios}
            for number in range(3)
        ]
        shape = {"hi": 1.0, "lo": 1.0, "hi_log_ratio": arrays[1], "lo_log_ratio": arrays[2], "relative_to": "nominal"}
        modifiers = [*extra(process.name), {"name": SYSTEMATICS[process.name], "type": "normplusshape", "data": shape}]
        samples.append({"name": process.name, "yield": process.events, "log_ratio": arrays[0], "modifiers": modifiers})
    given = {where: {"weights": write(f"weights_{where}", values)} for where, values in weights.items()}
    return document({"name": "SR", "type": "unbinned", **given, "samples": samples}, [], centres)


def of_bins(problem, folder, bins, reference, counts, centres):
    """The histogram as an unbinned channel: its bins are the events."""
    ratios = {
        name: [np.log(h["nominal"] / reference), np.log(h["hi"] / h["nominal"]), np.log(h["lo"] / h["nominal"])]
        for name, h in bins.items()
    }
    weights = {"observed": counts, "reference": reference}
    return unbinned(problem, folder, dict.fromkeys(weights, ratios), weights, centres)


def of_events(problem, folder, events, weights):
    """The continuous densities at events, with a reference on a grid."""
    x, widths = quadrature()

    def at(points):
        found = problem.region.log_ratios(points)
        return {name: [ratio, *templates[SYSTEMATICS[name]]] for name, (ratio, templates) in found.items()}

    mass = widths * np.exp(problem.region.reference.log_pdf(x))
    weights = {"observed": weights, "reference": mass}
    return unbinned(problem, folder, {"observed": at(events), "reference": at(x)}, weights, {})


def only_one(problem):
    """The problem with the systematics of `SYSTEMATICS` alone."""
    (region,) = problem.regions
    processes = tuple(
        replace(p, modifiers=tuple(extra(p.name)), effects={n: p.effects[n] for n in (SYSTEMATICS[p.name],)})
        for p in region.processes
    )
    return replace(problem, regions=(replace(region, processes=processes),), nominal={**TRUTH, "mu": 1.0, "eff": 0.0})


class Both:
    """Our unbinned model and pyhf's binned one, at parameters by name."""

    def __init__(self, folder, ours, theirs):
        self.model = Workspace.from_dict(ours, folder=folder).model()
        self.pyhf = Pyhf(theirs, {"histosys": "code0", "normsys": "code4"})

    def ours(self, point):
        return self.model.twice_nll(point)

    def theirs(self, point):
        return self.pyhf.value([point[name] for name in self.pyhf.names], self.pyhf.data)

    def minimise(self, held):
        """Minuit's minimum of pyhf's −2 ln L: parameters by name, and the value."""
        start = dict(zip(self.pyhf.names, self.pyhf.inits, strict=True)) | held
        minuit = Minuit(lambda theta: self.pyhf.value(theta, self.pyhf.data), list(start.values()), name=list(start))
        minuit.errordef, minuit.tol, minuit.strategy = Minuit.LEAST_SQUARES, 1e-5, 2
        for name in held:
            minuit.fixed[name] = True
        minuit.migrad()
        assert minuit.valid
        return minuit.values.to_dict(), minuit.fval

    def difference(self, point, origin):
        """Of the differences of −2 ln L between two points: constants are not the same."""
        return (self.ours(point) - self.ours(origin)) - (self.theirs(point) - self.theirs(origin))


@pytest.fixture(scope="module")
def problem():
    return only_one(single())


@pytest.fixture(scope="module")
def events(problem):
    return problem.region.draw(problem.point(**TRUTH), np.random.default_rng(5))


def histogram(problem, folder, count, counts, centres=()):
    """A histogram, and the same as an unbinned channel; `counts` is given its edges."""
    bins, reference, edges = histograms(problem, count)
    given = counts(edges)
    ours = of_bins(problem, folder, bins, reference, given, dict(centres))
    return Both(folder, ours, binned(problem, bins, given, dict(centres)))


@pytest.fixture(scope="module")
def same(problem, events, tmp_path_factory):
    return histogram(problem, tmp_path_factory.mktemp("bins"), 400, lambda edges: np.histogram(events, edges)[0] * 1.0)


def test_histogram_as_an_unbinned_channel_is_the_histogram(problem, same):
    """Yields and normsys anywhere, one systematic with a shape for each sample at −1, 0 or 1."""
    rng = np.random.default_rng(6)
    for _ in range(50):
        shapes = {name: float(rng.integers(-1, 2)) for name in SYSTEMATICS.values()}
        point = {"mu": rng.uniform(0.1, 3), "eff": rng.uniform(-3, 3), **shapes}
        assert same.difference(point, problem.nominal) == pytest.approx(0, abs=1e-8)


def test_best_fit_of_the_histogram_is_that_of_pyhf_without_shapes(same):
    """And its −2 ln L too, which here is that of the histogram up to one constant."""
    held = dict.fromkeys(SYSTEMATICS.values(), 0.0)
    fit = same.model.fit(fixed=held)
    theta, lowest = same.minimise(held)
    for name in ("mu", "eff"):
        assert fit[name].value == pytest.approx(theta[name], abs=1e-3 * fit[name].error)
    origin = {"mu": 1.0, "eff": 0.0, **held}
    assert fit.result.twice_nll - same.ours(origin) == pytest.approx(lowest - same.theirs(origin), abs=1e-6)


@pytest.mark.parametrize("alpha", [-1.0, 1.0])
def test_best_fit_where_templates_meet_is_that_of_pyhf(problem, tmp_path, alpha):
    """The expectation at α = ±1, constraints centred there: what is added and what is multiplied have one minimum."""
    shapes = dict.fromkeys(SYSTEMATICS.values(), alpha)
    truth = problem.point(mu=1.3, eff=0.4, **shapes)

    def counts(edges):
        return integrals({"all": lambda x: problem.region.intensity(x, truth)}, edges)["all"]

    both = histogram(problem, tmp_path, 400, counts, {**shapes, "eff": 0.4})
    fit, (theta, _) = both.model.fit(), both.minimise({})
    for name, value in truth.items():
        assert fit[name].value == pytest.approx(value, abs=1e-4 * fit[name].error)
        assert theta[name] == pytest.approx(value, abs=1e-2 * fit[name].error)


def test_between_the_templates_a_line_and_a_curve_differ_little(problem, same):
    """Templates of 5 %, 1800 events: less than 0.05 in −2 ln L within ±1, and up to a half at ±2; but not nothing."""
    inside, outside = (
        [
            abs(same.difference({**problem.nominal, "mu": 1.3, name: alpha}, problem.nominal))
            for name in SYSTEMATICS.values()
            for alpha in alphas
        ]
        for alphas in (np.linspace(-1, 1, 17), (-2.0, -1.5, 1.5, 2.0))
    )
    assert 0.01 < max(inside) < 0.05
    assert 0.1 < max(outside) < 0.6


@pytest.mark.parametrize(("count", "shift"), [(400, 0.01), (1600, 0.002)])
def test_events_agree_with_their_histogram_as_far_as_bins_are_narrow(problem, events, tmp_path, count, shift):
    """−2 ln L at half to twice the signal, within 3 standard deviations, and μ̂ in units of its error.

    An event is anywhere in its bin, Δ/√12 from the middle: ln p moves by that times its slope.
    """
    bins, _, edges = histograms(problem, count)
    counts = np.histogram(events, edges)[0] * 1.0
    ours = of_events(problem, tmp_path, events, np.ones(len(events)))
    both = Both(tmp_path, ours, binned(problem, bins, counts, {}))
    for mu, eff in itertools.product((0.5, 1.3, 2.0), (-1.0, 0.0, 0.4)):
        point = problem.point(mu=mu, eff=eff)
        up, down = (
            np.log(problem.region.intensity(x, point) / problem.region.intensity(x, problem.nominal))
            for x in (events + 1e-4, events - 1e-4)
        )
        scatter = 2 * (HIGH - LOW) / count / np.sqrt(12) * np.linalg.norm((up - down) / 2e-4)
        assert abs(both.difference(point, problem.nominal)) < 3 * scatter
    held = dict.fromkeys(SYSTEMATICS.values(), 0.0)
    fit, (theta, _) = both.model.fit(fixed=held), both.minimise(held)
    assert abs(fit["mu"].value - theta["mu"]) < shift * fit["mu"].error


def test_expectation_agrees_with_its_histogram_to_the_square_of_the_width(problem, tmp_path):
    x, widths = quadrature()
    truth, worst = problem.point(**TRUTH), []
    for count in (200, 400):
        bins, _, edges = histograms(problem, count)
        counts = integrals({"all": lambda x: problem.region.intensity(x, truth)}, edges)["all"]
        ours = of_events(problem, tmp_path, x, widths * problem.region.intensity(x, truth))
        both = Both(tmp_path, ours, binned(problem, bins, counts, {}))
        worst.append(max(abs(both.difference(problem.point(mu=mu), truth)) for mu in (0.5, 2.0)))
    assert worst[1] < 1e-2
    assert worst[1] == pytest.approx(worst[0] / 4, rel=0.05)
