"""Patterns that more than one package knows: of the platform's values, and the user's, which are matched in bounded time."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Final

from exporter.logs import get_logger

log = get_logger(__name__)

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""A UUID in lower case, as the platform writes its ids."""

TOKEN_SIGN: Final = "eyJ"  # noqa: S105 - no token, only how one begins
"""What every JSON web token begins with (RFC 7519: the Base64 of an opening brace and quotation mark)."""

NO_TOKENS: Final = (
    (re.compile(r""".*["'`“”‘’]""", re.DOTALL), "has quotation marks"),
    (re.compile(r"(authorization\s*:|bearer\s|basic\s)", re.IGNORECASE), "is written as in a header"),
    (
        re.compile(rf"(export\s+)?(?!{TOKEN_SIGN})[a-z_]\w*\s*=[^=]", re.IGNORECASE | re.ASCII),
        "is written as NAME=TOKEN",
    ),
)
"""What is often taken for a token, by its beginning, and what is wrong with it."""

MATCH_SECONDS: Final = 0.05
"""The processor time that one match may take; a usual one takes microseconds."""

SLOW_SECONDS: Final = 0.0001
"""The processor time from which a match counts as slow: its result is remembered, and its time is counted."""

ALLOWED_SECONDS: Final = 3 * MATCH_SECONDS
"""The processor time of a pattern's slow matches in REST_SECONDS; when it is used up, no other text is tried."""

REST_SECONDS: Final = 30.0
_MOST_REMEMBERED: Final = 10_000


class BoundedPattern:
    """A regular expression of the user's, whose matches take a bounded time. Two are equal if they are written alike.

    Python's engine tries every way to match, of which some patterns have more than there are seconds, and nothing else
    runs meanwhile. It looks for signals, though, so an alarm breaks it off: in the main thread, where the event loop is. The
    alarm goes by processor time, or a busy machine would be blamed on a pattern.
    """

    def __init__(self, pattern: re.Pattern[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.pattern = pattern
        self._clock = clock
        self._slow: dict[str, bool | None] = {}  # results by text, None: it was broken off
        self._used = 0.0  # of ALLOWED_SECONDS, since a time
        self._used_since = float("-inf")
        self._is_told = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundedPattern) and self.pattern == other.pattern

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __repr__(self) -> str:
        return repr(self.pattern)

    def __str__(self) -> str:
        return self.pattern.pattern

    def try_match(self, text: str) -> bool | None:
        """Return whether the whole text matches; None if the pattern has used up its time. Raises TimeoutError if an alarm rings."""
        if self._slow:
            if text in self._slow:
                return self._slow[text]
            if self._used >= ALLOWED_SECONDS and self._clock() - self._used_since < REST_SECONDS:
                return None
        before = time.thread_time()
        result = self.pattern.fullmatch(text) is not None
        if (seconds := time.thread_time() - before) >= SLOW_SECONDS:
            self._remember(text, seconds, result=result)
        return result

    def break_off(self, text: str) -> None:
        """Remember that the match with a text was broken off."""
        self._remember(text, MATCH_SECONDS, result=None)

    def _remember(self, text: str, seconds: float, *, result: bool | None) -> None:
        now = self._clock()
        if now - self._used_since >= REST_SECONDS:
            self._used, self._used_since = 0.0, now
        self._used += seconds
        self._slow[text] = result
        if len(self._slow) > _MOST_REMEMBERED:
            del self._slow[next(iter(self._slow))]

    def tell(self, text: str) -> None:
        """Log, the first time, that a text is not decided on."""
        if not self._is_told:
            what = "a pattern takes too long to match; what it cannot decide on is polled, and gets nothing from a rule"
            log.warning(what, pattern=str(self), text=text[:100])
        self._is_told = True


def fullmatches(pairs: Sequence[tuple[BoundedPattern, str]]) -> list[bool | None]:
    """Return for each pattern and text whether the whole text matches; None if that takes too long to find out.

    One alarm serves all, as a usual match takes a fortieth of the time that it takes to set one.
    """
    found: list[bool | None] = []
    while (first := len(found)) < len(pairs):
        with suppress(TimeoutError), _alarm(MATCH_SECONDS):
            for each, text in islice(pairs, first, None):
                found.append(each.try_match(text))  # one by one: an alarm leaves those before it
        if len(found) == first:  # it had all of the time, not what others before it left
            pattern, text = pairs[first]
            pattern.break_off(text)
            found.append(None)
    if None in found:  # told here, where no alarm can ring in the middle
        for (pattern, text), result in zip(pairs, found, strict=True):
            if result is None:
                pattern.tell(text)
    return found


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after some seconds of processor time; outside of the main thread never."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _ring(*_: object) -> None:
    raise TimeoutError
