"""The meaning of the platform's HTTP responses: envelope, statistics, refusals, and what is said of the quota.

The envelope is that of the vendor's public API documentation: ``code`` (200 is success), ``status``, ``message`` and
``data``.

``Retry-After`` is RFC 9110's: seconds, or a date in one of three forms, always UTC. ``X-RateLimit-Limit``, ``-Remaining`` and
``-Reset`` are Laravel's; the last is Unix time there, and seconds to go or Unix time in milliseconds elsewhere.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from exporter.api.bodies import MAX_STAT_VALUES, MAX_VALUES, parse_json
from exporter.api.documented import has_documented_part, show_names
from exporter.api.errors import (
    EnvelopeError,
    Exchange,
    Forbidden,
    HttpError,
    MalformedError,
    NotFound,
    Throttled,
    Unauthorized,
    UnknownFormat,
)
from exporter.api.scalars import read_count, read_number
from exporter.masking import mask

MAX_HOLD_SECONDS: Final = 3600.0
"""The longest that a header can hold calls back."""

LEAST_HOLD_SECONDS: Final = 1.0

_A_DAY: Final = 86_400.0  # as seconds to go: no platform's quota lasts longer
_MILLISECONDS_FROM: Final = 1e11  # as Unix time this would be the year 5138

DEFAULT_THROTTLE_SECONDS: Final = 30.0
"""The hold after a 429 that does not say for how long."""

_BY_STATUS: Final = {401: Unauthorized, 403: Forbidden, 404: NotFound}


class StatResponse(NamedTuple):
    """A response with statistics.

    ``digest`` is BLAKE2b, 16 bytes, of the whole body. ``data`` is the envelope's ``data``, or None if the body has the
    digest that the caller passed in: then it is the response that the caller has parsed already, byte for byte.
    ``exchange`` is the request that it answers.
    """

    digest: bytes
    data: Mapping[str, Any] | list[Any] | None
    exchange: Exchange | None = None


def parse_envelope(body: bytes, most: int = MAX_VALUES) -> Mapping[str, Any]:
    """Parse the envelope of a successful response of at most ``most`` values. Raises EnvelopeError or MalformedError."""
    envelope = parse_json(body, most)
    if not isinstance(envelope, dict) or "code" not in envelope:
        raise MalformedError("the answer is JSON, but not the platform's: it has no code")
    code = read_number(envelope["code"])
    if code != HTTPStatus.OK or envelope.get("status") in ("error", "failed"):  # a set would choke on a list
        has = "no number as code" if code is None else f"code {code:g}"
        has = f'the status "{envelope["status"]}"' if code == HTTPStatus.OK else has
        text = f"the platform answered HTTP 200, but the JSON body has {has}"
        raise EnvelopeError(code, text, _read_message(envelope))
    return envelope


def parse_stat_response(body: bytes, known: bytes = b"") -> StatResponse:
    """Parse a response with statistics, unless ``known`` is its digest. Raises EnvelopeError, MalformedError or UnknownFormat."""
    digest = hashlib.blake2b(body, digest_size=16).digest()
    if digest == known:
        return StatResponse(digest, None)
    data = parse_envelope(body, MAX_STAT_VALUES).get("data")
    if not isinstance(data, dict) and data != []:  # PHP writes an empty map as a list
        raise MalformedError("the answer's data is no object")
    if data and not has_documented_part(data):
        came = ", ".join(show_names(list(data)))
        raise UnknownFormat(f"the answer's data has none of the documented parts, but {came}")
    return StatResponse(digest, data)


def refuse(status: int, headers: Mapping[str, str], body: bytes) -> HttpError:
    """Return the error for a response other than 200, with the message of its JSON body, if it has one."""
    phrase = (
        HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    )  # the response's own phrase could say anything
    text = f"the platform answered HTTP {status} {phrase}".rstrip()
    said = _find_message(body)
    hold = read_hold(headers, time.time())
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(status, text, hold or DEFAULT_THROTTLE_SECONDS, said)
    return _BY_STATUS.get(status, HttpError)(status, text, hold, said)


def _find_message(body: bytes) -> str:
    """Return the message of a JSON body, masked; empty if there is none, such as in a proxy's HTML page."""
    try:
        return _read_message(parse_json(body))
    except MalformedError:
        return ""


def _read_message(envelope: object) -> str:
    message = envelope.get("message") if isinstance(envelope, dict) else None
    return mask(message) if isinstance(message, str) else ""


def read_hold(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait, 1 to 3600, from ``Retry-After`` or else ``X-RateLimit-Reset``; None: neither says.

    ``now`` is Unix time.
    """
    seconds = _read_retry_after(headers.get("Retry-After", "").strip(), now)
    if seconds is None:
        seconds = _read_reset(headers.get("X-RateLimit-Reset", "").strip(), now)
    return None if seconds is None else min(max(seconds, LEAST_HOLD_SECONDS), MAX_HOLD_SECONDS)


def read_quota(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the calls per minute that are granted and those that remain of this minute's; None: not said."""
    texts = (headers.get(f"X-RateLimit-{name}", "") for name in ("Limit", "Remaining"))
    granted, remaining = (None if "," in text else read_count(text) for text in texts)  # a proxy joins two values by it
    return None if granted is None or remaining is None else (granted, remaining)


def _read_retry_after(text: str, now: float) -> float | None:
    if not text:
        return None
    if (seconds := read_number(text)) is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _read_reset(text: str, now: float) -> float | None:
    reset = read_number(text)
    if reset is None or reset < 0:
        return None
    if reset <= _A_DAY:
        return reset
    return (reset / 1000 if reset >= _MILLISECONDS_FROM else reset) - now
