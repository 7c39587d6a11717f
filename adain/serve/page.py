"""The page: static files of the built folder `web/`, or a short text that says how to build it."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["Page", "folder"]

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_web", _PACKAGE.parent / "web" / "dist")  # in a wheel, in a checkout
_TYPES = {  # not left to the machine's own table, which may lack them
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".onnx": "application/octet-stream",
    ".safetensors": "application/octet-stream",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}


def folder() -> Path | None:
    """Return the folder of the built page; None if there is none."""
    return next((place for place in _PLACES if (place / "index.html").is_file()), None)


class Page(StaticFiles):
    """Serves the files of a folder, with media types that do not depend on the machine.

    Browsers keep the files, and ask each time whether they have changed.
    """

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """See `StaticFiles`."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.setdefault("Cache-Control", "no-cache")
        kind = _TYPES.get(Path(full_path).suffix.lower())
        if kind is not None and isinstance(response, FileResponse):
            response.headers["Content-Type"] = kind
        return response
