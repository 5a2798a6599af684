"""History of a task's last polls, packed: 10 bytes per poll, so that thousands of tasks need only a few megabytes. Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from exporter.api.errors import REASONS

KEPT: Final = 20
"""Polls of a task that are kept."""

_PACKED: Final = struct.Struct("<IfH")  # Unix seconds until 2106, seconds, reason: 10 bytes
_LATEST: Final = 0xFFFF_FFFF
_ALL_PACKED: Final = [struct.Struct("<" + polls * "IfH") for polls in range(KEPT + 1)]
_NAMED: Final = ("", *REASONS, "http_1xx", "http_2xx", "http_3xx")
_WORKED: Final = _NAMED.index("")
_STATUS: Final = re.compile("http_(4[0-9][0-9])")
_OTHER: Final = 0xFFFF


class Poll(NamedTuple):
    """A poll that ended at ``at`` (Unix seconds) after ``seconds``; ``reason`` is that of its failure, or empty."""

    at: float
    seconds: float
    reason: str


def add_poll(history: bytes, poll: Poll) -> bytes:
    """Return the packed history with one more poll and at most KEPT, the latest."""
    packed = _PACKED.pack(int(poll.at), poll.seconds, _code(poll.reason))
    return (history + packed)[-KEPT * _PACKED.size :]


def read_polls(history: bytes) -> Iterator[Poll]:
    """Yield the polls of a packed history, the oldest first."""
    for at, seconds, code in _PACKED.iter_unpack(history):
        yield Poll(at, seconds, _reason(code))


def shifted(history: bytes, seconds: float) -> bytes:
    """Return the packed history with all polls later by some seconds, from 1970 to 2106."""
    layout, whole = _ALL_PACKED[len(history) // _PACKED.size], round(seconds)
    polls = list(layout.unpack(history))
    polls[0::3] = [min(max(0, at + whole), _LATEST) for at in polls[0::3]]
    return layout.pack(*polls)


def failing_since(history: bytes) -> tuple[int, float]:
    """Return how many polls have failed since the last that worked, and when the first of them ended; of none, 0 and 0."""
    polls = _ALL_PACKED[len(history) // _PACKED.size].unpack(history)  # at once: the pages ask of thousands of tasks
    moments, codes = polls[0::3], polls[2::3]
    count = next((count for count, code in enumerate(reversed(codes)) if code == _WORKED), len(codes))
    return count, float(moments[-count]) if count else 0.0


def _code(reason: str) -> int:
    """Return a reason's number: its place in the table, or for any other 4xx the HTTP status."""
    if reason in _NAMED:
        return _NAMED.index(reason)
    status = _STATUS.fullmatch(reason)
    return int(status[1]) if status else _OTHER


def _reason(code: int) -> str:
    if code < len(_NAMED):
        return _NAMED[code]
    return "other" if code == _OTHER else f"http_{code}"
