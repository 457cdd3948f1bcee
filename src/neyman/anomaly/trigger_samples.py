"""The samples of a trigger menu: from files, or slices of p̂T from Pythia."""

from __future__ import annotations

from concurrent.futures import Executor

from neyman.anomaly.trigger import FileSample, MenuConfig, Sample, SimulatedSamples, needed_columns
from neyman.events.tables import TableFile

PROCESSES = ("qcd", "w", "z", "tt")


def load_samples(menu: MenuConfig, executor: Executor | None = None) -> list[Sample]:
    """The samples that a menu names, with the columns that its paths need.

    Args:
        menu: The menu.
        executor: Where Pythia runs, if samples are simulated; None is this process.

    Raises:
        DataError: If a file cannot be used, or lacks a column.
        MissingDependencyError: If Pythia is not installed.
    """
    if isinstance(menu.samples, SimulatedSamples):
        return [sample for process in PROCESSES for sample in _simulated(process, menu.samples, executor)]
    return [_read(sample, needed_columns(menu)) for sample in menu.samples]


def _read(sample: FileSample, names: tuple[str, ...]) -> Sample:
    return Sample(
        name=sample.name,
        columns=TableFile.open(sample.file, job="anomaly").read(names),
        cross_section=sample.cross_section,
        cross_section_error=sample.cross_section_error,
        generated=sample.generated,
    )


def _simulated(process: str, config: SimulatedSamples, executor: Executor | None) -> list[Sample]:
    """One sample for each slice, softer slices first; each has its own cross-section, and its own error of it."""
    from neyman.simulation.pythia.collider import collider_slices
    from neyman.simulation.pythia.collider_processes import slices

    generated = config.generated * len(slices(process, "trigger"))
    found = collider_slices(process, "trigger", generated, config.seed, executor)
    return [
        Sample(
            name=process if len(found) == 1 else f"{process}, slice {number}",
            columns={name: events[name] for name in events.schema.names},
            cross_section=counts.accepted_cross_section,  # what soft collisions share with the next slice is not in it
            cross_section_error=counts.cross_section_error * counts.accepted / counts.generated,
            generated=counts.accepted,
        )
        for number, (events, counts) in enumerate(found, start=1)
    ]
