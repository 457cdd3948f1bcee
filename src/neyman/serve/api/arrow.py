"""Events and scores as Arrow IPC streams: columns by name, no number printed or parsed.

A stream from anywhere is read with suspicion: only flat columns of numbers, nothing compressed (a kilobyte may stand
for gigabytes), and buffers are checked before they are used.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.serve.api.decoding import require_range
from neyman.serve.api.errors import ProblemError, shown
from neyman.serve.api.messages import ModelIdentity
from neyman.serve.backend import Scored

_WHERE = "events"


class EventStream:
    """A request of columns.

    Args:
        body: An Arrow IPC stream.

    Raises:
        ProblemError: 400 if it is none, 422 if it is compressed.
    """

    def __init__(self, body: bytes) -> None:
        import pyarrow as pa

        try:
            _refuse_compressed(body)
            self._reader: Any = pa.ipc.open_stream(body)
            self._names: list[str] = self._reader.schema.names
        except (pa.ArrowException, OSError, ValueError, struct.error) as error:
            raise _malformed(error) from None

    @property
    def model(self) -> str | None:
        """Name of the model, from the metadata of the schema; None if it has none."""
        name: bytes | None = (self._reader.schema.metadata or {}).get(b"model")
        return None if name is None else name.decode("utf-8", "replace")

    def events(self, names: Sequence[str], most: int) -> Float[np.ndarray, "n d"]:
        """Events as a model takes them, shape `(n, d)`.

        Args:
            names: The d columns, which the stream has in any order, and no others.
            most: How many rows there may be.

        Raises:
            ProblemError: 400 for a damaged stream; 413 for too many rows; 422 for other columns, for what are no
                numbers, nulls, no rows, and numbers that a float32 cannot hold; with row and column.
        """
        import pyarrow as pa

        self._require_columns(names)
        try:
            table = self._reader.read_all()
            rows = table.num_rows
            if rows <= most:
                table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _malformed(error) from None
        if rows == 0:
            raise _wrong("no events; expected: at least one")
        if rows > most:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{rows} events; expected: at most {most} in a request; try several, or score a file",
            )
        x = np.empty((rows, len(names)))
        for number, name in enumerate(names):
            column = table.column(name)
            if column.null_count:
                row = int(np.argmax(column.is_null().to_numpy()))
                raise _wrong(f"column {shown(name)} is null; expected: a number", f"{_WHERE}[{row}][{number}]")
            x[:, number] = column.to_numpy()
        require_range(x, names, _WHERE)
        return x

    def _require_columns(self, names: Sequence[str]) -> None:
        import pyarrow as pa

        found = self._names
        missing = [name for name in names if name not in found]
        foreign = [name for name in found if name not in names]
        double = [name for name in names if found.count(name) > 1]
        if missing:
            raise _wrong(f"no column {shown(missing[0])} ({len(missing)} of {len(names)} columns are missing)")
        if foreign:
            raise _wrong(f"column {shown(foreign[0])} is none of the model's; expected: its {len(names)} columns")
        if double:
            raise _wrong(f"column {shown(double[0])} stands twice; expected: each column once")
        for field in self._reader.schema:
            if not (pa.types.is_floating(field.type) or pa.types.is_integer(field.type)):
                raise _wrong(f"column {shown(field.name)} is of type {shown(str(field.type))}; expected: numbers")


def encode(scored: Scored, model: ModelIdentity) -> bytes:
    """An Arrow IPC stream of columns `score`, `p_value` and `flag`, with the model in the metadata of the schema."""
    import pyarrow as pa

    metadata = {"model": model.name, "digest": model.digest, "score": model.score}
    fields = [("score", pa.float64()), ("p_value", pa.float64()), ("flag", pa.bool_())]
    n = len(scored.scores)
    flags = pa.nulls(n, pa.bool_()) if scored.flags is None else pa.array(scored.flags)
    columns = [pa.array(scored.scores), pa.array(scored.p_values), flags]
    batch = pa.record_batch(columns, schema=pa.schema(fields, metadata=metadata))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    answer: bytes = sink.getvalue().to_pybytes()
    return answer


def _refuse_compressed(body: bytes) -> None:
    import pyarrow as pa

    for message in pa.ipc.MessageReader.open_stream(body):
        if message.type != "schema" and _is_compressed(message.metadata.to_pybytes()):
            raise _wrong("a compressed stream; expected: buffers as they are")


def _is_compressed(metadata: bytes) -> bool:
    """Whether the flatbuffer of a message says that its buffers are compressed.

    Arrow's format/Message.fbs: `Message.header` is field 2, `RecordBatch.compression` field 3; a field that is not in
    the table's list of offsets is absent. Arrow has verified the flatbuffer.
    """

    def field(table: int, number: int) -> int | None:
        offsets = table - struct.unpack_from("<i", metadata, table)[0]
        size = struct.unpack_from("<H", metadata, offsets)[0]
        if 4 + 2 * number >= size:
            return None
        offset = struct.unpack_from("<H", metadata, offsets + 4 + 2 * number)[0]
        return table + offset if offset else None

    def follow(place: int) -> int:
        return place + int(struct.unpack_from("<I", metadata, place)[0])

    header = field(follow(0), 2)
    return header is not None and field(follow(header), 3) is not None


def _wrong(detail: str, where: str = "") -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, where=where)


def _malformed(error: Exception) -> ProblemError:
    reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
    return ProblemError(HTTPStatus.BAD_REQUEST, f"no Arrow IPC stream: {reason!a}")
