"""The choice among an account's tasks: which are polled, and why another is not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from exporter.api.model import Task, TaskRef, TaskState
from exporter.config.rules import TaskRules
from exporter.config.settings import AccountSettings, DiscoverySettings
from exporter.lists.entries import ListedTask
from exporter.patterns import BoundedPattern, fullmatches

_PRECEDENCE: Final = {TaskState.RUNNING: 0, TaskState.WAITING: 1, TaskState.UNKNOWN: 2, TaskState.PAUSED: 3}


class HidingSetting(StrEnum):
    """The setting for which a task that the platform lists is not shown."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    MAX_TASKS = "max_tasks"
    SHARD = "shard"


@dataclass(frozen=True, slots=True)
class Choice:
    """A task that was found or configured, and why it is not polled (empty: it is).

    A task that a setting hides is not shown in the metrics at all; the other unpolled ones are, with their state.
    """

    task: Task
    why_not: str = ""
    hidden_by: HidingSetting | None = None

    @property
    def hidden(self) -> bool:
        """Whether the task is not shown in the metrics at all."""
        return self.hidden_by is not None


def configured_tasks(account: AccountSettings, rules: TaskRules) -> list[Task]:
    """Return the tasks that an account's settings list."""
    return [
        with_terms(
            Task(TaskRef(account.name, task.id, task.sub_user_id), min_answer_ratio=0, name=task.name or ""), rules
        )
        for task in account.tasks
    ]


def found_task(listed: ListedTask, account: AccountSettings, rules: TaskRules) -> Task:
    """Return a task that the platform lists for an account."""
    is_sub_accounts = listed.owner and listed.owner != account.user_id
    terms = rules.terms(listed.id, listed.name)
    return Task(
        TaskRef(account.name, listed.id, listed.owner if is_sub_accounts else None),
        min_answer_ratio=terms.min_answer_ratio,
        name=listed.name,
        generation=listed.generation,
        state=listed.state,
        labels=terms.labels,
        concurrency_limit=listed.concurrency_limit,
        created=listed.created,
        kind=listed.kind,
    )


def with_terms(task: Task, rules: TaskRules) -> Task:
    """Return a task with the threshold and the labels that the settings give it, whatever it had."""
    terms = rules.terms(task.ref.id, task.name)
    return replace(task, min_answer_ratio=terms.min_answer_ratio, labels=terms.labels)


def choose(
    found: Iterable[Task], configured: Sequence[Task], settings: DiscoverySettings, rules: TaskRules
) -> list[Choice]:
    """Merge the tasks that were found with the configured ones, and decide which are polled.

    A configured task is always polled; what was found adds its state. Over ``max_tasks`` the configured ones come
    first, then the running, waiting and paused ones, the oldest first.
    """
    others = {task.ref.id: task for task in found}
    choices = [Choice(complete(task, others.pop(task.ref.id, task), rules)) for task in configured]
    judged = _judge_all(sorted(others.values(), key=_precedence), settings)
    room = max(0, settings.max_tasks - len(choices))
    for choice in judged:
        if choice.hidden:
            choices.append(choice)
        elif room > 0:
            choices.append(choice)
            room -= 1
        else:
            why_not = f"over max_tasks ({settings.max_tasks})"
            choices.append(replace(choice, why_not=why_not, hidden_by=HidingSetting.MAX_TASKS))
    return choices


def complete(task: Task, found: Task, rules: TaskRules) -> Task:
    """Return a configured task, completed from the task that was found; what is configured prevails."""
    ref = task.ref._replace(sub_user_id=task.ref.sub_user_id or found.ref.sub_user_id)
    return with_terms(replace(found, ref=ref, name=task.name or found.name), rules)


def _judge_all(tasks: Sequence[Task], settings: DiscoverySettings) -> list[Choice]:
    included = _match(settings.include, (task.name for task in tasks))
    left = (name for name, matches in included.items() if matches is not False)  # what cannot be decided is polled
    excluded = {} if settings.exclude is None else _match(settings.exclude, left)
    return [_judge(task, settings, included=included[task.name], excluded=excluded.get(task.name)) for task in tasks]


def _match(pattern: BoundedPattern, names: Iterable[str]) -> dict[str, bool | None]:
    """Return whether each name matches; all at once, which is twenty times as fast as one by one."""
    distinct = [*dict.fromkeys(names)]
    return dict(zip(distinct, fullmatches([(pattern, name) for name in distinct]), strict=True))


def _judge(task: Task, settings: DiscoverySettings, *, included: bool | None, excluded: bool | None) -> Choice:
    if included is False:
        return Choice(task, "its name does not match include", HidingSetting.INCLUDE)
    if excluded:
        return Choice(task, "its name matches exclude", HidingSetting.EXCLUDE)
    if task.state.value not in settings.states and task.state is not TaskState.UNKNOWN:  # an unknown one may be running
        return Choice(task, f"its state is {task.state}")
    return Choice(task)


def _precedence(task: Task) -> tuple[int, float, str]:
    return _PRECEDENCE[task.state], task.created or 0.0, task.ref.id
