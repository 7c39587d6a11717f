"""Metrics for Prometheus, in a registry of the application's own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from adain.serve.codes import CodeCache
from adain.serve.films import Films
from adain.serve.workers import Workers

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts requests, and reads the other numbers when it is asked. No label holds anything of a request's body.

    Args:
        workers: its places and threads are shown.
        cache: its codes are shown.
        films: their number is shown.
    """

    def __init__(self, workers: Workers, cache: CodeCache, films: Films) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        labels = ("route", "method", "status")
        self._requests = Counter("adain_requests", "Answered requests.", labels, registry=self._registry)
        self._times = Histogram(
            "adain_request_seconds",
            "Time from a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._gauge("adain_places_taken", "Pictures that are received, wait or are computed.", lambda: workers.taken)
        self._gauge("adain_pictures_running", "Pictures that are computed.", lambda: workers.running)
        self._gauge("adain_films", "Films that wait or are computed.", films.count)
        self._gauge("adain_codes", "Style codes in the cache.", lambda: len(cache))
        self._gauge("adain_code_hits", "Styles whose code was in the cache.", lambda: cache.hits)
        self._gauge("adain_code_misses", "Styles that were encoded.", lambda: cache.misses)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, method, str(status)).inc()
        self._times.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all numbers in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, help: str, read: Callable[[], float]) -> None:
        Gauge(name, help, registry=self._registry).set_function(read)
