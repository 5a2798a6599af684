"""The page of one task put together: how it stands, its last polls, every series, and why one is not there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry

from exporter.api.model import TaskRef
from exporter.metrics.exposition import Page, Sample, read_samples
from exporter.metrics.families import COUNTER_FAMILIES, STATS_FAMILIES, WINDOW_FAMILIES
from exporter.metrics.recent import Poll, recall
from exporter.metrics.store import AccountStatus, TaskRecord
from exporter.polling.discovery import Choice
from exporter.polling.facts import AccountFacts
from exporter.web.exporter import Exporter
from exporter.web.pages.account_rows import Tone
from exporter.web.pages.judging import Glance, Standing, glance
from exporter.web.pages.language import Ago, Ahead, Phrase, phrase
from exporter.web.pages.problems import explain, task_problem

WINDOWS: Final = "yunfu_task_window_…"
"""Stands for all families of windows, when there is none."""

_UNREAD: Final = {
    "yunfu_task_answered_calls": "answer_rate.answered",
    "yunfu_task_unanswered_calls": "answer_rate.noAnswer",
    "yunfu_task_answer_ratio": "answer_rate.callCompletetRate",
    "yunfu_task_progress_ratio": "answer_rate.taskProgress",
    "yunfu_task_numbers": "number_status",
    "yunfu_task_intention_calls": "intention",
    "yunfu_task_intention_ratio": "intention",
    "yunfu_task_round_calls": "rounds",
    "yunfu_task_tag_calls": "tags",
    "yunfu_task_llm_tag_calls": "llm_tags",
}
"""The platform's field that each family is read from."""


@dataclass(frozen=True, slots=True)
class Series:
    """A metric family of a task: its samples, or why there is none."""

    name: str
    samples: Sequence[Sample]
    why_not: Phrase | None

    @property
    def windows(self) -> Mapping[str, Sequence[Sample]]:
        """The samples by window; those of the whole life by an empty text."""
        found: dict[str, list[Sample]] = {}
        for sample in self.samples:
            found.setdefault(sample.labels.get("window", ""), []).append(sample)
        return found


@dataclass(frozen=True, slots=True)
class Detail:
    """All that a task's page shows. ``answer`` says what is on /metrics of the task and what is not, and why."""

    seen: Glance
    problem: Phrase | None
    answer: Phrase
    next_poll: float | None
    polls: Sequence[Poll]
    series: Sequence[Series]
    lines: str

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
        return _TONES.get(self.seen.standing, Tone.MUTED)


_TONES: Final = {
    Standing.FAILING: Tone.BAD,
    Standing.OVERDUE: Tone.BAD,
    Standing.LOW: Tone.WARN,
    Standing.WELL: Tone.GOOD,
}


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no page for what was asked: sentences, and where else to look."""

    sentences: Sequence[Phrase]
    elsewhere: Sequence[TaskRef] = ()


def find(exporter: Exporter, account: str, task: str) -> TaskRecord | Choice | Missing:
    """Find a task by account and id, or say why there is none."""
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
        yield phrase("account.discovery_fails", why=explain(facts.discovery_failure))
    if facts.hidden_total > len(facts.hidden):
        yield phrase("missing.too_many", n=facts.hidden_total)


def put_together(
    record: TaskRecord, page: Page, next_poll: float | None, now: float, *, is_account_down: bool
) -> Detail:
    """Put the page of a task together. ``page`` is what a scrape is answered with: the lines are made by it."""
    seen = glance(record, now)
    alone = Page(page.renderer, CollectorRegistry())
    lines = b"".join(alone.pieces([record], now, openmetrics=False))
    samples = list(read_samples(lines))
    return Detail(
        seen,
        task_problem(seen, now, is_account_down=is_account_down),
        _answer(seen, len(samples), now),
        next_poll,
        [*recall(record.polls)][::-1],
        list(_series(seen, page, samples, now)),
        lines.decode(),
    )


def _answer(seen: Glance, series: int, now: float) -> Phrase:
    """Say in a sentence or two what is on /metrics of a task, and why the rest is not."""
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
    for status_family in page.renderer.status_families:
        found = by_name.get(status_family.name, [])
        yield Series(status_family.name, found, None if found else _why_no_status(status_family.name, general))
    for stats_family in STATS_FAMILIES:
        found = by_name.get(stats_family.name, [])
        is_many = bool(stats_family.labels)
        yield Series(
            stats_family.name,
            found,
            None if found else general or _why_not_told(seen, stats_family.name, is_many=is_many),
        )
    for counter_family in COUNTER_FAMILIES:
        found = by_name.get(counter_family.name, [])
        yield Series(counter_family.name, found, None if found else general or phrase("absent.uncounted"))
    for window_family in WINDOW_FAMILIES:
        if found := by_name.get(window_family.name, []):
            yield Series(window_family.name, found, None)
    if not any(family.name in by_name for family in WINDOW_FAMILIES):
        why = phrase("absent.window_over") if seen.record.windows else general or phrase("absent.window_none")
        yield Series(WINDOWS, (), why)


def _why_nothing(seen: Glance, now: float) -> Phrase | None:
    """Say why none of the statistics is there; None if they are."""
    status = seen.record.status
    if seen.record.is_gone(now):
        return phrase("absent.gone")
    if seen.is_fresh:
        return None
    if status.last_success is not None:
        return phrase("absent.stale")
    return phrase("absent.unpolled" if status.interval is None else "absent.not_read")


def _why_no_status(name: str, general: Phrase | None) -> Phrase:
    match name:
        case "yunfu_task_last_success_timestamp_seconds":
            return phrase("absent.not_read")
        case "yunfu_task_poll_interval_seconds":
            return phrase("absent.unpolled")
        case "yunfu_task_up":
            return phrase("absent.untried")
    return general or phrase("absent.not_listed")


def _why_not_told(seen: Glance, name: str, *, is_many: bool) -> Phrase:
    unread = [each for each in seen.record.unread if each.split(".")[0] == _UNREAD[name] or each == _UNREAD[name]]
    if unread:
        return phrase("absent.unread", fields=", ".join(unread))
    return phrase("absent.empty" if is_many else "absent.not_told")
