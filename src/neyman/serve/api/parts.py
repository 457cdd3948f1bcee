"""What a server is made of, built once from its settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar, TypeVarTuple

import msgspec
import numpy as np
from jaxtyping import Float
from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from neyman.core.errors import near
from neyman.serve.api.errors import ProblemError, shown
from neyman.serve.api.messages import ModelIdentity
from neyman.serve.archive import Archive
from neyman.serve.backend import Backend, Scored, backends
from neyman.serve.cache import MOST_ROWS, Cache, MemoryCache, RedisCache, event_keys
from neyman.serve.database import connect, unusable, upgrade
from neyman.serve.jobs import JobTable
from neyman.serve.keys import Keys
from neyman.serve.metrics import Metrics
from neyman.serve.rate import Limiter, LocalLimiter, SharedLimiter
from neyman.serve.redis_link import RedisLink
from neyman.serve.settings import Settings
from neyman.serve.storage.opening import open_storage
from neyman.serve.storage.uri import Places

MOST_WAITING = 64
"""Requests that wait for a thread; more are told to come back."""

PATIENCE = 20.0
"""Seconds that another part may take to answer: SQLite alone may wait for another writer for 15."""

Arguments = TypeVarTuple("Arguments")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Model:
    """A model under its name.

    Attributes:
        backend: What computes it.
        identity: What answers say of it.
        events: Counts what it scored.
        flagged: Counts what was above the threshold.
        cached: Counts what was known.
    """

    backend: Backend
    identity: ModelIdentity
    events: Counter
    flagged: Counter
    cached: Counter

    @classmethod
    def named(cls, name: str, backend: Backend, metrics: Metrics) -> Model:
        """A model that counts."""
        counters = (counter.labels(name) for counter in (metrics.events, metrics.flagged, metrics.cached))
        return cls(backend, ModelIdentity(name, backend.digest, backend.score_name), *counters)


class Parts:
    """The parts of a server.

    Args:
        settings: All of them.

    Attributes:
        settings: As given.
        models: By name.
        keys: Who may ask.
        jobs: Files that are scored in the background.
        limiter: How often one may ask.
        places: Where files of events may be.
        metrics: What was counted.
        engine: The database.
        quick: Whether scoring asks no other computer, so that an event loop may do it for small requests.

    Raises:
        NeymanError: If one of them cannot be had.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.models = {name: Model.named(name, made, self.metrics) for name, made in backends(settings).items()}
        self.engine: Engine = connect(settings.database)
        try:
            upgrade(self.engine)
        except SQLAlchemyError as error:
            self.engine.dispose()
            raise unusable(error, self.engine) from error
        self.keys, self.jobs = Keys(self.engine), JobTable(self.engine)
        self.metrics.watch("jobs", "Jobs in the database", "status", self._job_counts)
        self.places = Places(tuple((place.bucket, place.prefix) for place in settings.read))
        self._link = RedisLink(settings.cache.url) if settings.cache.url else None
        self.limiter = self._make_limiter()
        self._cache = self._make_cache()
        self._archive = self._make_archive()
        self.quick = settings.backend.kind == "embedded" and not (self._cache and self._cache.remote)
        self._compute = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="scoring")
        self._ask = ThreadPoolExecutor(8, thread_name_prefix="asking")
        self._waiting = 0

    def close(self) -> None:
        """Write what waits for the archive, and let go of everything."""
        self._compute.shutdown()
        self._ask.shutdown()
        if self._archive:
            self._archive.close()
        if self._link:
            self._link.close()
        self.engine.dispose()

    def model(self, name: str | msgspec.UnsetType | None) -> Model:
        """The model that a request means.

        Raises:
            ProblemError: 422 if there is none of this name, or none was named and there is no default.
        """
        wanted = None if name is msgspec.UNSET else name
        found = self.settings.model_name(wanted)
        if found is None:
            text = "no model is named" if wanted is None else f"no model {shown(wanted)}"
            hint = near(wanted[:80], self.models) if wanted else ""
            detail = f"{text}; expected: one of {', '.join(self.models)}"[:200]
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"{detail}; {hint}" if hint else detail, where="$.model"
            )
        return self.models[found]

    def score(self, model: Model, x: Float[np.ndarray, "n d"]) -> Scored:
        """Scores of events, each from the cache if it is known there; counted, and put aside for the archive.

        Args:
            model: Which model.
            x: Raw features that were checked, shape `(n, d)`.

        Raises:
            DataError: If a score is not finite.
            BackendError: If the model is out of reach.
        """
        scored = self._cached(self._cache, model, x) if self._cache and len(x) <= MOST_ROWS else model.backend.score(x)
        model.events.inc(len(x))
        if scored.flags is not None:
            model.flagged.inc(int(np.count_nonzero(scored.flags)))
        if self._archive:
            self._archive.add(model.identity.name, x, scored)
        return scored

    async def compute(self, work: Callable[[*Arguments], Value], *arguments: *Arguments) -> Value:
        """Do work that takes a while in a thread, so that others are answered meanwhile.

        Raises:
            ProblemError: 503 if too much waits already.
        """
        if self._waiting >= MOST_WAITING:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many requests wait already", headers=((b"retry-after", b"1"),)
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._compute, work, *arguments)
        finally:
            self._waiting -= 1

    async def ask(self, question: Callable[[*Arguments], Value], *arguments: *Arguments) -> Value:
        """Ask another part, the database before all, in a thread that scoring does not keep busy.

        Raises:
            ProblemError: 503 if there is no answer in good time: a server that is frozen says neither yes nor no.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.get_running_loop().run_in_executor(self._ask, question, *arguments)
        except TimeoutError:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE, "a part of the service does not answer",
                headers=((b"retry-after", b"1"),),
            ) from None  # fmt: skip

    def _cached(self, cache: Cache, model: Model, x: Float[np.ndarray, "n d"]) -> Scored:
        keys = event_keys(model.backend.digest, x)
        found = cache.get(keys)
        unknown = [row for row, score in enumerate(found) if score is None]
        model.cached.inc(len(x) - len(unknown))
        if not unknown:
            return model.backend.judge(np.array(found, dtype=np.float64))
        if len(unknown) == len(x):
            scored = model.backend.score(x)
            cache.put(keys, scored.scores.tolist())
            return scored
        scores = np.array([0.0 if score is None else score for score in found])
        scores[unknown] = model.backend.scores(x[unknown])
        scored = model.backend.judge(scores)
        cache.put([keys[row] for row in unknown], scores[unknown].tolist())
        return scored

    def _make_limiter(self) -> Limiter:
        limits = self.settings.limits
        if self._link:
            return SharedLimiter(self._link, limits.requests_per_second, limits.burst)
        return LocalLimiter(limits.requests_per_second, limits.burst)

    def _make_cache(self) -> Cache | None:
        if self._link:
            return RedisCache(self._link, self.settings.cache.ttl_seconds)
        return MemoryCache(self.settings.cache.events) if self.settings.cache.kind == "memory" else None

    def _make_archive(self) -> Archive | None:
        settings = self.settings.archive
        if not settings.enabled:
            return None
        by_name = {name: model.backend for name, model in self.models.items()}
        return Archive(
            open_storage(self.settings.storage), settings, by_name,
            written=self.metrics.archived.inc, lost=self.metrics.dropped.inc,
        )  # fmt: skip

    def _job_counts(self) -> Mapping[str, float]:
        try:
            return {str(status): float(count) for status, count in self.jobs.counts().items()}
        except SQLAlchemyError:  # the other metrics matter the more
            return {}
