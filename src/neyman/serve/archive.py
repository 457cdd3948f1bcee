"""Events that were scored online, with their scores, in Parquet by model and day.

Nobody who asks for a score waits for it: events are put aside in memory, up to a limit, and written by a thread. What
finds no room is counted, not kept.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.serve.backend import Backend, Scored
from neyman.serve.settings import Archive as ArchiveSettings
from neyman.serve.storage.protocol import Storage
from neyman.serve.storage.uri import ObjectURI

ROOM = 4
"""Files' worth of events that wait at most."""

COLUMNS = ("scored_at", "score", "p_value", "flag")
"""What is written beside the event; a column of an event that has such a name gets an underscore behind it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Batch:
    """The events of one request."""

    model: str
    time: float
    x: Float[np.ndarray, "n d"]
    scored: Scored

    @property
    def day(self) -> str:
        return dt.datetime.fromtimestamp(self.time, dt.UTC).strftime("%Y-%m-%d")


class Archive:
    """The archive of a server.

    Args:
        storage: Where files go.
        settings: Place, and when to write.
        backends: The models by name.
        written: Is told how many events were written.
        lost: Is told how many were not.
    """

    def __init__(
        self, storage: Storage, settings: ArchiveSettings, backends: Mapping[str, Backend],
        *, written: Callable[[int], object], lost: Callable[[int], object],
    ) -> None:  # fmt: skip
        self._storage, self._settings, self._backends = storage, settings, backends
        self._written, self._lost = written, lost
        self._waiting: list[_Batch] = []
        self._rows = 0
        self._closing = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="archive", daemon=True)
        self._thread.start()

    def add(self, model: str, x: Float[np.ndarray, "n d"], scored: Scored) -> None:
        """Put events aside to be written, unless there is no room."""
        with self._change:
            if self._closing or self._rows + len(x) > ROOM * max(self._settings.rows_per_file, len(x)):
                self._lost(len(x))
                return
            self._waiting.append(_Batch(model, time.time(), x, scored))
            self._rows += len(x)
            if self._rows >= self._settings.rows_per_file:
                self._change.notify()

    def close(self) -> None:
        """Write what waits, and end."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(
                    lambda: self._closing or self._rows >= self._settings.rows_per_file, self._settings.seconds
                )
                batches, closing = self._waiting, self._closing
                self._waiting = []
            self._write(batches)
            with self._change:
                self._rows -= sum(len(batch.x) for batch in batches)
            if closing:
                return

    def _write(self, batches: list[_Batch]) -> None:
        """One file for each model and day; a thread that nobody watches must not end by what goes wrong."""

        def place(batch: _Batch) -> tuple[str, str]:
            return batch.model, batch.day

        for (model, day), group in groupby(sorted(batches, key=place), place):
            together = list(group)
            rows = sum(len(batch.x) for batch in together)
            try:
                self._write_file(self._uri(model, day), together)
            except Exception:
                log.exception("%d events could not be written to the archive", rows)
                self._lost(rows)
            else:
                self._written(rows)

    def _uri(self, model: str, day: str) -> ObjectURI:
        place = self._settings.place
        clock = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
        name = f"model={model}/day={day}/{clock}-{secrets.token_hex(8)}.parquet"
        return ObjectURI(place.bucket, f"{place.prefix}/{name}" if place.prefix else name)

    def _write_file(self, uri: ObjectURI, batches: Sequence[_Batch]) -> None:
        import pyarrow.parquet as pq

        backend = self._backends[batches[0].model]
        table = _table(batches, backend.names).replace_schema_metadata(
            {"model": batches[0].model, "digest": backend.digest, "score": backend.score_name}
        )
        with self._storage.write(uri) as stream:
            pq.write_table(table, stream, compression="zstd")


def _table(batches: Sequence[_Batch], names: Sequence[str]) -> Any:  # noqa: ANN401 - a pyarrow.Table
    import pyarrow as pa

    x = np.concatenate([batch.x for batch in batches])
    times = np.repeat([int(1e6 * batch.time) for batch in batches], [len(batch.x) for batch in batches])
    flags = [batch.scored.flags for batch in batches]
    known = [each for each in flags if each is not None]  # all or none: the promise belongs to the model
    columns = {
        "scored_at": pa.array(times, pa.timestamp("us", tz="UTC")),
        **{name: pa.array(x[:, column]) for column, name in enumerate(_distinct(names))},
        "score": pa.array(np.concatenate([batch.scored.scores for batch in batches])),
        "p_value": pa.array(np.concatenate([batch.scored.p_values for batch in batches])),
        "flag": pa.array(np.concatenate(known)) if known else pa.nulls(len(x), pa.bool_()),
    }
    return pa.table(columns)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of the columns of an event that are none of ours, nor of each other."""
    found: list[str] = []
    for name in names:
        free = name
        while free in COLUMNS or (free != name and free in names) or free in found:
            free += "_"
        found.append(free)
    return found
