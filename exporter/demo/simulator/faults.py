"""Faults on request: what the platform, and what stands between it and us, can do to a call."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from exporter.demo.simulator.documents import ENDPOINTS, Refusal, envelope
from exporter.demo.simulator.server import Response
from exporter.demo.simulator.throttle import TOO_MANY
from exporter.demo.simulator.waits import FORMS

KINDS: Final = (
    "status",  # an HTTP status, with the platform's envelope or, from 500 up, a proxy's HTML page
    "throttle",  # 429 that says when to come back
    "unavailable",  # 503 that does
    "html",  # HTTP 200, but a page for people
    "envelope",  # HTTP 200, but the envelope has another code
    "truncated",  # half a document
    "not_json",  # something else altogether
    "unknown_format",  # the envelope of a good answer around none of the documented parts
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
ODDITIES: Final = (
    "status_ignored",  # lists are not filtered by status
    "page_ignored",  # a list answers with its first page, whichever is asked for
    "empty_page",  # a page of a list is empty, although its meta counts what there is
    "shrinking",  # of a list one entry leaves, at the front, before each further page is read
    "booleans",  # the flags of list entries are true or false
    "entry_status",  # list entries have the status that the edit pages have
    "inbound",  # list entries are of inbound tasks
    "renamed_levels",  # of statistics: the intention's levels have a brand's names
    "older_edition",  # of statistics: no tags, no 2.0 tasks, no sub_user_id
)
"""Oddities of the platform: other than faults they add up, and the answer is a good one."""

PARTS: Final[dict[str, type]] = {
    "kind": str,
    "task": str,
    "endpoint": str,
    "account": str,
    "page": int,
    "probability": float,
    "count": int,
    "status": int,
    "seconds": float,
    "jitter": float,
    "form": str,
    "location": str,
}
"""The parts of a fault and their types, for those who write one as text."""


class Call(NamedTuple):
    """What a call of the API is narrowed down by: the user in its path, the endpoint's name, a task's id, a list's page."""

    account: str
    endpoint: str
    task: str | None
    page: str


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault, and which calls it strikes.

    ``task``, ``endpoint``, ``account`` and ``page`` narrow it down, ``probability`` (0-1) and ``count`` (then it is over) thin it out.
    ``status`` is an HTTP status or an envelope's code; ``seconds`` is a delay, or how long to wait, which is said in a
    ``form``; ``jitter`` is how many seconds a latency varies by; ``location`` is where a redirect leads.
    """

    kind: str
    task: str | None = None
    endpoint: str | None = None
    account: str | None = None
    page: int | None = None
    probability: float = 1.0
    count: int | None = None
    status: int = 500
    seconds: float = 1.0
    jitter: float = 0.0
    form: str = "seconds"
    location: str = "http://127.0.0.1:9/"

    def __post_init__(self) -> None:
        """Refuse what is no fault. Raises ValueError."""
        if self.kind not in (*KINDS, *ODDITIES):
            raise ValueError(f"kind: {self.kind!r} is no fault; expected one of {', '.join((*KINDS, *ODDITIES))}")
        if self.endpoint is not None and self.endpoint not in ENDPOINTS:
            raise ValueError(f"endpoint: {self.endpoint!r} is none; expected one of {', '.join(ENDPOINTS)}")
        if not 0 <= self.probability <= 1:
            raise ValueError("probability: expected a number from 0 to 1")
        if self.count is not None and self.count < 0:
            raise ValueError("count: expected a whole number from 0 up")
        most = 9999 if self.kind == "envelope" else 999
        if not 100 <= self.status <= most:
            raise ValueError(f"status: expected a whole number from 100 to {most}")
        if self.form not in FORMS:
            raise ValueError(f"form: {self.form!r} is none; expected one of {', '.join(FORMS)}")
        for name, value in (("seconds", self.seconds), ("jitter", self.jitter)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name}: expected a number from 0 up")

    def strikes(self, rng: random.Random, call: Call) -> bool:
        """Return whether the fault applies to this call, and count the call."""
        if self.count == 0:
            return False
        page = None if self.page is None else f"{self.page}"
        wanted = self.account, self.endpoint, self.task, page
        if any(want is not None and want != got for want, got in zip(wanted, call, strict=True)):
            return False
        if self.probability < 1 and rng.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True

    def wait(self, now: float) -> tuple[tuple[str, str], ...]:
        """Return the headers that say how long to wait from a Unix time on."""
        return FORMS[self.form](now, self.seconds)


_HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></body></html>"
_DOCUMENTS: Final = {
    "html": Response(_HTML, content_type="text/html"),
    "not_json": Response(b"<?xml version='1.0'?>"),
    "unknown_format": Response(envelope({"callStatistics": {"connected": 61}, "numbers": []})),
}
_NONE_LEFT: Final = ("X-RateLimit-Remaining", "0")
_MESSAGES: Final = {6007: "2.0任务启动中"}
"""What the platform says with codes that are its own."""
_TOO_MUCH: Final = 9 * 1024 * 1024


def refuse(refusal: Refusal) -> Response:
    """Write a refusal in the platform's envelope."""
    return Response(envelope(None, code=refusal.status, message=str(refusal)), refusal.status, refusal.headers)


def oddities_of(faults: Iterable[Fault], rng: random.Random, call: Call) -> frozenset[str]:
    """Return the oddities that a call is answered with."""
    return frozenset(fault.kind for fault in faults if fault.kind in ODDITIES and fault.strikes(rng, call))


def strike(faults: Iterable[Fault], rng: random.Random, response: Response, call: Call, *, now: float) -> Response:
    """Return what a call gets for an answer: latencies add up, and of the other faults the first that strikes wins."""
    delay, spoiling = 0.0, None
    for fault in faults:
        is_late = fault.kind == "latency"
        if fault.kind in KINDS and (is_late or spoiling is None) and fault.strikes(rng, call):
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
            wait = fault.wait(now)
            return replace(refuse(Refusal(429, TOO_MANY)), headers=(_NONE_LEFT, *wait) if wait else ())
        case "unavailable":
            return Response(_HTML, 503, fault.wait(now), content_type="text/html")
        case "expired_token":
            return refuse(Refusal(401, "token无效或已过期"))
        case "envelope":
            return Response(envelope([], code=fault.status, message=_MESSAGES.get(fault.status, "系统繁忙")))
        case "redirect":
            return Response(status=302, headers=(("Location", fault.location),))
        case "too_large":
            return Response(b'{"code":200,"data":"' + b"x" * _TOO_MUCH + b'"}')
    return _DOCUMENTS.get(fault.kind) or _distort(fault, right, now)


def _distort(fault: Fault, right: Response, now: float) -> Response:
    """Return the right answer with an oddity, or on a bad way."""
    match fault.kind:
        case "truncated":
            return replace(right, body=right.body[: len(right.body) // 2])
        case "content_type":
            return replace(right, content_type="text/html; charset=gbk")
        case "bom":
            return replace(right, body=b"\xef\xbb\xbf" + right.body)
        case "exhausted":
            return replace(right, headers=(_NONE_LEFT, *fault.wait(now)))
    return replace(right, way=fault.kind, seconds=fault.seconds)
