"""Judgement of a task by its recent calls, as the alerts judge: are too few answered, does the carrier block too many? Pure.

It is that of YunfuTaskLowAnswerRate, YunfuTaskCarrierBlocked and YunfuTaskStale in ``prometheus/rules``, where the reasons
stand beside the rules. A test compares the numbers below with theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from exporter.api.model import Task
from exporter.metrics.recent_calls import WIDE, Growth, Part, RecentCalls, is_current

Z: Final = 2.7
"""Standard errors of a Wilson bound."""
LIMITS: Final = {600: 0.6, 1800: 0.6, 5400: 0.75, 21_600: 1.0}
"""By span in seconds: how low the answer ratio in it must be, as a share of the threshold."""
ENOUGH_CALLS: Final = 50
"""Calls in the span that says how it is now, unless it is the longest."""
LOW_WITH_CALLS_IN, BELOW_WITH_CALLS_IN = 1800, 5400
"""Spans in seconds without a call in which no task becomes low, and none stays so."""

BLOCKED_SPAN: Final = 1800
BLOCKED_LIMIT, UNUSUAL_LIMIT = 0.3, 0.1
"""Carrier blocks as a share of results: what is too much, and what is if it is UNUSUAL times the share of the past."""
UNUSUAL: Final = 3.0
CALM_LIMIT: Final = 0.1
"""The share of carrier blocks that a half hour of the past must not exceed to be compared with."""
PAST_SPAN: Final = 172_800
PAST_RESULTS: Final = 50
BLOCKED_HOLD: Final = 600
"""Seconds for which a share that was too much counts as too much."""

PENDING: Final = 120.0
"""Seconds for which calls are in trouble before anybody is told."""
STALE_INTERVALS, STALE_SECONDS, STALE_PENDING = 2.5, 300.0, 300.0
"""How old statistics may be, in intervals of the task and seconds beside them, and for how many seconds they may be older."""


class Finding(NamedTuple):
    """Trouble with the calls of the last ``span`` seconds: ``found`` are those answered, or results that are carrier blocks.

    ``since`` is when it began, by the store's clock.
    """

    since: float
    span: int
    found: Part

    def holds(self, now: float) -> bool:
        """Return whether it has lasted for as long as an alert waits, at a moment of the store's clock."""
        return now - self.since >= PENDING

    def shifted(self, seconds: float) -> Finding:
        """Return the finding with its begin later by some seconds."""
        return self._replace(since=self.since + seconds)


class Trouble(NamedTuple):
    """What is wrong with a task's recent calls: too few are answered, too many are blocked, or both."""

    low: Finding | None = None
    blocked: Finding | None = None

    def shifted(self, seconds: float) -> Trouble:
        """Return the trouble with its begin later by some seconds."""
        return Trouble(*(found and found.shifted(seconds) for found in self))


_NONE: Final = Trouble()


def watch(
    packed: bytes, before: Trouble | None, task: Task, growth: Growth, now: float
) -> tuple[bytes, Trouble | None]:
    """Return a task's recent calls and its trouble after a poll at a moment of the store's clock; None: there is none.

    ``packed`` and ``before`` are those after the poll before.
    """
    dials = is_dialling(task)
    if not any(growth) and before is None and (is_current(packed, now) or (packed and not dials)):
        return packed, None  # what changes without calls is seen when a bin begins
    recent = RecentCalls.unpack(packed)
    hour = recent.at // WIDE
    recent.advance(now)
    recent.add(growth)
    blocked = recent.blocked(BLOCKED_SPAN)
    _note_blocked(recent, blocked)
    below = _below(recent, task.min_answer_ratio) if dials else {}
    if recent.at // WIDE != hour:
        recent.keep_hour(Part(0, 0) if below or bound(blocked, -Z) > CALM_LIMIT else blocked)
    trouble = _NONE
    if dials:
        last = before or _NONE
        low = _low(below, task.min_answer_ratio, last.low, now) if below else None
        trouble = Trouble(low, _blocked(recent, blocked, last.blocked, now))
    return recent.pack(), None if trouble == _NONE else trouble


def is_dialling(task: Task) -> bool:
    """Return whether the alerts on calls speak of a task: it neither is paused nor waits, and it is no inbound one."""
    return task.state.may_call and task.kind != "inbound"


def is_stale(age: float, interval: float) -> bool:
    """Return whether the alert on unread tasks speaks of a success of some seconds ago, of a task with such an interval."""
    return age >= STALE_INTERVALS * interval + STALE_SECONDS + STALE_PENDING


def bound(part: Part, z: float) -> float:
    """Return a Wilson bound of a share, the upper one for a positive ``z``, the lower one for a negative; 0 of nothing."""
    if not part.of:
        return 0.0
    share, count = part.share, part.of
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (share + z * z / (2 * count) + spread) / (1 + z * z / count)


def _below(recent: RecentCalls, threshold: float) -> dict[int, Part]:
    """Return the calls answered by span, if the ratio is under the threshold now; nothing if it is not."""
    answered: dict[int, Part] = {}
    is_judged = False
    for span, part in zip(LIMITS, recent.answered(LIMITS), strict=True):
        answered[span] = part
        if not is_judged and (part.of >= ENOUGH_CALLS or len(answered) == len(LIMITS)):
            if part.share >= threshold or not part.of:
                return {}  # nearly always, and mostly after the shortest span
            is_judged = True
    return answered if answered[BELOW_WITH_CALLS_IN].of else {}


def _low(answered: Mapping[int, Part], threshold: float, before: Finding | None, now: float) -> Finding | None:
    """Return that too few calls are answered, by the shortest span that proves it; what was found holds while it is below."""
    proofs = [span for span, part in answered.items() if _is_proof(part, LIMITS[span] * threshold, threshold)]
    if not (proofs and answered[LOW_WITH_CALLS_IN].of):
        if before is None or not before.holds(now):
            return None
        proofs = [next((span for span, part in answered.items() if part.of >= ENOUGH_CALLS), max(answered))]
    return Finding(now if before is None else before.since, proofs[0], answered[proofs[0]])


def _is_proof(part: Part, limit: float, threshold: float) -> bool:
    return part.of > 0 and part.share < limit and bound(part, Z) < threshold


def _note_blocked(recent: RecentCalls, blocked: Part) -> None:
    """Note carrier blocks that are surely too much, now."""
    if blocked.share <= UNUSUAL_LIMIT:
        return  # nearly always, and its lower bound is lower still
    share = bound(blocked, -Z)
    if share > UNUSUAL_LIMIT:
        recent.over_usual = 0
    if share > BLOCKED_LIMIT:
        recent.over_limit = 0


def _blocked(recent: RecentCalls, blocked: Part, before: Finding | None, now: float) -> Finding | None:
    """Return that the carrier blocks too many, or many more than in the past."""
    if not blocked.of or recent.over_usual > BLOCKED_HOLD:
        return None
    if recent.over_limit > BLOCKED_HOLD:
        past = recent.blocked_before(PAST_SPAN)
        if past.of < PAST_RESULTS or blocked.share <= UNUSUAL * past.share:
            return None
    return Finding(now if before is None else before.since, BLOCKED_SPAN, blocked)
