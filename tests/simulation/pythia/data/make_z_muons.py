"""Makes `z_muons.parquet`: muons of Z → μμ for tests that run without Pythia.

    python tests/simulation/pythia/data/make_z_muons.py

The columns are those of `neyman.simulation.pythia.muons`, of which half of the digits are kept. It takes half a minute.
"""

from pathlib import Path

import numpy as np

from neyman.events.events import Events
from neyman.events.parquet import write_parquet
from neyman.simulation.pythia.muons import SCHEMA, z_muons

GENERATED, SEED = 30_000, 2

if __name__ == "__main__":
    muons = z_muons(GENERATED, SEED)
    columns = {name: muons[name].astype(np.float32) for name in SCHEMA.names}
    write_parquet(Path(__file__).with_name("z_muons.parquet"), Events(columns, SCHEMA))
