"""The user's patterns: they match as Python does, and none takes longer than it may."""

from __future__ import annotations

import re
import signal
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import patterns
from exporter.patterns import MATCH_SECONDS, REST_SECONDS, BoundedPattern, fullmatches
from tests.support.accounts import collected_logs

ENDLESS = [
    (r"(\w+\s?)+", "a" * 40 + "。"),
    (r"(a|a)*b", "a" * 40),
    (r"(.*)*x", "老" * 60),
    (r"(?:(?:a*)*)*b", "a" * 500),
    (r".*.*.*.*.*.*x", "a" * 3000),
    (r"((a{1,30}){1,30}){1,30}b", "a" * 100),
    (r"(a*)*\1b", "a" * 3000),
]
"""Patterns with texts for which Python tries ways to match for hours at least."""


def bounded(pattern: str) -> tuple[BoundedPattern, list[float]]:
    """Return a pattern, and the clock that it goes by, to be moved by hand."""
    clock = [0.0]
    return BoundedPattern(re.compile(pattern, re.DOTALL), lambda: clock[0]), clock


def match(pattern: BoundedPattern, text: str) -> bool | None:
    """Match one text."""
    return fullmatches([(pattern, text)])[0]


@given(
    st.text("ab老。 \n", max_size=12), st.sampled_from([".*", "a+b?", "[^a]*", "老.*|.*b", r"(?i)A\w*", r"(?!a).*", ""])
)
def test_what_is_decided_is_what_python_says(text: str, pattern: str) -> None:
    """Within its time a pattern matches as ever, with all of Python's syntax."""
    assert match(bounded(pattern)[0], text) is (re.fullmatch(pattern, text, re.DOTALL) is not None)


@pytest.mark.parametrize(("pattern", "text"), ENDLESS)
def test_no_match_takes_long(pattern: str, text: str) -> None:
    """What takes too long is not decided; other texts are, and the alarm is as it was before."""
    it, _ = bounded(pattern)
    before, begin = signal.getsignal(signal.SIGVTALRM), time.perf_counter()
    assert match(it, text) is None
    assert time.perf_counter() - begin < 5  # a busy machine
    assert match(it, "老") is (pattern == r"(\w+\s?)+")
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    assert signal.getsignal(signal.SIGVTALRM) is before


@pytest.mark.parametrize(("pattern", "text"), ENDLESS)
def test_a_pattern_that_takes_long_leaves_those_beside_it_alone(pattern: str, text: str) -> None:
    """Matched together, all but the one that takes too long are decided, before it and after it."""
    patterns = [bounded(each)[0] for each in (".*", pattern, "(?s).+", "x")]
    assert fullmatches([(each, text) for each in patterns]) == [True, None, True, False]
    assert fullmatches([]) == []


@pytest.mark.parametrize(("pattern", "text"), ENDLESS)
def test_a_text_that_takes_long_leaves_those_beside_it_alone(pattern: str, text: str) -> None:
    """Of many texts all but the one that takes too long are decided, before it and after it."""
    it, _ = bounded(pattern)
    texts = ["", text, "\n", "老"]
    plain = [it.pattern.fullmatch(each) is not None for each in texts if each is not text]
    assert fullmatches([(it, each) for each in texts]) == [plain[0], None, *plain[1:]]


def test_one_alarm_serves_thousands_of_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """To set one takes forty times as long as a usual match."""
    alarms: list[float] = []

    def alarm(seconds: float) -> AbstractContextManager[None]:
        alarms.append(seconds)
        return nullcontext()

    monkeypatch.setattr(patterns, "_alarm", alarm)
    it, _ = bounded(".*")
    assert fullmatches([(it, str(number)) for number in range(5000)]) == [True] * 5000
    assert alarms == [MATCH_SECONDS]


def test_however_many_texts_take_long_few_are_tried() -> None:
    """A pattern is broken off three times in half a minute; a text that took too long is not tried again at all."""
    it, clock = bounded(r"(\w+\s?)+")
    tries: list[str] = []
    plain = it.pattern

    class Counting:
        pattern = plain.pattern

        def fullmatch(self, text: str) -> object:
            tries.append(text)
            return plain.fullmatch(text)

    it.pattern = cast(re.Pattern[str], Counting())
    texts = [f"{'a' * 40}{number}。" for number in range(100)]
    with collected_logs() as messages:
        assert [match(it, text) for text in texts] == [None] * 100
        assert tries == texts[:3]
        clock[0] += REST_SECONDS
        assert [match(it, text) for text in texts] == [None] * 100
        assert tries == texts[:6]
        clock[0] += REST_SECONDS
        assert match(it, "good") is True
    assert messages == [
        "a pattern takes too long to match; what it cannot decide on is polled, and gets nothing from a rule"
    ]


def test_slow_matches_take_a_little_time_in_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of them, none of which is broken off, would hold up the loop for minutes; in the end all are decided."""
    it, clock = bounded(".*")
    processor = [0.0]
    tries: list[str] = []
    monkeypatch.setattr(time, "thread_time", lambda: processor[0])

    class Slow:
        pattern = ".*"

        def fullmatch(self, text: str) -> object:
            tries.append(text)
            processor[0] += 0.04
            return text if text != "1" else None

    it.pattern = cast(re.Pattern[str], Slow())
    texts = [str(number) for number in range(12)]
    expected: list[bool | None] = [text != "1" for text in texts]
    with collected_logs() as messages:
        for known in (4, 8, 12):
            assert fullmatches([(it, text) for text in texts]) == expected[:known] + [None] * (12 - known)
            assert tries == texts[:known]
            clock[0] += REST_SECONDS
    assert len(messages) == 1


def test_a_busy_machine_is_not_blamed_on_a_pattern() -> None:
    """A match during which the process does not run for long is decided all the same."""
    it, _ = bounded(".*")

    class Delayed:
        def fullmatch(self, text: str) -> object:
            time.sleep(2 * MATCH_SECONDS)  # as when other processes have the processor
            return text

    it.pattern = cast(re.Pattern[str], Delayed())
    assert match(it, "a") is True


def test_what_took_too_long_is_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many texts are kept, however many there are."""
    monkeypatch.setattr(patterns, "_MOST_REMEMBERED", 2)
    it, clock = bounded(r"(a|a)*b")
    for number in range(4):
        clock[0] += REST_SECONDS
        assert match(it, "a" * (40 + number)) is None
    assert [*it._slow] == ["a" * 42, "a" * 43]


def test_outside_of_the_main_thread_a_match_goes_on() -> None:
    """Only the main thread can be interrupted; elsewhere, where no event loop waits, a match takes its time."""
    it, _ = bounded("a*")
    found: list[bool | None] = []
    thread = threading.Thread(target=lambda: found.append(match(it, "aaa")))
    thread.start()
    thread.join()
    assert found == [True]


def test_patterns_are_compared_by_how_they_are_written() -> None:
    """What one has seen makes it no other: a reload leaves alone accounts whose settings are the same."""
    one, two = bounded("(a|a)*b")[0], bounded("(a|a)*b")[0]
    match(one, "a" * 40)
    assert one == two
    assert (repr(one), str(one)) == (repr(two), "(a|a)*b")
    assert hash(one) == hash(two)
    assert one != bounded("a")[0]
