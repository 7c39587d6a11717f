"""Download one file to a temporary name beside the target, verify it, and rename it.

If two processes download the same file, each uses its own temporary file, and the second rename replaces equal bytes.
If a download ends early, its temporary file is removed: at once, or after SIGKILL by the next download.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from adain.atomic import beside
from adain.errors import DownloadError
from adain.registry import WeightFile
from adain.weights.content import mismatch

if TYPE_CHECKING:
    from adain.weights import Progress

__all__ = ["fetch"]

ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt; doubled before each further attempt
TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 18  # bytes
_LARGEST = 1 << 31  # bytes; limit for files of unknown size
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP status codes of temporary errors

logger = logging.getLogger(__name__)


class _AttemptError(Exception):
    """An attempt failed. `passing` says whether another attempt may succeed."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


def fetch(file: WeightFile, target: Path, *, progress: Progress | None = None) -> Path:
    """Download a file, verify it and put it in place.

    Args:
        file: a file with a url.
        target: path of the result; its directory is made if necessary.
        progress: see `adain.weights.find`.

    Returns:
        `target`.

    Raises:
        DownloadError: the download failed; the message says why, and where to put the file by hand.
    """
    assert file.url is not None, file.name
    logger.info("downloading %s to %s", file.url, target)
    partial: Path | None = None
    try:
        with _writing(target.parent):
            partial = beside(target)
        _transfer_with_retries(file.url, file, partial, progress or _silent)
        difference = mismatch(partial, file)
        if difference is not None:
            raise _AttemptError(f"the downloaded file {difference}")
        _put_in_place(partial, target, file)
    except _AttemptError as failure:
        raise DownloadError(
            f"could not download {file.name} from {file.url}: {failure}; get it another way and save it as "
            f"{target}, or name a directory that holds it (weights_dir, ADAIN_WEIGHTS_DIR)"
        ) from failure
    except KeyboardInterrupt:
        logger.warning("the download of %s was interrupted; nothing of it was kept", file.name)
        raise
    finally:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
    return target


def _silent(name: str, received: int, total: int | None) -> None:
    pass


@contextlib.contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise _AttemptError(
            f"cannot write in {directory} ({reason}): make room or set ADAIN_CACHE to another directory"
        ) from error


def _put_in_place(partial: Path, target: Path, file: WeightFile) -> None:
    with _writing(target.parent):
        try:
            os.replace(partial, target)
        except PermissionError:
            # On Windows, another process that has finished first may have the file open.
            if not target.is_file() or mismatch(target, file) is not None:
                raise


def _transfer_with_retries(url: str, file: WeightFile, partial: Path, progress: Progress) -> None:
    for attempt in range(ATTEMPTS):
        try:
            return _transfer(url, file, partial, progress)
        except _AttemptError as failure:
            if not failure.passing:
                raise
            if attempt == ATTEMPTS - 1:
                raise _AttemptError(f"{failure} ({ATTEMPTS} attempts)") from failure
            pause = PAUSE * 2**attempt
            logger.warning("%s: %s; trying again in %g s", file.name, failure, pause)
            time.sleep(pause)


def _transfer(url: str, file: WeightFile, partial: Path, progress: Progress) -> None:
    received = 0
    with (
        _writing(partial.parent),
        contextlib.closing(_receive(url, file.bytes)) as chunks,
        partial.open("wb") as out,
    ):
        for total, chunk in chunks:
            out.write(chunk)
            received += len(chunk)
            progress(file.name, received, total)


def _receive(url: str, expected: int | None) -> Generator[tuple[int | None, bytes], None, None]:
    """Yield the total size, if known, with each chunk. The first chunk is empty."""
    try:
        with _opener().open(url, timeout=TIMEOUT) as response:
            yield from _chunks(response, expected)
    except HTTPError as error:
        error.close()
        raise _AttemptError(
            f"the server answers {error.code} {error.reason}", passing=error.code in _PASSING
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _connection_failure(error, url) from error


def _chunks(response: http.client.HTTPResponse, expected: int | None) -> Iterator[tuple[int | None, bytes]]:
    length = response.headers.get("Content-Length", "")
    announced = int(length) if re.fullmatch("[0-9]{1,18}", length) else None
    total = expected if announced is None else announced
    limit = _LARGEST if expected is None else expected
    if None not in (announced, expected) and announced != expected:
        raise _AttemptError(f"the server offers {announced:,} bytes, not the {expected:,} of the registry")
    yield total, b""
    received = 0
    while chunk := response.read(_CHUNK):
        received += len(chunk)
        if received > limit:
            raise _AttemptError(f"the server sends more than {limit:,} bytes")
        yield total, chunk
    if total is not None and received < total:
        raise _AttemptError(f"the connection ended after {received:,} of {total:,} bytes", passing=True)


def _connection_failure(error: OSError | http.client.HTTPException, url: str) -> _AttemptError:
    host = urlsplit(url).hostname
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _AttemptError(
            f"the certificate of {host} cannot be verified ({cause}); set SSL_CERT_FILE to the certificates to trust"
        )
    if isinstance(cause, socket.gaierror):
        return _AttemptError(f"{host} cannot be found, this machine may be offline")
    if isinstance(cause, TimeoutError):
        return _AttemptError(f"{host} sent nothing for {TIMEOUT:g} s", passing=True)
    if isinstance(cause, ConnectionRefusedError):
        return _AttemptError(f"{host} refuses the connection")
    dropped = isinstance(cause, ConnectionError | ssl.SSLError | http.client.HTTPException)
    return _AttemptError(f"the connection to {host} failed ({cause})", passing=dropped)


def _opener() -> urllib.request.OpenerDirector:
    """Make an opener for HTTP and HTTPS, with redirects and environment proxies; without file:, ftp: and data:."""
    opener = urllib.request.OpenerDirector()
    opener.addheaders = [("User-Agent", "adain")]
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
