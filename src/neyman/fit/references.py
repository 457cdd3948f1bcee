"""What a fit config says of its own names: each is there, once, and means something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from neyman.fit.places import Location
from neyman.fit.problems import names, one, one_of, problem
from neyman.fit.ratio_references import unfit
from neyman.fit.sections import Sections
from neyman.fit.settings import DEFAULT_BOUNDS, FixedParameter, MeasurementConfig, acts, covers
from neyman.fit.variations import SIDES, SystematicConfig


def check(config: Sections) -> None:
    """Refuse a config whose names do not fit together.

    Raises:
        ValidationError: With one entry for each problem and the key at which it stands.
    """
    problems = [
        *_twice(config),
        *_measurements(config),
        *_data(config),
        *_unknown(config),
    ] or [*_without_effect(config), *_shared_parameters(config), *unfit(config)]
    if problems:
        raise ValidationError.from_exception_data(type(config).__name__, problems)


def staterror(region: str) -> str:
    """The name of the statistical uncertainties of a region, as cabinetry gives it.

    Examples:
        >>> staterror("Signal region")
        'staterror_Signal-region'
    """
    return f"staterror_{region.replace(' ', '-')}"


def _twice(config: Sections) -> Iterator[InitErrorDetails]:
    for section in ("Measurement", "Regions", "Samples", "NormFactors", "Systematics"):
        seen: dict[str, int] = {}
        for number, entry in enumerate(getattr(config, section)):
            if entry.Name in seen:
                first = f"each name once; {section}.{seen[entry.Name]} has it too"
                yield problem(entry.Name, first, (section, number, "Name"))
            seen[entry.Name] = number


def _measurements(config: Sections) -> Iterator[InitErrorDetails]:
    general = config.General
    both = [name for name in ("Measurement", "POI", "Fixed") if getattr(general, name)]
    if config.Measurement and both:
        yield problem(getattr(general, both[0]), "it in the section Measurement alone", ("General", both[0]))
        return
    if not config.measurements:
        yield problem(None, "the name of the measurement, here or in a section Measurement", ("General", "Measurement"))
    for name in ("POI", "Fixed"):
        if general.Measurement is not None and getattr(general, name) and getattr(general.Measurement, name):
            yield problem(getattr(general, name), f"{name} here or in Measurement, not both", ("General", name))
    for number, measurement in enumerate(config.measurements):
        yield from _measurement(config, measurement, _Place(config, number))


class _Place:
    """Where the keys of a measurement stand."""

    def __init__(self, config: Sections, number: int) -> None:
        self.general, self.number = None if config.Measurement else config.General, number

    def of(self, key: str) -> Location:
        if self.general is None:
            return ("Measurement", self.number, key)
        inside = getattr(self.general.Measurement, key)
        return ("General", "Measurement", key) if inside else ("General", key)


def _measurement(config: Sections, measurement: MeasurementConfig, place: _Place) -> Iterator[InitErrorDetails]:
    factors = [factor.Name for factor in config.NormFactors]
    parameters = [*factors, *(name for each in config.Systematics for name in {each.Name, each.parameter})]
    if measurement.POI and measurement.POI not in factors:
        yield problem(measurement.POI, one_of(measurement.POI, factors, "a norm factor"), place.of("POI"))
    free = measurement.ParametersToFit or ()
    yield from names(free, parameters, "a norm factor or systematic", place.of("ParametersToFit"))
    for number, fixed in enumerate(measurement.Fixed):
        location: Location = (*place.of("Fixed"), number)
        if fixed.Name not in parameters:
            expected = one_of(fixed.Name, parameters, "a norm factor or systematic")
            yield problem(fixed.Name, expected, (*location, "Name"))
        if fixed.Name in free:
            yield problem(fixed.Name, "it in Fixed or in ParametersToFit, not both", (*location, "Name"))
        yield from _held_elsewhere(config, fixed, (*location, "Value"))


def _held_elsewhere(config: Sections, fixed: FixedParameter, location: Location) -> Iterator[InitErrorDetails]:
    for factor in config.NormFactors:
        if factor.Name != fixed.Name:
            continue
        low, high = factor.Bounds or DEFAULT_BOUNDS
        if factor.Nominal not in (None, fixed.Value):
            yield problem(fixed.Value, f"the Nominal value of '{factor.Name}', {factor.Nominal:g}", location)
        elif not low <= fixed.Value <= high:
            yield problem(fixed.Value, f"a value within the Bounds of '{factor.Name}', {low:g} to {high:g}", location)
    for systematic in config.Systematics:
        if fixed.Name in (systematic.Name, systematic.parameter) and systematic.Nominal not in (None, fixed.Value):
            yield problem(fixed.Value, f"the Nominal value of '{fixed.Name}', {systematic.Nominal:g}", location)


def _data(config: Sections) -> Iterator[InitErrorDetails]:
    found = [number for number, sample in enumerate(config.Samples) if sample.Data]
    if not found and config.needs_data:
        yield problem([sample.Name for sample in config.Samples], "one sample with `Data: true`", ("Samples",))
    for number in found[1:]:
        expected = f"one sample of data; Samples.{found[0]} is another (SamplePath may be a list)"
        yield problem(config.Samples[number].Name, expected, ("Samples", number, "Data"))
    for number in found[:1]:
        regions = config.Samples[number].Regions
        binned = [region.Name for region in config.Regions if not region.unbinned]
        missing = [name for name in binned if not covers(regions, name)]
        if missing:
            yield problem(regions, f"data in all regions, also '{missing[0]}'", ("Samples", number, "Regions"))


def _unknown(config: Sections) -> Iterator[InitErrorDetails]:
    regions = [region.Name for region in config.Regions]
    simulated = [sample.Name for sample in config.Samples if not sample.Data]
    for number, sample in enumerate(config.Samples):
        yield from names(sample.Regions, regions, "a region", ("Samples", number, "Regions"))
    for section in ("NormFactors", "Systematics"):
        for number, entry in enumerate(getattr(config, section)):
            yield from names(entry.Regions, regions, "a region", (section, number, "Regions"))
            yield from names(entry.Samples, simulated, "a simulated sample", (section, number, "Samples"))
    for number, systematic in enumerate(config.Systematics):
        for key, side in ((systematic.key(name), systematic.side(name)) for name in SIDES):
            for place, each in enumerate(side.PerSample or ()):
                location: Location = ("Systematics", number, key, place, "SampleName")
                yield from one(each.SampleName, simulated, "a simulated sample", location)
        if systematic.Smoothing is not None:
            location = ("Systematics", number, "Smoothing")
            yield from names(systematic.Smoothing.Regions, regions, "a region", (*location, "Regions"))
            yield from names(systematic.Smoothing.Samples, simulated, "a simulated sample", (*location, "Samples"))


def _without_effect(config: Sections) -> Iterator[InitErrorDetails]:
    simulated = [sample for sample in config.Samples if not sample.Data]
    for number, region in enumerate(config.Regions):
        if not any(covers(sample.Regions, region.Name) for sample in simulated):
            yield problem(region.Name, "a region that has a simulated sample", ("Regions", number, "Name"))
    for section in ("NormFactors", "Systematics"):
        for number, entry in enumerate(getattr(config, section)):
            if not any(acts(entry, sample, region) for sample, region in product(simulated, config.Regions)):
                expected = "Samples and Regions that go together: it acts on no sample in any region"
                yield problem(entry.Name, expected, (section, number, "Name"))


def _shared_parameters(config: Sections) -> Iterator[InitErrorDetails]:
    """One parameter may act through several systematics, but only once on each sample, and with one meaning."""
    statistical = {staterror(region.Name) for region in config.Regions}
    for number, factor in enumerate(config.NormFactors):
        if factor.Name in statistical:
            yield problem(factor.Name, "a name that no statistical uncertainty has", ("NormFactors", number, "Name"))
    taken = statistical | {factor.Name for factor in config.NormFactors}
    for number, systematic in enumerate(config.Systematics):
        key = "ModifierName" if systematic.ModifierName else "Name"
        if systematic.parameter in taken:
            expected = "a name that no norm factor and no statistical uncertainty has"
            yield problem(systematic.parameter, expected, ("Systematics", number, key))
    for region, sample in product(config.Regions, config.Samples):
        acting = [(number, each) for number, each in enumerate(config.Systematics) if acts(each, sample, region)]
        for number, systematic in _repeated(acting):
            expected = f"one systematic of this parameter for sample '{sample.Name}' in region '{region.Name}'"
            key = "ModifierName" if systematic.ModifierName else "Name"
            yield problem(systematic.parameter, expected, ("Systematics", number, key))


def _repeated(acting: Iterable[tuple[int, SystematicConfig]]) -> Iterator[tuple[int, SystematicConfig]]:
    count: Counter[str] = Counter()
    for number, systematic in acting:
        count[systematic.parameter] += 1
        if count[systematic.parameter] == 2:
            yield number, systematic
