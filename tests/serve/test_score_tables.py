"""Scores go through objects to the last bit."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.serve.backend import Scored
from neyman.serve.score_tables import MODEL_KEY, decode_part, encode_part, results_writer

SCORES = np.array([1 / 3, -5e-324, 1.7e308, np.nextafter(1.0, 2)])
P_VALUES = np.array([1 / 7, 1.0, 1e-9, 2 / 7])
FLAGS = np.array([False, True, True, False])


@pytest.mark.parametrize("flags", [FLAGS, None])
def test_every_bit_is_kept(flags):
    first, second = slice(0, 3), slice(3, 4)
    pieces = [Scored(SCORES[rows], P_VALUES[rows], None if flags is None else flags[rows]) for rows in (first, second)]
    part = decode_part(encode_part(pieces))
    out = io.BytesIO()
    with results_writer(pa.PythonFile(out, "w"), {"model": "m"}) as writer:
        writer.write_table(part)
    results = pq.read_table(pa.BufferReader(out.getvalue()))
    for table in (part, results):
        assert table.column_names == ["score", "p_value", "flag"]
        assert table["score"].to_pylist() == SCORES.tolist()
        assert table["p_value"].to_pylist() == P_VALUES.tolist()
        assert table["flag"].to_pylist() == ([None] * 4 if flags is None else FLAGS.tolist())
    assert json.loads(results.schema.metadata[MODEL_KEY]) == {"model": "m"}
