"""The picture of a task's last hour."""

from __future__ import annotations

from exporter.api.model import TaskStats
from exporter.metrics.recent_calls import Bin
from exporter.web.pages.trend import make_trend
from tests.support.pages import FAILED, Filled, stats


def test_bars_are_calls_per_minute_and_the_line_is_the_share() -> None:
    """Places go by time, heights by the highest bar and by the share; an hour is as wide as the picture."""
    trend = make_trend([Bin(3600, 1800, 300, 60), Bin(1800, 900, 300, 300), Bin(900, 0, 75, 0)], 0.2, None)
    assert trend is not None
    assert trend.bars == "M0 100V50H179V100zM180 100V0H269V100zM270 100V75H359V100z"
    assert trend.line == "M0 80H180V0H270V100H360"
    assert (trend.calls, trend.answered, trend.peak, trend.threshold, trend.since) == (675, 360, 20, 80, None)


def test_without_both_outcomes_there_is_no_picture(filled: Filled) -> None:
    """Calls that were never read, or of which only those answered are, are not shown as none, nor as all answered."""
    filled.task("never", FAILED)
    filled.task("half", TaskStats(answered=2))
    filled.task("read", stats(0.5))
    assert [row.trend is None for row in filled.overview(sort="name").rows] == [True, True, False]


def test_what_began_within_the_hour_is_marked() -> None:
    """What began before is not: all of the hour is like that."""
    bins = [Bin(600, 0, 1, 1)]
    marks = [trend and trend.since for trend in (make_trend(bins, 0.2, ago) for ago in (0, 900, 3600, 3601))]
    assert marks == [360, 270, 0, None]


def test_a_bin_without_calls_is_a_gap() -> None:
    """Nothing was answered or not answered there; an hour without a call is a picture, one not seen is none."""
    trend = make_trend([Bin(900, 600, 9, 9), Bin(600, 300, 0, 0), Bin(300, 0, 9, 0)], 0.2, None)
    assert trend is not None
    assert trend.line == "M270 0H300M330 100H360"
    quiet = make_trend([Bin(300, 0, 0, 0)], 0.2, None)
    assert quiet is not None
    assert (quiet.bars, quiet.line, quiet.answer_ratio) == ("", "", 0)
    assert make_trend([], 0.2, None) is None
