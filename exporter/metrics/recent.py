"""A task's last polls, packed: thousands of tasks remember theirs in a few megabytes. Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

KEPT: Final = 20
"""How many polls of a task are remembered."""

_PACKED: Final = struct.Struct("<IfH")  # Unix seconds until 2106, seconds, reason: 10 bytes
_REASONS: Final = (
    "", "timeout", "connect", "tls", "throttled", "api_error", "malformed", "http_1xx", "http_2xx", "http_3xx", "http_5xx",
)  # fmt: skip
_STATUS: Final = re.compile("http_(4[0-9][0-9])")
_OTHER: Final = 0xFFFF


class Poll(NamedTuple):
    """A poll that ended at ``at`` (Unix seconds) after ``seconds``; ``reason`` is that of its failure, or empty."""

    at: float
    seconds: float
    reason: str


def remember(polls: bytes, poll: Poll) -> bytes:
    """Return the packed polls with one more, without those that are too many."""
    packed = _PACKED.pack(int(poll.at), poll.seconds, _code(poll.reason))
    return (polls + packed)[-KEPT * _PACKED.size :]


def recall(polls: bytes) -> Iterator[Poll]:
    """Yield the packed polls, the oldest first."""
    for at, seconds, code in _PACKED.iter_unpack(polls):
        yield Poll(
            at, seconds, _REASONS[code] if code < len(_REASONS) else "other" if code == _OTHER else f"http_{code}"
        )


def _code(reason: str) -> int:
    """Return a reason's number: its place in the table, or of a 4xx the HTTP status."""
    if reason in _REASONS:
        return _REASONS.index(reason)
    status = _STATUS.fullmatch(reason)
    return int(status[1]) if status else _OTHER
