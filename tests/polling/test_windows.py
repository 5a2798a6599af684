import math
import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from exporter.config.values import WindowSettings
from exporter.polling.windows import Span, window_span

SHANGHAI = ZoneInfo("Asia/Shanghai")
MIDNIGHT = 1719763200.0  # 2024-07-01 00:00:00 in Shanghai, where it is 16:00 of the day before in UTC
DAY = 86400.0


@pytest.fixture(params=["UTC", "America/New_York", "Pacific/Kiritimati"])
def _zone_of_the_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_zone_of_the_process")
@pytest.mark.parametrize(
    ("window", "now", "span"),
    [
        (WindowSettings("today"), MIDNIGHT - 0.001, Span("2024-06-30 00:00:00", "2024-06-30 23:59:59", MIDNIGHT)),
        (WindowSettings("today"), MIDNIGHT, Span("2024-07-01 00:00:00", "2024-07-01 23:59:59", MIDNIGHT + DAY)),
        (
            WindowSettings("today"),
            MIDNIGHT + DAY - 1,
            Span("2024-07-01 00:00:00", "2024-07-01 23:59:59", MIDNIGHT + DAY),
        ),
        (WindowSettings("yesterday"), MIDNIGHT - 1, Span("2024-06-29 00:00:00", "2024-06-29 23:59:59", MIDNIGHT)),
        (WindowSettings("yesterday"), MIDNIGHT, Span("2024-06-30 00:00:00", "2024-06-30 23:59:59", MIDNIGHT + DAY)),
        (WindowSettings("yesterday"), 1709222400, Span("2024-02-29 00:00:00", "2024-02-29 23:59:59", 1709222400 + DAY)),
        (WindowSettings("15m", 900), MIDNIGHT + 300, Span("2024-06-30 23:50:00", "2024-07-01 00:05:00", math.inf)),
        (WindowSettings("15m", 900), MIDNIGHT + 359.9, Span("2024-06-30 23:50:00", "2024-07-01 00:05:00", math.inf)),
        (WindowSettings("15m", 900), MIDNIGHT + 360, Span("2024-06-30 23:51:00", "2024-07-01 00:06:00", math.inf)),
        (WindowSettings("1h", 3600), MIDNIGHT, Span("2024-06-30 23:00:00", "2024-07-01 00:00:00", math.inf)),
        (WindowSettings("24h", DAY), MIDNIGHT - 1, Span("2024-06-29 23:59:00", "2024-06-30 23:59:00", math.inf)),
    ],
)
def test_a_span_is_in_the_platforms_time_wherever_the_exporter_runs(
    window: WindowSettings, now: float, span: Span
) -> None:
    """Days begin at the platform's midnight, rolling spans end at the full minute, whatever the process's zone."""
    assert window_span(window, now, SHANGHAI) == span


def test_a_day_of_25_hours_ends_at_its_own_midnight() -> None:
    """Where clocks change, a day's window moves on at the next local midnight, not after 24 hours."""
    begin, end = 1729980000.0, 1730070000.0  # 2024-10-27 and 2024-10-28 00:00:00 in Berlin
    assert end - begin == 25 * 3600
    for now in (begin, end - 1):
        span = window_span(WindowSettings("today"), now, ZoneInfo("Europe/Berlin"))
        assert span == Span("2024-10-27 00:00:00", "2024-10-27 23:59:59", end)
