"""The model of a campaign: numbers that are dialled, answer or do not, are redialled, and run out. Pure and repeatable.

A campaign lives in ticks of one simulated minute and draws from a generator of its own, so its history depends on its
seed alone, not on when or how often it is asked. Times are Unix seconds of simulated time; the platform is in China.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Final

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

ROUNDS: Final = ("1", "2~5", "6~10", "11~20", ">20")
TAGS: Final = (  # by grade A to E: what a language model says of such calls
    ("感兴趣", "有时间", "代理商大会"),
    ("感兴趣", "稍后联系"),
    ("无意向", "拒加微", "价格太高"),
    ("在忙", "稍后联系"),
    ("敷衍", "礼貌"),
)

_CONNECTED_DURING_BLOCK: Final = 0.08


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
            size=max(40, int(scale * 10 ** rng.uniform(2.3, 4.3))),
            lines=rng.choice((5, 10, 10, 20, 40)),
            answer_share=rng.uniform(0.25, 0.5),
            bad_share=rng.uniform(0.02, 0.15),
            script=rng.random(),
            windows=rng.choice(windows),
            begin=start - rng.randrange(0, 36) * 3600 / 2,
        )


@dataclass(slots=True)
class Counts:
    """What has been counted: calls, dial results by status, grades, rounds and tags of the answered calls."""

    answered: int = 0
    unanswered: int = 0
    results: list[int] = field(default_factory=lambda: [0] * STATUSES)
    grades: list[int] = field(default_factory=lambda: [0] * 5)
    rounds: list[int] = field(default_factory=lambda: [0] * 5)
    tags: dict[str, int] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Add what another has counted."""
        self.answered += other.answered
        self.unanswered += other.unanswered
        for mine, theirs in (
            (self.results, other.results),
            (self.grades, other.grades),
            (self.rounds, other.rounds),
        ):
            for index, count in enumerate(theirs):
                mine[index] += count
        for tag, count in other.tags.items():
            self.tags[tag] = self.tags.get(tag, 0) + count


def binomial(rng: random.Random, trials: int, probability: float) -> int:
    """Draw how many of ``trials`` succeed: exactly for few, by the normal approximation for many."""
    if trials <= 0 or probability <= 0:
        return 0
    if probability >= 1:
        return trials
    if trials <= 24:  # where drawing each is about as cheap
        return sum(rng.random() < probability for _ in range(trials))
    mean = trials * probability
    drawn = round(rng.gauss(mean, (mean * (1 - probability)) ** 0.5))
    return min(trials, max(0, drawn))


def split(rng: random.Random, total: int, weights: list[float]) -> list[int]:
    """Share ``total`` out at random by weight."""
    shares, left, rest = [], total, sum(weights)
    for weight in weights[:-1]:
        share = binomial(rng, left, weight / rest) if rest > 0 else 0
        shares.append(share)
        left -= share
        rest -= weight
    return [*shares, left]


class Campaign:
    """A list of numbers being worked off. ``incident`` is "", "carrier_block" or "bad_list"."""

    def __init__(self, traits: Traits, seed: str, *, keeps_history: bool = True) -> None:
        self.traits = traits
        self.incident = ""
        self.paused = False
        self.lifetime = Counts()
        """All that ever happened, resets or not: what tests compare with."""
        self._rng = random.Random(seed)
        self._next_tick = int(traits.begin // TICK_SECONDS)
        self._history: deque[tuple[float, Counts]] | None = deque() if keeps_history else None
        self._restart()

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
        """Tell whether all numbers have their final status."""
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
        """Tell whether calls are made at this time."""
        return not self.paused and not self.is_finished and self._in_window(now)

    def between(self, begin: float, end: float) -> Counts:
        """Return what happened in a span, by the five-minute buckets that begin in it, as far back as history reaches."""
        total = Counts()
        for moment, counts in self._history or ():
            if begin <= moment < end:  # spans that share an end share no call
                total.add(counts)
        return total

    def _restart(self) -> None:
        self.counts = Counts()
        self.numbers = [0] * STATUSES
        self.numbers[WAITING] = self.traits.size
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
        made = Counts(results=split(self._rng, dialled, self._weights(tick)))
        made.answered = made.results[CONNECTED]
        made.unanswered = dialled - made.answered
        self._talk(made)
        self.numbers[WAITING] -= dialled
        for status, count in enumerate(made.results):
            self.numbers[status] += count
            if count and status in REDIALLED and attempts + 1 < MOST_ATTEMPTS:
                self._redials.append((tick + REDIAL_TICKS, status, attempts + 1, count))
        self.counts.add(made)
        self.lifetime.add(made)
        self._remember(tick * TICK_SECONDS, made)

    def _weights(self, tick: int) -> list[float]:
        """Return how likely each status is; fewer people answer around noon and late."""
        hour = (tick * TICK_SECONDS + CHINA_OFFSET_SECONDS) % DAY_SECONDS / 3600
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

    def _talk(self, made: Counts) -> None:
        """Let the answered calls come to something: a good script holds people longer and wins more of them."""
        script = self.traits.script
        grades = [0.05 + 0.15 * script, 0.1 + 0.1 * script, 0.35 - 0.15 * script, 0.2, 0.3 - 0.1 * script]
        made.grades = split(self._rng, made.answered, grades)
        lengths = [0.55 - 0.2 * script, 0.3, 0.1 + 0.1 * script, 0.04 + 0.06 * script, 0.01 + 0.04 * script]
        made.rounds = split(self._rng, made.answered, lengths)
        for grade, count in enumerate(made.grades):
            for tag in TAGS[grade]:
                if tagged := binomial(self._rng, count, 0.4):
                    made.tags[tag] = made.tags.get(tag, 0) + tagged

    def _remember(self, moment: float, made: Counts) -> None:
        if self._history is None:
            return
        bucket = moment // HISTORY_BUCKET_SECONDS * HISTORY_BUCKET_SECONDS
        if self._history and self._history[-1][0] == bucket:
            self._history[-1][1].add(made)
            return
        kept = Counts()
        kept.add(made)
        self._history.append((bucket, kept))
        while self._history[0][0] < bucket - HISTORY_SECONDS:
            self._history.popleft()
