"""What an unbinned region says of samples and systematics: each is there, once, and varies by itself."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import InitErrorDetails

from neyman.fit.places import Location
from neyman.fit.problems import one, problem
from neyman.fit.sections import Sections
from neyman.fit.settings import RegionConfig, acts
from neyman.fit.trained import TrainedModelConfig
from neyman.fit.variations import SIDES


def unfit(config: Sections) -> Iterator[InitErrorDetails]:
    """Density ratios that are missing, stand twice, or belong to nothing."""
    for number, region in enumerate(config.Regions):
        if region.unbinned:
            yield from _samples(config, region, ("Regions", number, "TrainedModels"))


def _samples(config: Sections, region: RegionConfig, location: Location) -> Iterator[InitErrorDetails]:
    present = [sample.Name for sample in config.simulated(region)]
    trained = [model.SampleName for model in region.TrainedModels]
    for name in present:
        if name not in trained:
            yield problem(trained, f"the ratios of sample '{name}' too", location)
    for number, model in enumerate(region.TrainedModels):
        here = (*location, number)
        yield from one(model.SampleName, present, "a simulated sample of the region", (*here, "SampleName"))
        if model.SampleName in trained[:number]:
            yield problem(model.SampleName, "each sample once", (*here, "SampleName"))
        elif model.SampleName in present:
            yield from _systematics(config, region, model, (*here, "Systematics"))


def _systematics(
    config: Sections, region: RegionConfig, model: TrainedModelConfig, location: Location
) -> Iterator[InitErrorDetails]:
    sample = next(each for each in config.Samples if each.Name == model.SampleName)
    acting = {each.Name: each for each in config.Systematics if acts(each, sample, region)}
    what = f"a systematic that acts on '{sample.Name}' in '{region.Name}'"
    named = [each.SystName for each in model.Systematics]
    for number, name in enumerate(named):
        here = (*location, number, "SystName")
        yield from one(name, list(acting), what, here)
        if name in named[:number]:
            yield problem(name, "each systematic once", here)
        elif name in acting and acting[name].Type == "Normalization":
            yield problem(name, "a NormPlusShape systematic: a Normalization has no ratios", here)
        elif name in acting and (acting[name].Symmetrize or any(acting[name].side(side).derived for side in SIDES)):
            yield problem(
                name, "a systematic with two sides of its own, as its ratios have: no Symmetrize, no OneSided", here
            )
