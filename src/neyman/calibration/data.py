"""The events of a config: simulated or read, checked before training time is spent, and cut into parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neyman.calibration.config import CalibrationConfig, FilesSource, SplitConfig, ToySource
from neyman.calibration.sample import Sample, Which
from neyman.calibration.screening import refuse_strangers, refuse_unusable
from neyman.core.errors import DataError
from neyman.core.random import seed_from, stream
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.events.parquet import read_schema
from neyman.events.tables import TableFile


@dataclass(frozen=True)
class Parts:
    """The three parts of a sample.

    Attributes:
        train: What the flow is trained on.
        validation: What decides which epoch is kept.
        test: What decides about nothing.
    """

    train: Sample
    validation: Sample
    test: Sample

    @classmethod
    def of(cls, sample: Sample, fractions: SplitConfig, rng: np.random.Generator) -> Parts:
        """Deal out the events at random."""
        ends = np.round(len(sample) * np.cumsum([fractions.train, fractions.validation])).astype(int)
        return cls(*(sample.select(rows) for rows in np.split(rng.permutation(len(sample)), ends)))


@dataclass(frozen=True)
class Loaded:
    """The events of a config.

    Attributes:
        simulation: Those to correct.
        data: Those to correct to.
        schema: Units, labels and periods of variables and conditions, as far as the files know them.
        inputs: Digests of the files that they were read from, by name; empty for what is simulated.
    """

    simulation: Parts
    data: Parts
    schema: Schema
    inputs: dict[str, str]


def load(config: CalibrationConfig) -> Loaded:
    """Simulate or read the events of a config, check them, and cut them into parts.

    Raises:
        DataError: If a column is missing, units differ, or events cannot be used: see `screening`.
    """
    source = config.data
    if isinstance(source, FilesSource):
        simulation, data, schema, inputs = _read(source, config)
        places = {"simulation": source.simulation, "data": source.data}
    else:
        simulation, data, schema = _simulate(source, config)
        inputs, places = {}, {"simulation": "data: the toy's simulation", "data": "data: the toy's data"}
    refuse_unusable(simulation, config, where=places["simulation"])
    refuse_unusable(data, config, where=places["data"])
    refuse_strangers(simulation, data)
    return Loaded(
        Parts.of(simulation, config.split, stream(config.seed, "split", "simulation")),
        Parts.of(data, config.split, stream(config.seed, "split", "data")),
        schema,
        inputs,
    )


def read_sample(path: str, config: CalibrationConfig, schema: Schema, *, stop: int | None = None) -> Sample:
    """The events of a file: variables, conditions and, if the file has them, weights.

    Args:
        path: `FILE`, or `FILE.root:TREE`.
        config: Which columns.
        schema: Units that the file must not contradict.
        stop: Read so many rows at most.

    Raises:
        DataError: If a column is missing, or in another unit.
    """
    file = TableFile.open(path, job="calibration")
    refuse_other_units(file, schema)
    variables, conditions = config.variable_names, config.condition_names
    weight = config.data.weights if isinstance(config.data, FilesSource) else None
    weights = (weight,) if weight in file.names else ()
    table = file.read((*variables, *conditions, *weights), 0, None if stop is None else min(stop, file.rows))
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in table.items()}
    x, c = (np.stack([arrays[name] for name in names], axis=1) for names in (variables, conditions))
    return Sample(x, c, arrays[weights[0]] if weights else np.ones(len(x)), variables, conditions)


def file_schema(file: TableFile) -> Schema | None:
    """The schema that neyman left in a Parquet file; None for all others."""
    return read_schema(file.path) if file.tree is None else None


def refuse_other_units(file: TableFile, schema: Schema) -> None:
    """Refuse a file that says that a column is in another unit.

    Raises:
        DataError: With both units.
    """
    found = file_schema(file)
    for column in found.columns if found else ():
        if column.name in schema.names and column.unit != schema[column.name].unit:
            raise DataError(
                f"column '{column.name}' is in {column.unit}",
                where=str(file.path),
                expected=f"{schema[column.name].unit}, as in the other file",
                hint="convert it, and write the file again",
            )


def _read(source: FilesSource, config: CalibrationConfig) -> tuple[Sample, Sample, Schema, dict[str, str]]:
    files = {path: TableFile.open(path, job="calibration") for path in (source.simulation, source.data)}
    _refuse_missing_weights(source, files)
    schemas = [file_schema(file) for file in files.values()]
    schema = _described(config, next((found for found in schemas if found is not None), None))
    simulation, data = (read_sample(path, config, schema, stop=source.rows) for path in files)
    return simulation, data, schema, {path: file.digest() for path, file in files.items()}


def _refuse_missing_weights(source: FilesSource, files: dict[str, TableFile]) -> None:
    """Weights often belong to data alone, as sWeights; in neither file, the name is wrong."""
    if source.weights and not any(source.weights in file.names for file in files.values()):
        files[source.data].require((source.weights,))


def _described(config: CalibrationConfig, found: Schema | None) -> Schema:
    """The columns of the config, as the schema of a file describes them if it knows them."""
    known = {} if found is None else {column.name: column for column in found.columns}
    names = (*config.variable_names, *config.condition_names)
    return Schema(tuple(known.get(name, Column(name=name)) for name in names))


def _simulate(source: ToySource, config: CalibrationConfig) -> tuple[Sample, Sample, Schema]:
    simulation, data = _toy(source, "simulation", config.seed), _toy(source, "data", config.seed)
    samples = [_sample(events, config) for events in (simulation, data)]
    return samples[0], samples[1], _described(config, data.schema)


def _toy(source: ToySource, kind: Which, seed: int) -> Events:
    number = seed_from(stream(seed, "toy", kind))
    if source.kind == "shower_shapes":
        from neyman.simulation.shower_shapes import shower_shapes_sample

        return shower_shapes_sample(kind, source.events, number)
    from neyman.simulation.impact_parameter import impact_parameter_sample

    return impact_parameter_sample(kind, source.events, number, kinematics=source.kinematics)


def _sample(events: Events, config: CalibrationConfig) -> Sample:
    variables, conditions = config.variable_names, config.condition_names
    x, c = (np.stack([events[name] for name in names], axis=1) for names in (variables, conditions))
    w = np.ones(len(events)) if events.weights is None else events.weights
    return Sample(x, c, w, variables, conditions)
