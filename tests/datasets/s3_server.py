"""A local S3 server (moto) that fails now and then: 503, an answer that never comes, and uploads that are cut off."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

__all__ = ["Faults", "serving"]

SILENCE = 3  # seconds; longer than the client's limit


class Faults:
    """A WSGI middleware; every third request fails, each time in another way."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app, self.failed, self.on = app, {"503": 0, "silence": 0, "cut": 0}, False
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            number = next(self._numbers)
        if not self.on or number % 3:
            return self.app(environ, start_response)
        kind = list(self.failed)[number // 3 % 3]
        self.failed[kind] += 1
        if kind == "silence":
            time.sleep(SILENCE)
        if kind == "cut":
            environ["wsgi.input"].read(100)
        status = "503 Slow Down" if kind != "cut" else "500 Internal Server Error"
        start_response(status, [("Content-Type", "text/plain"), ("Connection", "close")])
        return [b""]


@contextmanager
def serving() -> Iterator[tuple[str, Faults]]:
    """Yield the server's URL and its faults, which are off at first."""
    faults = Faults(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, faults, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    try:
        urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()  # moto keeps its buckets in the process
        yield url, faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
