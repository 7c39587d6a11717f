r"""`adain serve`: the page and an HTTP API for stylizing pictures and films (extra `serve`).

    request --guards--> routes --uploads, fields--> workers --pictures--> answer
                              \--> films (one at a time, in a private folder)

`adain.serve.app.create_app` makes the application, `adain.serve.server.run` serves it. Both need FastAPI, uvicorn,
python-multipart and prometheus-client; `check_installed` says so if one is missing.

The server takes no addresses of pictures, only their bytes. Nothing of a picture stays after its answer, and nothing
of it is logged. Numbers of style codes are kept in memory, by the hash of the style (`codes`).
"""

from __future__ import annotations

from importlib.util import find_spec

from adain.errors import DeviceError

__all__ = ["check_installed"]

_PACKAGES = {
    "fastapi": "FastAPI",
    "uvicorn": "uvicorn",
    "python_multipart": "python-multipart",
    "prometheus_client": "prometheus-client",
}


def check_installed() -> None:
    """Raise a `DeviceError` unless the packages of the extra `serve` are installed."""
    missing = [name for module, name in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise DeviceError(f'the server needs {", ".join(missing)}; pip install "adain[serve]"')
