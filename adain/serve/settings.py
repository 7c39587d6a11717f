"""`Settings`: limits and access rules of the server, in one frozen and checked object."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from adain import checks
from adain.errors import InputError
from adain.runtimes.devices import cpu_threads

__all__ = ["Settings", "default_workers"]

_MIB = 1 << 20


def default_workers() -> int:
    """Return the default number of worker threads: one per core, each with one thread of the runtime.

    All share one session. On two cores that gives 1.3 times as many pictures a second as one worker with two threads;
    two sessions or two processes give no more. `benchmarks/serve_load.py` compares numbers of workers and threads.
    """
    return cpu_threads(None) or 2


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Limits and access rules.

    Attributes:
        token: bearer token that `/v1/` and `/metrics` require. None: no token.
        origins: origins of other web pages that may use the API, such as `https://example.org`; `*` for all.
        hosts: names in the Host header that are allowed besides `localhost` and IP addresses; `*` for all.
        workers: number of pictures that are computed at the same time.
        queue: number of further requests that wait; more are refused with 503.
        seconds: time limit of a picture, waiting included.
        upload_seconds: time limit for sending a request.
        max_bytes: size limit of a request with pictures.
        max_pixels: size limit of each picture, and of the result; for films, of a frame.
        max_styles: number of styles, and of masks, in a request.
        cache_bytes: memory for style codes of earlier requests; 0 for none.
        films: number of films that wait for the one that runs; more are refused with 503.
        film_bytes: size limit of a request with a film.
        film_seconds: time limit for computing a film.
        film_kept: time in seconds for which a finished film is kept.

    Raises:
        InputError: a value is not allowed.
    """

    token: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    workers: int = field(default_factory=default_workers)
    queue: int = 64
    seconds: float = 60.0
    upload_seconds: float = 60.0
    max_bytes: int = 64 * _MIB
    max_pixels: int = 24_000_000
    max_styles: int = 8
    cache_bytes: int = 64 * _MIB
    films: int = 4
    film_bytes: int = 512 * _MIB
    film_seconds: float = 3600.0
    film_kept: float = 3600.0

    def __post_init__(self) -> None:
        zero = ("queue", "films", "cache_bytes")  # the others are at least 1
        for each in fields(self):
            if each.type == "int":
                checks.whole(each.name, getattr(self, each.name), 0 if each.name in zero else 1)
            elif each.type == "float":
                checks.number(each.name, getattr(self, each.name), math.ulp(0.0))
        if self.token is not None and (not self.token or not self.token.isascii() or self.token.strip() != self.token):
            raise InputError("the token must be ASCII text without spaces around it, and not empty")
