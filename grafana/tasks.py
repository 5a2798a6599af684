"""The tables of tasks: which need a look and why, the best and the worst."""

from collections.abc import Iterable
from typing import Final

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard

from grafana import queries
from grafana.board import WINDOW, uid
from grafana.palette import BAD, NEUTRAL, NOTHING, OKAY, STALE, WARN, fixed, label_mappings
from grafana.panels import Panels
from grafana.tables import COUNT, LEFT, SHARE, Column, Rows, cell, linked, make_table, mapped, unit
from grafana.words import ANSWER_RATE, CALLS, PROGRESS, STATE, TASK, THRESHOLD, Text

LEAST_CALLS: Final = 50
"""Calls without which a task is neither among the best nor among the worst."""

_ALERT: Final = 500
_WITHOUT_CALLS: Final = -100
_NOT_DIALLING: Final = -200
_VERDICT: Final = Text("Verdict", "判断")
_VERDICTS: Final = (
    (queries.CERTAIN, queries.CERTAIN, Text("No fresh data", "数据过期"), STALE),
    (_ALERT, _ALERT, Text("Alert", "告警"), BAD),
    (queries.CERTAIN, 99, Text("Under threshold", "低于阈值"), BAD),
    (0.001, queries.CERTAIN, Text("Low, not certain", "偏低，尚不确定"), WARN),
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


def under_threshold() -> str:
    """Return the tasks that dial and whose answer rate is under the threshold beyond chance."""
    return f"({queries.shortfall(WINDOW)} > {queries.CERTAIN}) and on (account, task) ({queries.active()})"


def main_reason() -> str:
    """Return for each task the most frequent status of its failures, as label, and its share of them."""
    failures = queries.failures(WINDOW)
    share = f"{failures} / on (account, task) group_left () (sum by (account, task) ({failures}) > 0)"
    return f"topk by (account, task) (1, {share})"


def tasks_table(panels: Panels) -> table.Panel:
    """Return the table of the tasks that need a look first."""
    return make_table(
        panels,
        Text("Tasks, those in trouble first · last $window", "任务一览（问题任务优先） · 最近 $window"),
        Text(
            "One row a task; click a name to open the task. Answer rate, calls and the main reason for failure are those of"
            " the window chosen above; A+B share, graded calls and progress are those of the whole task. Alert: a critical"
            " alert fires, if Prometheus has the shipped rules. Under threshold: the answer rate is so low that chance is"
            " no explanation (99.3 % sure). Low, not certain: under the threshold, but on too few calls to be sure."
            " No fresh data: the last successful poll is overdue. The variable Rows limits the table to the tasks that"
            " need a look most, so that it also serves ten thousand.",
            "每行一个任务，点击任务名查看详情。接通率、呼叫数和主要失败原因按上方所选统计窗口计算；A+B 占比、已评级数和外呼进度为"
            "任务整体数据。告警：有严重告警正在触发（需 Prometheus 加载随附的规则）。低于阈值：接通率低到无法用偶然波动解释"
            "（置信度 99.3%）。偏低，尚不确定：低于阈值，但呼叫数太少，还不能下结论。数据过期：已超时未能成功采集。变量“行数”"
            "限定只显示最需要关注的任务，因此上万个任务也能使用。",
        ),
        list(_task_rows(panels)),
        hidden=["account", "task"],
        sort=_VERDICT,
    )


def _task_rows(panels: Panels) -> Iterable[Rows]:
    graded = queries.per_task(queries.chosen("yunfu_task_intention_calls"), "intention")
    interested = queries.per_task(queries.chosen("yunfu_task_intention_calls", 'intention=~"A|B"'), "intention")
    alerts = [mapped(label_mappings("alertname", panels.language)), *cell("color-text")]
    reasons = [mapped(label_mappings("status", panels.language, coloured=False))]
    states = [mapped(label_mappings("state", panels.language, coloured=False))]
    yield Rows(
        _top(queries.per_task(queries.chosen("yunfu_task_info"), "name")),
        {"name": Column(TASK, 175, [task_link(panels)])},
    )
    yield Rows(
        _top(_rank()), {}, Column(_VERDICT, 125, [mapped(_verdicts(panels)), *LEFT, *cell("color-background")]), "rank"
    )
    yield Rows(
        _top(f"topk by (account, task) (1, {queries.firing('critical')} * 2 or {queries.firing('warning')})"),
        {"alertname": Column(Text("Alert", "告警"), 122, alerts)},
    )
    yield Rows(
        _top(main_reason()),
        {"status": Column(Text("Main reason", "主要失败原因"), 0, reasons)},
        Column(Text("Its share", "占比"), 74, SHARE),
        "reason_share",
    )
    yield Rows(_top(queries.answer_rate(WINDOW)), {}, Column(ANSWER_RATE, 100, SHARE), "rate")
    yield Rows(_top(queries.threshold()), {}, Column(THRESHOLD, 85, SHARE), "threshold")
    yield Rows(_top(queries.calls(WINDOW)), {}, Column(CALLS, 58, COUNT), "calls")
    yield Rows(
        _top(f"sum by (account, task) ({interested}) / (sum by (account, task) ({graded}) > 0)"),
        {},
        Column(Text("A+B share", "A+B 占比"), 88, SHARE),
        "interested",
    )
    yield Rows(_top(f"sum by (account, task) ({graded})"), {}, Column(Text("Graded", "已评级"), 65, COUNT), "graded")
    progress = queries.per_task(queries.chosen("yunfu_task_progress_ratio"))
    yield Rows(_top(progress), {}, Column(PROGRESS, 0, _BAR), "progress")
    yield Rows(
        _top(queries.per_task(queries.chosen("yunfu_task_state") + " == 1", "state")),
        {"state": Column(STATE, 82, states)},
    )
    age = f"time() - {queries.per_task(queries.chosen('yunfu_task_last_success_timestamp_seconds'))}"
    yield Rows(_top(age), {}, Column(Text("Data age", "距上次更新"), 80, unit("s", 0)), "age")


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
    calls = queries.calls(WINDOW)
    judged = f"{queries.answer_rate(WINDOW)} and on (account, task) ({calls} >= {LEAST_CALLS})"
    fresh = f"({queries.active()}) and on (account, task) {queries.threshold()}"
    chosen = f"{function}(5, {judged} and on (account, task) ({fresh}))"
    return [
        Rows(
            queries.named(chosen), {"name": Column(TASK, 0, [task_link(panels)])}, Column(ANSWER_RATE, 0, _BAR), "rate"
        ),
        Rows(f"{calls} and on (account, task) {chosen}", {}, Column(CALLS, 90, COUNT), "calls"),
    ]


def task_link(panels: Panels) -> dashboard.DynamicConfigValue:
    """Return the property that links a cell of a table with the fields ``account`` and ``task`` to that task."""
    return linked(
        panels.say(Text("Open the task", "查看任务")),
        f"/d/{uid('task', panels.language)}?var-datasource=${{datasource}}&var-account=${{__data.fields.account}}"
        "&var-task=${__data.fields.task}&${__url_time_range}",
    )


def _rank() -> str:
    """Return how much a look each task needs: its shortfall, and fixed values for the tasks that have none."""
    judged = f"clamp({queries.shortfall(WINDOW)}, -99, 99) and on (account, task) ({queries.active()})"
    return " or ".join(
        (
            f"sum by (account, task) ({queries.firing('critical')}) * 0 + {_ALERT}",
            f"({judged})",
            f"({queries.stale()}) * 0 + {queries.CERTAIN}",
            f"({queries.active()}) * 0 - {-_WITHOUT_CALLS}",
            f"{queries.per_task(queries.chosen('yunfu_task_info'))} * 0 - {-_NOT_DIALLING}",
        )
    )


def _top(expr: str) -> str:
    return f"({expr}) and on (account, task) topk($rows, {_rank()})"


def _verdicts(panels: Panels) -> list[dashboard.ValueMapping]:
    return [
        dashboard.RangeMap(
            options=dashboard.DashboardRangeMapOptions(
                least, most, dashboard.ValueMappingResult(text=panels.say(words), color=colour, index=index)
            )
        )
        for index, (least, most, words, colour) in enumerate(_VERDICTS)
    ]
