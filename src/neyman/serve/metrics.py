"""What the service counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """The counters of one service.

    Attributes:
        requests: By endpoint and status.
        seconds: From the head of a request to its answer, by endpoint.
        events: Events that were scored online, by model.
        flagged: Those above the threshold, by model.
        cached: Events whose score was known, by model.
        archived: Events that were written to the archive.
        dropped: Events that the archive had no room for, or could not write.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}  # finding them takes longer than counting
        self.requests = self._counter("requests", "Requests", "endpoint", "status")
        self.seconds = Histogram(
            "neyman_request_seconds",
            "From the head of a request to its answer",
            ["endpoint"],
            registry=self._registry,
            buckets=_SECONDS,
        )
        self.events = self._counter("events", "Events scored online", "model")
        self.flagged = self._counter("flagged_events", "Events above the threshold", "model")
        self.cached = self._counter("cached_events", "Events whose score was known", "model")
        self.archived = self._counter("archived_events", "Events written to the archive")
        self.dropped = self._counter("dropped_events", "Events that the archive lost")

    def count(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            endpoint: Its name.
            status: Of the answer.
            seconds: From its head to the answer.
        """
        children = self._children.get((endpoint, status))
        if children is None:
            children = self.requests.labels(endpoint, int(status)), self.seconds.labels(endpoint)
            self._children[endpoint, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def watch(self, name: str, text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Add a gauge whose values are looked up whenever somebody asks."""
        self._registry.register(_Watched(name, text, label, values))

    def text(self) -> bytes:
        """All of it, in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"neyman_{name}", text, labels, registry=self._registry)


class _Watched(Collector):
    def __init__(self, name: str, text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._label, self._values = f"neyman_{name}", text, label, values

    def collect(self) -> list[Metric]:
        family = GaugeMetricFamily(self._name, self._text, labels=[self._label])
        for label, value in self._values().items():
            family.add_metric([label], value)
        return [family]

    def describe(self) -> list[Metric]:
        return [GaugeMetricFamily(self._name, self._text, labels=[self._label])]
