"""The picture of a task's last hour: bars of phone calls per minute, and a line of the share that was answered. Pure.

A picture is ``WIDTH`` by ``HEIGHT`` units, ten seconds to the unit; its shapes are paths of SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exporter.metrics.recent_calls import Bin, trend
from exporter.web.pages.judging import Glance

SECONDS: Final = 3600.0
WIDTH, HEIGHT = 360, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The last hour. ``peak`` is the most calls per minute, which is as high as the picture.

    ``threshold`` is how far below the top the threshold is, None: there is none, and ``since`` how far from the left the trouble begins, None: not
    within the hour.
    """

    bars: str
    line: str
    calls: int
    answered: int
    peak: float
    threshold: int | None
    since: int | None

    @property
    def answer_ratio(self) -> float:
        """The share of answered calls, 0-1; 0 without calls."""
        return min(1.0, self.answered / self.calls) if self.calls else 0.0


def task_trend(seen: Glance, now: float) -> Trend | None:
    """Return the picture of a task's last hour; None: nothing is known of its calls, or not of both outcomes."""
    if seen.calls is None:
        return None
    bins = trend(seen.record.recent, seen.record.judged_at(now))
    since = None if seen.since is None else (now - seen.since) * seen.record.pace
    return make_trend(bins, seen.threshold, since)


def make_trend(bins: Sequence[Bin], threshold: float | None, seconds_since: float | None) -> Trend | None:
    """Return the picture of bins, the oldest first; None: there are none. ``seconds_since`` the trouble began, if it did."""
    if not bins:
        return None
    peak = max(each.calls_per_minute for each in bins)
    has_begun = seconds_since is not None and seconds_since <= SECONDS
    return Trend(
        bars="".join(_bar(each, peak) for each in bins if each.calls),
        line=_line(bins),
        calls=sum(each.calls for each in bins),
        answered=sum(each.answered for each in bins),
        peak=peak,
        threshold=None if threshold is None else _height(threshold),
        since=_place(seconds_since) if has_begun and seconds_since is not None else None,
    )


def _bar(each: Bin, peak: float) -> str:
    left, right = _place(each.begin), _place(each.end)
    return f"M{left} {HEIGHT}V{_height(each.calls_per_minute / peak)}H{max(left + 1, right - 1)}V{HEIGHT}z"


def _line(bins: Sequence[Bin]) -> str:
    """Return the steps of the answered share; a bin without calls is a gap."""
    shapes, was_drawn = [], False
    for each in bins:
        if each.calls:
            height = _height(min(1.0, each.answered / each.calls))
            shapes.append(f"{f'V{height}' if was_drawn else f'M{_place(each.begin)} {height}'}H{_place(each.end)}")
        was_drawn = each.calls > 0
    return "".join(shapes)


def _place(seconds_ago: float) -> int:
    return round(max(0.0, SECONDS - seconds_ago) / SECONDS * WIDTH)


def _height(share: float) -> int:
    return round((1 - share) * HEIGHT)
