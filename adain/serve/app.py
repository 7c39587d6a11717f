"""The application: puts the rooms of the server together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from adain import __version__
from adain.errors import AdainError
from adain.serve import film_routes, page, picture_routes, reference
from adain.serve.codes import CodeCache
from adain.serve.films import Films
from adain.serve.guards import Guards, answer
from adain.serve.metrics import Metrics
from adain.serve.pictures import Studio
from adain.serve.refusals import RefusedError, of_error
from adain.serve.settings import Settings
from adain.serve.workers import Workers
from adain.stylizer import Stylizer

__all__ = ["create_app"]

_SWEEP = 60  # s; between two looks for old films
_WARM_UP = np.zeros((64, 64, 3), np.uint8)  # the first picture takes longer
_TEXT = """Arbitrary style transfer: any painting's style onto any photograph or film.

Files are sent in a form (multipart/form-data); addresses of pictures are not taken. An error is JSON with one sentence,
{"error": "..."}. If the server has a token, send it as the header Authorization: Bearer TOKEN.
"""


def create_app(stylizer: Stylizer, settings: Settings | None = None) -> FastAPI:
    """Make the ASGI application. The model is loaded already, and warmed up at the start.

    Args:
        stylizer: the model.
        settings: limits and access rules. None: `Settings()`.
    """
    settings = settings or Settings()
    workers = Workers(settings.workers, settings.queue, settings.seconds)
    intake = Workers(1, settings.films + 1, settings.seconds)  # looking into a film must not stop the pictures
    films = Films(settings.films, settings.film_seconds, settings.film_kept, settings.film_bytes)
    cache = CodeCache(settings.cache_bytes)
    studio = Studio(stylizer, cache, settings.max_pixels)
    metrics = Metrics(workers, cache, films)
    ready = threading.Event()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(stylizer, _WARM_UP, _WARM_UP)
        ready.set()
        sweeping = asyncio.create_task(_sweep(films))
        try:
            yield
        finally:
            ready.clear()
            sweeping.cancel()
            await asyncio.to_thread(workers.close)
            await asyncio.to_thread(intake.close)
            await asyncio.to_thread(films.close)

    app = FastAPI(title="adain", version=__version__, description=_TEXT, lifespan=life, docs_url=None, redoc_url=None)
    app.include_router(picture_routes.routes(studio, workers, settings))
    app.include_router(film_routes.routes(studio, films, intake, settings))
    _add_state(app, ready, metrics)
    _add_pages(app)
    _add_errors(app)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization"],
            expose_headers=["Content-Disposition", "Location", "Retry-After"],
        )
    app.add_middleware(Guards, settings=settings, metrics=metrics)  # the last one is the outermost
    return app


async def _sweep(films: Films) -> None:
    while True:
        await asyncio.sleep(_SWEEP)
        await asyncio.to_thread(films.sweep)


def _add_state(app: FastAPI, ready: threading.Event, metrics: Metrics) -> None:
    @app.get("/health", tags=["state"], summary="Whether the server runs")
    async def health() -> dict[str, str]:
        """Answer as long as the server runs."""
        return {"status": "ok"}

    @app.get("/ready", tags=["state"], summary="Whether the server takes pictures")
    async def is_ready() -> Response:
        """Answer 200 when the model is warm, and 503 before that and while the server stops."""
        return JSONResponse({"ready": ready.is_set()}, 200 if ready.is_set() else 503)

    @app.get("/metrics", tags=["state"], summary="Numbers for Prometheus", response_class=PlainTextResponse)
    def numbers() -> Response:
        """Return counts and times of requests, the queue and the cache, in the text format of Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_pages(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference.html(app.openapi()), headers=reference.HEADERS)

    built = page.folder()
    if built is not None:
        app.mount("/", page.Page(directory=built, html=True), name="page")
        return

    @app.get("/", include_in_schema=False)
    async def home() -> PlainTextResponse:
        return PlainTextResponse(reference.HOME)


def _add_errors(app: FastAPI) -> None:
    """Answer each error with JSON that holds one sentence."""

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        return answer(error)

    @app.exception_handler(AdainError)
    async def ours(request: Request, error: AdainError) -> Response:
        return answer(of_error(error))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        return answer(RefusedError(error.status_code, str(error.detail), error.headers))
