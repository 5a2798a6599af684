"""The overview, as values: the verdict, the accounts, and one page of the tasks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from exporter.api.model import TaskRef, TaskState
from exporter.metrics.records import AccountStatus
from exporter.polling.discovery import Choice, HidingRule
from exporter.polling.facts import AccountFacts
from exporter.web.pages.account_rows import AccountRow, Tone, account_rows
from exporter.web.pages.judging import Glance, Standing, Survey
from exporter.web.pages.language import Phrase, phrase
from exporter.web.pages.problems import task_problem, why_empty
from exporter.web.pages.question import Question, Show, Sort

PER_PAGE: Final = 50
"""Tasks on one page: what a browser shows at once, and a server renders in some milliseconds."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as it is shown. ``next_poll`` is seconds from now; None: none is waited for."""

    seen: Glance
    next_poll: float | None
    problem: Phrase | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the overview shows.

    Of ``total`` tasks that are asked for, ``rows`` and then ``hidden`` are one page; the first is number ``first``.
    ``known`` counts all tasks, ``looks`` those that need a look.
    """

    question: Question
    verdict: Sequence[Phrase]
    tone: Tone
    accounts: Sequence[AccountRow]
    rows: Sequence[TaskRow]
    hidden: Sequence[Choice]
    total: int
    known: int
    looks: int
    first: int
    pages: int


def make_overview(
    question: Question,
    survey: Survey,
    accounts: Sequence[AccountStatus],
    facts: Mapping[str, AccountFacts],
    next_poll: Callable[[TaskRef], float | None],
) -> Overview:
    """Return the overview of all tasks at a glance and of the accounts; ``next_poll`` gives the seconds until a task's next poll."""
    rows = account_rows(survey, accounts, facts)
    verdict, tone = _verdict(survey, rows)
    chosen, hidden = _chosen(question, survey.seen), _chosen_hidden(question, facts)
    total = len(chosen) + len(hidden)
    pages = max(1, -(-total // PER_PAGE))
    question = replace(question, page=min(question.page, pages))
    start = (question.page - 1) * PER_PAGE
    shown = sorted(chosen, key=_KEYS[question.sort], reverse=question.descending)[start : start + PER_PAGE]
    past = max(0, start - len(chosen))
    down = {row.name for row in rows if row.status.up is False}
    return Overview(
        question=question,
        verdict=verdict,
        tone=tone,
        accounts=rows,
        rows=[_row(each, next_poll, down, survey.now) for each in shown],
        hidden=hidden[past : past + PER_PAGE - len(shown)],
        total=total,
        known=len(survey.seen),
        looks=survey.looks,
        first=min(start + 1, total),
        pages=pages,
    )


def _row(each: Glance, next_poll: Callable[[TaskRef], float | None], down: set[str], now: float) -> TaskRow:
    ref = each.record.status.task.ref
    problem = task_problem(each, now, is_account_down=ref.account in down)
    return TaskRow(each, next_poll(ref), problem)


def _chosen(question: Question, seen: Sequence[Glance]) -> list[Glance]:
    text = question.text.casefold()

    def is_chosen(each: Glance) -> bool:
        status = each.record.status
        task = status.task
        if question.account and task.ref.account != question.account:
            return False
        if question.state and task.state != question.state:
            return False
        if question.show is Show.LOOK and not each.standing.needs_look:
            return False
        if question.show is Show.UNPOLLED and status.interval is not None:
            return False
        return not text or text in task.ref.id or text in task.name.casefold()

    return [each for each in seen if is_chosen(each)] if question.is_filtering else list(seen)


def _chosen_hidden(question: Question, facts: Mapping[str, AccountFacts]) -> list[Choice]:
    """Return the hidden tasks that the question matches: a filter for unpolled tasks, or a search text."""
    if question.show is Show.LOOK or not (question.text or question.show is Show.UNPOLLED):
        return []
    text = question.text.casefold()
    return [
        each
        for account in facts.values()
        for each in account.hidden.values()
        if (text or each.rule is not HidingRule.SHARD)  # another exporter polls it
        and question.account in ("", each.task.ref.account)
        and question.state in ("", each.task.state)
        and (text in each.task.ref.id or text in each.task.name.casefold())
    ]


def _margin(each: Glance) -> float:
    """Return how far above its threshold a task answers, as a share of it; many where that says nothing."""
    if each.answer_ratio is None or each.has_few_calls:
        return 1e9
    return each.answer_ratio / (each.record.status.task.min_answer_ratio or 1)


def _worst(each: Glance) -> tuple[Any, ...]:
    status = each.record.status
    if each.standing <= Standing.OVERDUE:
        return each.standing, status.last_success or 0.0, status.task.ref.id
    return each.standing, _STATES.index(status.task.state), _margin(each), status.task.ref.id


_STATES: Final = sorted(TaskState, key=lambda state: not state.may_call)  # calls are expected there: they come first
_KEYS: Final[dict[Sort, Callable[[Glance], Any]]] = {
    Sort.WORST: _worst,
    Sort.NAME: lambda each: each.record.status.task.name.casefold(),
    Sort.STATE: lambda each: _STATES.index(each.record.status.task.state),
    Sort.PROGRESS: lambda each: -1.0 if each.progress is None else each.progress,
    Sort.ANSWER: lambda each: 2.0 if each.answer_ratio is None else each.answer_ratio,
    Sort.NUMBERS: lambda each: -1 if each.calls is None else each.calls,
    Sort.AGE: lambda each: each.record.status.last_success or 0.0,
}
"""What to sort by, the smallest first."""


def _verdict(survey: Survey, accounts: Sequence[AccountRow]) -> tuple[list[Phrase], Tone]:
    """Return whether collecting is healthy and how many tasks need a look: the parts of one sentence, and its tone."""
    tasks, tasks_tone = _verdict_on_tasks(survey)
    collecting, accounts_tone = _verdict_on_accounts(accounts)
    order = [Tone.BAD, Tone.WARN, Tone.MUTED, Tone.GOOD]
    return [*tasks, collecting], min(tasks_tone, accounts_tone, key=order.index)


def _verdict_on_tasks(survey: Survey) -> tuple[list[Phrase], Tone]:
    polled, standings = survey.polled.total(), survey.standings
    new, failing, overdue, empty, low = (
        standings[each] for each in (Standing.NEW, Standing.FAILING, Standing.OVERDUE, Standing.EMPTY, Standing.LOW)
    )
    if not polled:
        return [phrase("verdict.none")], Tone.MUTED
    if new == polled:
        return [phrase("verdict.starting", n=new)], Tone.MUTED
    said = [phrase("verdict.failing", n=failing)] if failing else []
    said += [phrase("verdict.overdue", n=overdue)] if overdue else []
    if empty:
        why = why_empty([each.stats for each in survey.seen if each.standing is Standing.EMPTY])
        said.append(phrase("verdict.empty", n=empty, why=why))
    if survey.active:  # of those that cannot be read nothing can be said
        kind = "running" if survey.running == survey.active else "active"
        said.append(phrase(f"verdict.{'low' if low else 'no_low'}_{kind}", n=low, of=survey.active))
    elif not said:
        said.append(phrase("verdict.idle"))
    said += [phrase("verdict.new", n=new)] if new else []
    return said, Tone.BAD if failing or overdue else Tone.WARN if low or empty else Tone.GOOD


def _verdict_on_accounts(accounts: Sequence[AccountRow]) -> tuple[Phrase, Tone]:
    down = [row for row in accounts if row.status.up is False]
    if len(down) == 1:
        return phrase("verdict.account_down", account=down[0].name), Tone.BAD
    if down:
        return phrase("verdict.accounts_down", n=len(down), of=len(accounts)), Tone.BAD
    if not any(row.status.up for row in accounts):
        return phrase("verdict.not_called"), Tone.MUTED
    troubled = [row for row in accounts if row.tone in (Tone.BAD, Tone.WARN)]
    if len(troubled) == 1:
        return phrase("verdict.account_trouble", account=troubled[0].name), troubled[0].tone
    if troubled:
        worst = Tone.BAD if any(row.tone is Tone.BAD for row in troubled) else Tone.WARN
        return phrase("verdict.accounts_trouble", n=len(troubled), of=len(accounts)), worst
    unpolled = sum(not row.polled for row in accounts)
    if unpolled == len(accounts):
        return phrase("verdict.unpolled", of=unpolled), Tone.MUTED
    if unpolled:
        return phrase("verdict.some_unpolled", n=unpolled, of=len(accounts)), Tone.GOOD
    return phrase("verdict.served", of=len(accounts)), Tone.GOOD
