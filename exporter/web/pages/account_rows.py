"""The accounts of the overview: whether the platform serves them, token, quota, tasks, and their problems in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exporter.api.errors import Failure
from exporter.api.model import TaskState
from exporter.api.quota import LimitReason, QuotaUse
from exporter.metrics.records import AccountStatus
from exporter.polling.facts import CREDENTIALS_UNREADABLE, QUOTA_CONTENDED, AccountFacts
from exporter.web.pages.judging import Survey
from exporter.web.pages.language import Ago, Ahead, Moment, Phrase, Span, phrase
from exporter.web.pages.problems import account_failure_phrase, list_failure_phrase
from exporter.words.labels import ENDPOINTS, LIMIT_REASONS

SOON_SECONDS: Final = 7 * 86_400
"""A token that expires within this time is shown as a problem."""

_NO_FACTS: Final = AccountFacts(calls_needed=0.0, calls_allowed=1.0)


class Tone(StrEnum):
    """How good the news are."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    MUTED = "muted"


GRAVEST_FIRST: Final = [Tone.BAD, Tone.WARN, Tone.MUTED, Tone.GOOD]


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in words, and in ``detail`` the failure behind it or the words of the log, if there are any.

    ``is_meant`` is whether it is as configured: shown, but nothing to be done about.
    """

    words: Phrase
    tone: Tone
    detail: str = ""
    is_meant: bool = False


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as it is shown."""

    name: str
    status: AccountStatus
    facts: AccountFacts
    states: Mapping[TaskState, int]
    polled: int
    token: Phrase
    problems: Sequence[Problem]

    @property
    def is_down(self) -> bool:
        """Whether the platform does not serve it."""
        return self.status.up is False

    @property
    def is_never_listed(self) -> bool:
        """Whether discovery has failed so far, and nothing else says which tasks there are."""
        has_failed = self.facts.discovery_failure is not None and not self.facts.keeps_previous_list
        return has_failed and self.status.discovery_last_success is None and not self.polled

    @property
    def quota(self) -> float:
        """The calls that are needed as a share of those that are allowed."""
        return self.facts.calls_needed / self.facts.calls_allowed

    @property
    def limit(self) -> Phrase | None:
        """The API calls per minute that the token's limit allows now, and why not more; None if that is not known."""
        use = self.status.quota
        return None if use is None else phrase("account.limit", limit=round(use.limit), why=LIMIT_REASONS[use.reason])

    @property
    def quota_used(self) -> Sequence[Phrase]:
        """What the platform grants the token, and who used how much of it in the last minute, as far as it says."""
        use = self.status.quota
        if use is None:
            return []
        used = {"account.granted": use.granted, "account.ours": use.ours, "account.others": use.others}
        return [phrase(key, n=calls) for key, calls in used.items() if calls is not None]

    @property
    def tone(self) -> Tone:
        """How good the news of the account are."""
        if self.status.up is None:
            return Tone.MUTED
        tones = {problem.tone for problem in self.problems}
        return Tone.BAD if Tone.BAD in tones else Tone.WARN if Tone.WARN in tones else Tone.GOOD


def account_rows(
    survey: Survey, accounts: Sequence[AccountStatus], facts: Mapping[str, AccountFacts]
) -> list[AccountRow]:
    """Return a row per account, those in trouble first, else in the order of the configuration."""
    rows = [
        AccountRow(
            account.name,
            account,
            known := facts.get(account.name, _NO_FACTS),
            {state: survey.states[account.name, state] for state in TaskState},
            survey.polled[account.name],
            _token(account, survey.now),
            _problems(account, known, survey.now),
        )
        for account in accounts
    ]
    return sorted(rows, key=lambda row: GRAVEST_FIRST.index(row.tone))


def _token(account: AccountStatus, now: float) -> Phrase:
    if account.token_expiry is None:
        return phrase("token.opaque")
    left = account.token_expiry - now
    return phrase("token.expires", when=Ahead(left)) if left > 0 else phrase("token.expired", when=Ago(-left))


def _problems(account: AccountStatus, facts: AccountFacts, now: float) -> list[Problem]:
    """Return the problems of an account, the worst first."""
    return [
        *_problems_of_access(account, facts, now),
        *_problems_of_lists(account, facts),
        *_problems_of_quota(account, facts),
    ]


def _problems_of_access(account: AccountStatus, facts: AccountFacts, now: float) -> Iterator[Problem]:
    left = None if account.token_expiry is None else account.token_expiry - now
    if left is not None and left <= 0:
        yield Problem(phrase("account.token_expired", when=Ago(-left)), Tone.BAD, _summary(account.failure))
    elif account.up is False:
        yield Problem(account_failure_phrase(account.failure), Tone.BAD, _summary(account.failure))
    elif left is not None and left < SOON_SECONDS:
        yield Problem(phrase("account.token_soon", when=Ahead(left)), Tone.WARN)
    if facts.token_fault:
        yield Problem(phrase("account.token_file"), Tone.WARN, f"{CREDENTIALS_UNREADABLE}: {facts.token_fault}")
    if facts.held_seconds > 1:
        until = Moment(now + facts.held_seconds)
        yield Problem(phrase("account.held", until=until, span=Span(facts.held_seconds)), Tone.WARN)


def _problems_of_lists(account: AccountStatus, facts: AccountFacts) -> Iterator[Problem]:
    if facts.discovery_failure is not None and not _is_same(facts.discovery_failure, account.failure):
        key = "account.discovery_keeps" if facts.keeps_previous_list else "account.discovery_fails"
        words = phrase(key, why=list_failure_phrase(facts.discovery_failure))
        yield Problem(words, Tone.WARN, _summary(facts.discovery_failure))
    for endpoint, why in facts.odd_lists.items():
        if endpoint in facts.lacking_lists:
            yield Problem(phrase("account.no_list", list=ENDPOINTS[endpoint]), Tone.MUTED, why, is_meant=True)
        else:
            yield Problem(phrase("account.odd_list", list=ENDPOINTS[endpoint]), Tone.WARN, why)


def _problems_of_quota(account: AccountStatus, facts: AccountFacts) -> Iterator[Problem]:
    if account.quota is not None and account.quota.is_contended:
        yield Problem(_contended(account.quota), Tone.WARN, QUOTA_CONTENDED)
    if facts.calls_needed > facts.calls_allowed:
        yield Problem(phrase("account.over_quota"), Tone.WARN)
    if account.tasks_left_out:
        yield Problem(phrase("account.left_out", n=account.tasks_left_out), Tone.WARN)


def _summary(failure: Failure | None) -> str:
    return "" if failure is None else failure.summary


def _is_same(one: Failure, other: Failure | None) -> bool:
    """Return whether two failures have the same words for people."""
    return other is not None and one.reason == other.reason


def _contended(use: QuotaUse) -> Phrase:
    key = "account.contended_throttled" if use.reason is LimitReason.THROTTLED else "account.contended_others"
    return phrase(key, limit=round(use.limit), alone=round(use.alone))
