"""Faults on request: what the platform, and what stands between it and us, can do to a call."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

KINDS: Final = (
    "status",  # an HTTP status, with the platform's envelope or, from 500 up, a proxy's HTML page
    "throttle",  # 429 with Retry-After, in seconds or as an HTTP date
    "html",  # HTTP 200, but a page for people
    "envelope",  # HTTP 200, but the envelope has another code
    "truncated",  # half a document
    "not_json",  # something else altogether
    "reset",  # the connection is reset before the answer
    "cut",  # the connection is cut in the middle of the body
    "slow_headers",  # nothing comes for a while
    "drip",  # the body comes byte by byte
    "latency",  # the right answer, late
    "redirect",  # elsewhere
    "too_large",  # a body over any limit
    "truncated_gzip",  # half a compressed document
    "expired_token",  # 401, whatever the token
    "exhausted",  # the right answer, but no call is left: X-RateLimit-Remaining: 0
    "content_type",  # the right answer under a wrong name
    "bom",  # the right answer behind a byte-order mark
)


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault, and which calls it strikes.

    ``task`` and ``endpoint`` narrow it down, ``probability`` (0-1) and ``count`` (then it is over) thin it out.
    ``status`` is an HTTP status or an envelope's code; ``seconds`` is a delay, or what Retry-After says; ``date`` makes
    Retry-After an HTTP date; ``location`` is where a redirect leads.
    """

    kind: str
    task: str | None = None
    endpoint: str | None = None
    account: str | None = None
    probability: float = 1.0
    count: int | None = None
    status: int = 500
    seconds: float = 1.0
    date: bool = False
    location: str = "http://127.0.0.1:9/"

    def __post_init__(self) -> None:
        """Refuse what is no fault. Raises ValueError."""
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is no fault; expected one of {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise ValueError("probability: expected a number from 0 to 1")

    def strikes(self, rng: random.Random, *, account: str, endpoint: str, task: str | None) -> bool:
        """Tell whether this call is struck, and count it."""
        if self.count == 0:
            return False
        wanted = ((self.task, task), (self.endpoint, endpoint), (self.account, account))
        if any(want is not None and want != got for want, got in wanted):
            return False
        if self.probability < 1 and rng.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True
