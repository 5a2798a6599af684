"""The reader of a task: what one poll reads of it, its whole life and its windows, and which of these have changed.

A response that is the same as the last one, byte for byte, is not parsed again (docs/decisions/0007). What has to be
remembered for that between polls is a ``Memory``. The poller keeps it, and only if the
outcome has reached the store.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from exporter.api.client import YunfuClient
from exporter.api.documented import OLDER_EDITION_LACKS
from exporter.api.errors import ApiError, Exchange
from exporter.api.model import TaskRef, TaskStats, parse_stats
from exporter.config.settings import Settings
from exporter.config.values import WindowSettings
from exporter.logs import get_logger
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.records import UNCHANGED, PollOutcome, Unchanged, WindowLines, WindowStats
from exporter.metrics.tags import limit_tags

log = get_logger(__name__)

EARLY_SHARE: Final = 0.98
"""The part of a window's interval after which a poll reads it again: the poll that falls due with it may be a little early."""

OLDER_ANSWERS: Final = 3
"""How many answers have to lack only what the older edition lacks before it is logged: a single one may be odd."""

_WHOLE_LIFE: Final = ""
_PLATFORM_FORMAT: Final = "%Y-%m-%d %H:%M:%S"


class Span(NamedTuple):
    """A span of time: its bounds, both included, as the platform writes times, and the Unix second when it moves on."""

    begin: str
    end: str
    expires: float


def window_span(window: WindowSettings, now: float, timezone: ZoneInfo) -> Span:
    """Return the span of a window at ``now`` (Unix seconds) in the platform's time zone.

    The bounds are aligned to the minute, so that all requests within a minute are the same and can be cached on the way.
    """
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


class _Parsed(NamedTuple):
    """A response that was parsed: its digest, how often each field could not be read, and which were missing."""

    digest: bytes
    unread: Mapping[str, int]
    missing: tuple[str, ...]


_NOTHING: Final = _Parsed(b"", {}, ())


@dataclass(slots=True)
class Memory:
    """The last responses of a task by window, and the tags that are kept where there are more than the limit.

    ``windows_due`` is when each window is to be read again, in the loop's seconds.
    """

    responses: dict[str, _Parsed] = field(default_factory=dict)
    kept_tags: dict[str, frozenset[str]] = field(default_factory=dict)
    windows_due: dict[str, float] = field(default_factory=dict)

    def copy(self) -> Memory:
        """Return a copy that can change without changing this one."""
        return Memory(dict(self.responses), dict(self.kept_tags), dict(self.windows_due))


class TaskReader:
    """Reads tasks of one account, and counts the fields of answers that cannot be read or are missing.

    ``clock`` is the wall clock, which says what day it is.
    """

    def __init__(
        self, client: YunfuClient, settings: Settings, *, metrics: ExporterMetrics, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._windows = settings.windows
        self._window_interval = settings.poll.window_interval
        self._timezone = settings.timezone
        self._tag_limit = settings.labels.tag_limit
        self._clock = clock
        self._metrics = metrics
        self._has_tags = False
        self._older_answers = 0

    async def read(self, ref: TaskRef, memory: Memory) -> tuple[PollOutcome, ApiError | None]:
        """Read the whole life, then each window that is due, up to the first API call that fails; update ``memory``."""
        outcome, started = PollOutcome(), asyncio.get_running_loop().time()
        try:
            stats, exchange = await self._stats(ref, memory, _WHOLE_LIFE, None)
            outcome = PollOutcome(stats, exchange=exchange)
            for window in self._windows:
                if started < memory.windows_due.get(window.label, started):
                    continue
                now = self._clock()
                span = window_span(window, now, self._timezone)
                stats, _ = await self._stats(ref, memory, window.label, (span.begin, span.end))
                read = WindowStats(window.label, stats, span.expires, self._window_interval)
                outcome = replace(outcome, windows=(*outcome.windows, read))
                memory.windows_due[window.label] = started + self._seconds_until_due(span.expires - now)
        except ApiError as error:
            return replace(outcome, failure=error.failure, exchange=outcome.exchange or error.exchange), error
        return outcome, None

    def resume(self, windows: Mapping[str, WindowLines], now: float) -> Memory:
        """Return the memory of a task whose windows were read before a restart: none is read again before it is due.

        ``now`` is the time by the store's clock, which is that of the windows.
        """
        loop_now = asyncio.get_running_loop().time()
        due = {}
        for name, window in windows.items():
            ago = max(0.0, now - window.read_at)  # the clock may have been set back
            due[name] = loop_now - ago + self._seconds_until_due(window.expires - (now - ago))
        return Memory(windows_due=due)

    def _seconds_until_due(self, until_expiry: float) -> float:
        """Return the seconds from the reading of a window to the next; ``until_expiry`` are those until its span moves on."""
        return min(EARLY_SHARE * self._window_interval, until_expiry)

    async def _stats(
        self, ref: TaskRef, memory: Memory, window: str, span: tuple[str, str] | None
    ) -> tuple[TaskStats | Unchanged, Exchange | None]:
        before = memory.responses.get(window, _NOTHING)
        response = await self._client.stat(ref, span, before.digest)
        if response.data is None:
            self._report(ref.account, before)
            return UNCHANGED, response.exchange
        stats = parse_stats(response.data)
        self._has_tags |= not OLDER_EDITION_LACKS.isdisjoint(response.data)
        memory.responses[window] = parsed = _Parsed(response.digest, stats.unread, stats.missing)
        self._report(ref.account, parsed)
        if max(len(stats.tag_calls), len(stats.llm_tag_calls)) <= self._tag_limit:
            return stats, response.exchange
        tags = self._limit(memory, f"tag {window}", stats.tag_calls)
        llm_tags = self._limit(memory, f"llm_tag {window}", stats.llm_tag_calls)
        return replace(stats, tag_calls=tags, llm_tag_calls=llm_tags), response.exchange

    def _report(self, account: str, parsed: _Parsed) -> None:
        """Count what could not be read and what was missing.

        What the older edition lacks is logged once instead, unless an answer of the account has had it.
        """
        for name, count in parsed.unread.items():
            self._metrics.unread_fields.labels(account, name).inc(count)
        is_older = not self._has_tags and {*parsed.missing} >= OLDER_EDITION_LACKS
        known = OLDER_EDITION_LACKS if is_older else frozenset()
        if known and {*parsed.missing} == known:
            self._older_answers += 1
            if self._older_answers == OLDER_ANSWERS:
                log.info("the platform is of an older edition, which has no tags", account=account)
        for name in parsed.missing:
            if name not in known:
                self._metrics.missing_fields.labels(account, name).inc()

    def _limit(self, memory: Memory, which: str, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Bound the tags, and remember which are kept, so that two of about the same size do not take turns."""
        if len(counts) <= self._tag_limit:
            return counts
        limited, kept = limit_tags(counts, self._tag_limit, memory.kept_tags.get(which, frozenset()))
        memory.kept_tags[which] = kept
        return limited
