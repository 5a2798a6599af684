"""The tables of tasks: which need a look and why, the best and the worst."""

from collections.abc import Iterable
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard

from exporter.words.text import Text
from grafana.board import WINDOW, Board, uid
from grafana.palette import BAD, NEUTRAL, NOTHING, OKAY, STALE, WARN, fixed, label_mappings
from grafana.panels import DATASOURCE, Panels
from grafana.queries import ALL, CERTAIN, Tasks, added
from grafana.tables import COUNT, LEFT, SHARE, Column, Rows, cell, linked, make_table, mapped, unit
from grafana.words import ANSWER_RATE, CALLS, PROGRESS, STATE, TASK, THRESHOLD

LEAST_CALLS: Final = 50
"""Calls without which a task is neither among the best nor among the worst."""

SHOWN: Final = Tasks(('task=~"$shown"',))
"""The tasks of the table."""

_ALERT: Final = 500
_LATE: Final = 0.001
_WITHOUT_CALLS: Final = -100
_NOT_DIALLING: Final = -200
_VERDICT: Final = Text("Verdict", "结论")
_VERDICTS: Final = (
    (CERTAIN, CERTAIN, Text("No fresh data", "数据过期"), STALE),
    (_LATE, _LATE, Text("Data is late", "数据延迟"), NOTHING),
    (_ALERT, _ALERT, Text("Alert", "告警"), BAD),
    (CERTAIN, 99, Text("Low, no alert", "偏低，未告警"), WARN),
    (0.001, CERTAIN, Text("Low, not certain", "偏低，尚不确定"), WARN),
    (-99, 0.001, Text("Good", "正常"), OKAY),
    (_WITHOUT_CALLS, _WITHOUT_CALLS, Text("No calls", "无呼叫"), NOTHING),
    (_NOT_DIALLING, _NOT_DIALLING, Text("Not dialling", "未在外呼"), "transparent"),
)
"""What a rank says: from, to, the words, the colour; the first that fits counts."""

_BAR: Final = (
    *unit("percentunit", 1),
    *cell("gauge"),
    dashboard.DynamicConfigValue("min", 0),
    dashboard.DynamicConfigValue("max", 1),
    fixed(NEUTRAL),
)


def shown_variable(board: Board) -> None:
    """Add the hidden variable ``shown``: the tasks that need a look most, as many as ``rows`` says.

    They are ranked once this way, and not in each query of the table. Grafana asks anew at every refresh.
    """
    board.variable(
        build.QueryVariable("shown")
        .hide(dashboard.VariableHide.HIDE_VARIABLE)
        .datasource(DATASOURCE)
        .query({"query": f"query_result(topk($rows, {rank(ALL)}))", "refId": "shown"})
        .regex('/task="(?<value>[^"]+)"/')
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def tasks_table(panels: Panels) -> table.Panel:
    """Return the table of the tasks that need a look first."""
    return make_table(
        panels,
        Text("Tasks, those in trouble first · last $window", "任务一览（问题任务优先） · 最近 $window"),
        Text(
            "One row a task; click a name to open the task. Answer rate, calls and the main reason for failure are those of"
            " the window chosen above; A+B share, graded calls and progress are those of the whole task. Alert: a critical alert is firing, so the task is in trouble (needs the shipped rules in Prometheus). Low, no alert: within the window the answer rate is too low to be chance (99.3 % sure), but no alert fires, or not yet. Low, not certain: under the threshold, but on too few calls to be sure."
            " No fresh data: the task has not been read for as long as its alert waits. Data is late: it may be soon. The variable Rows limits the table to the tasks that"
            " need a look most, so it copes with ten thousand of them.",
            "每行一个任务，点击任务名查看详情。接通率、呼叫数和主要失败原因按上方所选统计窗口计算；A+B 占比、已评级数和外呼进度为"
            "任务整体数据。告警：有严重告警正在触发，即任务异常（需 Prometheus 加载随附的规则）。偏低，未告警：统计窗口内的接通率低到无法用偶然波动解释"
            "（置信度 99.3%），但没有告警，或尚未告警。偏低，尚不确定：低于阈值，但呼叫数太少，还不能下结论。数据过期：长时间未能读取该任务，已达到告警的时限。数据延迟：可能很快变为过期。变量“行数”"
            "限定只显示最需要关注的任务，因此上万个任务也能使用。",
        ),
        list(_task_rows(panels)),
        hidden=["account", "task"],
        sort=_VERDICT,
    )


def _task_rows(panels: Panels) -> Iterable[Rows]:
    graded = added(SHOWN.value("yunfu_task_intention_calls", "intention"))
    interested = added(SHOWN.value("yunfu_task_intention_calls", "intention", of='intention=~"A|B"'))
    alerts = [mapped(label_mappings("alertname", panels.language)), *cell("color-text")]
    reasons = [mapped(label_mappings("status", panels.language, coloured=False))]
    states = [mapped(label_mappings("state", panels.language, coloured=False))]
    verdicts = [mapped(_verdicts(panels)), *LEFT, *cell("color-background")]
    yield Rows(SHOWN.value("yunfu_task_info", "name"), {"name": Column(TASK, 0, [task_link(panels)], least=175)})
    yield Rows(rank(SHOWN), {}, Column(_VERDICT, 125, verdicts), "rank")
    yield Rows(
        f"topk by (account, task) (1, {SHOWN.firing('critical')} * 2 or {SHOWN.firing('warning')})",
        {"alertname": Column(Text("Alert", "告警"), 122, alerts)},
    )
    yield Rows(
        SHOWN.main_reason(WINDOW),
        {"status": Column(Text("Main reason", "主要失败原因"), 0, reasons)},
        Column(Text("Its share", "占比"), 74, SHARE),
        "reason_share",
    )
    yield Rows(SHOWN.answer_rate(WINDOW), {}, Column(ANSWER_RATE, 100, SHARE), "rate")
    yield Rows(SHOWN.threshold(), {}, Column(THRESHOLD, 85, SHARE), "threshold")
    yield Rows(SHOWN.calls(WINDOW), {}, Column(CALLS, 58, COUNT), "calls")
    yield Rows(f"{interested} / ({graded} > 0)", {}, Column(Text("A+B share", "A+B 占比"), 88, SHARE), "interested")
    yield Rows(graded, {}, Column(Text("Graded", "已评级"), 65, COUNT), "graded")
    yield Rows(SHOWN.value("yunfu_task_progress_ratio"), {}, Column(PROGRESS, 0, _BAR), "progress")
    yield Rows(f"{SHOWN.value('yunfu_task_state', 'state')} == 1", {"state": Column(STATE, 82, states)})
    age = f"time() - {SHOWN.value('yunfu_task_last_success_timestamp_seconds')}"
    yield Rows(age, {}, Column(Text("Data age", "距上次更新"), 88, unit("s", 0)), "age")


def best_table(panels: Panels) -> table.Panel:
    """Return the table of the best tasks."""
    return make_table(
        panels,
        Text("Best · last $window", "接通率最高 · 最近 $window"),
        Text(
            f"The five dialling tasks with the highest answer rate, among those with at least {LEAST_CALLS} calls.",
            f"呼叫数不少于 {LEAST_CALLS} 的外呼中任务里，接通率最高的五个。",
        ),
        _extreme_rows(panels, "topk"),
        hidden=["account", "task"],
        sort=ANSWER_RATE,
    )


def worst_table(panels: Panels) -> table.Panel:
    """Return the table of the worst tasks."""
    return make_table(
        panels,
        Text("Worst · last $window", "接通率最低 · 最近 $window"),
        Text(
            f"The five dialling tasks with the lowest answer rate, among those with at least {LEAST_CALLS} calls.",
            f"呼叫数不少于 {LEAST_CALLS} 的外呼中任务里，接通率最低的五个。",
        ),
        _extreme_rows(panels, "bottomk"),
        hidden=["account", "task"],
    )


def _extreme_rows(panels: Panels, function: str) -> list[Rows]:
    judged = f"{ALL.answer_rate(WINDOW)} and on (account, task) ({ALL.calls(WINDOW)} >= {LEAST_CALLS})"
    fresh = f"({ALL.dialling()}) and on (account, task) {ALL.threshold()}"
    chosen = f"{function}(5, {judged} and on (account, task) ({fresh}))"
    names = {"name": Column(TASK, 0, [task_link(panels)])}
    return [
        Rows(ALL.named(chosen), names, Column(ANSWER_RATE, 0, _BAR), "rate"),
        Rows(f"{ALL.calls(WINDOW)} and on (account, task) {chosen}", {}, Column(CALLS, 90, COUNT), "calls"),
    ]


def task_link(panels: Panels) -> dashboard.DynamicConfigValue:
    """Return the property that links a cell of a table with the fields ``account`` and ``task`` to that task."""
    return linked(
        panels.say(Text("Open the task", "查看任务")),
        f"/d/{uid('task', panels.language)}?var-datasource=${{datasource}}&var-account=${{__data.fields.account}}"
        "&var-task=${__data.fields.task}&${__url_time_range}",
    )


def rank(tasks: Tasks) -> str:
    """Return how much a look each task needs: its shortfall, and fixed values for the tasks that have none."""
    return " or ".join(
        (
            f"{tasks.trouble()} * 0 + {_ALERT}",
            f"clamp({tasks.shortfall(WINDOW)}, -99, 99)",
            f"({tasks.stale()}) * 0 + {CERTAIN}",
            f"({tasks.late()}) * 0 + {_LATE}",
            f"({tasks.dialling()}) * 0 - {-_WITHOUT_CALLS}",
            f"{tasks.value('yunfu_task_info')} * 0 - {-_NOT_DIALLING}",
        )
    )


def _verdicts(panels: Panels) -> list[dashboard.ValueMapping]:
    return [
        dashboard.RangeMap(
            options=dashboard.DashboardRangeMapOptions(
                least, most, dashboard.ValueMappingResult(text=panels.say(words), color=colour, index=index)
            )
        )
        for index, (least, most, words, colour) in enumerate(_VERDICTS)
    ]
