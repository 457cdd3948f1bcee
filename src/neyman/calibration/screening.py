"""Samples that cannot be calibrated are refused before time is spent on training, with what is wrong and where."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.calibration.config import CalibrationConfig
from neyman.calibration.sample import Sample
from neyman.calibration.scaling import AskedTransform, takes
from neyman.core.errors import DataError

FEWEST = 500
"""Effective events of a training part: of fewer, no flow learns anything."""

SPIKE = 0.005
"""Largest fraction of events at exactly one value of a variable."""

_APART = 0.01  # two samples that have hardly this fraction of events in common are in different units


def refuse_unusable(sample: Sample, config: CalibrationConfig, *, where: str) -> None:
    """Refuse one sample.

    Args:
        sample: All events of it.
        config: Which transforms are asked for.
        where: Where it is from.

    Raises:
        DataError: For values that are not finite, constant columns, spikes, values that a transform cannot take,
            weights that do not sum to more than zero, or too few events.
    """
    if not len(sample):
        raise DataError("no events", where=where, expected=f"at least {FEWEST} to train on")
    columns = {"weights": sample.w}
    columns |= {f"variable '{name}'": sample.x[:, i] for i, name in enumerate(sample.variables)}
    columns |= {f"condition '{name}'": sample.c[:, i] for i, name in enumerate(sample.conditions)}
    for name, values in columns.items():
        _refuse_not_finite(name, values, where)
        if name != "weights" and values.min() == values.max():
            raise DataError(
                f"{name} is {values[0]:g} in all {len(values)} events",
                where=where,
                expected="values that differ",
                hint="leave it out: a constant can neither be corrected nor tell anything",
            )
    _refuse_weights(sample.w, where)
    for number, variable in enumerate(config.variables):
        _refuse_transform(variable.name, sample.x[:, number], variable.transform, where)
        _refuse_spike(variable.name, sample.x[:, number], where)
    for number, condition in enumerate(config.conditions):
        _refuse_transform(condition.name, sample.c[:, number], condition.transform, where)
    effective = float(sample.w.sum() ** 2 / (sample.w**2).sum()) * config.split.train
    if effective < FEWEST:
        raise DataError(
            f"{effective:.0f} effective events, (Σw)²/Σw², are left to train on, of {len(sample)} events",
            where=where,
            expected=f"at least {FEWEST}",
            hint="more events, or a larger split.train",
        )


def refuse_strangers(simulation: Sample, data: Sample) -> None:
    """Refuse two samples of which a column hardly overlaps: most often, their units differ.

    Raises:
        DataError: If the central 98 % of a column of one are all above those of the other, or both are the same.
    """
    few = slice(0, 100)
    if np.array_equal(simulation.x[few], data.x[few]) and np.array_equal(simulation.c[few], data.c[few]):
        raise DataError("simulation and data begin with the same events", expected="two samples", hint="another file")
    for number, name in enumerate((*simulation.variables, *simulation.conditions)):
        here, there = (np.concatenate([sample.x, sample.c], axis=1)[:, number] for sample in (simulation, data))
        (low, median, high), (low_d, median_d, high_d) = (
            np.quantile(values, [_APART, 0.5, 1 - _APART]).tolist() for values in (here, there)
        )
        if high < low_d or high_d < low:
            raise DataError(
                f"'{name}' is {low:.4g} to {high:.4g} in simulation (98 % of it), {low_d:.4g} to {high_d:.4g} in data",
                expected="samples that overlap",
                hint=f"the same unit in both: the medians are {median:.4g} and {median_d:.4g}",
            )


def _refuse_not_finite(name: str, values: Float[np.ndarray, " n"], where: str) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{name}: {values[row]} in row {row} ({int(bad.sum())} of {len(values)} rows not finite)",
            where=where,
            expected="finite numbers",
            hint="drop these events, or find out why they are there",
        )


def _refuse_weights(w: Float[np.ndarray, " n"], where: str) -> None:
    total = float(w.sum())
    if not total > 0:
        raise DataError(
            f"weights of {len(w)} events sum to {total:g}; {int((w < 0).sum())} are negative, "
            f"{int((w == 0).sum())} zero",
            where=where,
            expected="a sum above zero",
            hint="the column of the signal's weights",
        )


def _refuse_transform(name: str, values: Float[np.ndarray, " n"], asked: AskedTransform, where: str) -> None:
    good = takes(values, "none" if asked == "auto" else asked)
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"'{name}' is {values[row]:g} in row {row} ({int((~good).sum())} of {len(values)} rows)",
            where=where,
            expected="above 0 for its log" if asked == "log" else "between 0 and 1 for its logit",
            hint="transform: none, or select such events away",
        )


def _refuse_spike(name: str, values: Float[np.ndarray, " n"], where: str) -> None:
    ordered = np.sort(values)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
    counts = np.diff(starts)
    largest = int(np.argmax(counts))
    if counts[largest] <= max(SPIKE * len(values), 5):
        return
    value, distinct = float(ordered[starts[largest]]), len(counts)
    few = f"; it takes {distinct} values only" if distinct < len(values) / 20 else ""
    raise DataError(
        f"'{name}' is exactly {value:.6g} in {int(counts[largest])} of {len(values)} events{few}",
        where=where,
        expected=f"at most {SPIKE:.1%} at one value: a flow is continuous and cannot make a spike",
        hint="correct the events beside the spike alone, or smear it in both samples by less than is resolved",
    )
