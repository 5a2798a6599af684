"""Windows: the extra spans of time that statistics are asked for, in the platform's time. Pure.

The bounds are aligned to the minute, so that all requests within a minute are the same and can be cached on the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_PLATFORM_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Window:
    """A window by the label its user gave it: ``today``, ``yesterday``, or the last ``seconds``."""

    label: str
    seconds: float | None = None

    def span(self, now: float, timezone: ZoneInfo) -> Span:
        """Return the span at ``now`` (Unix seconds) in the platform's time zone."""
        if self.seconds is not None:
            end = now // 60 * 60
            begin = datetime.fromtimestamp(end - self.seconds, timezone)
            return Span(_write(begin), _write(datetime.fromtimestamp(end, timezone)), math.inf)
        today = datetime.fromtimestamp(now, timezone).date()
        midnight = datetime.combine(today + timedelta(days=1), time.min, timezone).timestamp()
        day = today if self.label == "today" else today - timedelta(days=1)
        return Span(f"{day} 00:00:00", f"{day} 23:59:59", midnight)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, both included, as the platform writes times; at ``expires`` (Unix seconds) it is another."""

    begin: str
    end: str
    expires: float


def _write(moment: datetime) -> str:
    return moment.strftime(_PLATFORM_FORMAT)
