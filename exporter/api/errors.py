"""The tree of everything that can go wrong with a call of the platform's API, with the reason label of each.

ApiError
├── ApiTimeout                timeout
├── ConnectError              connect      refused, reset, cut off, DNS, proxy
│   ├── Repeated              connect      one attempt of a call, which goes on
│   └── TlsError              tls
├── HttpError                 http_NNN     4xx by number; the rest as a class: http_3xx, http_5xx
│   ├── Unauthorized          http_401     the token is not accepted, for this call or at all
│   ├── Forbidden             http_403     the resource is someone else's
│   ├── NotFound              http_404     there is no such task
│   └── Throttled             throttled    429: the account has to wait
├── EnvelopeError             api_error    HTTP 200, but the JSON body has another code
└── MalformedError            malformed    not JSON, damaged, too large, not the platform's
    └── UnknownFormat         unknown_format  statistics with none of the documented parts, entries without id
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

_ACCOUNT_STATUSES = frozenset(
    {
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""The 4xx that are about the account or the way to the platform, not about the task that the call is for."""

REASONS = (
    "timeout", "connect", "tls", "http_401", "http_403", "http_404", "http_5xx", "throttled", "api_error", "malformed",
    "unknown_format",
)  # fmt: skip
"""The reasons that are counted from 0, so that increase() sees the first failure; others appear when they happen."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an API call failed, and so the poll or discovery that made it.

    ``reason`` is the metric's label value, ``text`` is for people and holds no secret, and ``missing`` is whether the
    platform knows no such task. ``said`` is the platform's own message, masked; empty: there was none.
    """

    reason: str
    text: str
    missing: bool = False
    said: str = ""

    def __str__(self) -> str:
        return _quote(self.summary, self.said)

    @property
    def summary(self) -> str:
        """The reason and the text, without the platform's own message."""
        return f"{self.reason}: {self.text}"


class Exchange(NamedTuple):
    """One request and what came back: the HTTP status and the bytes of the body (None: none was read), and the seconds it took."""

    status: int | None
    size: int | None
    seconds: float


class ApiError(Exception):
    """An API call failed. The message is for people and holds no secret; ``reason`` is the metric's label value.

    ``said`` is the platform's own message, masked; empty: there was none.
    ``is_tasks_own`` is true if the platform can be reached, accepts the account, and refused only this API call, so
    that those for other tasks can succeed. ``holds`` is true if the gate holds the whole account back afterwards,
    ``missing`` if the platform knows no such task, and ``lasting`` if trying again soon would fail the same way.
    ``exchange`` is the request that failed, None if none was sent.
    ``refuses_token`` is true if the platform does not accept the token. By itself that is the task's own failure; if
    other calls fail alike, the client makes it the account's.
    """

    reason: str
    exchange: Exchange | None = None
    is_tasks_own: bool = False
    holds: bool = False
    missing: bool = False
    lasting: bool = False
    refuses_token: bool = False

    def __init__(self, text: str, said: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.said = said

    def __str__(self) -> str:
        return _quote(self.text, self.said)

    @property
    def failure(self) -> Failure:
        """The failure as a value, which keeps neither traceback nor frames alive."""
        return Failure(self.reason, self.text, self.missing, self.said)

    def blame_account(self) -> None:
        """Make it the account's failure, since other calls fail alike and all are held back."""
        self.holds, self.is_tasks_own = True, False


def _quote(text: str, said: str) -> str:
    return f"{text}; the platform says: {said}" if said else text


class ApiTimeout(ApiError):
    """No complete answer within the time limit of a call."""

    reason = "timeout"


class ConnectError(ApiError):
    """The platform cannot be reached, or the connection broke."""

    reason = "connect"


class Repeated(ConnectError):
    """A request on a kept connection that turned out to be closed; it is sent once more, so no call has failed yet."""


class TlsError(ConnectError):
    """The connection is not to be trusted, or TLS could not be agreed on."""

    reason = "tls"


class HttpError(ApiError):
    """The answer has another HTTP status than 200; ``hold_seconds`` is how long it asks to wait, None: it does not."""

    def __init__(self, status: int, text: str, hold_seconds: float | None = None, said: str = "") -> None:
        super().__init__(text, said)
        self.status = status
        self.hold_seconds = hold_seconds
        is_4xx = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        self.reason = f"http_{status}" if is_4xx else f"http_{status // 100}xx"
        self.is_tasks_own = is_4xx and status not in _ACCOUNT_STATUSES
        self.holds = self.holds or (not is_4xx and hold_seconds is not None)


class Unauthorized(HttpError):
    """The token is wrong or has expired, or is not accepted for this resource."""

    refuses_token = True


class Forbidden(HttpError):
    """The token is good, but not for this resource."""

    lasting = True


class NotFound(HttpError):
    """There is no such task."""

    missing = True
    lasting = True


class Throttled(HttpError):
    """Too many calls; ``hold_seconds`` is how long to wait."""

    holds = True
    hold_seconds: float

    def __init__(self, status: int, text: str, hold_seconds: float, said: str = "") -> None:
        super().__init__(status, text, hold_seconds, said)
        self.reason = "throttled"


class EnvelopeError(ApiError):
    """The answer is a well-formed refusal with HTTP status 200; its ``code`` means what it would as the status."""

    reason = "api_error"
    is_tasks_own = True

    def __init__(self, code: float | None, text: str, said: str = "") -> None:
        super().__init__(text, said)
        self.code = code
        self.refuses_token = code == HTTPStatus.UNAUTHORIZED
        self.holds = code == HTTPStatus.TOO_MANY_REQUESTS
        self.is_tasks_own = not self.holds
        self.missing = code == HTTPStatus.NOT_FOUND
        self.lasting = code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class MalformedError(ApiError):
    """The answer is not what the API documents, as a whole."""

    reason = "malformed"


class UnknownFormat(MalformedError):
    """The statistics of a task hold none of the documented parts, or the entries of a list no id."""

    reason = "unknown_format"
    is_tasks_own = True
