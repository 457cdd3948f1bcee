"""Scores in objects: parts in Arrow's own format, which costs nothing to write and read again, results in Parquet."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from neyman.serve.backend import Scored
from neyman.serve.storage.protocol import Stream

MODEL_KEY = b"neyman.model"
"""Metadata of a results file: model, artefact, score, and what its flags promise, in JSON."""

Table = Any
"""A `pyarrow.Table`, which has no types."""


def encode_part(pieces: Iterable[Scored]) -> bytes:
    """Scores of consecutive events as an Arrow file."""
    import pyarrow as pa

    out = pa.BufferOutputStream()
    with pa.ipc.new_file(out, _schema()) as writer:
        for piece in pieces:
            flags = pa.nulls(len(piece.scores), pa.bool_()) if piece.flags is None else pa.array(piece.flags)
            scores = pa.array(np.asarray(piece.scores, dtype=np.float64))
            writer.write_batch(pa.record_batch([scores, pa.array(piece.p_values), flags], schema=_schema()))
    return bytes(out.getvalue())


def decode_part(content: bytes) -> Table:
    """The scores of `encode_part`."""
    import pyarrow as pa

    return pa.ipc.open_file(content).read_all()


@contextlib.contextmanager
def results_writer(stream: Stream, about: Mapping[str, object]) -> Iterator[Any]:
    """A Parquet writer of columns `score`, `p_value` and `flag`.

    Args:
        stream: What to write to.
        about: Kept in the metadata.
    """
    import pyarrow.parquet as pq

    schema = _schema().with_metadata({MODEL_KEY: json.dumps(about)})
    # No two scores are alike: a dictionary of them would be built in vain.
    with pq.ParquetWriter(stream, schema, compression="zstd", use_dictionary=False) as writer:
        yield writer


def _schema() -> Any:  # noqa: ANN401 - no types
    import pyarrow as pa

    return pa.schema([("score", pa.float64()), ("p_value", pa.float64()), ("flag", pa.bool_())])
