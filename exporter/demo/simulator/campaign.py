"""The model of a campaign: numbers that are dialled, answer or do not, are redialled, and run out. Pure and repeatable.

A campaign lives in ticks of one simulated minute and draws from its own generator, so its history depends on its
seed alone, not on when or how often it is asked. A tick's calls are drawn together: random bytes, which a table of 256
entries turns into outcomes. Times are Unix seconds of simulated time; the platform is in China.
"""

from __future__ import annotations

import random
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from exporter.demo.simulator.talks import (
    GRADE_CELLS,
    ROUND_CELLS,
    TAG_CELLS,
    TAG_NAMES,
    TALK_CELLS,
    Script,
    make_table,
)

TICK_SECONDS: Final = 60
HISTORY_BUCKET_SECONDS: Final = 300
HISTORY_SECONDS: Final = 48 * 3600
CHINA_OFFSET_SECONDS: Final = 8 * 3600
DAY_SECONDS: Final = 86_400
MOST_ATTEMPTS: Final = 3
REDIAL_TICKS: Final = 30

WAITING, CONNECTED, CARRIER_BLOCKED, REJECTED, NO_ANSWER, INVALID, POWERED_OFF, SUSPENDED, BUSY = range(9)
INCOMING_BARRED, ARREARS, BLACKLISTED, USER_BLOCKED = range(9, 13)
STATUSES: Final = 13
REDIALLED: Final = frozenset({REJECTED, NO_ANSWER, POWERED_OFF, BUSY})

_CONNECTED_DURING_BLOCK: Final = 0.08
_CELLS: Final = STATUSES + TALK_CELLS
"""What is counted stands in one row of cells: dial results by status, then what answered calls came to."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a campaign is like. Shares are 0-1, ``lines`` is calls at once, dial windows are hours of the day."""

    size: int
    lines: int
    answer_share: float
    bad_share: float
    script: float
    windows: tuple[tuple[float, float], ...]
    begin: float

    @classmethod
    def draw(cls, rng: random.Random, start: float, scale: float) -> Traits:
        """Make up a campaign that was begun in the hours before ``start``."""
        windows = (((9.0, 12.0), (13.5, 20.0)), ((9.5, 11.5), (14.0, 21.0)), ((8.5, 20.5),))
        return cls(
            size=max(40, int(scale * 10 ** (1.6 + 2.9 * rng.random() ** 0.6))),
            lines=rng.choice((5, 10, 10, 20, 40)),
            answer_share=rng.uniform(0.25, 0.5),
            bad_share=rng.uniform(0.02, 0.15),
            script=rng.random(),
            windows=rng.choice(windows),
            begin=start - 300 * int(18 * 12 * rng.random() ** 3),  # most of them today
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been counted: calls, dial results by status, grades, rounds and tags of the answered calls."""

    cells: Sequence[int] = field(default=(0,) * _CELLS)

    def __add__(self, other: Counts) -> Counts:
        return Counts([mine + theirs for mine, theirs in zip(self.cells, other.cells, strict=True)])

    def __sub__(self, other: Counts) -> Counts:
        return Counts([mine - theirs for mine, theirs in zip(self.cells, other.cells, strict=True)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and list(self.cells) == list(other.cells)

    __hash__ = None  # type: ignore[assignment]  # Python's own way of saying that lists are inside

    @property
    def answered(self) -> int:
        """Return the number of calls that were answered."""
        return self.cells[CONNECTED]

    @property
    def unanswered(self) -> int:
        """Return the number of calls that were not."""
        return sum(self.results) - self.answered

    @property
    def results(self) -> list[int]:
        """Return the dial results by status."""
        return list(self.cells[:STATUSES])

    @property
    def grades(self) -> list[int]:
        """Return the answered calls by grade, A to E."""
        return list(self.cells[STATUSES:][GRADE_CELLS])

    @property
    def rounds(self) -> list[int]:
        """Return the answered calls by rounds of conversation."""
        return list(self.cells[STATUSES:][ROUND_CELLS])

    @property
    def tags(self) -> dict[str, int]:
        """Return how often each tag was given, of those that were."""
        return {tag: count for tag, count in zip(TAG_NAMES, self.cells[STATUSES:][TAG_CELLS], strict=True) if count}


class Campaign:
    """A list of numbers being worked off. ``incident`` is "", "carrier_block" or "bad_list"."""

    def __init__(self, traits: Traits, seed: str, *, keeps_history: bool = True) -> None:
        self.traits = traits
        self.incident = ""
        self.paused = False
        self._rng = random.Random(seed)
        self._next_tick = int(traits.begin // TICK_SECONDS)
        self._cells = [0] * _CELLS
        self._keeps_history = keeps_history
        self._outcomes: tuple[tuple[int, str], bytes] = (-1, ""), b""
        self._script = Script(traits.script)
        self._restart()

    @property
    def lifetime(self) -> Counts:
        """All that ever happened, resets or not: what tests compare with."""
        return Counts(list(self._cells))

    @property
    def counts(self) -> Counts:
        """What the platform counts: all since the last reset."""
        return self.lifetime - self._at_reset

    def reset(self) -> None:
        """Start the list again from nothing, as the platform does when a task is restarted."""
        self._restart()

    def pause(self, now: float, *, paused: bool) -> None:
        """Stop or go on dialling; redials that came due meanwhile are made up for."""
        self.advance(now)
        self.paused = paused
        self._next_tick = max(self._next_tick, int(now // TICK_SECONDS))

    @property
    def is_finished(self) -> bool:
        """Return whether all numbers have their final status."""
        return not self.numbers[WAITING] and not self._redials

    @property
    def progress(self) -> float:
        """Return the share of numbers that have their final status, 0-1."""
        pending = self.numbers[WAITING] + sum(count for _, _, _, count in self._redials)
        return 1 - pending / self.traits.size

    def advance(self, now: float) -> None:
        """Live through the ticks up to ``now``."""
        last = int(now // TICK_SECONDS)
        while self._next_tick < last:
            tick = self._next_tick
            wake = self._idle_until(tick)
            if wake > tick:
                self._next_tick = min(wake, last)
                continue
            self._next_tick = tick + 1
            self._redial(tick)
            if self.numbers[WAITING]:
                self._dial(tick)

    def is_dialling(self, now: float) -> bool:
        """Return whether calls are made at this time."""
        return not self.paused and not self.is_finished and self._in_window(now)

    def between(self, begin: float, end: float) -> Counts:
        """Return what happened in a span, by the five-minute buckets that begin in it, as far back as history reaches."""
        return self._before(end) - self._before(begin)

    def _before(self, moment: float) -> Counts:
        """Return what had been counted when the first bucket began that does not begin before this moment."""
        return Counts(next((cells for bucket, cells in self._history if bucket >= moment), tuple(self._cells)))

    def _restart(self) -> None:
        self.numbers = [0] * STATUSES
        self.numbers[WAITING] = self.traits.size
        self._at_reset = self.lifetime
        self._history: deque[tuple[float, array[int]]] = deque()  # where a bucket began, and what was counted till then
        self._waiting = [self.traits.size] + [0] * (MOST_ATTEMPTS - 1)  # by how often they have been dialled
        self._redials: deque[tuple[int, int, int, int]] = deque()  # due tick, status, how often dialled, how many

    def _in_window(self, now: float) -> bool:
        hour = (now + CHINA_OFFSET_SECONDS) % DAY_SECONDS / 3600
        return any(begin <= hour < end for begin, end in self.traits.windows)

    def _idle_until(self, tick: int) -> int:
        """Return the next tick in which anything happens; ``tick`` itself if that is now."""
        if self.paused or self.is_finished:
            return 2**62
        if not self._in_window(tick * TICK_SECONDS):
            return self._next_opening(tick)
        return tick if self.numbers[WAITING] else max(tick, self._redials[0][0])

    def _next_opening(self, tick: int) -> int:
        midnight = (tick * TICK_SECONDS + CHINA_OFFSET_SECONDS) // DAY_SECONDS * DAY_SECONDS - CHINA_OFFSET_SECONDS
        openings = (midnight + day * DAY_SECONDS + begin * 3600 for day in (0, 1) for begin, _ in self.traits.windows)
        return min(int(opening // TICK_SECONDS) for opening in openings if opening > tick * TICK_SECONDS)

    def _redial(self, tick: int) -> None:
        while self._redials and self._redials[0][0] <= tick:
            _, status, attempts, count = self._redials.popleft()
            self.numbers[status] -= count
            self.numbers[WAITING] += count
            self._waiting[attempts] += count

    def _dial(self, tick: int) -> None:
        attempts = next(attempts for attempts, waiting in enumerate(self._waiting) if waiting)
        dialled = min(self._waiting[attempts], max(1, round(self.traits.lines * self._rng.uniform(1.0, 1.6))))
        self._waiting[attempts] -= dialled
        self.numbers[WAITING] -= dialled
        self._remember(tick * TICK_SECONDS)
        outcomes = self._rng.randbytes(dialled).translate(self._outcome_table(tick))
        for status in range(CONNECTED, STATUSES):
            if count := outcomes.count(status):
                self._cells[status] += count
                self.numbers[status] += count
                if status in REDIALLED and attempts + 1 < MOST_ATTEMPTS:
                    self._redials.append((tick + REDIAL_TICKS, status, attempts + 1, count))
        self._script.count_talks(self._rng, outcomes.count(CONNECTED), self._cells, STATUSES)

    def _outcome_table(self, tick: int) -> bytes:
        hour = (tick * TICK_SECONDS + CHINA_OFFSET_SECONDS) % DAY_SECONDS // 3600
        key = hour, self.incident
        if self._outcomes[0] != key:
            self._outcomes = key, make_table(self._weights(hour))
        return self._outcomes[1]

    def _weights(self, hour: int) -> list[float]:
        """Return how likely each status is; fewer people answer around noon and late."""
        answer = self.traits.answer_share * (1.1 - 0.02 * abs(hour - 15))
        bad = self.traits.bad_share
        weights = [
            0.0,
            0.0,
            0.03,
            0.12,
            0.33,
            0.5 * bad,
            0.08,
            0.3 * bad,
            0.14,
            0.01,
            0.2 * bad,
            0.005,
            0.008,
        ]
        if self.incident == "carrier_block":
            answer, weights[CARRIER_BLOCKED] = _CONNECTED_DURING_BLOCK, 2.5
        elif self.incident == "bad_list":
            answer, weights[INVALID], weights[SUSPENDED] = answer / 2, 1.2, 0.4
        rest = (1 - answer) / sum(weights)
        weights = [weight * rest for weight in weights]
        weights[CONNECTED] = answer
        return weights

    def _remember(self, moment: float) -> None:
        bucket = moment // HISTORY_BUCKET_SECONDS * HISTORY_BUCKET_SECONDS
        if not self._keeps_history or (self._history and self._history[-1][0] == bucket):
            return
        self._history.append((bucket, array("I", self._cells)))
        while self._history[0][0] < bucket - HISTORY_SECONDS:
            self._history.popleft()
