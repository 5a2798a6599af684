"""The accounts of the overview and their problems."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from exporter.api.errors import Failure
from exporter.polling.facts import AccountFacts
from exporter.web.pages.account_rows import Tone
from tests.support.pages import ENGLISH, NOW, REFUSED, Filled, stats


@pytest.mark.parametrize(
    ("status", "facts", "words", "tone"),
    [
        ({}, {}, [], Tone.GOOD),
        ({"up": None}, {}, [], Tone.MUTED),
        ({"up": False, "failure": REFUSED}, {}, ["The platform does not accept the token."], Tone.BAD),
        ({"up": False, "failure": Failure("connect", "x")}, {}, ["The platform cannot be reached."], Tone.BAD),
        (
            {"up": False, "failure": REFUSED, "token_expiry": NOW - 7200},
            {"held_seconds": 40},
            ["The token expired 2 h ago.", "Calls are paused for another 40 s."],
            Tone.BAD,
        ),
        ({"token_expiry": NOW + 3 * 86_400}, {}, ["The token expires in 3 days."], Tone.WARN),
        ({"token_expiry": NOW + 8 * 86_400}, {}, [], Tone.GOOD),
        (
            {},
            {"discovery_failure": Failure("http_5xx", "x")},
            ["Discovery fails; the previous list stays in use"],
            Tone.WARN,
        ),
        ({}, {"calls_needed": 600}, ["The quota is too small: all intervals are stretched 2.0 times."], Tone.WARN),
        ({"tasks_left_out": 1}, {}, ["1 task is not polled because the account is over its max_tasks."], Tone.WARN),
    ],
)
def test_an_account_s_troubles_are_said_in_words(
    filled: Filled, status: Mapping[str, object], facts: Mapping[str, object], words: list[str], tone: Tone
) -> None:
    """What is wrong, the worst first, and what to do; what is well is not mentioned."""
    filled.account(**{"up": True, **status})  # type: ignore[arg-type]  # as the row says
    filled.facts["main"] = AccountFacts(**{"calls_needed": 30, "calls_allowed": 300, **facts})  # type: ignore[arg-type]
    (row,) = filled.overview().accounts
    said = [ENGLISH(problem.words) for problem in row.problems]
    assert len(said) == len(words)
    assert all(text.startswith(start) for text, start in zip(said, words, strict=True))
    assert row.tone is tone


def test_accounts_in_trouble_come_first_and_are_named(filled: Filled) -> None:
    """One is named in the verdict, several are counted."""
    filled.task("a", stats())
    filled.account("second", up=False, failure=REFUSED)
    assert [row.name for row in filled.overview().accounts] == ["second", "main"]
    assert filled.verdict()[0].endswith("; account second cannot use the platform")
    filled.account("third", up=False, failure=REFUSED)
    assert filled.verdict() == (
        "none of 1 running task is below its answer-rate threshold; 2 of 3 accounts cannot use the platform",
        Tone.BAD,
    )
