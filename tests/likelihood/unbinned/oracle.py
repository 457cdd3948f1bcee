"""−2 ln L of a workspace in plain NumPy: slow, short, and written from the formulae alone.

Histograms and interpolation are those of HistFactory (CERN-OPEN-2012-016, §4.1); an unbinned channel adds

    2 [ν − Σ_i w_i ln Σ_s ν_s r_s(x_i) Π_k g_sk(x_i; α_k) / Z_s(α)] .
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import gammaln


def code4(alpha, hi, lo):
    """f(α): hi^α above 1, lo^−α below −1, and between them the polynomial that joins with two derivatives."""
    hi, lo = np.asarray(hi, float), np.asarray(lo, float)
    if np.real(alpha) >= 1:  # complex, to be differentiated
        return hi**alpha
    if np.real(alpha) <= -1:
        return lo**-alpha
    # value, slope and curvature at +1 and −1 give those of the odd and of the even part at 1
    up, down = (hi, hi * np.log(hi), hi * np.log(hi) ** 2), (lo, -lo * np.log(lo), lo * np.log(lo) ** 2)
    odd = (up[0] - down[0]) / 2, (up[1] + down[1]) / 2, (up[2] - down[2]) / 2
    even = (up[0] + down[0]) / 2 - 1, (up[1] - down[1]) / 2, (up[2] + down[2]) / 2
    a1 = (15 * odd[0] - 7 * odd[1] + odd[2]) / 8
    a3 = (-10 * odd[0] + 10 * odd[1] - 2 * odd[2]) / 8
    a5 = (3 * odd[0] - 3 * odd[1] + odd[2]) / 8
    a2 = (24 * even[0] - 9 * even[1] + even[2]) / 8
    a4 = (-24 * even[0] + 14 * even[1] - 2 * even[2]) / 8
    a6 = (8 * even[0] - 5 * even[1] + even[2]) / 8
    return 1 + a1 * alpha + a2 * alpha**2 + a3 * alpha**3 + a4 * alpha**4 + a5 * alpha**5 + a6 * alpha**6


def code4p(alpha, hi, nominal, lo):
    """Shift of a template: a line on each side, and a polynomial between −1 and 1."""
    up, down = np.asarray(hi, float) - nominal, nominal - np.asarray(lo, float)
    if abs(np.real(alpha)) > 1:
        return alpha * (up if np.real(alpha) > 0 else down)
    bend = 15 * alpha**2 - 10 * alpha**4 + 3 * alpha**6
    return alpha * (up + down) / 2 + bend * (up - down) / 16


def factor(modifiers, parameters):
    """What modifiers make of the yield of a whole sample."""
    product = 1.0
    for modifier in modifiers:
        name, data = modifier["name"], modifier["data"]
        match modifier["type"]:
            case "normfactor" | "lumi":
                product *= parameters[name]
            case "normsys" | "normplusshape":
                product *= code4(parameters[name], data["hi"], data["lo"])
            case "polynomial":
                product *= sum(
                    term["coefficient"] * np.prod([parameters[p] ** power for p, power in term["powers"].items()])
                    for term in data["terms"]
                )
    return product


def binned_yields(channel, parameters):
    """Expected events in the bins of a channel."""
    expected = 0.0
    for sample in channel["samples"]:
        nominal = template = np.array(sample["data"], float)
        gamma = np.ones(len(nominal))
        for modifier in sample["modifiers"]:
            name, data = modifier["name"], modifier["data"]
            if modifier["type"] == "histosys":
                template = template + code4p(parameters[name], data["hi_data"], nominal, data["lo_data"])
            elif modifier["type"] == "staterror":
                gamma = gamma * [parameters[f"{name}[{index}]"] for index in range(len(nominal))]
        expected = expected + template * gamma * factor(sample["modifiers"], parameters)
    return expected


class Oracle:
    """The likelihood of the first measurement.

    Args:
        document: The workspace.
        folder: Where paths of arrays start.
        normaliser: Z_s(α) as `normaliser(channel, sample, parameters)`; from the reference by default.
    """

    def __init__(self, document, folder, *, normaliser=None):
        self.document, self.folder, self.normaliser = document, Path(folder), normaliser
        self.settings = {each["name"]: each for each in document["measurements"][0]["config"]["parameters"]}
        self.observations = {each["name"]: np.array(each["data"], float) for each in document["observations"]}
        self.arrays = {}
        self.constraints = {}  # name: centre, width
        for channel in document["channels"]:
            for sample in channel["samples"]:
                for modifier in sample["modifiers"]:
                    self._constrain(modifier, channel)

    def _constrain(self, modifier, channel):
        name = modifier["name"]
        setting = self.settings.get(name, {})
        if modifier["type"] in ("normsys", "histosys", "normplusshape"):
            self.constraints[name] = setting.get("auxdata", [0.0])[0], 1.0
        elif modifier["type"] == "lumi":
            self.constraints[name] = setting["auxdata"][0], setting["sigmas"][0]
        elif modifier["type"] == "staterror":
            sharing = [s for s in channel["samples"] for m in s["modifiers"] if m["name"] == name]
            errors = np.sqrt(sum(np.square(m["data"]) for s in sharing for m in s["modifiers"] if m["name"] == name))
            for index, width in enumerate(errors / np.sum([s["data"] for s in sharing], axis=0)):
                self.constraints[f"{name}[{index}]"] = setting.get("auxdata", np.ones(len(errors)))[index], width

    def twice_nll(self, parameters):
        """−2 ln L at values of all parameters by name; binned terms and constraints with their constants."""
        return float(self._sum(parameters))

    def gradient(self, parameters):
        """Derivatives of −2 ln L by name, to all digits: imaginary parts a small imaginary step away."""
        step = 1e-30j
        return {
            name: np.imag(self._sum({**parameters, name: value + step})) / 1e-30 for name, value in parameters.items()
        }

    def _sum(self, parameters):
        total = sum(
            ((parameters[name] - centre) / width) ** 2 + np.log(2 * np.pi * width**2)
            for name, (centre, width) in self.constraints.items()
        )
        for channel in self.document["channels"]:
            unbinned = channel.get("type") == "unbinned"
            total += (self._unbinned if unbinned else self._binned)(channel, parameters)
        return total

    def _binned(self, channel, parameters):
        expected, counts = binned_yields(channel, parameters), self.observations[channel["name"]]
        return 2 * np.sum(expected - counts * np.log(expected) + gammaln(counts + 1))

    def _unbinned(self, channel, parameters):
        density, total = 0.0, 0.0
        for sample in channel["samples"]:
            events = sample["yield"] * factor(sample["modifiers"], parameters)
            total += events
            density = density + events * self.density(sample, "observed", parameters) / self.norm(
                channel, sample, parameters
            )
        weights = self.array(channel["observed"]["weights"]) if "weights" in channel["observed"] else 1.0
        if np.real(density).min() <= 0:
            return np.inf
        return 2 * (total - np.sum(weights * np.log(density)))

    def density(self, sample, where, parameters):
        """r_s Π_k g_sk of observed or of reference events."""
        nominal = self.array(sample["log_ratio"][where])
        found = np.exp(nominal)
        for modifier in sample["modifiers"]:
            data = modifier["data"]
            if modifier["type"] == "normplusshape" and "hi_log_ratio" in data:
                away = nominal if data.get("relative_to") == "reference" else 0.0
                hi, lo = (np.exp(self.array(data[f"{side}_log_ratio"][where]) - away) for side in ("hi", "lo"))
                found = found * code4(parameters[modifier["name"]], hi, lo)
        return found

    def norm(self, channel, sample, parameters):
        """Z_s(α)."""
        if not channel.get("normalise", True):
            return 1.0
        if self.normaliser is not None:
            return self.normaliser(channel["name"], sample["name"], parameters)
        weights = self.array(channel["reference"]["weights"])
        nominal = np.exp(self.array(sample["log_ratio"]["reference"]))
        return np.sum(weights * self.density(sample, "reference", parameters)) / np.sum(weights * nominal)

    def array(self, reference):
        """An array of the workspace, read once."""
        path = reference["path"]
        if path not in self.arrays:
            self.arrays[path] = np.load(self.folder / path).astype(float)
        return self.arrays[path]

    def minimise(self, start, *, bounds=None):
        """Minuit's minimum, with errors: the `iminuit.Minuit` itself."""
        from iminuit import Minuit

        names = list(start)
        minuit = Minuit(
            lambda theta: self.twice_nll(dict(zip(names, theta, strict=True))), list(start.values()), name=names
        )
        minuit.errordef, minuit.tol, minuit.strategy = Minuit.LEAST_SQUARES, 1e-4, 1
        for name in names:
            minuit.limits[name] = (bounds or {}).get(name, (-5.0, 5.0) if name in self.constraints else (None, None))
        return minuit.migrad()
