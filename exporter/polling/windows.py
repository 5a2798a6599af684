"""The spans of the windows: the extra spans of time that statistics are asked for, in the platform's time. Pure.

The bounds are aligned to the minute, so that all requests within a minute are the same and can be cached on the way.
"""

from __future__ import annotations

import math
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from exporter.config.values import WindowSettings

_PLATFORM_FORMAT: Final = "%Y-%m-%d %H:%M:%S"


class Span(NamedTuple):
    """A span of time: its bounds, both included, as the platform writes times, and the Unix second when it moves on."""

    begin: str
    end: str
    expires: float


def window_span(window: WindowSettings, now: float, timezone: ZoneInfo) -> Span:
    """Return the span of a window at ``now`` (Unix seconds) in the platform's time zone."""
    if window.seconds is not None:
        end = now // 60 * 60
        begin = datetime.fromtimestamp(end - window.seconds, timezone)
        return Span(_format(begin), _format(datetime.fromtimestamp(end, timezone)), math.inf)
    today = datetime.fromtimestamp(now, timezone).date()
    midnight = datetime.combine(today + timedelta(days=1), time.min, timezone).timestamp()
    day = today if window.label == "today" else today - timedelta(days=1)
    return Span(f"{day} 00:00:00", f"{day} 23:59:59", midnight)


def _format(moment: datetime) -> str:
    return moment.strftime(_PLATFORM_FORMAT)
