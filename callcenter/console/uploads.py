"""A file that is sent to the console: as the body itself, or as a form's field ``file``; on disk only while it is looked at."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import BodyPartReader, MultipartReader, web

from callcenter.basics.errors import BadRequest, TooLarge

FORM: Final = "multipart/form-data"
_CHUNK: Final = 64 * 1024
_LONGEST_FIELD: Final = 2000
"""Bytes of a text field beside the file."""
_MOST_FIELDS: Final = 20


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What has come."""

    path: Path
    """A temporary file, gone when the request is over."""
    size: int
    """Bytes."""
    fields: dict[str, str] = field(default_factory=dict)
    """The form's text fields that stood before the file."""


async def text_field(part: BodyPartReader) -> str:
    """A form's text field, whole; BadRequest when it is longer than any of ours."""
    content = bytearray()
    while chunk := await part.read_chunk(_LONGEST_FIELD + 1):
        content += chunk
        if len(content) > _LONGEST_FIELD:
            raise BadRequest(f"the form's field {part.name!r:.40} is too long", field="form")
    return content.decode(errors="replace")


async def next_part(form: MultipartReader) -> BodyPartReader | None:
    """The form's next field; None when there is none; BadRequest when the form is broken or nested."""
    try:
        part = await form.next()
    except (ValueError, AssertionError, web.RequestPayloadError) as error:
        raise BadRequest("the form can't be read", field="form") from error
    if isinstance(part, MultipartReader):
        raise BadRequest("a form within the form can't be read", field="form")
    return part


@asynccontextmanager
async def received(request: web.Request, form: MultipartReader | None, most: int) -> AsyncIterator[Upload]:
    """The file of a request, at most ``most`` bytes; ``form`` when the request is a form whose reading has begun.

    TooLarge as soon as it is, BadRequest when there is no file or the connection broke.
    """
    if (request.content_length or 0) > most + _MOST_FIELDS * _LONGEST_FIELD:
        raise _too_large(most)
    if form is None and request.content_type == FORM:
        form = await opened(request)
    with tempfile.TemporaryDirectory(prefix="callcenter-upload-") as folder:
        path = Path(folder) / "upload"
        if form is None:
            yield Upload(path=path, size=await _keep(request.content.iter_chunked(_CHUNK), path, most))
        else:
            fields, part = await _up_to_the_file(form)
            yield Upload(path=path, size=await _keep(_chunks(part), path, most), fields=fields)


async def opened(request: web.Request) -> MultipartReader:
    """The reader of a request that is a form; BadRequest when it is none."""
    try:
        return await request.multipart()
    except (ValueError, AssertionError) as error:
        raise BadRequest("the form can't be read", field="form") from error


async def _up_to_the_file(form: MultipartReader) -> tuple[dict[str, str], BodyPartReader]:
    fields: dict[str, str] = {}
    for _ in range(_MOST_FIELDS):
        part = await next_part(form)
        if part is None:
            break
        if part.name == "file":
            return fields, part
        fields[str(part.name)] = await text_field(part)
    raise BadRequest("the form has no file in a field named file", field="file", reason="empty")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK):
        yield chunk


async def _keep(chunks: AsyncIterator[bytes], path: Path, most: int) -> int:
    size = 0
    with await asyncio.to_thread(path.open, "wb") as file:
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                await asyncio.to_thread(file.write, chunk)
        except (ValueError, AssertionError, web.RequestPayloadError) as error:
            raise BadRequest("the file did not arrive whole", field="file", reason="truncated") from error
    return size


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the file is larger than {most >> 20} MB", field="file", reason="too-large")
