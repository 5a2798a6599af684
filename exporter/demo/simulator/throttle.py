"""The vendor's throttle, and the customer's own programs that make calls with the same token.

It is taken to be Laravel's stock ``throttle``: a window of fixed length that begins with its first call, counted per
token over all accounts and endpoints. Refused calls are not counted. Laravel writes times in whole seconds, rounded down,
so that its Retry-After can be too short by less than a second. Times are Unix seconds of the callers' clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from exporter.demo.simulator.documents import Refusal

TOO_MANY: Final = "请求过于频繁"
Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Window:
    """The calls that a token made since the Unix time ``begin``."""

    begin: float
    calls: int = 0


class Throttle:
    """The quota of each token: ``limit`` calls per window of ``seconds``; any number of calls with a limit of 0."""

    def __init__(self, limit: int, seconds: float, *, has_headers: bool) -> None:
        self.limit = limit
        self.seconds = seconds
        self._has_headers = has_headers
        self._windows: dict[str, Window] = {}

    def spend(self, bearer: str, now: float) -> Headers:
        """Count a call, and return the headers of its answer. Raises Refusal if the quota is used up.

        ``bearer`` is the value of Authorization.
        """
        if not self.limit:
            return ()
        window = self._windows.get(bearer)
        if window is None or now >= window.begin + self.seconds:
            window = self._windows[bearer] = Window(now)
        if window.calls >= self.limit:
            raise Refusal(429, TOO_MANY, **(self._refused(window, now) if self._has_headers else {}))
        window.calls += 1
        if not self._has_headers:
            return ()
        return ("X-RateLimit-Limit", f"{self.limit}"), ("X-RateLimit-Remaining", f"{self.limit - window.calls}")

    def _refused(self, window: Window, now: float) -> dict[str, str]:
        wait = int(window.begin + self.seconds) - int(now)
        return {
            "X_RateLimit_Limit": f"{self.limit}",
            "X_RateLimit_Remaining": "0",
            "Retry_After": f"{wait}",
            "X_RateLimit_Reset": f"{int(now) + wait}",
        }


class OtherProgram:
    """A program of the customer's with the same token: ``rate`` calls per window in bursts, refused or not.

    The first burst is at the Unix time ``begin``, the others follow at equal distances. They are made up for whenever the
    program is asked for, in their order, so that no timer is needed and the same clock gives the same history.
    """

    def __init__(self, throttle: Throttle, bearer: str, *, rate: int, burst: int, begin: float) -> None:
        self.calls = 0
        """The calls it made, refused ones included."""
        self.throttled = 0
        """Those that were answered 429."""
        self._throttle = throttle
        self._bearer = bearer
        self._burst = burst
        self._begin = begin
        self._distance = throttle.seconds * burst / rate if rate else None
        self._bursts = 0

    def advance(self, now: float) -> None:
        """Make the calls that are due by now."""
        if self._distance is None:
            return
        while (due := self._begin + self._bursts * self._distance) <= now:
            self._bursts += 1
            for _ in range(self._burst):
                self._call(due)

    def _call(self, now: float) -> None:
        self.calls += 1
        try:
            self._throttle.spend(self._bearer, now)
        except Refusal:
            self.throttled += 1
