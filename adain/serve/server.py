"""Serve the application with uvicorn, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import logging
import math
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from adain.errors import InputError
from adain.serve.app import create_app
from adain.serve.settings import Settings
from adain.stylizer import Stylizer

__all__ = ["listening", "make_server", "run"]

_PAGE_CONNECTIONS = 64  # besides those of the queue, for the page, health and progress


def run(stylizer: Stylizer, settings: Settings, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve until a signal comes; then finish the pictures that run.

    Args:
        stylizer: the model.
        settings: limits and access rules.
        host: address to listen at.
        port: port to listen at; 0 for any free one.
        started: called with the address of the page when the port is open.

    Raises:
        InputError: the address cannot be used.
    """
    with listening(host, port) as listener, _quiet_about_pictures():
        server = make_server(create_app(stylizer, settings), settings)
        started(_address(host, listener))
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again when it has stopped
            server.run(sockets=[listener])


def make_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """Make the server of an application. It logs no requests."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        limit_concurrency=settings.workers + settings.queue + _PAGE_CONNECTIONS,
        timeout_graceful_shutdown=math.ceil(settings.seconds),
    )
    return uvicorn.Server(config)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Open a port, and close it at the end of the block.

    Raises:
        InputError: the address cannot be used.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot listen at {host}, port {port}: {reason}; choose another --host or --port") from error
    with listener:
        yield listener


@contextmanager
def _quiet_about_pictures() -> Iterator[None]:
    """Keep messages about a picture's contents, such as a broken colour profile or damaged EXIF, out of the log."""
    pictures = logging.getLogger("adain.images")
    level = pictures.level
    pictures.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        pictures.setLevel(level)


def _address(host: str, listener: socket.socket) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    port = listener.getsockname()[1]
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
