"""ASGI middleware around the whole application: who may ask, headers of every answer, counts, and unexpected errors.

- The Host header must be an IP address, `localhost` or a named host. A page whose name an attacker points to this
  machine (DNS rebinding) has another one.
- A request that changes something must not come from a page of another origin, unless that origin is named.
- The token is compared in constant time.
- An unexpected error is logged by its type and place only, because its message may hold parts of a request.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import time
import traceback
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adain.serve.metrics import Metrics
from adain.serve.refusals import RefusedError
from adain.serve.settings import Settings

__all__ = ["HEADERS", "Guards", "answer"]

HEADERS = {
    # The page computes in WebAssembly and workers, and shows pictures that it made.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "connect-src 'self' blob: data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",  # this and the next isolate the page, for threads in WebAssembly
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_SAFE = ("GET", "HEAD", "OPTIONS")
_METHODS = (*_SAFE, "POST", "DELETE")  # in metrics, others are "other"
_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_WITH_TOKEN = ("/v1/", "/metrics")

logger = logging.getLogger(__name__)


class Guards:
    """The middleware.

    Args:
        app: the application.
        settings: token, hosts and origins.
        metrics: counts the requests.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._hosts = {each.lower() for each in settings.hosts}
        self._token = None if settings.token is None else settings.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._guarded(scope, receive, send_with_headers)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.answered(_route(scope), method, status, time.perf_counter() - start)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            self._check(scope["method"], scope["path"], Headers(scope=scope))
            await self._app(scope, receive, noting_start)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except RefusedError as refused:
            await answer(refused)(scope, receive, send)
        except Exception as error:
            logger.error("%s failed with %s", _route(scope), _place(error))
            if not started:
                await answer(RefusedError(500, "the server failed; its log says where"))(scope, receive, send)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        """Raise a `RefusedError` unless the request may be answered."""
        host = headers.get("host", "")
        if not self._may_host(host):
            raise RefusedError(421, f"this server is not {host[:80]!r}; start it with --allow-host for this name")
        origin = headers.get("origin")
        if method not in _SAFE and origin is not None and not self._may_origin(origin, host):
            raise RefusedError(403, "a page of another origin may not use this server; name it with --allow-origin")
        if self._token is not None and method != "OPTIONS" and path.startswith(_WITH_TOKEN):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1"), self._token):
                raise RefusedError(
                    401, "send the header Authorization: Bearer TOKEN with this server's token", _CHALLENGE
                )

    def _may_host(self, host: str) -> bool:
        name = _split(f"//{host}").hostname or ""
        return "*" in self._hosts or name == "localhost" or name in self._hosts or _is_address(name)

    def _may_origin(self, origin: str, host: str) -> bool:
        named = self._settings.origins
        return "*" in named or origin in named or _split(origin).netloc == host


def answer(refused: RefusedError) -> JSONResponse:
    """Return the response of a refusal: JSON with a sentence as `error`."""
    return JSONResponse({"error": refused.message}, refused.status, refused.headers)


def _split(address: str) -> SplitResult:
    """Parse an address; an empty one if it is broken."""
    try:
        found = urlsplit(address)
        found.port  # noqa: B018  raises if it is no number
    except ValueError:
        return SplitResult("", "", "", "", "")
    return found


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _route(scope: Scope) -> str:
    """Return the pattern of the path, which holds no ids."""
    return str(getattr(scope.get("route"), "path", None) or "other")


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return type(error).__name__ + ("" if last is None else f" in {last.name}, {last.filename}:{last.lineno}")
