"""The table of metric families: name, type, help, labels, and where the value comes from.

To add a metric of a task, add a row here: rendering, HELP lines and the windowed twin follow from it. Families of tasks
are rendered by ``exposition``; the exporter's own metrics are in ``instrumentation``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeAlias, TypeVar

from exporter.api.model import TaskState, TaskStats
from exporter.metrics.store import Reading, TaskStatus

Source = TypeVar("Source")
Values: TypeAlias = float | Mapping[str, float] | Mapping[tuple[str, ...], float] | None
"""A number (None: no sample) for a family with no labels of its own; by label value for one; by tuple for more."""


@dataclass(frozen=True, slots=True)
class Family(Generic[Source]):
    """A metric family of tasks: ``labels`` stand beside ``account`` and ``task``, ``read`` gives the values.

    A ``lasting`` family stays on the page when a task's statistics have gone stale; a ``fixed`` one follows from what
    the task is, and not from its polls. ``free_labels`` says that label values differ from task to task.
    """

    name: str
    help: str
    read: Callable[[Source], Values]
    labels: tuple[str, ...] = ()
    type: str = "gauge"
    lasting: bool = False
    fixed: bool = False
    free_labels: bool = False


_FLAGS: Final = {state: {each.value: int(each is state) for each in TaskState} for state in TaskState}


def status_families(info_labels: tuple[str, ...]) -> tuple[Family[TaskStatus], ...]:
    """Return the families that tell of a task beside its statistics; ``info_labels`` are the configured label names."""

    def info(status: TaskStatus) -> Values:
        task = status.task
        labels = task.labels or ("",) * len(info_labels)
        return {(task.name, task.ref.sub_user_id or "", task.generation, *labels): 1}

    return (
        Family(
            "yunfu_task_info",
            "Name and origin of a task, always 1; join on account and task. sub_account is empty for the account's own tasks.",
            info,
            ("name", "sub_account", "generation", *info_labels),
            lasting=True,
            fixed=True,
        ),
        Family(
            "yunfu_task_state",
            "1 for the state the platform lists the task in, 0 for the others; unknown if it was not looked up.",
            lambda status: _FLAGS[status.task.state],
            ("state",),
            lasting=True,
            fixed=True,
        ),
        Family(
            "yunfu_task_up",
            "1 if the last poll of the task worked, 0 if it failed; the log and the exporter's page say why.",
            lambda status: status.up,
            lasting=True,
        ),
        Family(
            "yunfu_task_last_success_timestamp_seconds",
            "When the task's statistics were last read, Unix time. All numbers of the task are as old as this.",
            lambda status: status.last_success,
            lasting=True,
        ),
        Family(
            "yunfu_task_poll_interval_seconds",
            "Seconds between two polls of the task right now: longer while it is idle or the API quota is short.",
            lambda status: status.interval,
            lasting=True,
        ),
        Family(
            "yunfu_task_answer_ratio_threshold",
            "Configured minimum of the task's answer ratio, 0-1; alert rules compare with it.",
            lambda status: status.task.min_answer_ratio,
            fixed=True,
        ),
        Family(
            "yunfu_task_concurrency_limit",
            "Calls the task may make at once, as the platform lists it.",
            lambda status: status.task.concurrency_limit,
            fixed=True,
        ),
        Family(
            "yunfu_task_created_timestamp_seconds",
            "When the task was created on the platform, Unix time.",
            lambda status: status.task.created,
            fixed=True,
        ),
    )


STATS_FAMILIES: Final[tuple[Family[TaskStats], ...]] = (
    Family("yunfu_task_answered_calls", "Calls that were answered.", lambda s: s.answered),
    Family("yunfu_task_unanswered_calls", "Calls that were not answered.", lambda s: s.unanswered),
    Family(
        "yunfu_task_answer_ratio",
        "Share of calls that were answered, 0-1, as the platform reports it.",
        lambda s: s.answer_ratio,
    ),
    Family(
        "yunfu_task_progress_ratio",
        "Share of the task's list that is done, 0-1, as the platform reports it.",
        lambda s: s.progress_ratio,
    ),
    Family(
        "yunfu_task_numbers",
        "Phone numbers by current status; a number's status changes when it is dialled again.",
        lambda s: s.numbers,
        ("status",),
    ),
    Family(
        "yunfu_task_intention_calls",
        "Graded calls by the called person's intention: A (clear) to E (other), or a custom level.",
        lambda s: s.intention_calls,
        ("intention",),
    ),
    Family(
        "yunfu_task_intention_ratio",
        "Share of all graded calls by intention, 0-1.",
        lambda s: s.intention_ratios,
        ("intention",),
    ),
    Family(
        "yunfu_task_round_calls",
        "Calls by number of conversation rounds.",
        lambda s: s.round_calls,
        ("rounds",),
    ),
    Family("yunfu_task_tag_calls", "Calls by business tag.", lambda s: s.tag_calls, ("tag",), free_labels=True),
    Family(
        "yunfu_task_llm_tag_calls",
        "Calls by the tag that a language model gave them.",
        lambda s: s.llm_tag_calls,
        ("tag",),
        free_labels=True,
    ),
)

COUNTER_FAMILIES: Final[tuple[Family[Reading], ...]] = (
    Family(
        "yunfu_task_calls_total",
        "Calls made since the exporter started, by outcome. For rate() and increase().",
        lambda reading: reading.calls,
        ("outcome",),
        type="counter",
    ),
    Family(
        "yunfu_task_number_results_total",
        "Phone numbers that reached a status since the exporter started; a redialled number counts each time.",
        lambda reading: {status: count for status, count in reading.numbers.items() if status != "waiting"},
        ("status",),
        type="counter",
    ),
    Family(
        "yunfu_task_resets_total",
        "Times the platform's count of calls fell by more than half: the task was reset or restarted.",
        lambda reading: reading.resets,
        type="counter",
    ),
)

WINDOW_FAMILIES: Final[tuple[Family[TaskStats], ...]] = tuple(
    replace(
        family,
        name=family.name.replace("yunfu_task_", "yunfu_task_window_", 1),
        help=f"Within the window only: {family.help}",
        labels=("window", *family.labels),
    )
    for family in STATS_FAMILIES
)
