"""The accounts of the overview and their problems."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from exporter.api.errors import Failure
from exporter.api.quota import LimitReason, QuotaUse
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
            {"up": False, "failure": Failure("http_403", "x", said="余额不足")},
            {},
            ["The platform refuses every call of the account."],
            Tone.BAD,
        ),
        (
            {"up": False, "failure": REFUSED, "token_expiry": NOW - 7200},
            {"held_seconds": 40},
            [
                "The token expired 2 h ago.",
                "API calls of the account are paused until 12:54:00 UTC+8, for another 40 s.",
            ],
            Tone.BAD,
        ),
        ({"token_expiry": NOW + 3 * 86_400}, {}, ["The token expires in 3 days."], Tone.WARN),
        ({"token_expiry": NOW + 8 * 86_400}, {}, [], Tone.GOOD),
        (
            {},
            {"discovery_failure": Failure("http_5xx", "x")},
            ["Discovery fails: The platform has an internal error."],
            Tone.WARN,
        ),
        (
            {},
            {"discovery_failure": Failure("http_5xx", "x"), "keeps_previous_list": True},
            ["Discovery fails; the previous list stays in use: The platform has an internal error."],
            Tone.WARN,
        ),
        (
            {"up": False, "failure": REFUSED},
            {"discovery_failure": Failure(REFUSED.reason, "the list tasks: no")},
            ["The platform does not accept the token."],
            Tone.BAD,
        ),
        (
            {},
            {"odd_lists": {"tasks": "x", "new_tasks": "y"}},
            [
                "A task list of the platform is not as documented: Tasks 1.0. The tasks in it are polled all the same. The log says what is odd:",
                "A task list of the platform is not as documented: Tasks 2.0.",
            ],
            Tone.WARN,
        ),
        (
            {},
            {"odd_lists": {"new_tasks": "y"}, "lacking_lists": frozenset({"new_tasks"})},
            ["The platform has no task list Tasks 2.0; the others are read."],
            Tone.GOOD,
        ),
        (
            {},
            {"discovery_failure": Failure("http_404", "the platform has no task list at /agent-api/x", said="无")},
            ["Discovery fails: The platform has no such task list. Check discovery.generations, user_id and base_url."],
            Tone.WARN,
        ),
        ({"quota": QuotaUse(limit=28, alone=30, reason=LimitReason.OTHERS)}, {}, [], Tone.GOOD),
        (
            {"quota": QuotaUse(limit=18, alone=30, reason=LimitReason.OTHERS)},
            {},
            [
                "Other programs use much of the token's quota and leave 18 API calls per minute to the exporter instead of 30."
            ],
            Tone.WARN,
        ),
        (
            {"quota": QuotaUse(limit=15, alone=30, reason=LimitReason.THROTTLED)},
            {"calls_needed": 600},
            [
                "The platform answered 429 (too many calls), so the exporter makes 15 API calls per minute instead of 30",
                "The quota is too small, so running tasks that make few phone calls are polled less often.",
            ],
            Tone.WARN,
        ),
        ({}, {"token_fault": "x"}, ["Until the token file can be read, a new token cannot take effect."], Tone.WARN),
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


@pytest.mark.parametrize(
    ("use", "limit", "used"),
    [
        (None, "", []),
        (
            QuotaUse(limit=30, alone=30, reason=LimitReason.DOCUMENTED, ours=4),
            "Token limit 30: share of the documented 60; the platform has not said what it grants",
            ["exporter used 4"],
        ),
        (
            QuotaUse(
                limit=560.4, alone=600, reason=LimitReason.OTHERS, granted=1200, remaining=9, ours=305, others=400
            ),
            "Token limit 560: what other programs leave",
            ["Platform grants 1,200", "exporter used 305", "others up to 400"],
        ),
    ],
)
def test_the_quota_says_who_uses_it(filled: Filled, use: QuotaUse | None, limit: str, used: list[str]) -> None:
    """The limit in force and why; what is granted, ours and the others', as far as the platform says."""
    filled.account(quota=use)
    (row,) = filled.overview().accounts
    assert ("" if row.limit is None else ENGLISH(row.limit)) == limit
    assert list(map(ENGLISH, row.quota_used)) == used


@pytest.mark.parametrize(
    ("facts", "quota", "detail"),
    [
        ({"odd_lists": {"tasks": "a page is empty"}}, None, "a page is empty"),
        (
            {"token_fault": "/t is empty"},
            None,
            "token file cannot be read; the previous token stays in use: /t is empty",
        ),
        (
            {},
            QuotaUse(limit=18, alone=30, reason=LimitReason.OTHERS),
            "the API quota is contended; tasks are polled less often",
        ),
    ],
)
def test_what_the_log_says_is_there_in_its_words(
    filled: Filled, facts: Mapping[str, object], quota: QuotaUse | None, detail: str
) -> None:
    """The log's line can be found by what the page says."""
    filled.account(quota=quota)
    filled.facts["main"] = AccountFacts(**{"calls_needed": 30, "calls_allowed": 300, **facts})  # type: ignore[arg-type]
    ((problem,),) = [row.problems for row in filled.overview().accounts]
    assert problem.detail == detail


def test_accounts_in_trouble_come_first(filled: Filled) -> None:
    """One that is down before one that is well."""
    filled.task("a", stats())
    filled.account("second", up=False, failure=REFUSED)
    assert [row.name for row in filled.overview().accounts] == ["second", "main"]
