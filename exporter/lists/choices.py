"""The choice among an account's tasks: which are polled, and why another is not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from exporter.api.model import Task, TaskRef, TaskState
from exporter.config.settings import AccountSettings, DiscoverySettings, Settings

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


def configured_tasks(settings: Settings, account: AccountSettings) -> list[Task]:
    """Return the tasks that an account's settings list."""
    default, info_labels = settings.thresholds.min_answer_ratio, settings.info_labels
    return [
        Task(
            TaskRef(account.name, task.id, task.sub_user_id),
            min_answer_ratio=default if task.min_answer_ratio is None else task.min_answer_ratio,
            name=task.name or "",
            labels=tuple(task.labels.get(label, "") for label in info_labels),
        )
        for task in account.tasks
    ]


def choose(found: Iterable[Task], configured: Sequence[Task], settings: DiscoverySettings) -> list[Choice]:
    """Merge the tasks that were found with the configured ones, and decide which are polled.

    A configured task is always polled; what was found adds its state. Over ``max_tasks`` the configured ones come
    first, then the running, waiting and paused ones, the oldest first.
    """
    others = {task.ref.id: task for task in found}
    choices = [Choice(complete(task, others.pop(task.ref.id, task))) for task in configured]
    judged = [_judge(task, settings) for task in sorted(others.values(), key=_precedence)]
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


def complete(task: Task, found: Task) -> Task:
    """Return a configured task, completed from the task that was found; what is configured prevails."""
    ref = task.ref._replace(sub_user_id=task.ref.sub_user_id or found.ref.sub_user_id)
    return replace(
        found, ref=ref, min_answer_ratio=task.min_answer_ratio, name=task.name or found.name, labels=task.labels
    )


def _judge(task: Task, settings: DiscoverySettings) -> Choice:
    if settings.include.fullmatch(task.name) is False:  # what cannot be decided is polled
        return Choice(task, "its name does not match include", HidingSetting.INCLUDE)
    if settings.exclude is not None and settings.exclude.fullmatch(task.name):
        return Choice(task, "its name matches exclude", HidingSetting.EXCLUDE)
    if task.state.value not in settings.states and task.state is not TaskState.UNKNOWN:  # an unknown one may be running
        return Choice(task, f"its state is {task.state}")
    return Choice(task)


def _precedence(task: Task) -> tuple[int, float, str]:
    return _PRECEDENCE[task.state], task.created or 0.0, task.ref.id
