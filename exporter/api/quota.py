"""The quota of API calls that one token has on one platform: what we may spend of it, and why not more. Pure.

The vendor documents 60 calls per minute for all endpoints and all programs that use the token; it looks like Laravel's
throttle: a fixed minute that begins with its first call, ``X-RateLimit-Limit`` and ``X-RateLimit-Remaining`` on good
answers, 429 beyond it. The customer's own programs use the same quota, so a monitor takes what they leave:

- at most ``rate_limit``, or half of what the platform grants if it is not configured;
- never the last fifth of a minute's quota (the last two fifths until a whole minute has been seen);
- less by as many calls as the others made in the busiest of the last minutes;
- after a 429 half, and more again by degrees, up to a little below where the 429 came.

Times are seconds of any steady clock, limits are calls per minute.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MINUTE: Final = 60.0

WINDOW_SECONDS: Final = 61.0
"""No window of this length has more calls than the limit: a minute, and a second for the way of a call to the platform."""

SLACK_SECONDS: Final = 0.1
"""How far calls may catch up on their even pace, since a timer is late by some milliseconds."""

DOCUMENTED_LIMIT: Final = 60.0
"""What the vendor documents; assumed until an answer says what is granted."""

DEFAULT_SHARE: Final = 0.5
"""Our part of what is granted, if no rate_limit is configured."""

RESERVED_SHARE: Final = 0.2
"""The part of a minute's quota that is left to the other programs."""

UNSEEN_RESERVED_SHARE: Final = 0.4
"""The same until a whole minute of the platform's has been seen: what the others use is not known yet."""

LEAST_LIMIT: Final = 1.0
"""The calls per minute that are made in any case: without a call nobody would see that there is quota again."""

CONTENDED_SHARE: Final = 0.9
"""The quota is contended while the limit is below this part of what it would be without others and throttles."""

MINUTES_REMEMBERED: Final = 5
"""For how many of the platform's minutes the calls of the others count."""

RECOVERY_STEP: Final = 0.05
"""What a minute without a 429 adds to the limit, as a part of the limit without any 429."""

SETTLED_SHARE: Final = 0.9
"""Of the limit at which a 429 came, the part up to which it comes back."""

FORGET_SECONDS: Final = 3600.0
"""After this time without a 429, the limit may pass the place where the last one came."""


class LimitReason(StrEnum):
    """What decides the limit that is in force."""

    CONFIGURED = "configured"
    GRANTED = "granted"
    DOCUMENTED = "documented"
    OTHERS = "others"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """A quota as it is seen at a moment: calls per minute, None where the platform does not say.

    ``limit`` is in force for ``reason``, ``alone`` would be without others and throttles, ``granted`` and ``remaining`` are those of the last answer, ``ours`` and ``others``
    are the calls of the last minute; those of the others are as many as the answers give away.
    """

    limit: float
    alone: float
    reason: LimitReason
    granted: int | None = None
    remaining: int | None = None
    ours: int = 0
    others: int | None = None

    @property
    def is_contended(self) -> bool:
        """Whether others or a throttle leave clearly less than we would take."""
        return self.limit < CONTENDED_SHARE * self.alone


@dataclass(slots=True)
class _Minute:
    """The platform's present minute, as its answers show it: from when, the most that was used, and our calls in it.

    ``before`` was used already when it began: a platform may count over a longer time than a minute.
    """

    seen: float
    before: int
    used: int
    ours: int

    @property
    def others(self) -> int:
        return max(0, self.used - self.before - self.ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """How a program spends a quota.

    ``granted_share`` is its part of what is granted where no limit is configured, ``part`` that of a configured one too;
    None: its shard's. With ``paced`` the calls are spread evenly; otherwise they are made as soon as the limit allows.
    """

    granted_share: float = DEFAULT_SHARE
    part: float | None = None
    paced: bool = True


DAEMON: Final = Spending()

COMMAND: Final = Spending(granted_share=1.0, part=0.1, paced=False)
"""A command that runs once takes a tenth, on a shard too, since a daemon may be running beside it, and is not to be waited for."""


class Quota:
    """The calls that may be made with one token."""

    def __init__(self, spending: Spending = DAEMON) -> None:
        self._spending = spending
        self._configured: float | None = None
        self._part = spending.part or 1.0
        self._calls: deque[float] = deque()
        self._next = 0.0
        self._in_flight = 0
        self._granted: int | None = None
        self._remaining: int | None = None
        self._minute: _Minute | None = None
        self._others: deque[int] = deque(maxlen=MINUTES_REMEMBERED)
        self._backoff = math.inf
        self._ceiling_of_backoff = math.inf
        self._throttled_at = -math.inf
        self._recovered_at = -math.inf

    def configure(self, calls_per_minute: float | None, part: float = 1.0) -> None:
        """Set the configured rate_limit, None: not given, and this exporter's part of it: less than 1 for a shard."""
        self._configured = calls_per_minute
        self._part = part if self._spending.part is None else self._spending.part

    def has_calls(self, now: float) -> bool:
        """Return whether a call was made within the window, or is under way."""
        return bool(self._in_flight or (self._calls and self._calls[-1] > now - WINDOW_SECONDS))

    def take(self, now: float) -> float:
        """Count a call that starts now and return 0, or count none and return the seconds to wait."""
        limit = self.limit(now)[0]
        wait = max(
            self._window_wait(limit, now), self._reserve_wait(now), self._next - now if self._spending.paced else 0.0
        )
        if wait > 1e-9:  # float noise: waiting just long enough must do
            return wait
        pace = MINUTE / limit
        self._next = max(self._next, now - SLACK_SECONDS) + pace
        self._calls.append(now)
        self._in_flight += 1
        if self._minute is not None:
            self._minute.ours += 1
        return 0.0

    def finish(self) -> None:
        """Count out a call that has ended, however it did."""
        self._in_flight -= 1

    def observe(self, now: float, granted: int, remaining: int) -> None:
        """Record an answer's ``X-RateLimit-Limit`` and ``-Remaining``, before the call is counted out."""
        if granted <= 0:
            return
        limit_before = self.limit(now)[0]
        self._granted, self._remaining = granted, max(0, min(remaining, granted))
        used, minute = granted - self._remaining, self._minute
        if minute is None or now >= minute.seen + MINUTE or 2 * used < minute.used:
            before = 0
            if minute is None:  # what was used before may be ours, from before a restart
                before = used - min(used, self._in_flight)
            else:
                self._others.append(minute.others)
                before = minute.used if used >= minute.used else 0
            self._minute = _Minute(now, before, used, min(used - before, self._in_flight))
        else:
            minute.used = max(minute.used, used)
        if (limit := self.limit(now)[0]) > limit_before:
            self._next = min(self._next, now + MINUTE / limit)  # the pace follows at once

    def throttle(self, now: float, hold_seconds: float) -> None:
        """Halve the limit after a 429; further ones while calls are held for it are the same one."""
        if now < self._throttled_at + hold_seconds:
            return
        before = self.limit(now)[0]
        self._backoff = max(LEAST_LIMIT * self._part, before / 2)
        self._ceiling_of_backoff = max(self._backoff, before * SETTLED_SHARE)
        self._throttled_at = self._recovered_at = now

    def limit(self, now: float) -> tuple[float, LimitReason]:
        """Return the calls per minute that we may make, and what decides that."""
        alone = self._limit_alone()
        self._recover(alone[0], now)
        limits = [alone, (self._backoff, LimitReason.THROTTLED)]
        if self._granted is not None and (others := self._others_calls()):
            left = (1 - RESERVED_SHARE) * self._granted - others
            limits.append((max(LEAST_LIMIT, left), LimitReason.OTHERS))
        return min(limits)

    def use(self, now: float) -> QuotaUse:
        """Return how the quota is used now."""
        limit, reason = self.limit(now)
        ours = sum(now - at <= MINUTE for at in self._calls)
        return QuotaUse(
            limit=limit,
            alone=self._limit_alone()[0],
            reason=reason,
            granted=self._granted,
            remaining=self._remaining,
            ours=ours,
            others=self._others_calls(),
        )

    def _limit_alone(self) -> tuple[float, LimitReason]:
        """Return the limit that we would have if we were alone."""
        share = self._spending.granted_share * self._part
        if self._granted is None and self._configured is None:
            return DOCUMENTED_LIMIT * share, LimitReason.DOCUMENTED
        if self._configured is None:
            return (self._granted or 0) * share, LimitReason.GRANTED
        configured = self._configured * self._part, LimitReason.CONFIGURED
        if self._granted is None:
            return configured
        return min(configured, ((1 - RESERVED_SHARE) * self._granted, LimitReason.GRANTED))

    def _others_calls(self) -> int | None:
        """Return the calls of the others in the busiest of the last minutes; None if no answer says."""
        return None if self._minute is None else max(self._minute.others, *self._others, 0)

    def _recover(self, own: float, now: float) -> None:
        """Add a step for each minute since the last 429, up to a little below the limit at which it came."""
        if math.isinf(self._backoff):
            return
        if now - self._throttled_at >= FORGET_SECONDS:
            self._ceiling_of_backoff = math.inf
        minutes = math.floor((now - self._recovered_at) / MINUTE)
        self._recovered_at += minutes * MINUTE
        self._backoff = min(self._backoff + minutes * RECOVERY_STEP * own, max(self._backoff, self._ceiling_of_backoff))
        if self._backoff >= own:
            self._backoff = math.inf

    def _window_wait(self, limit: float, now: float) -> float:
        """Return the seconds until the window has room for a call."""
        most = max(1, math.floor(limit))
        window = WINDOW_SECONDS * max(1.0, most / limit)
        while self._calls and self._calls[0] <= now - window:
            self._calls.popleft()
        return self._calls[-most] + window - now if len(self._calls) >= most else 0.0

    def _reserve_wait(self, now: float) -> float:
        """Return the seconds until the platform's minute is over for certain, if what is left of it is the others'."""
        if self._minute is None or self._granted is None or self._remaining is None:
            return 0.0
        share = RESERVED_SHARE if self._others else UNSEEN_RESERVED_SHARE
        ends = self._minute.seen + WINDOW_SECONDS
        return max(0.0, ends - now) if self._remaining <= share * self._granted else 0.0
