"""Routes of film jobs: a film is sent, computed in the background, and fetched once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from adain.cancellation import CancelToken
from adain.checks import number
from adain.defaults import SMOOTHING
from adain.errors import AdainError
from adain.request import StyleRequest
from adain.serve import described, fields
from adain.serve.film_work import FilmOptions, check_film
from adain.serve.films import MEDIA_TYPES, Film, Films
from adain.serve.picture_routes import subject
from adain.serve.pictures import Studio
from adain.serve.refusals import RefusedError
from adain.serve.settings import Settings
from adain.serve.uploads import Form, FormLimits, Part, gone, received
from adain.serve.workers import Workers

__all__ = ["routes"]

_EXAMPLE = {"id": "mVx9...", "state": "running", "frames": 120, "of": 750, "error": None, "damage": None}
_FORM = described.form(
    {
        "film": {**described.FILE, "description": "MP4, MOV, Matroska, WebM or GIF."},
        "style": described.several("One or more styles: pictures, or style codes (.safetensors) of this model."),
        "masks": described.masks(film=True),
    },
    ("film", "style"),
    fields.FILM,
    {
        "format": {
            "type": "string",
            "enum": list(MEDIA_TYPES),
            "default": "mp4",
            "description": "Format of the result.",
        },
        "keyframes": {
            "type": "string",
            "description": "Changes over time.",
            "example": "0:alpha=0 2.5:alpha=1",
        },
        "smoothing": {
            "type": "number",
            "minimum": 0,
            "default": SMOOTHING,
            "description": "Average the content's statistics and drafts over this time in seconds, against flicker.",
        },
    },
)
_TEXT = """Queue a film. The answer holds its id; only its sender knows it.

    curl -F film=@clip.mp4 -F style=@painting.jpg http://127.0.0.1:8000/v1/films
    curl http://127.0.0.1:8000/v1/films/ID
    curl http://127.0.0.1:8000/v1/films/ID/result -o stylized.mp4
"""
_CHUNK = 1 << 18  # bytes


def routes(studio: Studio, films: Films, intake: Workers, settings: Settings) -> APIRouter:
    """Make the routes below `/v1/films`.

    Args:
        studio: encodes the styles.
        films: the jobs.
        intake: receives and checks films.
        settings: limits.
    """
    router = APIRouter(prefix="/v1/films", tags=["films"])
    _add_post(router, studio, films, intake, settings)
    _add_result(router, films)

    # Without `async`, a route runs in a thread: these delete files.
    @router.get("/{id}", summary="Show a film's progress", responses=described.example("Its state.", _EXAMPLE))
    def get(id: str) -> dict[str, object]:
        """Return the state: `waiting`, `running`, `done` or `failed`, the frames so far, and of how many.

        `damage` says what could not be read of the film that was sent; the result holds the rest.
        """
        return films.get(id).describe()

    @router.delete("/{id}", status_code=204, summary="Stop and delete a film")
    def delete(id: str) -> None:
        """Stop a film and delete its files."""
        films.remove(films.get(id))

    return router


def _add_post(router: APIRouter, studio: Studio, films: Films, intake: Workers, settings: Settings) -> None:
    names = described.names(_FORM)
    limits = FormLimits(settings.film_bytes, 1 + 2 * settings.max_styles, settings.upload_seconds)

    @router.post(
        "",
        status_code=202,
        summary="Stylize a film",
        description=_TEXT,
        openapi_extra=_FORM,
        responses={
            **described.example("The film is queued.", _EXAMPLE, 202),
            **described.refusals(400, 401, 403, 408, 413, 415, 422, 503),
        },
    )
    async def post(request: Request) -> Response:
        await asyncio.to_thread(films.sweep)
        films.check_room()
        with intake.place():
            async with received(request, names, limits) as sent:
                sending = _Sending(sent, settings)
                film = await intake.run(partial(sending.queue, studio, films), gone(request))
        return JSONResponse(film.describe(), 202, {"Location": f"/v1/films/{film.id}"})


def _add_result(router: APIRouter, films: Films) -> None:
    @router.get(
        "/{id}/result",
        summary="Fetch a film",
        response_class=Response,
        responses={200: described.binary("The stylized film.", *MEDIA_TYPES.values())},
    )
    def result(id: str) -> Response:
        """Return the stylized film, and delete it. Before it is done, the answer is 409."""
        film = films.get(id)
        if film.state != "done":
            reason = film.error or f"the film is {film.state}"
            raise RefusedError(409, reason, {} if film.error else {"Retry-After": "2"})
        headers = {
            "Content-Disposition": f'attachment; filename="stylized.{film.format}"',
            "Content-Length": str(film.result.stat().st_size),
        }
        return StreamingResponse(_fetched(films, film), media_type=MEDIA_TYPES[film.format], headers=headers)


class _Sending:
    """A form with a film, read into memory except for the film and the pictures.

    Args:
        sent: the form.
        settings: limits.

    Raises:
        RefusedError: a field is missing or not allowed.
        InputError: a value is out of range.
    """

    def __init__(self, sent: Form, settings: Settings) -> None:
        self.film: Part = sent.file("film")
        self.styles = sent.some_files("style", settings.max_styles)
        self.masks = [] if sent.is_text("masks") else sent.files("masks", settings.max_styles)
        self.request = subject(sent, StyleRequest(**fields.parsed(sent, fields.FILM)))
        self.format = (sent.text("format") or "mp4").lower().removeprefix(".")
        self.keyframes = sent.text("keyframes") or ""
        self.smoothing = number("smoothing", fields.as_number("smoothing", sent.text("smoothing") or str(SMOOTHING)), 0)
        self._most = settings.max_pixels
        if self.format not in MEDIA_TYPES:
            raise RefusedError(422, f"format must be one of {', '.join(MEDIA_TYPES)}, got {self.format[:40]!r}")

    def queue(self, studio: Studio, films: Films, cancel: CancelToken) -> Film:
        """In a worker thread: check everything, encode the styles, and queue the film."""
        request = studio.with_masks(self.request, self.masks)
        options = FilmOptions(
            studio.stylizer, studio.styles(self.styles, request, cancel), request, self.keyframes, self.smoothing
        )
        options.check()
        film = films.new(self.film.upload.file, self.format)
        try:
            check_film(film, self._most)
            films.start(film, options)
        except AdainError as error:
            films.remove(film)
            raise RefusedError(422, film.said(error)) from error
        except BaseException:
            films.remove(film)
            raise
        return film


def _fetched(films: Films, film: Film) -> Iterator[bytes]:
    """Yield the bytes of a result; when all were sent, delete the film."""
    with film.result.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    films.remove(film)
