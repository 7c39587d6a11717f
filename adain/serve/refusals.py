"""Refusals: HTTP status and message of a request that gets no result.

| status | reason |
|---|---|
| 400 | the form cannot be parsed |
| 401 | the token is missing or wrong |
| 403 | a web page of another origin sent the request |
| 404, 409 | the film does not exist, or is not finished |
| 408 | the upload took too long |
| 413 | too many bytes or pixels |
| 415 | the request is no form |
| 421 | the Host header names another host |
| 422 | a value or a picture is not allowed, or the picture takes longer than the time limit |
| 501 | films need a package that is not installed |
| 503 | the queue is full, or the server is stopping; see the header Retry-After |
"""

from __future__ import annotations

from collections.abc import Mapping

from adain.errors import AdainError, CancelledError, ImageError, InputError, OutputError

__all__ = ["RefusedError", "of_error"]


class RefusedError(Exception):
    """Ends a request with an HTTP status.

    Args:
        status: the status, 400 or more.
        message: the reason and what to do, for the client.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def of_error(error: AdainError | MemoryError) -> RefusedError:
    """Convert an error of this package, or of memory, into a refusal."""
    if isinstance(error, CancelledError):
        return RefusedError(422, f"{error}; send a smaller picture, or a smaller size")
    if isinstance(error, (InputError, ImageError, OutputError)):
        return RefusedError(422, str(error))
    if isinstance(error, MemoryError):
        return RefusedError(413, "the picture needs more memory than this server has; send a smaller one")
    return RefusedError(500, "the network could not be run; the server may be short of memory: send a smaller picture")
