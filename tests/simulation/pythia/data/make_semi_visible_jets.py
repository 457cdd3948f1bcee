"""Makes `semi_visible_jets.parquet`: signal and background for tests that run without Pythia.

    python tests/simulation/pythia/data/make_semi_visible_jets.py

Beside the columns of the events and their weights in pb it has `label`, 1 for signal and 0 for background, and
`process`, the place of the process in `PROCESSES`. It takes three minutes, less if the cache has the events.
"""

from pathlib import Path

import numpy as np

from neyman.events.events import Events
from neyman.events.parquet import write_parquet
from neyman.simulation.pythia import PROCESSES, generate
from neyman.simulation.pythia.columns import SCHEMA

GENERATED = {"semi_visible_jets": 2000, "qcd": 20_000, "top_pairs": 2000, "vector_bosons": 2000}
KEPT = 350
SEED = 1


def first_of(name: str) -> Events:
    """The first events of a process, with weights that still sum to its accepted cross-section."""
    events = generate(PROCESSES[name], GENERATED[name], SEED)
    kept = events.select(slice(0, KEPT))
    columns = {column: kept[column].astype(np.float32) for column in SCHEMA.names}  # half of the bytes
    return Events(columns, SCHEMA, weights=kept.weights * events.weights.sum() / kept.weights.sum())


if __name__ == "__main__":
    parts = {name: first_of(name) for name in PROCESSES}
    everything = Events(
        {column: np.concatenate([part[column] for part in parts.values()]) for column in SCHEMA.names},
        SCHEMA,
        weights=np.concatenate([part.weights for part in parts.values()]),
    )
    process = np.repeat(np.arange(len(parts), dtype=np.int8), [len(part) for part in parts.values()])
    extra = {"label": (process == 0).astype(np.int8), "process": process}
    write_parquet(Path(__file__).with_name("semi_visible_jets.parquet"), everything, extra=extra)
