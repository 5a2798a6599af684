"""When to poll what: cadence by state, spread over the interval, earliest deadline first, back-off. Pure.

Time is passed in, in seconds of any steady clock. A schedule is one account's, since quotas are per account.

A task's polls lie on a grid: its interval, shifted by a hash of its id, so that polls of many tasks never bunch. A poll is
due at a grid point and its deadline is one interval later. As long as the quota suffices, polls start when they are
due. When it does not, the earliest deadline goes first: everyone's interval then stretches in proportion, and since a
waiting task's deadline stands still while the others' move on, none starves.
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

from exporter.model import TaskState

STILL_POLLS: Final = 3
"""Polls without a change after which a task of unknown state is taken to stand still."""

MAX_BACKOFF_SECONDS: Final = 300.0
"""The longest back-off of a failing task, unless its interval is longer."""

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
    """Return the seconds to the next try after so many failures in a row (1 or more): doubling, bounded, with jitter."""
    seconds = interval * 2.0 ** min(failures - 1, 30)
    return min(seconds, max(interval, MAX_BACKOFF_SECONDS)) * rng.uniform(0.75, 1.25)


def spread(text: str) -> float:
    """Return the text's fixed place in [0, 1); the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).digest()) / 2**48


@dataclass(slots=True)
class _Entry(Generic[Key]):
    key: Key
    phase: float
    interval: float
    due: float
    version: int = 0
    in_flight: bool = False


@dataclass(frozen=True, slots=True)
class Due(Generic[Key]):
    """A poll to start now, and since when it has been due."""

    key: Key
    since: float


class Schedule(Generic[Key]):
    """The polls of one account. A popped key is in flight until ``done`` says when it is due again."""

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry[Key]] = {}
        self._waiting: list[tuple[float, int, Key]] = []  # by due time
        self._ready: list[tuple[float, int, Key]] = []  # by deadline
        self._intervals: Counter[float] = Counter()
        self._serial = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def polls_per_second(self) -> float:
        """The demand: how many polls a second the intervals ask for."""
        return sum(count / interval for interval, count in self._intervals.items())

    def interval(self, key: Key) -> float:
        """Return a key's interval in seconds. Raises KeyError."""
        return self._entries[key].interval

    def add(self, key: Key, identity: str, interval: float, now: float, *, at_once: bool = True) -> None:
        """Take in a key; ``identity`` decides its place in the interval. It is due at once, or at its next turn."""
        entry = _Entry(key, spread(identity), interval, now)
        if not at_once:
            entry.due = _next_turn(entry, now)
        self._entries[key] = entry
        self._intervals[interval] += 1
        self._push(entry)

    def remove(self, key: Key) -> None:
        """Take out a key, in flight or not; an unknown one is no error."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._count_out(entry.interval)

    def set_interval(self, key: Key, interval: float, now: float) -> None:
        """Change a key's interval; a shorter one brings its next poll forward."""
        entry = self._entries[key]
        if interval == entry.interval:
            return
        shorter = interval < entry.interval
        self._count_out(entry.interval)
        self._intervals[interval] += 1
        entry.interval = interval
        if not entry.in_flight:
            turn = _next_turn(entry, now)
            entry.due = (
                min(entry.due, turn) if shorter else max(entry.due, turn) if entry.due > now else entry.due
            )
            self._push(entry)

    def pop(self, now: float) -> Due[Key] | None:
        """Return what to poll now, the earliest deadline first, or None if nothing is due."""
        self._advance(now)
        while self._ready:
            _, version, key = heapq.heappop(self._ready)
            entry = self._entries.get(key)
            if entry is not None and entry.version == version:
                entry.in_flight = True
                return Due(key, entry.due)
        return None

    def next_due(self, now: float) -> float:
        """Return the seconds until something is due; infinity if nothing ever is."""
        self._advance(now)
        if self._ready:
            return 0.0
        return max(0.0, self._waiting[0][0] - now) if self._waiting else math.inf

    def done(self, key: Key, started: float, now: float, *, retry_in: float | None = None) -> None:
        """Say that a poll has ended: the next is due at the key's next turn, or after a back-off of ``retry_in``."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.in_flight = False
        entry.due = _next_turn(entry, started) if retry_in is None else now + retry_in
        self._push(entry)

    def _push(self, entry: _Entry[Key]) -> None:
        """Queue an entry; what the heaps held of it before is void by its version."""
        self._serial += 1
        entry.version = self._serial
        heapq.heappush(self._waiting, (entry.due, entry.version, entry.key))

    def _advance(self, now: float) -> None:
        """Move what has become due from the queue by due time to the one by deadline."""
        while self._waiting and (self._waiting[0][0] <= now or self._is_void(self._waiting[0])):
            due, version, key = item = heapq.heappop(self._waiting)
            if not self._is_void(item):
                heapq.heappush(self._ready, (due + self._entries[key].interval, version, key))

    def _is_void(self, item: tuple[float, int, Key]) -> bool:
        entry = self._entries.get(item[2])
        return entry is None or entry.version != item[1]

    def _count_out(self, interval: float) -> None:
        self._intervals[interval] -= 1
        if not self._intervals[interval]:
            del self._intervals[interval]


def _next_turn(entry: _Entry[Key], after: float) -> float:
    """Return the first point of the entry's grid later than ``after``."""
    offset = entry.phase * entry.interval
    turns = math.floor((after - offset) / entry.interval) + 1
    turn = offset + turns * entry.interval
    return turn if turn > after else turn + entry.interval
