"""The page of one task, as values: its condition, its last polls, every series, and why one is absent. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry

from exporter.api.model import TaskRef
from exporter.lists.choices import Choice
from exporter.metrics import families
from exporter.metrics.exposition import Page, Sample, read_samples
from exporter.metrics.families import Family
from exporter.metrics.poll_history import Poll, read_polls
from exporter.metrics.records import AccountStatus, TaskRecord
from exporter.polling.facts import AccountFacts
from exporter.web.exporter import Exporter
from exporter.web.pages.account_rows import Tone
from exporter.web.pages.causes import TONES
from exporter.web.pages.judging import Glance, Standing, glance
from exporter.web.pages.language import Ago, Ahead, Phrase, phrase
from exporter.web.pages.problems import list_failure_phrase, task_problem
from exporter.web.pages.trend import Trend, task_trend
from exporter.words.text import Text

WINDOWS: Final = "yunfu_task_window_…"
"""Stands for all families of windows, when there is none."""


@dataclass(frozen=True, slots=True)
class Series:
    """A metric family of a task: its samples, or why there is none."""

    name: str
    title: Text
    samples: Sequence[Sample]
    why_not: Phrase | None

    @property
    def windows(self) -> Mapping[str, Sequence[Sample]]:
        """The samples by window; those of the whole life by an empty text."""
        found: dict[str, list[Sample]] = {}
        for sample in self.samples:
            found.setdefault(sample.labels.get("window", ""), []).append(sample)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """All that a task's page shows. ``answer`` says what is on /metrics of the task and what is not, and why."""

    seen: Glance
    trend: Trend | None
    problem: Phrase | None
    answer: Phrase
    next_poll: float | None
    paused_until: float | None
    polls: Sequence[Poll]
    series: Sequence[Series]
    lines: str

    @property
    def read(self) -> Mapping[str, int]:
        """How many values were read of each field of the last answer; none if the last poll failed."""
        stats = self.seen.stats
        rate = [stats.answered, stats.unanswered, stats.answer_ratio, stats.progress_ratio]
        counts = {
            "answer_rate": sum(value is not None for value in rate),
            "number_status": len(stats.numbers),
            "intention": len(stats.intention_calls) + len(stats.intention_ratios),
            "rounds": len(stats.round_calls),
            "tags": len(stats.tag_calls),
            "llm_tags": len(stats.llm_tag_calls),
        }
        return {name: count for name, count in counts.items() if count} if self.seen.record.status.up else {}

    @property
    def unread(self) -> Sequence[str]:
        """The fields of the last answer that cannot be read; those that are not known are counted beside them."""
        return [field for field in self.seen.stats.unread if field != "unknown"]

    @property
    def unknown(self) -> Phrase | None:
        """The fields of the last answer that are not known; None if there are none."""
        fields = self.seen.stats.unknown
        return phrase("detail.unknown", fields=", ".join(fields)) if fields else None

    @property
    def present(self) -> Sequence[Series]:
        """The series that are there."""
        return [each for each in self.series if each.why_not is None]

    @property
    def absent(self) -> Sequence[tuple[Phrase, Sequence[str]]]:
        """The metrics that are not there, by the reason why."""
        reasons = [each.why_not for each in self.series if each.why_not is not None]
        distinct = [reason for index, reason in enumerate(reasons) if reason not in reasons[:index]]
        return [(reason, [each.name for each in self.series if each.why_not == reason]) for reason in distinct]

    @property
    def tone(self) -> Tone:
        """How good the news of the task are."""
        if self.seen.standing is Standing.WELL and self.seen.is_unjudged:
            return Tone.WARN
        return TONES.get(self.seen.standing, Tone.MUTED)


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no page for what was asked: sentences, and where else to look."""

    sentences: Sequence[Phrase]
    elsewhere: Sequence[TaskRef] = ()


def find(exporter: Exporter, account: str, task: str) -> TaskRecord | Choice | Missing:
    """Return the page of a task by account and id, or why there is none."""
    store = exporter.store
    accounts = {status.name for status in store.accounts()} | set(exporter.accounts)
    if account not in accounts:
        known = ", ".join(sorted(accounts))
        return Missing(
            [phrase("missing.account", account=account, known=known) if known else phrase("missing.no_account")]
        )
    others = []
    for record in store.records():
        ref = record.status.task.ref
        if ref.id == task and ref.account == account:
            return record
        if ref.id == task:
            others.append(ref)
    polled = exporter.accounts.get(account)
    facts = None if polled is None else polled.facts()
    if facts is not None and task in facts.hidden:
        return facts.hidden[task]
    why = _why_unknown(store.account(account), facts, store.clock())
    return Missing([phrase("missing.task", task=task, account=account), *why], others)


def _why_unknown(account: AccountStatus, facts: AccountFacts | None, now: float) -> Iterator[Phrase]:
    listed = account.discovery_last_success
    if account.discovery_interval is None:
        yield phrase("missing.discovery_off")
    elif listed is None:
        yield phrase("missing.not_discovered")
    else:
        yield phrase("missing.not_listed", ago=Ago(now - listed))
    if facts is None:
        return
    if facts.discovery_failure is not None:
        yield phrase("account.discovery_fails", why=list_failure_phrase(facts.discovery_failure))
    if facts.hidden_total > len(facts.hidden):
        yield phrase("missing.too_many", n=facts.hidden_total)


def make_detail(
    record: TaskRecord,
    page: Page,
    next_poll: float | None,
    now: float,
    *,
    is_account_down: bool,
    paused_until: float | None = None,
) -> Detail:
    """Return the page of a task. ``page`` is the response to a scrape, which renders the lines.

    ``next_poll`` is seconds from ``now``, and ``paused_until`` is when the account goes on (Unix seconds).
    """
    seen = glance(record, now)
    alone = Page(page.renderer, CollectorRegistry())
    lines = b"".join(alone.pieces([record], now, openmetrics=False))
    samples = list(read_samples(lines))
    return Detail(
        seen=seen,
        trend=task_trend(seen, now),
        problem=task_problem(seen, now, is_account_down=is_account_down),
        answer=_answer(seen, len(samples), now),
        next_poll=next_poll,
        paused_until=paused_until,
        polls=[*read_polls(record.polls)][::-1],
        series=list(_series(seen, page, samples, now)),
        lines=lines.decode(),
    )


def _answer(seen: Glance, series: int, now: float) -> Phrase:
    """Return a sentence or two on what /metrics has of a task, and why the rest is absent."""
    status, record = seen.record.status, seen.record
    if status.missing_since is not None:
        since, left = Ago(now - status.missing_since), status.missing_since + record.stale_after - now
        if record.is_gone(now):
            return phrase("detail.gone", since=since)
        return phrase("detail.leaving", since=since, leaves=Ahead(left))
    if status.interval is None:
        return phrase("detail.unpolled", state=status.task.state.value)
    if status.last_success is None or status.due is None:
        return phrase("detail.new" if status.up is None else "detail.never_read")
    success = Ago(now - status.last_success)
    if not seen.is_fresh:
        return phrase("detail.stale", since=Ago(now - status.due - record.stale_after), success=success)
    return phrase("detail.fresh", success=success, n=series)


def _series(seen: Glance, page: Page, samples: Sequence[Sample], now: float) -> Iterator[Series]:
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    general = _why_nothing(seen, now)
    lifelong: tuple[Family[Any], ...] = (
        *page.renderer.status_families,
        *families.STATS_FAMILIES,
        *families.COUNTER_FAMILIES,
    )
    for family in lifelong:
        found = by_name.get(family.name, [])
        yield Series(family.name, family.title, found, None if found else _why_absent(family, seen, general, now))
    windows = [family for family in families.WINDOW_FAMILIES if family.name in by_name]
    for family in windows:
        yield Series(family.name, family.title, by_name[family.name], None)
    if not windows:
        why = phrase("absent.window_over") if seen.record.windows else general or phrase("absent.window_none")
        yield Series(WINDOWS, Text(WINDOWS, WINDOWS), (), why)


def _why_nothing(seen: Glance, now: float) -> Phrase | None:
    """Return why all statistics are absent; None if they are there."""
    status = seen.record.status
    if seen.record.is_gone(now):
        return phrase("absent.gone")
    if seen.is_fresh:
        return None
    if status.last_success is not None:
        return phrase("absent.stale")
    return phrase("absent.unpolled" if status.interval is None else "absent.not_read")


def _why_absent(family: Family[Any], seen: Glance, general: Phrase | None, now: float) -> Phrase:
    """Return why a family has no sample; a lasting one stays when the statistics are stale, so it has its own reason."""
    if general is not None and (not family.lasting or seen.record.is_gone(now)):
        return general
    if unread := [field for field in seen.stats.unread if _concerns(field, family)]:
        return phrase("absent.unread", fields=", ".join(unread))
    if missing := [field for field in seen.stats.missing if _concerns(field, family)]:
        return phrase("absent.missing", fields=", ".join(missing))
    return phrase(f"absent.{family.absence}")


def _concerns(field: str, family: Family[Any]) -> bool:
    """Return whether a family is read from a field of the platform's: from itself, from its block, or from a part of it."""
    return any(
        f"{one}.".startswith(f"{other}.") for own in family.fields for one, other in ((field, own), (own, field))
    )
