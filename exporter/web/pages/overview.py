"""The overview, as values: the verdict, the accounts, and one page of the tasks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest, nsmallest
from typing import Any, Final

from exporter.api.model import TaskRef, TaskState
from exporter.lists.choices import Choice, HidingSetting
from exporter.metrics.records import AccountStatus
from exporter.polling.facts import AccountFacts
from exporter.web.pages.account_rows import AccountRow, Problem, account_rows
from exporter.web.pages.causes import Cause, shared_causes
from exporter.web.pages.judging import Glance, Shared, Standing, Survey
from exporter.web.pages.language import Phrase
from exporter.web.pages.problems import task_problem
from exporter.web.pages.question import Question, Show, Sort
from exporter.web.pages.trend import Trend, task_trend
from exporter.web.pages.verdict import Verdict, format_notices, make_verdict

PER_PAGE: Final = 50
"""Tasks on one page: what a browser shows at once, and a server renders in some milliseconds."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as it is shown.

    ``next_poll`` is seconds from now, None: none is waited for; ``paused_until`` is when its account goes on (Unix seconds).
    """

    seen: Glance
    trend: Trend | None
    next_poll: float | None
    paused_until: float | None
    problem: Phrase | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the overview shows.

    Of ``total`` tasks that are asked for, ``rows`` and then ``hidden`` are one page; the first is number ``first``. Those of
    ``causes`` are not among them unless the question is for one of them. ``known`` counts all tasks, ``looks`` those that need a look;
    ``all_well`` is how many tasks are polled if all of them are well, else 0.
    """

    question: Question
    verdict: Verdict
    notices: Sequence[Problem]
    accounts: Sequence[AccountRow]
    causes: Sequence[Cause]
    rows: Sequence[TaskRow]
    hidden: Sequence[Choice]
    total: int
    known: int
    looks: int
    all_well: int
    first: int
    pages: int


def make_overview(
    question: Question,
    survey: Survey,
    accounts: Sequence[AccountStatus],
    facts: Mapping[str, AccountFacts],
    next_poll: Callable[[TaskRef], float | None],
    notices: Sequence[Problem] = (),
) -> Overview:
    """Return the overview of all tasks at a glance and of the accounts.

    ``next_poll`` gives the seconds until a task's next poll, and ``notices`` are those of the exporter.
    """
    rows = account_rows(survey, accounts, facts)
    down = {row.name for row in rows if row.is_down}
    causes = shared_causes(survey.causes, down)
    shown_causes = _shown_causes(question, survey, causes, down)
    chosen, hidden = _chosen(question, survey.seen), _chosen_hidden(question, facts)
    if question.is_folding:
        folded = {each.key for each in shown_causes}
        chosen = [each for each in chosen if each.cause not in folded] if folded else chosen
    notices = [*notices, *format_notices(survey)]
    total = len(chosen) + len(hidden)
    pages = max(1, -(-total // PER_PAGE))
    question = replace(question, page=min(question.page, pages))
    start = (question.page - 1) * PER_PAGE
    first = nlargest if question.descending else nsmallest
    shown = first(start + PER_PAGE, chosen, key=_KEYS[question.sort])[start:]
    past = max(0, start - len(chosen))
    paused = {name: survey.now + each.held_seconds for name, each in facts.items() if each.held_seconds > 1}
    return Overview(
        question=question,
        verdict=make_verdict(survey, rows, notices, _worst_of(survey, causes, down)),
        notices=notices,
        accounts=rows,
        causes=shown_causes,
        rows=[_row(each, next_poll, down, paused, survey.now) for each in shown],
        hidden=hidden[past : past + PER_PAGE - len(shown)],
        total=total,
        known=len(survey.seen),
        looks=survey.looks,
        all_well=well
        if (well := survey.standings[Standing.WELL]) == survey.polled.total() and not survey.unjudged
        else 0,
        first=min(start + 1, total),
        pages=pages,
    )


def _row(
    each: Glance,
    next_poll: Callable[[TaskRef], float | None],
    down: Collection[str],
    paused: Mapping[str, float],
    now: float,
) -> TaskRow:
    ref = each.record.status.task.ref
    problem = task_problem(each, now, is_account_down=ref.account in down)
    return TaskRow(each, task_trend(each, now), next_poll(ref), paused.get(ref.account), problem)


def _worst_of(survey: Survey, causes: Sequence[Cause], down: Collection[str]) -> Glance | Cause | None:
    """Return the task that needs a look most, or the cause that it shares with others; None: none needs a look yet."""
    worst = survey.worst
    if worst is None and down:
        return next(iter(causes), None)
    return next((each for each in causes if worst and each.key == worst.cause), worst)


def _shown_causes(question: Question, survey: Survey, causes: Sequence[Cause], down: Collection[str]) -> list[Cause]:
    """Return those of all causes that enough of the tasks share that a filter leaves."""
    if question.text or question.show is Show.UNPOLLED:
        return []
    shown = [
        each
        for each in causes
        if question.cause in ("", each.key) and (question.show is Show.ALL or each.standing.needs_look)
    ]
    if not (question.account or question.state):
        return shown
    chosen = {each.key: Shared() for each in shown}
    for key, shared in chosen.items():
        for task in _chosen(question, survey.causes[key].tasks):
            shared.add(task)
    return shared_causes(chosen, down)


def _chosen(question: Question, seen: Sequence[Glance]) -> list[Glance]:
    text = question.text.casefold()

    def is_chosen(each: Glance) -> bool:
        status = each.record.status
        task = status.task
        if question.account and task.ref.account != question.account:
            return False
        if question.state and task.state != question.state:
            return False
        if question.cause and each.cause != question.cause:
            return False
        if question.show is Show.LOOK and not each.standing.needs_look:
            return False
        if question.show is Show.UNPOLLED and status.interval is not None:
            return False
        return not text or text in task.ref.id or text in task.name.casefold()

    return [each for each in seen if is_chosen(each)] if question.is_filtering else list(seen)


def _chosen_hidden(question: Question, facts: Mapping[str, AccountFacts]) -> list[Choice]:
    """Return the hidden tasks that the question matches: a filter for unpolled tasks, or a search text."""
    if question.cause or question.show is Show.LOOK or not (question.text or question.show is Show.UNPOLLED):
        return []
    text = question.text.casefold()
    return [
        each
        for account in facts.values()
        for each in account.hidden.values()
        if (text or each.hidden_by is not HidingSetting.SHARD)  # another exporter polls it
        and question.account in ("", each.task.ref.account)
        and question.state in ("", each.task.state)
        and (text in each.task.ref.id or text in each.task.name.casefold())
    ]


_STATES: Final = sorted(TaskState, key=lambda state: not state.may_call)  # calls are expected there: they come first
_KEYS: Final[dict[Sort, Callable[[Glance], Any]]] = {
    Sort.WORST: lambda each: each.badness,
    Sort.NAME: lambda each: each.record.status.task.name.casefold(),
    Sort.STATE: lambda each: _STATES.index(each.record.status.task.state),
    Sort.PROGRESS: lambda each: -1.0 if each.progress is None else each.progress,
    Sort.ANSWER: lambda each: 2.0 if each.answer_ratio is None else each.answer_ratio,
    Sort.NUMBERS: lambda each: -1 if each.calls is None else each.calls,
    Sort.AGE: lambda each: each.record.status.last_success or 0.0,
}
"""What to sort by, the smallest first."""
