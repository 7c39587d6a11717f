"""Routes of pictures, styles and models."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response

from adain.request import StyleRequest
from adain.serve import described, fields
from adain.serve.pictures import MEDIA_TYPES, Encoded, Studio, check_format
from adain.serve.settings import Settings
from adain.serve.uploads import Form, FormLimits, gone, received
from adain.serve.workers import Workers

__all__ = ["routes", "subject"]

_FORMAT = {"type": "string", "enum": list(MEDIA_TYPES), "default": "png", "description": "Format of the result."}
_STYLIZE = described.form(
    {
        "content": {**described.FILE, "description": "The picture to stylize."},
        "style": described.several("One or more styles: pictures, or style codes (.safetensors) of this model."),
        "masks": described.masks(),
    },
    ("content", "style"),
    fields.PICTURE,
    {"format": _FORMAT},
)
_ENCODE = described.form(
    {"style": {**described.FILE, "description": "The style's picture."}}, ("style",), ("style_size",), {}
)
_STYLIZE_TEXT = """Give a picture the style of another, or of several, mixed or placed by masks.

    curl -F content=@photo.jpg -F style=@painting.jpg -F alpha=0.8 http://127.0.0.1:8000/v1/stylize -o stylized.png
"""
_ENCODE_TEXT = """Encode a style once. The style code, a small file, replaces the picture in later requests.

    curl -F style=@painting.jpg http://127.0.0.1:8000/v1/encode -o wave.safetensors
"""
_REFUSALS = described.refusals(400, 401, 403, 408, 413, 415, 422, 503)


def routes(studio: Studio, workers: Workers, settings: Settings) -> APIRouter:
    """Make the routes `/v1/stylize`, `/v1/encode` and `/v1/models`.

    Args:
        studio: does the work.
        workers: the threads that do it.
        settings: limits.
    """
    router = APIRouter(prefix="/v1", tags=["pictures"])
    _add_stylize(router, studio, workers, settings)
    _add_encode(router, studio, workers, settings)

    @router.get(
        "/models", summary="Describe the model", responses=described.example("The model of this server.", _EXAMPLE)
    )
    async def models() -> dict[str, list[dict[str, object]]]:
        """Describe the model that this server runs, its defaults, and the digest that its style codes have."""
        return {"models": [_described(studio)]}

    return router


def _add_stylize(router: APIRouter, studio: Studio, workers: Workers, settings: Settings) -> None:
    names = described.names(_STYLIZE)
    limits = FormLimits(settings.max_bytes, 1 + 2 * settings.max_styles, settings.upload_seconds)

    @router.post(
        "/stylize",
        summary="Stylize a picture",
        description=_STYLIZE_TEXT,
        openapi_extra=_STYLIZE,
        response_class=Response,
        responses={200: described.binary("The stylized picture.", *dict.fromkeys(MEDIA_TYPES.values())), **_REFUSALS},
    )
    async def stylize(request: Request) -> Response:
        with workers.place():
            async with received(request, names, limits) as sent:
                work = partial(
                    studio.stylize,
                    sent.file("content"),
                    sent.some_files("style", settings.max_styles),
                    [] if sent.is_text("masks") else sent.files("masks", settings.max_styles),
                    subject(sent, StyleRequest(**fields.parsed(sent, fields.PICTURE))),
                    check_format(sent.text("format") or "png"),
                )
                return _answered(await workers.run(lambda token: work(cancel=token), gone(request)))


def _add_encode(router: APIRouter, studio: Studio, workers: Workers, settings: Settings) -> None:
    names = described.names(_ENCODE)
    limits = FormLimits(settings.max_bytes, 1, settings.upload_seconds)

    @router.post(
        "/encode",
        summary="Encode a style",
        description=_ENCODE_TEXT,
        openapi_extra=_ENCODE,
        response_class=Response,
        responses={200: described.binary("The style code.", "application/octet-stream"), **_REFUSALS},
    )
    async def encode(request: Request) -> Response:
        with workers.place():
            async with received(request, names, limits) as sent:
                work = partial(studio.encode, sent.file("style"), StyleRequest(**fields.parsed(sent, ("style_size",))))
                return _answered(await workers.run(lambda token: work(cancel=token), gone(request)))


def subject(sent: Form, request: StyleRequest) -> StyleRequest:
    """Return the request with the text of the field `masks`, which can only be `subject`.

    Raises:
        InputError: it is another word.
    """
    return replace(request, masks=sent.text("masks")) if sent.is_text("masks") else request


_EXAMPLE = {
    "models": [
        {
            "name": "adain-slim",
            "summary": "This project's own small network.",
            "fusion": "adain",
            "alpha": 1.0,
            "strokes": 0.5,
            "licence": "MIT",
            "code_digest": "b4c0...",
            "device": "cpu",
        }
    ]
}


def _described(studio: Studio) -> dict[str, object]:
    model = studio.stylizer.model
    return {
        "name": model.name,
        "summary": model.summary,
        "fusion": model.fusion,
        "alpha": model.default_alpha,
        "strokes": model.default_strokes,
        "licence": model.licence,
        "code_digest": model.code_digest,
        "device": studio.stylizer.device,
    }


def _answered(encoded: Encoded) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{encoded.name}"'}
    return Response(encoded.data, media_type=encoded.media_type, headers=headers)
