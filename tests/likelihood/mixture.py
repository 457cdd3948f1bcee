"""A workspace with an unbinned channel of three samples with densities known in closed form, and one systematic."""

from __future__ import annotations

import numpy as np
from scipy.stats import expon, norm, truncnorm

from neyman.likelihood.unbinned.channels import Events
from neyman.likelihood.unbinned.templates import Templates
from neyman.likelihood.workspace import Workspace

SAMPLES = {
    "signal": (norm(6, 0.7), 60.0),
    "falling": (expon(0, 2.0), 300.0),
    "wide": (truncnorm(-1.6, np.inf, 4, 2.5), 140.0),
}
SLOPES = {"hi": expon(0, 2.1), "lo": expon(0, 1.9)}


def reference(x):
    return sum(shape.pdf(x) for shape, _ in SAMPLES.values()) / len(SAMPLES)


def log_ratios(x):
    """ln r of each sample, and ln g of the falling one's slope."""
    nominal = [shape.logpdf(x) - np.log(reference(x)) for shape, _ in SAMPLES.values()]
    return nominal, {side: shape.logpdf(x) - SAMPLES["falling"][0].logpdf(x) for side, shape in SLOPES.items()}


def drawn(rng, counts):
    """So many events of each sample."""
    return np.concatenate(
        [shape.rvs(count, random_state=rng) for (shape, _), count in zip(SAMPLES.values(), counts, strict=True)]
    )


def events(x):
    """Events as the model's only unbinned channel has them."""
    nominal, slopes = log_ratios(x)
    templates = Templates.build(nominal, [slopes["hi"]], [slopes["lo"]], [1], [0], parameters=1)
    return Events(templates, np.ones(len(x)))


def workspace(folder, x, *, reference_events=3000, control=(1000.0, 500.0), seed=5):
    """Events x in a region, whose falling background is also measured in a control region."""
    rng = np.random.default_rng(seed)
    points = {"observed": x, "reference": drawn(rng, [reference_events] * 3)}

    def arrays(name, pick):
        for where, at in points.items():
            np.save(folder / f"{name}_{where}.npy", pick(log_ratios(at)))
        return {where: {"path": f"{name}_{where}.npy"} for where in points}

    slope = {"name": "slope", "type": "normplusshape", "data": {"hi": 1.03, "lo": 0.97, "relative_to": "nominal"}}
    slope["data"] |= {
        f"{side}_log_ratio": arrays(side, lambda found, side=side: found[1][side]) for side in ("hi", "lo")
    }
    modifiers = {"signal": [factor("mu")], "falling": [factor("k"), slope], "wide": []}
    np.save(folder / "weights.npy", np.ones(3 * reference_events))
    region = {
        "name": "SR",
        "type": "unbinned",
        "observed": {},
        "reference": {"weights": {"path": "weights.npy"}},
        "samples": [
            {
                "name": name,
                "yield": count,
                "log_ratio": arrays(name, lambda found, i=i: found[0][i]),
                "modifiers": modifiers[name],
            }
            for i, (name, (_, count)) in enumerate(SAMPLES.items())
        ],
    }
    background = {"name": "falling", "data": [1000.0, 500.0], "modifiers": [factor("k")]}
    document = {
        "channels": [region, {"name": "CR", "samples": [background]}],
        "observations": [{"name": "CR", "data": list(control)}],
        "measurements": [
            {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[-10.0, 10.0]]}]}}
        ],
        "version": "1.0.0",
    }
    return Workspace.from_dict(document, folder=folder)


def factor(name):
    return {"name": name, "type": "normfactor", "data": None}
