"""A fit of a binned and an unbinned channel whose densities are known in closed form."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import norm

from neyman.likelihood.workspace import Workspace

X = np.linspace(-14, 14, 1401)
YIELDS = {"signal": 60.0, "background": 400.0}


def log_p(x, name, width=0.0):
    return norm.logpdf(x, 1.0, 1.0) if name == "signal" else norm.logpdf(x, 0.0, 3.0 + 0.2 * width)


def log_p_ref(x):
    return np.logaddexp(log_p(x, "signal"), log_p(x, "background")) - np.log(2)


@dataclass
class Mixed:
    """A fit, and the masses it was of."""

    fit: object
    x: np.ndarray


def build(folder, *, x, weights=None, changes=None, only=tuple(YIELDS), alike=False, signal=60.0):
    """A model: samples `only`, other keys of the unbinned channel, or all densities equal to the reference's."""
    numbers = iter(range(1000))

    def array(values):
        path = f"{next(numbers)}.npy"
        np.save(folder / path, values)
        return {"path": path}

    def at_events(function):
        return {"observed": array(function(x)), "reference": array(function(X))}

    samples = []
    for name in only:
        factor = "mu" if name == "signal" else "k"
        modifiers = [{"name": factor, "type": "normfactor", "data": None}]
        if name == "background":
            modifiers.append({"name": "xs", "type": "normsys", "data": {"hi": 1.04, "lo": 0.96}})
            width = {"hi": 1.0, "lo": 1.0, "relative_to": "nominal"}
            for side, alpha in (("hi", 1.0), ("lo", -1.0)):
                width[f"{side}_log_ratio"] = at_events(
                    lambda at, alpha=alpha: log_p(at, "background", alpha) - log_p(at, "background")
                )
            modifiers.append({"name": "width", "type": "normplusshape", "data": width})
        ratio = at_events(lambda at, name=name: np.zeros(len(at)) if alike else log_p(at, name) - log_p_ref(at))
        yields = {**YIELDS, "signal": signal}
        samples.append({"name": name, "yield": yields[name], "log_ratio": ratio, "modifiers": modifiers})
    channel = {
        "name": "SR",
        "type": "unbinned",
        "observed": {} if weights is None else {"weights": array(weights)},
        "reference": {"weights": array(np.exp(log_p_ref(X)) * (X[1] - X[0]))},
        "samples": samples,
        **(changes or {}),
    }
    control = {
        "name": "CR",
        "samples": [
            {
                "name": "background",
                "data": [500.0, 300.0],
                "modifiers": [{"name": "k", "type": "normfactor", "data": None}],
            }
        ],
    }
    document = {
        "channels": [channel, control],
        "observations": [{"name": "CR", "data": [510.0, 290.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu" if "signal" in only else "k", "parameters": []}}],
        "version": "1.0.0",
    }
    return Workspace.from_dict(document, folder=folder).model()


@pytest.fixture(scope="session")
def masses():
    rng = np.random.default_rng(7)
    return np.concatenate([rng.normal(1, 1, 70), rng.normal(0, 3, 410)])


@pytest.fixture(scope="session")
def mixed(tmp_path_factory, masses):
    """The fit, and the values x of its events."""
    return Mixed(build(tmp_path_factory.mktemp("mixed"), x=masses).fit(), masses)


@pytest.fixture(scope="session")
def mixed_with():
    """Other models of the kind: `mixed_with(folder, x=..., ...)`."""
    return build


@pytest.fixture(scope="session")
def closed_form():
    """Points of the reference, their spacing, ln p of a sample and ln p_ref."""
    return X, X[1] - X[0], log_p, log_p_ref
