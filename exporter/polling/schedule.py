"""The schedule of polls: cadence by state, spread over the interval, the most overdue first, back-off. Pure.

Time is passed in, in seconds of any steady clock. A schedule is one account's, since quotas are per account.

A task's polls lie on a grid: its interval, shifted by a hash of its id, so that polls of many tasks never bunch. As long
as the quota suffices, polls start when they are due. When it does not, the task goes first that is the most overdue in
proportion to its interval, and its next poll is due a whole interval after the start, not at the grid's next point: so
everyone's interval stretches by the same factor, and none starves.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import random
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from exporter.api.model import TaskState

STILL_POLLS: Final = 3
"""Polls without a change after which a task of unknown state is taken to stand still."""

MAX_BACKOFF_SECONDS: Final = 300.0
"""The longest back-off of a failing task, unless its interval is longer."""

LATE_SHARE: Final = 0.1
"""A poll that starts later than by this share of its interval moves the task off its grid: the next one is a whole interval later, not at the next point of the grid."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cadence:
    """The seconds between two polls of a task that runs or moves, and of one that does not."""

    interval: float
    idle_interval: float

    def of(self, state: TaskState, *, still_polls: int, finished: bool = False) -> float:
        """Return a task's interval; ``still_polls`` is how many polls in a row brought no change.

        What moves is worth watching, whatever the platform calls it. A task whose state is not known, since it was
        listed by hand, drifts towards the idle interval while it stands still, and snaps back at the first change.
        """
        if still_polls == 0 or (state is TaskState.RUNNING and not finished):
            return self.interval
        if state is not TaskState.UNKNOWN or finished:
            return self.idle_interval
        doublings = min(max(0, still_polls - STILL_POLLS + 1), 30)
        return min(self.idle_interval, self.interval * 2.0**doublings)


def back_off(interval: float, failures: int, rng: random.Random) -> float:
    """Return the seconds to the next try after ``failures`` in a row (1 or more): doubling, bounded, with jitter."""
    seconds = interval * 2.0 ** min(failures - 1, 30)
    return min(seconds, max(interval, MAX_BACKOFF_SECONDS)) * rng.uniform(0.75, 1.25)


def spread(text: str) -> float:
    """Return the text's fixed place in [0, 1); the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).digest()) / 2**48


@dataclass(slots=True)
class _Entry(Generic[Key]):
    """A key with its interval (seconds) and when it is due (the schedule's clock)."""

    key: Key
    phase: float
    interval: float
    due: float
    version: int = 0
    in_flight: bool = False
    on_grid: bool = True


@dataclass(frozen=True, slots=True)
class Due(Generic[Key]):
    """A poll to start now, due since ``since`` (the schedule's clock). ``version`` distinguishes it from other polls of the key."""

    key: Key
    since: float
    version: int


class Schedule(Generic[Key]):
    """The polls of one account. What was popped is in flight until ``done`` says when its key is due again."""

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry[Key]] = {}
        self._queues: dict[float, list[tuple[float, int, Key]]] = {}  # by interval: a heap by due time
        self._intervals: Counter[float] = Counter()
        self._serial = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def polls_per_second(self) -> float:
        """The demand: the polls per second that the intervals ask for."""
        return sum(count / interval for interval, count in self._intervals.items())

    def interval(self, key: Key) -> float:
        """Return a key's interval in seconds. Raises KeyError."""
        return self._entries[key].interval

    def add(self, key: Key, identity: str, interval: float, now: float, *, due: float | None = None) -> None:
        """Add a key; ``identity`` decides its slot in the interval (seconds). It is due at ``due``, or if not given, now."""
        entry = _Entry(key, spread(identity), interval, now if due is None else due)
        self._entries[key] = entry
        self._intervals[interval] += 1
        self._push(entry)

    def move_to_slot(self, key: Key, now: float) -> None:
        """Bring a key's next poll forward to its next slot."""
        entry = self._entries[key]
        entry.due = min(entry.due, _next_turn(entry, now))
        self._push(entry)

    def remove(self, key: Key) -> None:
        """Remove a key, in flight or not; an unknown one is no error."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._count_out(entry.interval)

    def set_interval(self, key: Key, interval: float, now: float, *, on_grid: bool = True) -> None:
        """Change a key's interval; a shorter one brings its next poll forward.

        Off the grid, for intervals that change all the time, the wait for the next poll grows or shrinks like the interval,
        and each later poll is due a whole interval after the one before.
        """
        entry = self._entries[key]
        if (interval, on_grid) == (entry.interval, entry.on_grid):
            return
        before, shorter = entry.interval, interval < entry.interval
        self._count_out(before)
        self._intervals[interval] += 1
        entry.interval, entry.on_grid = interval, on_grid
        if entry.in_flight:
            return
        if not on_grid:
            if entry.due > now:
                entry.due = now + (entry.due - now) * interval / before
            self._push(entry)
            return
        turn = _next_turn(entry, now)
        if shorter:
            entry.due = min(entry.due, turn)
        elif entry.due > now:
            entry.due = max(entry.due, turn)
        self._push(entry)

    def pop(self, now: float) -> Due[Key] | None:
        """Return what to poll now, the most overdue in proportion to its interval first, or None if nothing is due.

        Of what is as overdue, the shorter interval goes first: at a start, the running tasks.
        """
        first, most = None, (-1.0, 0.0)
        for interval, queue in self._queues.items():
            due = self._first_due(queue)
            if due <= now and (urgency := ((now - due) / interval, -interval)) > most:
                first, most = queue, urgency
        if first is None:
            return None
        since, version, key = heapq.heappop(first)
        self._entries[key].in_flight = True
        return Due(key, since, version)

    def due_in(self, key: Key, now: float) -> float | None:
        """Return the seconds until a key is due, 0 if it is; None while it is in flight, or if it is not known."""
        entry = self._entries.get(key)
        return None if entry is None or entry.in_flight else max(0.0, entry.due - now)

    def next_due(self, now: float) -> float:
        """Return the seconds until something is due; infinity if nothing ever is."""
        return max(0.0, min(map(self._first_due, self._queues.values()), default=math.inf) - now)

    def done(self, poll: Due[Key], started: float, now: float, *, retry_in: float | None = None) -> None:
        """Record the end of a poll: the next is due at the key's next slot, or after a back-off of ``retry_in`` seconds.

        A poll whose key was removed meanwhile is no error, nor is one whose key was added again.
        """
        entry = self._entries.get(poll.key)
        if entry is None or entry.version != poll.version:
            return
        entry.in_flight = False
        if retry_in is not None:
            entry.due = now + retry_in
        elif not entry.on_grid or started - poll.since > LATE_SHARE * entry.interval:
            entry.due = started + entry.interval
        else:
            entry.due = _next_turn(entry, started)
        self._push(entry)

    def _push(self, entry: _Entry[Key]) -> None:
        """Queue an entry under a new version, which makes its earlier items void; void items are removed in bulk."""
        self._serial += 1
        entry.version = self._serial
        queue = self._queues.setdefault(entry.interval, [])
        if len(queue) > 2 * self._intervals[entry.interval] + 16:
            queue[:] = [item for item in queue if not self._is_void(item)]
            heapq.heapify(queue)
        heapq.heappush(queue, (entry.due, entry.version, entry.key))

    def _first_due(self, queue: list[tuple[float, int, Key]]) -> float:
        while queue and self._is_void(queue[0]):
            heapq.heappop(queue)
        return queue[0][0] if queue else math.inf

    def _is_void(self, item: tuple[float, int, Key]) -> bool:
        entry = self._entries.get(item[2])
        return entry is None or entry.version != item[1]

    def _count_out(self, interval: float) -> None:
        self._intervals[interval] -= 1
        if not self._intervals[interval]:
            del self._intervals[interval]
            self._queues.pop(interval, None)


def _next_turn(entry: _Entry[Key], after: float) -> float:
    """Return the first point of the entry's grid later than ``after``."""
    offset = entry.phase * entry.interval
    turns = math.floor((after - offset) / entry.interval) + 1
    turn = offset + turns * entry.interval
    return turn if turn > after else turn + entry.interval
