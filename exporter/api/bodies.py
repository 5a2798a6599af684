"""The bodies of the platform's responses: read, decompressed and parsed as JSON, all within bounds.

The cost of an answer is bounded before it is parsed: by its bytes, and by how many values it can hold, since two million
empty lists fit into a few megabytes and the parser holds the whole process for them.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from exporter.api.errors import MalformedError

MAX_STAT_BYTES: Final = 256 * 1024
"""The largest response with statistics, before and after decompression; one has about 3 KB."""

MAX_BYTES: Final = 2 * 1024 * 1024
"""The largest of any other response: a page of 100 tasks of 20 KB each."""

MAX_REFUSAL_BYTES: Final = 64 * 1024
"""How much is read of a response that is no success."""

MAX_STAT_VALUES: Final = 10_000
"""The most values in statistics, which have about 150; a thousand tags are some thousands more."""

MAX_VALUES: Final = 50_000
"""The most values in any other JSON document: a page of 100 tasks has some thousands."""

FOREIGN_ERRORS: Final = (TimeoutError, aiohttp.ClientError, HttpProcessingError, OSError, UnicodeError)
"""What a request can end with; the last is raised for a host name that cannot be encoded."""

_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's own way to ask for gzip's header
_WINDOWS: Final = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS)}
"""By content coding: the window bits to try. Of deflate, RFC 9110 means zlib's format, and some servers send it bare."""


async def read_body(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body of a response, decompressed. Raises MalformedError, and closes the connection, if it exceeds ``most`` bytes."""
    pieces, size = [], 0
    while piece := await response.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > most:
            response.close()
            raise _too_large(most)
    return _decompress(b"".join(pieces), _coding(response), most)


async def read_start(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a response; of a long one the start, and of one that breaks off or hangs what came until then.

    The connection is closed then. A compressed body that cannot be read is an empty one.
    """
    body = b""
    try:
        while len(body) < MAX_REFUSAL_BYTES and (piece := await response.content.readany()):
            body += piece
    except FOREIGN_ERRORS:
        response.close()
    try:
        return _decompress(body[:MAX_REFUSAL_BYTES], _coding(response), MAX_REFUSAL_BYTES)
    except MalformedError:
        return b""


def parse_json(body: bytes, most: int = MAX_VALUES) -> Any:  # whatever the document is
    """Parse a JSON document; what is no UTF-8 becomes U+FFFD, byte order marks and control characters are let pass.

    Raises MalformedError, also for a document that may have more than ``most`` values.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > most:
        raise MalformedError(f"the answer of {len(body)} bytes has more than {most} values")
    while body.startswith(_BOM):
        body = body.removeprefix(_BOM)
    try:
        return json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        raise MalformedError(f"the answer of {len(body)} bytes is not JSON") from None


def _coding(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("Content-Encoding", "").strip().lower()


def _decompress(body: bytes, coding: str, most: int) -> bytes:
    """Return a body of a content coding, at most ``most`` bytes of it; what follows the compressed data is ignored.

    Raises MalformedError.
    """
    if coding in ("", "identity"):
        return body
    if coding not in _WINDOWS:
        raise MalformedError(
            f"the answer is compressed as {coding[:20]!r}, which was not asked for; expected gzip or deflate"
        )
    for window in _WINDOWS[coding]:
        packed = zlib.decompressobj(window)
        try:
            plain = packed.decompress(body, most + 1)
        except zlib.error:
            continue
        if len(plain) > most:
            raise _too_large(most)
        if packed.eof:
            return plain
    raise MalformedError("the answer's compression is damaged")


def _too_large(most: int) -> MalformedError:
    return MalformedError(f"the answer is larger than {most} bytes")
