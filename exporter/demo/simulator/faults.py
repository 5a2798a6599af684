"""Faults on request: what the platform, and what stands between it and us, can do to a call."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from exporter.demo.simulator.documents import ENDPOINTS, Refusal, envelope
from exporter.demo.simulator.server import Response, http_date

KINDS: Final = (
    "status",  # an HTTP status, with the platform's envelope or, from 500 up, a proxy's HTML page
    "throttle",  # 429 with Retry-After, in seconds or as an HTTP date
    "html",  # HTTP 200, but a page for people
    "envelope",  # HTTP 200, but the envelope has another code
    "truncated",  # half a document
    "not_json",  # something else altogether
    "reset",  # the connection is reset before the answer
    "cut",  # the connection is cut in the middle of the body
    "slow_headers",  # the head stops after its first line for a while
    "drip",  # the body comes byte by byte
    "latency",  # the answer, late; adds to another fault
    "redirect",  # elsewhere
    "too_large",  # a body over any limit
    "truncated_gzip",  # half a compressed document
    "expired_token",  # 401, although the token is right
    "exhausted",  # the right answer, but no call is left: X-RateLimit-Remaining: 0
    "content_type",  # the right answer under a wrong name
    "bom",  # the right answer behind a byte-order mark
)

PARTS: Final[dict[str, type]] = {
    "kind": str,
    "task": str,
    "endpoint": str,
    "account": str,
    "probability": float,
    "count": int,
    "status": int,
    "seconds": float,
    "jitter": float,
    "date": bool,
    "location": str,
}
"""The parts of a fault and their types, for those who write one as text."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault, and which calls it strikes.

    ``task`` and ``endpoint`` narrow it down, ``probability`` (0-1) and ``count`` (then it is over) thin it out.
    ``status`` is an HTTP status or an envelope's code; ``seconds`` is a delay, or what Retry-After says; ``date`` makes
    Retry-After an HTTP date; ``jitter`` is how many seconds a latency varies by; ``location`` is where a redirect leads.
    """

    kind: str
    task: str | None = None
    endpoint: str | None = None
    account: str | None = None
    probability: float = 1.0
    count: int | None = None
    status: int = 500
    seconds: float = 1.0
    jitter: float = 0.0
    date: bool = False
    location: str = "http://127.0.0.1:9/"

    def __post_init__(self) -> None:
        """Refuse what is no fault. Raises ValueError."""
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is no fault; expected one of {', '.join(KINDS)}")
        if self.endpoint is not None and self.endpoint not in ENDPOINTS:
            raise ValueError(f"endpoint: {self.endpoint!r} is none; expected one of {', '.join(ENDPOINTS)}")
        if not 0 <= self.probability <= 1:
            raise ValueError("probability: expected a number from 0 to 1")
        if self.count is not None and self.count < 0:
            raise ValueError("count: expected a whole number from 0 up")
        if not 100 <= self.status <= 999:
            raise ValueError("status: expected a whole number from 100 to 999")
        for name, value in (("seconds", self.seconds), ("jitter", self.jitter)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name}: expected a number from 0 up")

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


def refuse(refusal: Refusal) -> Response:
    """Write a refusal in the platform's envelope."""
    return Response(envelope(None, code=refusal.status, message=str(refusal)), refusal.status, refusal.headers)


def strike(
    faults: Iterable[Fault],
    rng: random.Random,
    response: Response,
    *,
    account: str,
    endpoint: str,
    task: str | None,
    now: float,
) -> Response:
    """Return what a call gets for an answer: latencies add up, and of the other faults the first that strikes wins."""
    delay, spoiling = 0.0, None
    for fault in faults:
        is_late = fault.kind == "latency"
        if (is_late or spoiling is None) and fault.strikes(rng, account=account, endpoint=endpoint, task=task):
            if is_late:
                delay += fault.seconds + fault.jitter * rng.random()
            else:
                spoiling = fault
    if spoiling is not None:
        response = _spoil(spoiling, response, now)
    return replace(response, delay=delay) if delay else response


def _spoil(fault: Fault, right: Response, now: float) -> Response:
    """Return a fault's answer instead of the right one; ``now`` is Unix time."""
    match fault.kind:
        case "status" if fault.status >= 500:  # the proxy in front
            return Response(_HTML, fault.status, content_type="text/html")
        case "status":
            return refuse(Refusal(fault.status, "请求失败"))
        case "throttle":
            wait = http_date(now + fault.seconds) if fault.date else f"{fault.seconds:g}"
            return refuse(Refusal(429, "请求过于频繁", Retry_After=wait, X_RateLimit_Remaining="0"))
        case "expired_token":
            return refuse(Refusal(401, "token无效或已过期"))
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
    return _distort(fault, right)


def _distort(fault: Fault, right: Response) -> Response:
    """Return the right answer with an oddity, or on a bad way."""
    match fault.kind:
        case "truncated":
            return replace(right, body=right.body[: len(right.body) // 2])
        case "content_type":
            return replace(right, content_type="text/html; charset=gbk")
        case "bom":
            return replace(right, body=b"\xef\xbb\xbf" + right.body)
        case "exhausted":
            return replace(right, headers=(("X-RateLimit-Remaining", "0"), ("Retry-After", f"{fault.seconds:g}")))
    return replace(right, way=fault.kind, seconds=fault.seconds)
