"""Score a file of events into a file of scores, so that a crash at any point costs time and nothing else.

Each span of row groups becomes a part: an object under a name of this attempt, which the database records when it is
complete. An attempt goes on after the parts of those before it. When all are there they become one results file, again
under a name of this attempt, and one commit in the database makes it the result. Whatever else was written is swept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from neyman.core.errors import DataError
from neyman.core.files import digest
from neyman.serve.backend import Backend, Scored
from neyman.serve.claims import ClaimTable, Part
from neyman.serve.events_file import EventsFile, Span
from neyman.serve.holding import Held
from neyman.serve.score_tables import decode_part, encode_part, results_writer
from neyman.serve.settings import Settings
from neyman.serve.storage.protocol import Storage, StorageUnavailableError, storage_errors
from neyman.serve.storage.uri import ObjectURI, parse_uri

Trace = Callable[[str], None]
"""Is told of the points that a job passes; for tests."""


def silent(_point: str) -> None:
    """Trace nothing."""


class Batch:
    """One job of a worker.

    Args:
        held: The job.
        backend: The model that it asks for.
        storage: Where files are.
        settings: Limits, places and sizes.
        trace: Is told of points on the way.
    """

    def __init__(
        self, held: Held, backend: Backend, storage: Storage, settings: Settings, trace: Trace = silent
    ) -> None:
        self._held, self._backend, self._storage, self._settings, self._trace = held, backend, storage, settings, trace
        self._source = parse_uri(held.claim.events_file)
        self._about = {
            "model": held.claim.model, "digest": backend.digest, "score": backend.score_name,
            "fpr": settings.flags.fpr, "delta": settings.flags.delta,
        }  # fmt: skip

    def run(self) -> None:
        """Do the job to its end.

        Raises:
            DataError: If the file of events cannot be scored, or was changed meanwhile.
            StorageUnavailableError: If the storage is away.
            BackendError: If the model is out of reach.
            JobLostError: If the job is no longer this worker's.
            StoppingError: If the worker must stop.
        """
        fingerprint = self._held.claim.fingerprint or self._storage.fingerprint(self._source)
        try:
            with self._storage.open_input(self._source) as stream:
                file = EventsFile(stream, self._source, self._backend.names, self._settings.limits)
                # What earlier attempts have scored may be all that there is to do.
                self._require_unchanged(fingerprint)
                parts = self._score(file, fingerprint)
        except DataError:
            self._require_unchanged(fingerprint)  # that would explain it
            raise
        results = self._object(f"{self._held.claim.attempt}.parquet")
        self._merge(parts, results)
        self._trace("results written")
        self._held.finish(str(results))
        self._trace("committed")

    def _score(self, file: EventsFile, fingerprint: str) -> list[Part]:
        """All parts, of which some may be of earlier attempts."""
        self._held.start(fingerprint, file.rows)
        self._trace("started")
        recipe = digest(self._about)
        spans = file.spans(self._settings.jobs.part_rows)
        parts = self._recorded(spans, recipe)
        for span in spans[len(parts) :]:
            content = encode_part(self._scores(file, span))
            self._require_unchanged(fingerprint)
            uri = self._object(f"{self._held.claim.attempt}-{span.number:06}.arrow")
            with self._storage.write(uri) as out:
                out.write(content)
            self._trace("part written")
            parts.append(Part(span.number, str(uri), span.rows, hashlib.sha256(content).hexdigest(), recipe))
            self._held.record_part(parts[-1], sum(part.rows for part in parts))
            self._trace("part recorded")
        return parts

    def _scores(self, file: EventsFile, span: Span) -> Iterator[Scored]:
        for piece in file.pieces(span):
            self._held.check()
            try:
                yield self._backend.score(piece.x)
            except DataError as error:
                raise DataError(error.found, where=piece.where, expected=error.expected, hint=error.hint) from error

    def _recorded(self, spans: list[Span], recipe: str) -> list[Part]:
        """The parts of earlier attempts that can be used: from the first on, up to one that is not as it should be."""
        good: list[Part] = []
        for span, part in zip(spans, self._held.parts(), strict=False):
            self._held.check()
            if (part.number, part.rows, part.recipe) != (span.number, span.rows, recipe) or self._content(part) is None:
                break
            good.append(part)
        return good

    def _merge(self, parts: list[Part], results: ObjectURI) -> None:
        with self._storage.write(results) as out, results_writer(out, self._about) as writer:
            for part in parts:
                self._held.check()
                content = self._content(part)
                if content is None:
                    raise StorageUnavailableError("a part of the scores was lost", where=part.key)
                writer.write_table(decode_part(content))

    def _content(self, part: Part) -> bytes | None:
        """What is in a part; None if it is not what was written."""
        try:
            uri = parse_uri(part.key)
            with storage_errors(uri), self._storage.open_input(uri) as stream:
                content = bytes(stream.read())
        except DataError:
            return None
        return content if hashlib.sha256(content).hexdigest() == part.checksum else None

    def _require_unchanged(self, fingerprint: str) -> None:
        if self._storage.fingerprint(self._source) != fingerprint:
            raise DataError(
                "the file was changed while it was scored",
                where=str(self._source),
                expected="the same events until the job is done",
                hint="write new events under a new name, and submit that",
            )

    def _object(self, name: str) -> ObjectURI:
        return self._settings.results.object(f"{self._held.claim.job_id}/{name}")


def sweep(table: ClaimTable, storage: Storage, settings: Settings, job_id: str, results_file: str | None) -> None:
    """Remove what a job that has ended left in storage: its parts, and what lost attempts have written.

    Args:
        table: Remembers that it was done.
        storage: Where files are.
        settings: Where results are.
        job_id: The job.
        results_file: Address of its results, which stay; None if it has none.

    Raises:
        StorageUnavailableError: If the storage is away.
    """
    storage.clear(settings.results.object(job_id), keep=None if results_file is None else parse_uri(results_file))
    table.mark_swept(job_id)
