"""The records of tasks and accounts: immutable values of the latest that is known, rendered and as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from exporter.api.errors import Exchange, Failure
from exporter.api.model import Task, TaskStats
from exporter.api.quota import QuotaUse
from exporter.metrics import poll_history, recent_calls
from exporter.metrics.recent_calls import HALF_DAY
from exporter.metrics.trouble import Trouble

DAY: Final = 86_400.0
"""Seconds."""

Lines = tuple[bytes, ...]
"""One piece of exposition text per metric family, in the order of the table of families."""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The status of a task: its facts, and how its polls go. Times are Unix seconds, the interval is seconds.

    ``up`` is None until the first poll, ``last_success`` until the first that worked, and ``interval`` is None for a
    task that is known but not polled. ``failure`` is why the last poll failed, None if it worked.
    ``missing_since`` is when the platform began to say that there is no such task, and ``due`` is when the success after
    the last one is expected.
    """

    task: Task
    _: KW_ONLY
    interval: float | None = None
    up: bool | None = None
    last_success: float | None = None
    failure: Failure | None = None
    missing_since: float | None = None
    due: float | None = None

    def shifted(self, seconds: float) -> TaskStatus:
        """Return the status with all times later by some seconds."""
        return replace(
            self,
            last_success=_shifted(self.last_success, seconds),
            missing_since=_shifted(self.missing_since, seconds),
            due=_shifted(self.due, seconds),
        )


@dataclass(frozen=True, slots=True)
class CountedStats:
    """The statistics of a task's whole life, and the counters that follow from watching them."""

    stats: TaskStats
    calls: Mapping[str, int]
    numbers: Mapping[str, int]
    resets: int | None


class Unchanged(Enum):
    """Stands for statistics that are those the store holds already: the platform's answer was the same, byte for byte."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


class WindowStats(NamedTuple):
    """The statistics of one window. At ``expires`` (Unix seconds) the window has moved on and they say nothing.

    ``interval`` is the least seconds until the window is read again, however often the task is polled.
    """

    window: str
    stats: TaskStats | Unchanged
    expires: float
    interval: float = 0.0


@dataclass(frozen=True, slots=True)
class PollOutcome:
    """The outcome of one poll of a task: what was read, and why the first API call that failed did (None: none failed).

    ``exchange`` is the request for the statistics of the whole life; None: none was sent.
    """

    stats: TaskStats | Unchanged | None = None
    windows: tuple[WindowStats, ...] = ()
    failure: Failure | None = None
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """The status of an account. Times are Unix seconds; None: not known, or not yet.

    ``up`` is whether the platform serves the account, by the last calls for several tasks and lists, ``failure`` why not. ``discovery_interval`` is seconds, None without
    discovery; ``quota`` is that of its token. ``lists_lacking`` is how many of discovery's lists the platform does not have, while it has others.
    """

    name: str
    _: KW_ONLY
    up: bool | None = None
    failure: Failure | None = None
    token_expiry: float | None = None
    token_problem: bool = False
    """Whether the token file cannot be read, and the token before is used."""
    discovery_last_success: float | None = None
    discovery_interval: float | None = None
    quota: QuotaUse | None = None
    tasks_left_out: int = 0
    lists_lacking: int | None = None
    lists_read: tuple[float, str] | None = None
    """When all task lists were last read whole, and a digest of the settings that said which."""

    def shifted(self, seconds: float) -> AccountStatus:
        """Return the status with all times later by some seconds, but for the token's expiry: that is a date."""
        read = self.lists_read
        return replace(
            self,
            discovery_last_success=_shifted(self.discovery_last_success, seconds),
            lists_read=read and (read[0] + seconds, read[1]),
        )


@dataclass(frozen=True, slots=True)
class WindowLines:
    """The rendered statistics of a window, when they were read and are due again, and when the window moves on.

    ``interval`` is the least seconds between two readings, however often the task is polled.
    """

    lines: Lines
    stats: TaskStats
    read_at: float
    due: float
    expires: float
    interval: float = 0.0

    def paced(self, interval: float, now: float) -> WindowLines:
        """Return the window with the task's interval changed now, as ``TaskRecord.paced`` does it."""
        seconds = max(interval, self.interval)
        return replace(self, due=max(self.read_at + seconds, min(self.due, now + seconds)))

    def shifted(self, seconds: float) -> WindowLines:
        """Return the window read and due later by some seconds; when it moves on is a date.

        A day that has not begun by then, since the clock was set back, says nothing either until it is read again.
        """
        read_at = self.read_at + seconds
        expires = read_at if DAY < self.expires - read_at < math.inf else self.expires
        return replace(self, read_at=read_at, due=self.due + seconds, expires=expires)


_AGE: Final = 99_000.0 * HALF_DAY  # packed moments have 32 bits, which a fast clock would soon not fit into


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """The latest of one task, rendered.

    ``stale_after`` is by how many seconds a success may be overdue, or the task be denied, before it leaves /metrics.
    ``stats`` are the statistics of ``stats_lines``, and ``polls`` are the last polls, packed by ``poll_history``; ``exchange``
    is the last one's request for the statistics, None since a restart.
    ``recent`` are the recent calls, packed by ``recent_calls``, and ``trouble`` is what was wrong with them at the last
    poll; None: nothing. Both are by a clock that runs ``pace`` times as fast as the store's, see ``judged_at``.
    """

    status: TaskStatus
    status_lines: Lines
    stale_after: float
    stats_lines: Lines = ()
    windows: Mapping[str, WindowLines] | None = None
    stats: TaskStats | None = None
    polls: bytes = b""
    recent: bytes = b""
    trouble: Trouble | None = None
    pace: float = 1.0
    exchange: Exchange | None = None

    def is_fresh(self, now: float) -> bool:
        """Return whether the statistics may still be shown at a moment (Unix seconds)."""
        due = self.status.due
        return due is not None and now <= due + self.stale_after

    def judged_at(self, now: float) -> float:
        """Return a moment (Unix seconds) by the clock that recent calls are judged by."""
        return now * self.pace % _AGE

    def is_gone(self, now: float) -> bool:
        """Return whether the platform has been denying the task for too long to show it at a moment (Unix seconds)."""
        since = self.status.missing_since
        return since is not None and now > since + self.stale_after

    def fresh_windows(self, now: float) -> Iterable[Lines]:
        """Return the lines of the windows that may still be shown at a moment (Unix seconds)."""
        for window in (self.windows or {}).values():
            if now < window.expires and now <= window.due + self.stale_after:
                yield window.lines

    def paced(self, interval: float | None, now: float) -> TaskRecord:
        """Return the record with its interval changed now; without one, what was due stays due.

        A longer interval counts from the last success. A shorter one counts from now, so that no success is overdue
        that was not due before the change.
        """
        status = self.status
        if interval == status.interval:
            return self
        if interval is None or status.last_success is None or status.due is None:
            return replace(self, status=replace(status, interval=interval))
        latest = now + interval
        windows = {name: window.paced(interval, now) for name, window in (self.windows or {}).items()}
        due = max(status.last_success + interval, min(status.due, latest))
        return replace(self, status=replace(status, interval=interval, due=due), windows=windows)

    def shifted(self, seconds: float) -> TaskRecord:
        """Return the record with all times later by some seconds, as the clock is; its lines are those of before."""
        return replace(
            self,
            status=self.status.shifted(seconds),
            windows={name: window.shifted(seconds) for name, window in (self.windows or {}).items()},
            polls=poll_history.shifted(self.polls, seconds),
            recent=recent_calls.shifted(self.recent, seconds * self.pace),
            trouble=self.trouble and self.trouble.shifted(seconds * self.pace),
        )


def _shifted(moment: float | None, seconds: float) -> float | None:
    return None if moment is None else moment + seconds
