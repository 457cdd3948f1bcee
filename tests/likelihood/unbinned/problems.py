"""Problems with known densities: one region, a joint one, and one with interference."""

from __future__ import annotations

from dataclasses import replace

from .analytic import Effect, Problem, Process, Region
from .densities import Exponential, Gaussian, Mixture, Power


def normfactor(name):
    return {"name": name, "type": "normfactor", "data": None}


def normsys(name, lo, hi):
    return {"name": name, "type": "normsys", "data": {"lo": lo, "hi": hi}}


def single():
    """Signal, exponential and wide background, 1800 events; three systematics with correlated templates of 5 %."""
    peak, falling, wide = Gaussian(6.0, 0.9), Exponential(3.5), Gaussian(3.0, 2.5)
    processes = (
        Process(
            "signal", peak, 200.0, (normfactor("mu"),), {"JES": Effect("mean", 0.05), "JER": Effect("width", 0.05)}
        ),
        Process("falling", falling, 1000.0, (), {"JES": Effect("slope", 0.05), "theory": Effect("slope", -0.05)}),
        Process("wide", wide, 600.0, (), {"JES": Effect("mean", 0.05), "JER": Effect("width", 0.05)}),
    )
    return Problem(
        (Region("SR", processes, Mixture(((0.3, peak), (0.4, falling), (0.3, wide)))),),
        {"mu": 1.0, "JES": 0.0, "JER": 0.0, "theory": 0.0},
        settings=({"name": "mu", "bounds": [[-10.0, 10.0]]},),
    )


def joint():
    """A control region in bins and two unbinned regions that share systematics; each is missing on some sample."""
    peak, falling, wide, power = Gaussian(6.0, 0.9), Exponential(3.5), Gaussian(3.0, 2.5), Power(4.0, 3.0)
    first = (
        Process(
            "signal",
            peak,
            150.0,
            (normfactor("mu"), normsys("eff", 0.96, 1.05)),
            {"JES": Effect("mean", 0.06, 1.04, 0.97), "JER": Effect("width", 0.05)},
        ),
        Process("falling", falling, 1000.0, (normfactor("k"),), {"JES": Effect("slope", 0.04, 1.02, 0.97)}),
        Process("wide", wide, 400.0, (), {"JES": Effect("mean", 0.05), "JER": Effect("width", 0.06, 0.98, 1.03)}),
    )
    second = (
        Process("signal", Gaussian(5.0, 1.5), 90.0, (normfactor("mu"),), {"JES": Effect("mean", 0.06, 1.03, 0.96)}),
        Process(
            "falling",
            power,
            700.0,
            (normfactor("k"),),
            {"theory": Effect("slope", -0.08), "JES": Effect(None, 0, 1.01, 0.98)},
        ),
    )
    control = {
        "name": "CR",
        "samples": [
            {
                "name": "falling",
                "data": [1200.0, 800.0, 500.0],
                "modifiers": [
                    normfactor("k"),
                    normsys("JES", 0.97, 1.02),
                    {"name": "stat", "type": "staterror", "data": [18.0, 16.0, 12.0]},
                ],
            },
            {
                "name": "wide",
                "data": [200.0, 250.0, 150.0],
                "modifiers": [
                    {
                        "name": "JER",
                        "type": "histosys",
                        "data": {"hi_data": [204.0, 248.0, 153.0], "lo_data": [197.0, 253.0, 148.0]},
                    }
                ],
            },
        ],
    }
    return Problem(
        (
            Region("SR1", first, Mixture(((0.3, peak), (0.4, falling), (0.3, wide)))),
            Region("SR2", second, Mixture(((0.5, Gaussian(5.0, 1.8)), (0.5, power)))),
        ),
        {
            "mu": 1.0,
            "k": 1.0,
            "eff": 0.0,
            "JES": 0.0,
            "JER": 0.0,
            "theory": 0.0,
            "stat[0]": 1.0,
            "stat[1]": 1.0,
            "stat[2]": 1.0,
        },
        binned=(control,),
        settings=({"name": "mu", "bounds": [[-10.0, 10.0]]},),
    )


def interfering():
    """The joint problem, and a region with interference, luminosity and a polynomial of a coupling."""
    before = joint()
    peak, falling = Gaussian(4.0, 1.0), Exponential(5.0)
    lumi = {"name": "lumi", "type": "lumi", "data": None}

    def coupling(name, power):
        terms = [{"coefficient": 1.0, "powers": {"c": power}}]
        return {"name": name, "type": "polynomial", "data": {"parameters": ["c"], "terms": terms}}

    processes = (
        Process("squared", peak, 300.0, (lumi, coupling("c squared", 2)), {"JES": Effect("mean", 0.06, 1.05, 0.94)}),
        Process(
            "crossed", Gaussian(5.0, 2.0), -150.0, (lumi, coupling("c", 1)), {"JES": Effect("width", 0.06, 1.02, 0.97)}
        ),
        Process("falling", falling, 900.0, (lumi, normsys("eff", 0.9, 1.1)), {"theory": Effect("slope", 0.05)}),
    )
    region = Region("offshell", processes, Mixture(((0.5, peak), (0.5, falling))))
    return replace(
        before,
        regions=(*before.regions, region),
        nominal={**before.nominal, "c": 1.0, "lumi": 1.0},
        settings=(
            *before.settings,
            {"name": "lumi", "inits": [1.0], "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.7, 1.5]]},
        ),
    )
