"""Recent calls of a task, packed: what polls saw grow, in bins that are wider the older they are. Pure.

There is one of them for each of thousands of tasks, so it is kept as bytes of one layout. Three tiers of bins cover six
hours: fine ones the last half hour, with the results of numbers, middle ones the next hour, wide ones the rest. What has
grown in a bin counts as spread evenly over it, where only a part of it is asked for. The past beside them is what
``trouble`` compares the results with.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import sub
from typing import Final, NamedTuple

FINE, MIDDLE, WIDE, HALF_DAY = 300, 600, 3600, 43_200
"""Widths of bins in seconds; each divides the next."""
FINE_BINS, MIDDLE_BINS, WIDE_BINS, HALF_DAYS = 7, 7, 6, 5
"""Bins kept: for 30 minutes, 90 minutes, 6 hours and 2 days, with the one that such a span ends in."""

_PACKED: Final = struct.Struct(f"<IHHHB{4 * FINE_BINS + 2 * (MIDDLE_BINS + WIDE_BINS + HALF_DAYS + 1)}H")
_AT: Final = struct.Struct("<IH")
_MIDDLE_AT: Final = 4 * FINE_BINS
_WIDE_AT: Final = _MIDDLE_AT + 2 * MIDDLE_BINS
_PAST_AT: Final = _WIDE_AT + 2 * WIDE_BINS
_END: Final = 0xFFFF_FFFF
_KNOWN_LONG: Final = 0xFF
_FULL: Final = 0xFFFF
_ALL_BINS: Final = 6 * WIDE // FINE + 2 * WIDE // FINE

SIZE: Final = _PACKED.size
"""Bytes of a task's recent calls."""
LONG_AGO: Final = _FULL
"""Seconds, as a time ago: that long, or longer, or never."""


_Bin = tuple[int, int, int, int]
"""When it begins and ends, and what is in it: a number, and a part of that."""


class Growth(NamedTuple):
    """What has grown between two polls: calls and those answered, results of numbers and those that are carrier blocks."""

    calls: int = 0
    answered: int = 0
    results: int = 0
    blocked: int = 0

    def since(self, before: Growth) -> Growth:
        """Return what has grown since less was counted."""
        return Growth(*map(sub, self, before))


class Part(NamedTuple):
    """A part of a number of calls or results, both as sums over bins; of a bin's edge they hold fractions."""

    part: float
    of: float

    @property
    def share(self) -> float:
        """The share, 0-1; 0 of nothing is 0."""
        return min(1.0, self.part / self.of) if self.of else 0.0


class Bin(NamedTuple):
    """The calls between two moments, given as seconds ago: ``begin`` is the greater. The calls answered are among them."""

    begin: float
    end: float
    calls: int
    answered: int

    @property
    def calls_per_minute(self) -> float:
        """Calls per minute."""
        return 60 * self.calls / max(1.0, self.begin - self.end)


def trend(packed: bytes, now: float) -> tuple[Bin, ...]:
    """Return the calls of the last hour at a moment of the store's clock, the oldest bin first, without gaps.

    Bins are 5 minutes for half an hour and 10 minutes before that; the newest is only as long as it has lasted. A task
    seen for a shorter time has fewer of them, one that was never seen to grow has none.
    """
    recent = RecentCalls.unpack(packed)
    recent.advance(now)
    now -= recent.offset
    known = min(3600.0, recent.at % FINE + FINE * recent.known)
    bins = [Bin(now - begin, max(0.0, now - end), calls, answered) for begin, end, calls, answered in recent.bins()]
    return tuple(reversed([each for each in bins if each.begin <= known + 1]))


def is_current(packed: bytes, now: float) -> bool:
    """Return whether no bin has begun since packed calls were brought up to date."""
    if len(packed) != SIZE:
        return False
    at, offset = _AT.unpack_from(packed)
    return bool(int(now - offset) // FINE <= at // FINE)


def shifted(packed: bytes, seconds: float) -> bytes:
    """Return packed calls for a clock that has been shifted by some seconds: they are as long ago as before."""
    recent = RecentCalls.unpack(packed)
    half_days, recent.offset = divmod(recent.offset + round(seconds), HALF_DAY)
    recent.at += half_days * HALF_DAY
    return recent.pack() if packed and 0 < recent.at < _END else b""  # there are none of other centuries


def _zeros(count: int) -> list[int]:
    return [0] * count


@dataclass(slots=True)
class RecentCalls:
    """The recent calls, unpacked; all bins are flat lists, the newest bin first.

    ``at`` is when it last was brought up to date, in whole seconds of a clock that the store's is ``offset`` seconds
    ahead of: less than half a day, by which the bins keep their edges when the store's clock is shifted. ``known`` is
    for how many fine bins before the newest the task has been watched. ``over_usual`` and ``over_limit`` are seconds
    before ``at``, of ``trouble``. ``past`` has results and carrier blocks by half days, after those of the last whole
    hour, which count from half an hour later on.
    """

    at: int = 0
    offset: int = 0
    over_usual: int = LONG_AGO
    over_limit: int = LONG_AGO
    known: int = 0
    fine: list[int] = field(default_factory=lambda: _zeros(4 * FINE_BINS))
    middle: list[int] = field(default_factory=lambda: _zeros(2 * MIDDLE_BINS))
    wide: list[int] = field(default_factory=lambda: _zeros(2 * WIDE_BINS))
    past: list[int] = field(default_factory=lambda: _zeros(2 * (HALF_DAYS + 1)))

    @classmethod
    def unpack(cls, packed: bytes) -> RecentCalls:
        """Return what was packed; of bytes of another length, of no bytes and of another layout, there is nothing."""
        if len(packed) != SIZE:
            return cls()
        at, offset, over_usual, over_limit, known, *bins = _PACKED.unpack(packed)
        middle, wide, past = bins[_MIDDLE_AT:_WIDE_AT], bins[_WIDE_AT:_PAST_AT], bins[_PAST_AT:]
        return cls(at, offset, over_usual, over_limit, known, bins[:_MIDDLE_AT], middle, wide, past)

    def pack(self) -> bytes:
        """Return it as SIZE bytes."""
        bins = *self.fine, *self.middle, *self.wide, *self.past
        return _PACKED.pack(self.at, self.offset, self.over_usual, self.over_limit, self.known, *bins)

    def advance(self, now: float) -> None:
        """Bring it up to date at a moment of the store's clock; a clock that was set back stands still meanwhile."""
        now -= self.offset
        if not self.at:
            self.at = int(now)
        elif now > self.at:
            begun = range(self.at // FINE + 1, int(now) // FINE + 1)
            if begun:
                self._begin_bins(begun[-_ALL_BINS:])
            self._begin_past(int(now))
            passed = int(now) - self.at
            self.over_usual = min(LONG_AGO, self.over_usual + passed)
            self.over_limit = min(LONG_AGO, self.over_limit + passed)
            self.known = min(_KNOWN_LONG, self.known + len(begun))
            self.at = int(now)

    def add(self, growth: Growth) -> None:
        """Add what has grown since the poll before, now."""
        _add(self.fine, growth)

    def bins(self) -> Iterator[_Bin]:
        """Yield the bins of calls and those answered, the newest first."""
        newest = self.at // FINE
        end = self.at
        for place in range(FINE_BINS):
            begin = (newest - place) * FINE
            yield begin, end, self.fine[4 * place], self.fine[4 * place + 1]
            end = begin
        for bins, width in ((self.middle, MIDDLE), (self.wide, WIDE)):
            for place in range(0, len(bins), 2):
                begin = (end - 1) // width * width
                yield begin, end, bins[place], bins[place + 1]
                end = begin

    def answered(self, spans: Iterable[int]) -> Iterator[Part]:
        """Yield the calls answered in the last seconds of each span, the shortest first, of the calls."""
        return _sums((self.at - span for span in spans), self.bins())

    def blocked(self, span: int) -> Part:
        """Return the carrier blocks in the last seconds, half an hour at most, of the results of numbers."""
        return next(_sums([self.at - span], self._even_bins(FINE, self.fine[2::4], self.fine[3::4])))

    def keep_hour(self, blocked: Part) -> None:
        """Keep the results of the half hour before a whole hour, to be compared with from half an hour later on."""
        self.past[:2] = round(blocked.of), round(blocked.part)
        _fit(self.past, 2)

    def blocked_before(self, span: int) -> Part:
        """Return the carrier blocks, of the results that were kept, in the last seconds, two days at most."""
        return next(_sums([self.at - span], self._even_bins(HALF_DAY, self.past[2::2], self.past[3::2])))

    def _even_bins(self, width: int, wholes: Iterable[int], parts: Iterable[int]) -> Iterator[_Bin]:
        begin, end = self.at // width * width, self.at
        for whole, part in zip(wholes, parts, strict=True):
            yield begin, end, whole, part
            begin, end = begin - width, begin

    def _begin_bins(self, begun: range) -> None:
        """Begin fine bins, by their number since the epoch. What leaves a tier goes into the bin of the next that it lies in."""
        for number in begun:
            calls, answered, _, _ = _shift(self.fine, 4)
            left = number - FINE_BINS
            if left * FINE % MIDDLE == 0:
                older = _shift(self.middle, 2)
                left = left * FINE // MIDDLE - MIDDLE_BINS
                if left * MIDDLE % WIDE == 0:
                    _shift(self.wide, 2)
                _add(self.wide, older)
            _add(self.middle, (calls, answered))

    def _begin_past(self, now: int) -> None:
        """Begin half days, and let the results kept at a whole hour count once half an hour has passed since."""
        for _ in range(min(HALF_DAYS, now // HALF_DAY - self.at // HALF_DAY)):
            self.past[2:2] = 0, 0
            del self.past[-2:]
        if now // (WIDE // 2) != self.at // (WIDE // 2):
            kept, self.past[:2] = self.past[:2], (0, 0)
            newest = self.past[2:4]
            _add(newest, kept)
            self.past[2:4] = newest


def _shift(bins: list[int], width: int) -> list[int]:
    """Begin an empty bin of some numbers; return the oldest, which leaves."""
    oldest = bins[-width:]
    del bins[-width:]
    bins[:0] = _zeros(width)
    return oldest


def _add(bins: list[int], numbers: Iterable[int]) -> None:
    """Add to the newest bin."""
    width = 0
    for width, number in enumerate(numbers, 1):
        bins[width - 1] += number
    _fit(bins, width)


def _fit(bins: list[int], width: int) -> None:
    """Halve the numbers of the newest bin until they fit: of so many, their shares say all that is asked."""
    while max(bins[:width]) > _FULL:
        bins[:width] = [number // 2 for number in bins[:width]]


def _sums(edges: Iterable[int], bins: Iterable[_Bin]) -> Iterator[Part]:
    """Yield the sum from each edge on, the latest first, with the part of the bin that an edge lies in."""
    whole = part = 0
    left = iter(edges)
    edge = next(left)
    for begin, end, bin_whole, bin_part in bins:
        while begin < edge:
            inside = max(0.0, (end - edge) / (end - begin))
            yield Part(part + inside * bin_part, whole + inside * bin_whole)
            try:
                edge = next(left)
            except StopIteration:
                return
        whole += bin_whole
        part += bin_part
    for _ in (edge, *left):
        yield Part(part, whole)
