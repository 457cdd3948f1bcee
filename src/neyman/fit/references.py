"""What a fit config says of its own names: each is there, once, and means something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from neyman.core.errors import near
from neyman.fit.places import Location
from neyman.fit.sections import Sections
from neyman.fit.settings import DEFAULT_BOUNDS, FixedParameter, SystematicConfig, acts, covers


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
    ] or [*_without_effect(config), *_shared_parameters(config)]
    if problems:
        raise ValidationError.from_exception_data(type(config).__name__, problems)


def staterror(region: str) -> str:
    """The name of the statistical uncertainties of a region, as cabinetry gives it.

    Examples:
        >>> staterror("Signal region")
        'staterror_Signal-region'
    """
    return f"staterror_{region.replace(' ', '-')}"


def _problem(found: object, expected: str, location: Location) -> InitErrorDetails:
    kind = PydanticCustomError("reference", "{expected}", {"expected": expected})
    return InitErrorDetails(type=kind, loc=location, input=found)


def _twice(config: Sections) -> Iterator[InitErrorDetails]:
    for section in ("Measurement", "Regions", "Samples", "NormFactors", "Systematics"):
        seen: dict[str, int] = {}
        for number, entry in enumerate(getattr(config, section)):
            if entry.Name in seen:
                first = f"each name once; {section}.{seen[entry.Name]} has it too"
                yield _problem(entry.Name, first, (section, number, "Name"))
            seen[entry.Name] = number


def _measurements(config: Sections) -> Iterator[InitErrorDetails]:
    general = config.General
    both = [name for name in ("Measurement", "POI", "Fixed") if name in general.model_fields_set]
    if config.Measurement and both:
        yield _problem(getattr(general, both[0]), "it in the section Measurement alone", ("General", both[0]))
        return
    if not config.measurements:
        yield _problem(
            None, "the name of the measurement, here or in a section Measurement", ("General", "Measurement")
        )
    factors = [factor.Name for factor in config.NormFactors]
    parameters = [*factors, *(name for each in config.Systematics for name in {each.Name, each.parameter})]
    for number, measurement in enumerate(config.measurements):
        location: Location = ("Measurement", number) if config.Measurement else ("General",)
        if measurement.POI and measurement.POI not in factors:
            yield _problem(measurement.POI, _one_of(measurement.POI, factors, "a norm factor"), (*location, "POI"))
        for place, fixed in enumerate(measurement.Fixed):
            if fixed.Name not in parameters:
                expected = _one_of(fixed.Name, parameters, "a norm factor or systematic")
                yield _problem(fixed.Name, expected, (*location, "Fixed", place, "Name"))
            yield from _held_elsewhere(config, fixed, (*location, "Fixed", place, "Value"))


def _held_elsewhere(config: Sections, fixed: FixedParameter, location: Location) -> Iterator[InitErrorDetails]:
    for factor in config.NormFactors:
        if factor.Name != fixed.Name:
            continue
        low, high = factor.Bounds or DEFAULT_BOUNDS
        if factor.Nominal not in (None, fixed.Value):
            yield _problem(fixed.Value, f"the Nominal value of '{factor.Name}', {factor.Nominal:g}", location)
        elif not low <= fixed.Value <= high:
            yield _problem(fixed.Value, f"a value within the Bounds of '{factor.Name}', {low:g} to {high:g}", location)


def _data(config: Sections) -> Iterator[InitErrorDetails]:
    found = [number for number, sample in enumerate(config.Samples) if sample.Data]
    if not found:
        yield _problem([sample.Name for sample in config.Samples], "one sample with `Data: true`", ("Samples",))
    for number in found[1:]:
        expected = f"one sample of data; Samples.{found[0]} is another (SamplePath may be a list)"
        yield _problem(config.Samples[number].Name, expected, ("Samples", number, "Data"))
    for number in found[:1]:
        regions = config.Samples[number].Regions
        missing = [region.Name for region in config.Regions if regions is not None and region.Name not in regions]
        if missing:
            yield _problem(regions, f"data in all regions, also '{missing[0]}'", ("Samples", number, "Regions"))


def _unknown(config: Sections) -> Iterator[InitErrorDetails]:
    regions = [region.Name for region in config.Regions]
    simulated = [sample.Name for sample in config.Samples if not sample.Data]
    for number, sample in enumerate(config.Samples):
        yield from _names(sample.Regions, regions, "a region", ("Samples", number, "Regions"))
    for section in ("NormFactors", "Systematics"):
        for number, entry in enumerate(getattr(config, section)):
            yield from _names(entry.Regions, regions, "a region", (section, number, "Regions"))
            yield from _names(entry.Samples, simulated, "a simulated sample", (section, number, "Samples"))
    for number, systematic in enumerate(config.Systematics):
        if systematic.Smoothing is not None:
            location: Location = ("Systematics", number, "Smoothing")
            yield from _names(systematic.Smoothing.Regions, regions, "a region", (*location, "Regions"))
            yield from _names(systematic.Smoothing.Samples, simulated, "a simulated sample", (*location, "Samples"))


def _names(
    names: Sequence[str] | None, known: Sequence[str], what: str, location: Location
) -> Iterator[InitErrorDetails]:
    for number, name in enumerate(names or ()):
        if name not in known:
            yield _problem(name, _one_of(name, known, what), (*location, number))


def _one_of(name: str, known: Sequence[str], what: str) -> str:
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    hint = near(name, known)
    return f"{what} ({shown or 'there is none'})" + (f"; {hint}" if hint else "")


def _without_effect(config: Sections) -> Iterator[InitErrorDetails]:
    simulated = [sample for sample in config.Samples if not sample.Data]
    for number, region in enumerate(config.Regions):
        if not any(covers(sample.Regions, region.Name) for sample in simulated):
            yield _problem(region.Name, "a region that has a simulated sample", ("Regions", number, "Name"))
    for section in ("NormFactors", "Systematics"):
        for number, entry in enumerate(getattr(config, section)):
            if not any(acts(entry, sample, region) for sample, region in product(simulated, config.Regions)):
                expected = "Samples and Regions that go together: it acts on no sample in any region"
                yield _problem(entry.Name, expected, (section, number, "Name"))


def _shared_parameters(config: Sections) -> Iterator[InitErrorDetails]:
    """One parameter may act through several systematics, but only once on each sample, and with one meaning."""
    statistical = {staterror(region.Name) for region in config.Regions}
    for number, factor in enumerate(config.NormFactors):
        if factor.Name in statistical:
            yield _problem(factor.Name, "a name that no statistical uncertainty has", ("NormFactors", number, "Name"))
    taken = statistical | {factor.Name for factor in config.NormFactors}
    for number, systematic in enumerate(config.Systematics):
        key = "ModifierName" if systematic.ModifierName else "Name"
        if systematic.parameter in taken:
            expected = "a name that no norm factor and no statistical uncertainty has"
            yield _problem(systematic.parameter, expected, ("Systematics", number, key))
    for region, sample in product(config.Regions, config.Samples):
        acting = [(number, each) for number, each in enumerate(config.Systematics) if acts(each, sample, region)]
        for number, systematic in _repeated(acting):
            expected = f"one systematic of this parameter for sample '{sample.Name}' in region '{region.Name}'"
            key = "ModifierName" if systematic.ModifierName else "Name"
            yield _problem(systematic.parameter, expected, ("Systematics", number, key))


def _repeated(acting: Iterable[tuple[int, SystematicConfig]]) -> Iterator[tuple[int, SystematicConfig]]:
    count: Counter[str] = Counter()
    for number, systematic in acting:
        count[systematic.parameter] += 1
        if count[systematic.parameter] == 2:
            yield number, systematic
