"""Corrected columns for files of any size: every other column and the order of rows stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from neyman.calibration.data import refuse_other_units
from neyman.calibration.sample import Sample
from neyman.calibration.trained import TrainedCalibration
from neyman.events.adding import add_columns
from neyman.events.tables import Table, TableFile

OUTSIDE = "outside_training"


def apply_to_file(
    trained: TrainedCalibration,
    source: str | Path,
    out: Path | str,
    *,
    variations: bool = False,
    only_new: bool = False,
) -> int:
    """Add `NAME_corrected` for each variable and `outside_training` to a file of simulation.

    Args:
        trained: The correction.
        source: `FILE`, or `FILE.root:TREE`.
        out: The file to write, whole or not at all.
        variations: Whether to add `NAME_corrected_up` and `NAME_corrected_down` too, see `band`.
        only_new: Whether to write the new columns alone.

    Returns:
        The number of rows.

    Raises:
        DataError: If a column is missing or in another unit, a value cannot be corrected, or a new column is there.
        InputError: If variations are asked for of fewer than two members.
    """
    file = TableFile.open(source, job="calibration")
    refuse_other_units(file, trained.schema)
    config = trained.config

    def make(table: Table) -> Table:
        return corrected_columns(trained, table, variations=variations)

    return add_columns(file, Path(out), (*config.variable_names, *config.condition_names), make, only_new=only_new)


def corrected_columns(trained: TrainedCalibration, table: Table, *, variations: bool = False) -> Table:
    """The new columns of events.

    Args:
        trained: The correction.
        table: Columns of variables and conditions.
        variations: Whether to make those of the uncertainty too.

    Raises:
        DataError: If a value cannot be corrected.
        InputError: If variations are asked for of fewer than two members.
    """
    config = trained.config
    sample = Sample(
        _matrix(table, config.variable_names),
        _matrix(table, config.condition_names),
        np.ones(len(table[config.variable_names[0]])),
        config.variable_names,
        config.condition_names,
    )
    corrected = trained.corrected(sample)
    columns = {f"{name}_corrected": corrected.x[:, i] for i, name in enumerate(config.variable_names)}
    if variations:
        down, up = band(trained, corrected.x, trained.variations(sample))
        columns |= {f"{name}_corrected_up": up[:, i] for i, name in enumerate(config.variable_names)}
        columns |= {f"{name}_corrected_down": down[:, i] for i, name in enumerate(config.variable_names)}
    return {**columns, OUTSIDE: trained.scaling.outside(sample.c)}


def band(
    trained: TrainedCalibration, nominal: Float[np.ndarray, "n d"], variations: Float[np.ndarray, "m n d"]
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
    """The 68.3 % band around corrected values that the members of the bootstrap give.

    Its half-width is their standard deviation times Student's t for so many members, since of few a standard deviation
    is not well known: 1.14 for five. It is taken of what the flow sees, so that a variable that is positive stays so.

    Args:
        trained: The correction.
        nominal: Corrected values.
        variations: What each member corrects them to.

    Returns:
        Lower and upper edge.
    """
    scaling, members = trained.scaling, len(variations)
    factor = float(student.ppf(0.5 * (1 + math.erf(math.sqrt(0.5))), members - 1))
    width = factor * np.std([scaling.standardise(each) for each in variations], axis=0, ddof=1)
    centre = scaling.standardise(nominal)
    return scaling.restore(centre - width), scaling.restore(centre + width)


def _matrix(table: Table, names: Sequence[str]) -> Float[np.ndarray, "n d"]:
    return np.stack([np.asarray(table[name], dtype=np.float64) for name in names], axis=1)
