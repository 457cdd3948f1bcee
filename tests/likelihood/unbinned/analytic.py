"""Workspaces with unbinned channels whose densities are known in closed form, at any value of the parameters."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from .densities import Mixture, distance, quadrature, sampler
from .oracle import binned_yields, code4, factor


@dataclass(frozen=True)
class Effect:
    """What one systematic does to one sample.

    Attributes:
        what: Which of the density's numbers it moves, one way at +1 and the other way at −1; None for none.
        size: Root mean square of ln g(+1) over the sample; negative to move the number down.
        hi: Relative yield at +1.
        lo: Relative yield at −1.
    """

    what: str | None
    size: float = 0.0
    hi: float = 1.0
    lo: float = 1.0


@dataclass(frozen=True)
class Process:
    """One sample of a region.

    Attributes:
        name: Its name.
        density: p_s(x).
        events: Its yield.
        modifiers: What changes the yield alone, as in the workspace.
        effects: What systematics with shapes do, by their name.
    """

    name: str
    density: object
    events: float
    modifiers: tuple = ()
    effects: dict = field(default_factory=dict)

    def templates(self, x):
        """ln g(+1) and ln g(−1) of each systematic, where it has a shape."""
        nominal, found = self.density.log_pdf(x), {}
        for name, effect in self.effects.items():
            if effect.what is not None:
                by = distance(self.density, effect.what, effect.size)
                found[name] = [self.density.varied(effect.what, s * by).log_pdf(x) - nominal for s in (1, -1)]
        return found

    def morphed(self, x, parameters):
        """p_s(x) Π_k g_sk(x; α_k), which is not normalised."""
        found = np.exp(self.density.log_pdf(x))
        for name, (hi, lo) in self.templates(x).items():
            found = found * code4(parameters[name], np.exp(hi), np.exp(lo))
        return found

    def norm(self, parameters):
        """The integral of that: Z_s(α)."""
        x, weights = quadrature()
        return np.sum(weights * self.morphed(x, parameters))

    def expected(self, parameters):
        """ν_s."""
        shapes = [
            {"name": name, "type": "normplusshape", "data": {"hi": effect.hi, "lo": effect.lo}}
            for name, effect in self.effects.items()
        ]
        return self.events * factor([*self.modifiers, *shapes], parameters)


@dataclass(frozen=True)
class Region:
    """An unbinned channel: samples, and the reference density."""

    name: str
    processes: tuple
    reference: Mixture

    def intensity(self, x, parameters):
        """Σ_s ν_s p_s(x|α): events per unit of x."""
        return sum(p.expected(parameters) * p.morphed(x, parameters) / p.norm(parameters) for p in self.processes)

    def sampler(self, parameters):
        """Draw events, a Poisson number of them: `sampler(parameters)(rng)`."""
        total = sum(process.expected(parameters) for process in self.processes)
        draw = sampler(lambda x: self.intensity(x, parameters))
        return lambda rng: draw(rng, rng.poisson(total))

    def draw(self, parameters, rng):
        """Events, once."""
        return self.sampler(parameters)(rng)

    def draw_reference(self, count, rng):
        """Events of the reference density."""
        return sampler(lambda x: np.exp(self.reference.log_pdf(x)))(rng, count)

    def log_ratios(self, x):
        """Logarithms by sample: r_s, and hi and lo by systematic, relative to the sample's nominal density."""
        reference = self.reference.log_pdf(x)
        return {p.name: (p.density.log_pdf(x) - reference, p.templates(x)) for p in self.processes}


@dataclass(frozen=True)
class Problem:
    """Regions, binned channels, and how parameters are treated.

    Attributes:
        regions: The unbinned channels.
        binned: Binned channels, as in the workspace.
        settings: Entries of `parameters` of the measurement.
        nominal: All parameters, at the values that stand for nothing being changed.
    """

    regions: tuple
    nominal: dict
    binned: tuple = ()
    settings: tuple = ()

    @cached_property
    def region(self):
        """The only region."""
        (only,) = self.regions
        return only

    def point(self, **changes):
        """All parameters, some of them at other values."""
        assert set(changes) <= set(self.nominal), changes
        return {**self.nominal, **changes}

    def points(self, count, seed, *, inside=2.5):
        """Random points: systematics inside and outside of ±1, other parameters near their nominal values."""
        rng = np.random.default_rng(seed)
        return [
            {
                name: value * rng.uniform(0.8, 1.3) if value else rng.uniform(-inside, inside)
                for name, value in self.nominal.items()
            }
            for _ in range(count)
        ]

    def normaliser(self, channel, sample, parameters):
        """Z_s(α), integrated: what an `Oracle` asks for."""
        (region,) = [each for each in self.regions if each.name == channel]
        (process,) = [each for each in region.processes if each.name == sample]
        return process.norm(parameters)

    def changed(self, *, events=1.0, size=None):
        """The same with more events, or with all templates of another size."""
        regions = []
        for region in self.regions:
            processes = []
            for p in region.processes:
                effects = {
                    name: effect if size is None else replace(effect, size=float(np.copysign(size, effect.size)))
                    for name, effect in p.effects.items()
                }
                processes.append(replace(p, events=p.events * events, effects=effects))
            regions.append(replace(region, processes=tuple(processes)))
        return replace(self, regions=tuple(regions))

    def workspace(
        self,
        folder,
        *,
        reference=("grid", 400),
        observed=("asimov", {}),
        centres=None,
        normalise=True,
        relative_to="nominal",
    ):
        """Write arrays into a folder; the document of the workspace.

        Args:
            folder: Where arrays go.
            reference: `("grid", n)`, which is exact, or `("sampled", n, seed)`.
            observed: `("asimov", changes)`, the expectation on a grid, or `("drawn", changes, seed)`.
            centres: Auxiliary data of systematics that are not at 0.
            normalise: As in the workspace.
            relative_to: What templates are relative to: `nominal`, `reference`, or None, not to say it.
        """
        kind, changes, *seed = observed
        point = self.point(**changes)
        rng = np.random.default_rng(seed) if kind == "drawn" else None
        channels, observations = list(self.binned), []
        for channel in self.binned:
            expected = binned_yields(channel, point)
            counts = expected if rng is None else rng.poisson(expected)
            observations.append({"name": channel["name"], "data": [float(n) for n in counts]})
        for number, region in enumerate(self.regions):
            if rng is None:
                x, widths = quadrature()
                here = x, widths * region.intensity(x, point)
            else:
                here = region.draw(point, rng), None
            if reference[0] == "grid":
                x, widths = quadrature(reference[1])
                there = x, widths * np.exp(region.reference.log_pdf(x))
            else:
                x = region.draw_reference(reference[1], np.random.default_rng([number, *reference[2:]]))
                there = x, np.ones(len(x))
            channels.append(_channel(region, Path(folder), here, there, normalise=normalise, relative_to=relative_to))
        settings = {each["name"]: each for each in self.settings}
        for name, value in (centres or {}).items():
            settings[name] = {"name": name, **settings.get(name, {}), "auxdata": [value]}
        return {
            "channels": channels,
            "observations": observations,
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": list(settings.values())}}],
            "version": "1.0.0",
        }


def _channel(region, folder, here, there, *, normalise, relative_to):
    """The unbinned channel of a document, from points and weights of observed and of reference events."""

    def write(name, values):
        path = folder / f"{region.name}_{name}.npy"
        np.save(path, values)
        return {"path": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    ratios = {"observed": region.log_ratios(here[0]), "reference": region.log_ratios(there[0])}

    def arrays(name, sample, pick):
        return {where: write(f"{sample}_{name}_{where}", pick(found[sample])) for where, found in ratios.items()}

    samples = []
    for process in region.processes:
        modifiers = list(process.modifiers)
        for name, effect in process.effects.items():
            data = {"hi": effect.hi, "lo": effect.lo}
            if effect.what is not None:
                for number, side in enumerate(("hi", "lo")):

                    def pick(found, name=name, number=number):
                        return found[1][name][number] + (found[0] if relative_to == "reference" else 0.0)

                    data[f"{side}_log_ratio"] = arrays(f"{name}_{side}", process.name, pick)
                if relative_to is not None:
                    data["relative_to"] = relative_to
            modifiers.append({"name": name, "type": "normplusshape", "data": data})
        samples.append(
            {
                "name": process.name,
                "yield": process.events,
                "log_ratio": arrays("nominal", process.name, lambda found: found[0]),
                "modifiers": modifiers,
            }
        )
    return {
        "name": region.name,
        "type": "unbinned",
        "observed": {} if here[1] is None else {"weights": write("weights_observed", here[1])},
        "reference": {"weights": write("weights_reference", there[1])},
        **({} if normalise else {"normalise": False}),
        "samples": samples,
    }
