"""The table of metric families: one row per metric of a task, from which HELP, the pages and the reference follow.

The rendering, HELP, the windowed twin, the task's page in both languages and the reference in the documentation read the
row. ``exposition`` renders the families of tasks; the exporter's own metrics are rows of ``own_families``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeAlias, TypeVar

from exporter.api.model import TaskState, TaskStats
from exporter.metrics.records import CountedStats, TaskStatus
from exporter.words.text import Text

Source = TypeVar("Source")
Values: TypeAlias = float | Mapping[str, float] | Mapping[tuple[str, ...], float] | None
"""A number (None: no sample) for a family without labels; by label value for one label; by tuple for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Generic[Source]):
    """A metric family of tasks: ``labels`` stand beside ``account`` and ``task``, ``read`` gives the values.

    ``title`` is its name on the pages. ``fields`` are the platform's fields that it is read from: a block of the statistics
    response or one value of it. ``absence`` says why a task can have no sample of it, by a key of ``words.detail.ABSENCE``.
    A ``lasting`` family stays on the page when a task's statistics have gone stale; a ``fixed`` one follows from what
    the task is, and not from its polls. ``free_labels`` says that label values differ from task to task.
    """

    name: str
    title: Text
    help: Text
    read: Callable[[Source], Values]
    fields: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    type: str = "gauge"
    lasting: bool = False
    fixed: bool = False
    free_labels: bool = False
    absence: str = "not_told"


_FLAGS: Final = {state: {each.value: int(each is state) for each in TaskState} for state in TaskState}


def status_families(info_labels: tuple[str, ...]) -> tuple[Family[TaskStatus], ...]:
    """Return the families of a task beside its statistics; ``info_labels`` are the configured label names."""

    def info(status: TaskStatus) -> Values:
        task = status.task
        labels = task.labels or ("",) * len(info_labels)
        return {(task.name, task.ref.sub_user_id or "", task.generation, task.kind, *labels): 1}

    return (
        Family(
            name="yunfu_task_info",
            title=Text("Names of the task", "任务信息"),
            help=Text(
                "Name, kind and origin of a task, always 1; join on account and task. sub_account is empty for the account's own tasks.",
                "任务的名称、类型等信息，恒为 1；用 account 和 task 关联。账号自己的任务 sub_account 为空。",
            ),
            read=info,
            labels=("name", "sub_account", "generation", "kind", *info_labels),
            lasting=True,
            fixed=True,
            absence="not_listed",
        ),
        Family(
            name="yunfu_task_state",
            title=Text("State", "任务状态"),
            help=Text(
                "1 for the state the platform lists the task in, 0 for the others; unknown if it was not looked up.",
                "平台列表中的当前状态为 1，其余为 0；未查询过列表则为 unknown。",
            ),
            read=lambda status: _FLAGS[status.task.state],
            labels=("state",),
            lasting=True,
            fixed=True,
            absence="not_listed",
        ),
        Family(
            name="yunfu_task_up",
            title=Text("Last poll worked", "上次采集是否成功"),
            help=Text(
                "1 if the last poll of the task worked, 0 if it failed; the log and the exporter's page say why.",
                "上次采集成功为 1，失败为 0；原因见日志和 exporter 首页。",
            ),
            read=lambda status: status.up,
            lasting=True,
            absence="untried",
        ),
        Family(
            name="yunfu_task_last_success_timestamp_seconds",
            title=Text("Last success", "上次成功时间"),
            help=Text(
                "When the task's statistics were last read, Unix time. All numbers of the task are as old as this.",
                "上次成功读取统计的时间（Unix 时间）。该任务所有数字都是那一刻的。",
            ),
            read=lambda status: status.last_success,
            lasting=True,
            absence="not_read",
        ),
        Family(
            name="yunfu_task_poll_interval_seconds",
            title=Text("Poll interval", "采集间隔"),
            help=Text(
                "Seconds between two polls of the task right now: longer while it is idle or the API quota is short.",
                "当前两次采集之间的秒数；任务空闲或接口配额不足时会变长。",
            ),
            read=lambda status: status.interval,
            lasting=True,
            absence="unpolled",
        ),
        Family(
            name="yunfu_task_answer_ratio_threshold",
            title=Text("Threshold of the answer rate", "接通率阈值"),
            help=Text(
                "Configured minimum of the task's answer ratio, 0-1; alert rules compare with it.",
                "为任务配置的接通率下限，0 到 1；告警规则与它比较。",
            ),
            read=lambda status: status.task.min_answer_ratio,
            fixed=True,
            absence="not_listed",
        ),
        Family(
            name="yunfu_task_concurrency_limit",
            title=Text("Concurrent calls allowed", "并发上限"),
            help=Text(
                "Calls the task may make at once, as the platform lists it.",
                "平台列表中该任务的并发上限。",
            ),
            read=lambda status: status.task.concurrency_limit,
            fixed=True,
            absence="not_listed",
        ),
        Family(
            name="yunfu_task_created_timestamp_seconds",
            title=Text("Created", "创建时间"),
            help=Text(
                "When the task was created on the platform, Unix time.",
                "任务在平台上的创建时间（Unix 时间）。",
            ),
            read=lambda status: status.task.created,
            fixed=True,
            absence="not_listed",
        ),
    )


STATS_FAMILIES: Final[tuple[Family[TaskStats], ...]] = (
    Family(
        name="yunfu_task_answered_calls",
        title=Text("Answered calls", "接通数"),
        help=Text(
            "Calls that were answered.",
            "接通的呼叫数。",
        ),
        fields=("answer_rate.answered",),
        read=lambda s: s.answered,
    ),
    Family(
        name="yunfu_task_unanswered_calls",
        title=Text("Unanswered calls", "未接通数"),
        help=Text(
            "Calls that were not answered.",
            "未接通的呼叫数。",
        ),
        fields=("answer_rate.noAnswer",),
        read=lambda s: s.unanswered,
    ),
    Family(
        name="yunfu_task_answer_ratio",
        title=Text("Answer rate", "接通率"),
        help=Text(
            "Share of calls that were answered, 0-1, as the platform reports it.",
            "平台报告的接通率，0 到 1。",
        ),
        fields=("answer_rate.callCompletetRate",),
        read=lambda s: s.answer_ratio,
    ),
    Family(
        name="yunfu_task_progress_ratio",
        title=Text("Progress", "外呼进度"),
        help=Text(
            "Share of the task's list that is done, 0-1, as the platform reports it.",
            "外呼进度，0 到 1。",
        ),
        fields=("answer_rate.taskProgress",),
        read=lambda s: s.progress_ratio,
    ),
    Family(
        name="yunfu_task_numbers",
        title=Text("Numbers by status", "号码状态"),
        help=Text(
            "Phone numbers by current status; a number's status changes when it is dialled again.",
            "按当前状态统计的号码数；重拨后号码的状态会改变。",
        ),
        fields=("number_status",),
        read=lambda s: s.numbers,
        labels=("status",),
        absence="empty",
    ),
    Family(
        name="yunfu_task_intention_calls",
        title=Text("Calls by intention", "意向通话数"),
        help=Text(
            "Graded calls by the called person's intention: the letter of the level, or the name of a level without one.",
            "按意向等级统计的通话数；等级名称带字母的取字母，否则用名称。",
        ),
        fields=("intention",),
        read=lambda s: s.intention_calls,
        labels=("intention",),
        absence="empty",
    ),
    Family(
        name="yunfu_task_intention_ratio",
        title=Text("Share by intention", "意向占比"),
        help=Text(
            "Share of all graded calls by intention, 0-1.",
            "各意向等级占全部已评级通话的比例，0 到 1。",
        ),
        fields=("intention",),
        read=lambda s: s.intention_ratios,
        labels=("intention",),
        absence="empty",
    ),
    Family(
        name="yunfu_task_round_calls",
        title=Text("Calls by conversation rounds", "对话轮次"),
        help=Text(
            "Calls by number of conversation rounds.",
            "按对话轮次统计的通话数。",
        ),
        fields=("rounds",),
        read=lambda s: s.round_calls,
        labels=("rounds",),
        absence="empty",
    ),
    Family(
        name="yunfu_task_tag_calls",
        title=Text("Calls by business tag", "业务标签"),
        help=Text(
            "Calls by business tag.",
            "按业务标签统计的通话数。",
        ),
        fields=("tags",),
        read=lambda s: s.tag_calls,
        labels=("tag",),
        free_labels=True,
        absence="empty",
    ),
    Family(
        name="yunfu_task_llm_tag_calls",
        title=Text("Calls by tag of the language model", "大模型标签"),
        help=Text(
            "Calls by the tag that a language model gave them.",
            "按大模型标签统计的通话数。",
        ),
        fields=("llm_tags",),
        read=lambda s: s.llm_tag_calls,
        labels=("tag",),
        free_labels=True,
        absence="empty",
    ),
)

COUNTER_FAMILIES: Final[tuple[Family[CountedStats], ...]] = (
    Family(
        name="yunfu_task_calls_total",
        title=Text("Calls made since the exporter started", "启动以来的呼叫数"),
        help=Text(
            "Calls made since the exporter started, by outcome. For rate() and increase().",
            "exporter 启动以来看到的呼叫数，按结果区分。用于 rate() 和 increase()。",
        ),
        read=lambda counted: counted.calls,
        labels=("outcome",),
        type="counter",
        absence="uncounted",
    ),
    Family(
        name="yunfu_task_number_results_total",
        title=Text("Results since the exporter started", "启动以来的号码结果"),
        help=Text(
            "Phone numbers that reached a status since the exporter started; a redialled number counts each time.",
            "exporter 启动以来，观察到号码进入各状态的次数；同一号码重拨，每次都计数。",
        ),
        read=lambda counted: {status: count for status, count in counted.numbers.items() if status != "waiting"},
        labels=("status",),
        type="counter",
        absence="uncounted",
    ),
    Family(
        name="yunfu_task_resets_total",
        title=Text("Resets seen", "任务重置次数"),
        help=Text(
            "Times the task was reset or restarted: the platform's count of calls fell by more than half and grew on from there.",
            "任务被重置或重新开始的次数：平台的呼叫数跌去一半以上，并从那里继续增长。",
        ),
        read=lambda counted: counted.resets,
        type="counter",
        absence="uncounted",
    ),
)


def windowed(family: Family[TaskStats]) -> Family[TaskStats]:
    """Return the twin of a family of statistics: the same within a time window."""
    return replace(
        family,
        name=family.name.replace("yunfu_task_", "yunfu_task_window_", 1),
        help=Text(f"Within the window only: {family.help.en}", f"该窗口内{family.help.zh}"),
        labels=("window", *family.labels),
    )


WINDOW_FAMILIES: Final[tuple[Family[TaskStats], ...]] = tuple(map(windowed, STATS_FAMILIES))
