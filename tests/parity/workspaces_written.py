"""Workspaces written by hand: together they use each modifier, each interpolation code, and the corners of both.

`WORKSPACES` has a function that makes it, and its interpolation codes, for each name.
"""

from __future__ import annotations

import numpy as np

DEFAULT = {"histosys": "code4p", "normsys": "code4"}


def normfactor(name):
    return {"name": name, "type": "normfactor", "data": None}


def normsys(name, lo, hi):
    return {"name": name, "type": "normsys", "data": {"lo": lo, "hi": hi}}


def histosys(name, lo, hi):
    return {"name": name, "type": "histosys", "data": {"lo_data": list(lo), "hi_data": list(hi)}}


def staterror(name, errors):
    return {"name": name, "type": "staterror", "data": list(errors)}


def shapesys(name, errors):
    return {"name": name, "type": "shapesys", "data": list(errors)}


def shapefactor(name):
    return {"name": name, "type": "shapefactor", "data": None}


LUMI = {"name": "lumi", "type": "lumi", "data": None}


def lumi_config(sigma=0.02, auxdata=1.0):
    return {"name": "lumi", "auxdata": [auxdata], "sigmas": [sigma], "bounds": [[0.8, 1.2]], "inits": [1.0]}


def sample(name, data, *modifiers):
    return {"name": name, "data": list(data), "modifiers": list(modifiers)}


def workspace(channels, observed, parameters=(), poi="mu"):
    """A workspace with one measurement; `channels` and `observed` by name of the channel."""
    return {
        "channels": [{"name": name, "samples": samples} for name, samples in channels.items()],
        "observations": [{"name": name, "data": list(data)} for name, data in observed.items()],
        "measurements": [{"name": "measurement", "config": {"poi": poi, "parameters": list(parameters)}}],
        "version": "1.0.0",
    }


def simple(model, observed):
    """A model of pyhf.simplemodels as a workspace."""
    (channel,) = model.spec["channels"]
    return workspace({channel["name"]: channel["samples"]}, {channel["name"]: observed})


def uncorrelated():
    import pyhf

    model = pyhf.simplemodels.uncorrelated_background(
        signal=[12.0, 11.0], bkg=[50.0, 52.0], bkg_uncertainty=[3.0, 7.0], validate=False
    )
    return simple(model, [51, 64])


def correlated():
    import pyhf

    model = pyhf.simplemodels.correlated_background(
        signal=[12.0, 11.0], bkg=[50.0, 52.0], bkg_up=[45.0, 57.0], bkg_down=[55.0, 47.0], validate=False
    )
    return simple(model, [55, 49])


def everything():
    """All of pyhf's modifiers, correlated between three channels; one name is both histosys and normsys."""
    return workspace(
        {
            "SR": [
                sample("signal", [5.0, 12.0, 7.0], normfactor("mu"), LUMI, normsys("acceptance", 0.9, 1.12)),
                sample(
                    "top",
                    [50.0, 60.0, 30.0],
                    normfactor("k_top"),
                    LUMI,
                    histosys("jes", [46.0, 58.0, 31.5], [55.0, 61.0, 28.0]),
                    normsys("jes", 0.95, 1.07),
                    staterror("stat_SR", [2.0, 3.0, 1.5]),
                ),
                sample(
                    "other",
                    [10.0, 8.0, 4.0],
                    normsys("xs_other", 0.7, 1.4),
                    histosys("jes", [9.0, 8.5, 4.0], [11.5, 7.0, 4.5]),
                    staterror("stat_SR", [1.0, 0.5, 0.8]),
                ),
            ],
            "CR": [
                sample(
                    "top",
                    [200.0, 150.0],
                    normfactor("k_top"),
                    LUMI,
                    histosys("jes", [190.0, 155.0], [212.0, 149.0]),
                    normsys("btag", 0.97, 1.02),
                    shapesys("mc_CR", [9.0, 11.0]),
                ),
                sample("other", [40.0, 35.0], normsys("xs_other", 0.75, 1.3), normsys("btag", 1.04, 0.95)),
            ],
            "VR": [
                sample("fakes", [20.0, 30.0], shapefactor("fakes")),
                sample("top", [15.0, 11.0], normfactor("k_top"), LUMI, normsys("btag", 0.9, 1.05)),
            ],
        },
        {"CR": [251, 178], "SR": [70, 93, 38], "VR": [37, 44]},
        [lumi_config()],
    )


def shared_staterror():
    """One staterror over two channels, for some of the samples; bins without events of theirs."""
    return workspace(
        {
            "A": [
                sample("signal", [3.0, 4.0, 1.0], normfactor("mu")),
                sample("one", [20.0, 0.0, 12.0], staterror("stat", [1.5, 0.0, 1.2]), normsys("x", 0.8, 1.25)),
                sample("two", [5.0, 9.0, 7.0], normsys("x", 1.1, 0.93)),
            ],
            "B": [
                sample("one", [40.0, 33.0], staterror("stat", [2.0, 2.5]), histosys("y", [38.0, 34.0], [43.0, 31.0])),
                sample("two", [4.0, 2.0], normfactor("k")),
            ],
        },
        {"A": [27, 16, 19], "B": [47, 31]},
        [{"name": "k", "bounds": [[0.0, 30.0]]}],
    )


def data_driven():
    """A shape from a control region: shapefactors of two channels, one of them at its lower bound."""
    return workspace(
        {
            "CR": [sample("qcd", [100.0, 100.0, 100.0], shapefactor("qcd"), normsys("transfer", 0.9, 1.1))],
            "SR": [
                sample("qcd", [10.0, 10.0, 10.0], shapefactor("qcd")),
                sample("signal", [2.0, 6.0, 3.0], normfactor("mu")),
            ],
        },
        {"CR": [93, 0, 131], "SR": [11, 6, 17]},
        [{"name": "qcd", "inits": [1.0, 0.5, 2.0], "bounds": [[0.0, 5.0]] * 3}],
    )


def interference():
    """A sample that is negative, with systematics."""
    return workspace(
        {
            "low": [
                sample("signal", [8.0, 15.0, 4.0], normfactor("mu"), normsys("pdf", 0.95, 1.06)),
                sample(
                    "interference",
                    [-3.0, -1.0, 2.0],
                    normfactor("mu"),
                    normsys("pdf", 1.1, 0.92),
                    histosys("scale", [-3.5, -0.8, 1.7], [-2.0, -1.5, 2.6]),
                ),
                sample("continuum", [80.0, 60.0, 45.0], histosys("scale", [84.0, 59.0, 44.0], [77.0, 62.0, 47.0])),
            ],
            "high": [
                sample("signal", [2.0, 1.0], normfactor("mu"), normsys("pdf", 0.9, 1.13)),
                sample("continuum", [12.0, 6.0], staterror("stat_high", [1.0, 0.9])),
            ],
        },
        {"low": [89, 71, 52], "high": [16, 5]},
    )


def empty_bins():
    """Bins without data, samples without events in bins, and templates that come from nothing."""
    return workspace(
        {
            "SR": [
                sample("signal", [0.0, 1.5, 3.0, 0.4], normfactor("mu"), normsys("eff", 0.9, 1.1)),
                sample(
                    "background",
                    [6.0, 0.0, 1.2, 0.3],
                    histosys("shape", [5.0, 0.0, 1.6, 0.2], [7.5, 0.0, 0.7, 0.5]),
                    staterror("stat_SR", [0.5, 0.0, 0.3, 0.2]),
                ),
                sample("flat", [0.2, 0.2, 0.2, 0.2], normsys("flat", 0.5, 2.0)),
            ],
            "CR": [sample("background", [9.0, 0.01, 3.0], normfactor("k"), normsys("eff", 1.05, 0.96))],
        },
        {"SR": [7, 0, 3, 0], "CR": [12, 0, 2]},
    )


def shapesys_zeros():
    """Uncertainties of zero, which fix their parameters; two samples with one each in the same bins."""
    return workspace(
        {
            "A": [
                sample("signal", [4.0, 5.0, 6.0], normfactor("mu")),
                sample("one", [30.0, 0.0, 21.0], shapesys("one_A", [4.0, 3.0, 0.0]), normsys("x", 0.9, 1.2)),
                sample("two", [12.0, 14.0, 9.0], shapesys("two_A", [2.0, 2.5, 1.5]), staterror("stat_A", [1, 1, 1.0])),
            ],
            "B": [sample("one", [60.0, 55.0], normsys("x", 0.92, 1.15), shapesys("one_B", [5.0, 0.0]))],
        },
        {"A": [48, 17, 40], "B": [63, 50]},
    )


def configured():
    """Everything that a measurement may set: inits, bounds, fixed, auxiliary data away from their usual values."""
    return workspace(
        {
            "SR": [
                sample("signal", [10.0, 4.0], normfactor("mu"), LUMI),
                sample(
                    "background",
                    [70.0, 40.0],
                    normfactor("k"),
                    LUMI,
                    normsys("x", 0.9, 1.1),
                    normsys("held", 0.8, 1.2),
                    histosys("y", [66.0, 42.0], [75.0, 37.0]),
                    staterror("stat", [3.0, 2.0]),
                ),
            ],
            "CR": [sample("background", [300.0], normfactor("k"), LUMI, normsys("x", 0.95, 1.06))],
        },
        {"SR": [84, 45], "CR": [331]},
        [
            lumi_config(sigma=0.03, auxdata=0.99),
            {"name": "mu", "inits": [2.0], "bounds": [[-5.0, 25.0]]},
            {"name": "k", "inits": [0.7], "bounds": [[0.5, 1.05]]},
            {"name": "x", "auxdata": [0.4], "bounds": [[-3.0, 3.0]]},
            {"name": "held", "inits": [0.3], "fixed": True},
            {"name": "stat", "inits": [1.02, 0.97], "bounds": [[0.5, 1.5], [0.5, 1.5]], "auxdata": [1.01, 0.98]},
        ],
    )


def at_the_bound():
    """Fewer events than background: the signal strength is zero at the minimum, and so is a normfactor."""
    return workspace(
        {
            "SR": [
                sample("signal", [6.0, 9.0], normfactor("mu"), normsys("eff", 0.9, 1.1)),
                sample("background", [40.0, 30.0], normsys("b", 0.92, 1.09), histosys("y", [42.0, 28.0], [39.0, 33.0])),
                sample("rare", [1.0, 4.0], normfactor("k_rare"), normsys("eff", 0.95, 1.05)),
            ],
            "CR": [sample("background", [120.0, 90.0], normsys("b", 0.94, 1.07), shapesys("mc", [8.0, 6.0]))],
        },
        {"SR": [33, 18], "CR": [118, 92]},
    )


def large(channels=8, bins=6, systematics=24, seed=3):
    """As an analysis publishes it: many channels, systematics correlated between them, a staterror in each bin."""
    rng = np.random.default_rng(seed)
    found, observed = {}, {}
    for c in range(channels):
        name, samples, total = f"region{c:02d}", [], np.zeros(bins)
        for s, process in enumerate(("signal", "ttbar", "wjets", "diboson")):
            data = (0.03 if s == 0 else 1.0 / s) * rng.uniform(20, 150) * np.exp(-rng.uniform(0, 0.6) * np.arange(bins))
            modifiers = [LUMI, staterror(f"stat_{name}", 0.2 * np.sqrt(data))]
            if process in ("signal", "ttbar"):
                modifiers.append(normfactor("mu" if s == 0 else "k_ttbar"))
            for k in range(systematics):
                if rng.uniform() < 0.5:
                    shift = rng.normal(0, 0.05)
                    modifiers.append(normsys(f"sys{k:02d}", 1 - shift * rng.uniform(-0.3, 1.3), 1 + shift))
                elif rng.uniform() < 0.5:
                    tilt = rng.normal(0, 0.06) * np.linspace(-1, 1, bins)
                    modifiers.append(
                        histosys(f"sys{k:02d}", data * (1 - rng.uniform(-0.3, 1.3) * tilt), data * (1 + tilt))
                    )
            samples.append(sample(process, data.tolist(), *modifiers))
            total += data
        found[name], observed[name] = samples, rng.poisson(total * 1.03).astype(float).tolist()
    return workspace(found, observed, [lumi_config(0.017), {"name": "mu", "bounds": [[0.0, 50.0]]}])


def larger():
    """200 parameters."""
    return large(channels=16, bins=9, systematics=55, seed=4)


WORKSPACES = {
    "uncorrelated": (uncorrelated, DEFAULT),
    "correlated": (correlated, DEFAULT),
    "everything": (everything, DEFAULT),
    "everything, kinked": (everything, {"histosys": "code0", "normsys": "code1"}),
    "everything, parabola": (everything, {"histosys": "code2", "normsys": "code4"}),
    "shared staterror": (shared_staterror, {"histosys": "code4p", "normsys": "code1"}),
    "data driven": (data_driven, DEFAULT),
    "interference": (interference, DEFAULT),
    "interference, kinked": (interference, {"histosys": "code0", "normsys": "code4"}),
    "empty bins": (empty_bins, DEFAULT),
    "shapesys zeros": (shapesys_zeros, DEFAULT),
    "configured": (configured, DEFAULT),
    "at the bound": (at_the_bound, DEFAULT),
    "large": (large, DEFAULT),
    "larger": (larger, DEFAULT),
}

QUICKEST = ("uncorrelated", "everything", "everything, kinked", "shared staterror", "empty bins", "configured")
"""Those that the default run compares; with all of them it would take minutes."""
