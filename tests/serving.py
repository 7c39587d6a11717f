"""A real server on a free port, for tests: uvicorn in a thread, and an HTTP client."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain.serve.app import create_app
from adain.serve.server import listening, make_server
from adain.serve.settings import Settings
from adain.stylizer import Stylizer

Files = list[tuple[str, tuple[str, bytes]]]


@contextmanager
def serving(stylizer: Stylizer, settings: Settings | None = None) -> Iterator[httpx.Client]:
    """Serve in the block; the client's base address is the server's."""
    settings = settings or Settings(workers=2)
    server = make_server(create_app(stylizer, settings), settings)
    with listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.005)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def encoded(pixels: NDArray[np.uint8], format: str = "PNG") -> bytes:
    """A picture as the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def pixels(data: bytes) -> NDArray[np.uint8]:
    """The pixels of a file's bytes."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def files(**parts: bytes | list[bytes]) -> Files:
    """The files of a form, by the names of their fields."""
    return [
        (name, ("file.png", data))
        for name, value in parts.items()
        for data in (value if isinstance(value, list) else [value])
    ]
