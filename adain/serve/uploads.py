"""Read the multipart form of a request, with limits on bytes, time and parts.

The framework spools parts above a megabyte to unnamed temporary files. `received` closes all of them at its end, which
deletes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message

from adain.serve.refusals import RefusedError

__all__ = ["Form", "FormLimits", "Part", "gone", "received"]

_TEXT_BYTES = 1 << 14  # of a text field
_TEXT_FIELDS = 32


@dataclass(frozen=True, eq=False)
class Part:
    """A file of a form.

    Attributes:
        name: name for messages, such as `style 2`.
        upload: the framework's file.
    """

    name: str
    upload: UploadFile

    def read(self) -> bytes:
        """Return all bytes; in a worker thread, because they may be on disk."""
        self.upload.file.seek(0)
        return self.upload.file.read()


@dataclass(frozen=True)
class FormLimits:
    """Limits of a form.

    Attributes:
        bytes: size of the whole request.
        files: number of files.
        seconds: time for sending it.
    """

    bytes: int
    files: int
    seconds: float


class Form:
    """The fields of a form.

    Args:
        data: the parsed form.
        allowed: names of its fields.

    Raises:
        RefusedError: there is a field of another name.
    """

    def __init__(self, data: FormData, allowed: Collection[str]) -> None:
        self._data = data
        unknown = sorted(set(data) - set(allowed))
        if unknown:
            raise RefusedError(422, f"unknown field {unknown[0][:40]!r}; this form takes {', '.join(allowed)}")

    def files(self, name: str, most: int = 1) -> list[Part]:
        """Return the files of a field, without empty file inputs of browsers.

        Raises:
            RefusedError: the field is text, or there are more than `most` files.
        """
        values = [value for value in self._data.getlist(name) if not _is_empty(value)]
        if len(values) > most:
            raise RefusedError(422, f"at most {most} of {name} can be sent, got {len(values)}; send fewer")
        found = [value for value in values if isinstance(value, UploadFile)]
        if len(found) < len(values):
            raise RefusedError(422, f"{name} must be a file, got text; addresses and paths of pictures are not taken")
        return [Part(name if most == 1 else f"{name} {number}", each) for number, each in enumerate(found, 1)]

    def file(self, name: str) -> Part:
        """Return the one file of a required field.

        Raises:
            RefusedError: as for `files`, or there is none.
        """
        found = self.files(name)
        if not found:
            raise RefusedError(422, f"{name} is missing; send it as a file")
        return found[0]

    def some_files(self, name: str, most: int) -> list[Part]:
        """Return the files of a required field.

        Raises:
            RefusedError: as for `files`, or there is none.
        """
        found = self.files(name, most)
        if not found:
            raise RefusedError(422, f"{name} is missing; send at least one as a file")
        return found

    def texts(self, name: str) -> list[str]:
        """Return the texts of a field, without empty ones.

        Raises:
            RefusedError: the field is a file.
        """
        values = self._data.getlist(name)
        found = [value for value in values if isinstance(value, str)]
        if len(found) < len(values):
            raise RefusedError(422, f"{name} must be text, got a file")
        return [value.strip() for value in found if value.strip()]

    def text(self, name: str) -> str | None:
        """Return the text of a field that is given at most once; None if it is empty or not given.

        Raises:
            RefusedError: as for `texts`, or there are several.
        """
        found = self.texts(name)
        if len(found) > 1:
            raise RefusedError(422, f"{name} can be given once, got {len(found)} values")
        return found[0] if found else None

    def is_text(self, name: str) -> bool:
        """Whether the field has a text."""
        return any(isinstance(value, str) and value.strip() for value in self._data.getlist(name))


@asynccontextmanager
async def received(request: Request, allowed: Collection[str], limits: FormLimits) -> AsyncIterator[Form]:
    """Read the form of a request, and delete its files at the end of the block.

    Args:
        request: the request.
        allowed: names of the form's fields.
        limits: of the form.

    Raises:
        RefusedError: the request is no form, is too large or too slow, or has too many fields.
    """
    data = await _parsed(request, limits)
    try:
        yield Form(data, allowed)
    finally:
        await data.close()


async def gone(request: Request) -> None:
    """Return when the client has left. The body must be read already."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _parsed(request: Request, limits: FormLimits) -> FormData:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise RefusedError(415, f"send a form as multipart/form-data, got {kind[:60] or 'no content type'}")
    counted = Request(request.scope, _Counted(request, limits.bytes))
    form = counted.form(max_files=limits.files, max_fields=_TEXT_FIELDS, max_part_size=_TEXT_BYTES)
    try:
        return await asyncio.wait_for(_awaited(form), limits.seconds)
    except asyncio.TimeoutError as error:
        raise RefusedError(408, f"the upload took longer than {limits.seconds:g} seconds; send less") from error
    except HTTPException as error:
        raise RefusedError(400, f"the form cannot be read: {error.detail}") from error


async def _awaited(form: Any) -> FormData:
    data = await form
    assert isinstance(data, FormData)
    return data


class _Counted:
    """The `receive` of a request, with a limit on the bytes of the body."""

    def __init__(self, request: Request, most: int) -> None:
        self._receive = request.receive
        self._most = most
        self._bytes = 0
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise self._too_large()

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            raise self._too_large()
        return message

    def _too_large(self) -> RefusedError:
        return RefusedError(413, f"a request may have at most {self._most:,} bytes; send smaller files")


def _is_empty(value: UploadFile | str) -> bool:
    return not value.strip() if isinstance(value, str) else not value.filename and not value.size
