"""Causes that several tasks share."""

from __future__ import annotations

import pytest

from exporter.api.errors import Exchange, Failure
from exporter.api.model import TaskStats
from exporter.metrics.records import PollOutcome
from exporter.web.pages.account_rows import Tone
from tests.support.pages import ENGLISH, REFUSED, Filled, stats


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (
            PollOutcome(failure=Failure("http_5xx", "x"), exchange=Exchange(503, None, 0.1)),
            "the platform answers HTTP 503",
        ),
        (PollOutcome(failure=REFUSED), "the platform does not accept the token"),
        (PollOutcome(failure=Failure("http_418", "x")), "the platform answers HTTP 418"),
        (PollOutcome(failure=Failure("nonsense", "x")), "the log says why"),
    ],
)
def test_a_cause_says_what_why_and_since_when(filled: Filled, outcome: PollOutcome, said: str) -> None:
    """Since the first of the tasks had it; orange until it is an alarm, then red."""
    for name in "abcd":
        filled.task(name, outcome)
        filled.now += 5
    (cause,) = filled.overview().causes
    since = "since 12:53:20 UTC+8"
    assert (ENGLISH(cause.words), cause.tone) == (f"The last polls of 4 tasks failed: {said}, {since}", Tone.WARN)
    filled.now += 300
    for name in "abcd":
        filled.task(name, outcome)
    (cause,) = filled.overview().causes
    assert (ENGLISH(cause.words), cause.tone, cause.count) == (f"4 tasks cannot be read: {said}, {since}", Tone.BAD, 4)


def test_a_cause_has_the_platforms_own_message_if_it_is_one(filled: Filled) -> None:
    """With several there is no room for them: each task's row has its own."""
    for name in "abc":
        filled.task(name, PollOutcome(failure=Failure("api_error", "x", said="余额不足")))
    (cause,) = filled.overview().causes
    assert ENGLISH(cause.words).startswith(
        "The last polls of 3 tasks failed: the platform refuses the call (“余额不足”), "
    )
    filled.task("a", PollOutcome(failure=Failure("api_error", "x", said="系统繁忙")))
    (cause,) = filled.overview().causes
    assert ENGLISH(cause.words).startswith("The last polls of 3 tasks failed: the platform refuses the call, ")


def test_tasks_without_calls_and_numbers_are_one_line_with_why(filled: Filled) -> None:
    """Nobody knows since when."""
    for name in "abc":
        filled.task(name, TaskStats(missing=("answer_rate",)))
    (cause,) = filled.overview().causes
    words = "3 running tasks are read, but have neither calls nor numbers: the answer lacks answer_rate"
    assert (ENGLISH(cause.words), cause.tone) == (words, Tone.WARN)


def test_overdue_tasks_are_laid_to_their_account_if_that_is_down(filled: Filled) -> None:
    """The moment is when the first of them should have been read."""
    for name in "abc":
        filled.task(name, stats())
    filled.now += 400
    (cause,) = filled.overview().causes
    assert ENGLISH(cause.words) == "The next polls of 3 tasks are overdue, since 12:54:20 UTC+8"
    filled.now += 400
    (cause,) = filled.overview().causes
    assert ENGLISH(cause.words) == "3 tasks are overdue although their last poll worked, since 12:54:20 UTC+8"
    filled.account(up=False, failure=REFUSED)
    (cause,) = filled.overview().causes
    assert ENGLISH(cause.words) == "3 tasks are overdue: their account cannot use the platform, since 12:54:20 UTC+8"


def test_tasks_that_lack_their_numbers_for_different_causes_are_different_lines(filled: Filled) -> None:
    """What one answer lacks is not said of another that has it in an unknown form."""
    for name in "abc":
        filled.task(name, TaskStats(missing=("answer_rate",)))
        filled.task(name + name, TaskStats(unread={"answer_rate.answered": 1}))
    said = [ENGLISH(cause.words).partition(": ")[2] for cause in filled.overview().causes]
    assert said == ["the answer lacks answer_rate", "the answer's answer_rate.answered cannot be read"]


def test_the_worst_cause_comes_first(filled: Filled) -> None:
    """By standing, then by how many tasks share it; fewer than three share nothing."""
    filled.fail(*"abc", outcome=PollOutcome(failure=REFUSED))
    filled.fail(*"defg", outcome=PollOutcome(failure=Failure("connect", "x")))
    for name in "hij":
        filled.task(name, TaskStats())
    filled.fail(*"kl", outcome=PollOutcome(failure=Failure("tls", "x")))
    assert [each.key for each in filled.overview().causes] == ["failing-connect", "failing-http_401", "empty-nothing"]
