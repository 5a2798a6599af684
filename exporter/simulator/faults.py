"""Faults on request: what the platform, and what stands between it and us, can do to a call."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from exporter.simulator.platform import Refusal, envelope
from exporter.simulator.server import Response, http_date

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
        if not isinstance(self.probability, int | float) or not 0 <= self.probability <= 1:
            raise ValueError("probability: expected a number from 0 to 1")
        if self.count is not None and (not isinstance(self.count, int) or self.count < 0):
            raise ValueError("count: expected a whole number from 0 up")
        if not isinstance(self.status, int) or not 100 <= self.status <= 999:
            raise ValueError("status: expected a whole number from 100 to 999")
        if not isinstance(self.seconds, int | float) or not 0 <= self.seconds < math.inf:
            raise ValueError("seconds: expected a number from 0 up")

    @property
    def is_harmless(self) -> bool:
        """Tell whether the right answer arrives in the end, with an oddity."""
        return self.kind in {"content_type", "bom", "exhausted"}

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


_HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></body></html>"
_TOO_MUCH: Final = 9 * 1024 * 1024
_WAYS: Final = {"slow_headers": "late", "latency": "late"}


def answer_instead(fault: Fault, body: Callable[[], bytes], now: float) -> Response:
    """Return what a call that is struck gets for an answer; ``body`` gives the right one. Raises Refusal."""
    match fault.kind:
        case "status":
            return _refuse(fault.status)
        case "throttle":
            wait = http_date(now + fault.seconds) if fault.date else f"{fault.seconds:g}"
            raise Refusal(429, "请求过于频繁", Retry_After=wait, X_RateLimit_Remaining="0")
        case "expired_token":
            raise Refusal(401, "token无效或已过期")
        case "envelope":
            return Response(envelope(None, code=fault.status, message="系统繁忙"))
        case "html":
            return Response(_HTML, content_type="text/html")
        case "not_json":
            return Response(b"<?xml version='1.0'?>")
        case "redirect":
            return Response(status=302, headers=(("Location", fault.location),))
        case "too_large":
            return Response(b'{"code":200,"data":"' + b"x" * _TOO_MUCH + b'"}')
        case "truncated":
            return Response(body()[: len(body()) // 2])
    return Response(body(), way=_WAYS.get(fault.kind, fault.kind), seconds=fault.seconds)


def _refuse(status: int) -> Response:
    """Refuse as the platform does, or, from 500 up, as the proxy in front of it."""
    if status >= 500:
        return Response(_HTML, status, content_type="text/html")
    raise Refusal(status, "请求失败")


def flavour(fault: Fault, response: Response) -> Response:
    """Return the right answer with a harmless fault's oddity."""
    match fault.kind:
        case "content_type":
            return replace(response, content_type="text/html; charset=gbk")
        case "bom":
            return replace(response, body=b"\xef\xbb\xbf" + response.body)
    return replace(response, headers=(("X-RateLimit-Remaining", "0"), ("Retry-After", f"{fault.seconds:g}")))
