"""The tables of tasks: which need a look and why, since when, and what today came to."""

from collections.abc import Iterable
from typing import Final

from grafana_foundation_sdk.builders import common, statetimeline, table
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard

from exporter.words.text import Text
from grafana.board import WINDOW, Board, uid
from grafana.palette import BAD, NOTHING, OKAY, POOR, QUIET, STALE, WARN, label_mappings
from grafana.panels import DATASOURCE, FEW_STEPS, LEAST_STEP, Panels, Query
from grafana.queries import ALL, CERTAIN, RECORDED, Tasks, added, chosen, of_team, per_task
from grafana.tables import (
    COUNT,
    LEFT,
    NO_ROW,
    SHARE,
    SPARKLINE,
    Column,
    Rows,
    cell,
    linked,
    make_table,
    mapped,
    thresholds,
    unit,
)
from grafana.words import ACCOUNT, ANSWER_RATE, CALLS, TASK

SHOWN: Final = Tasks(('task=~"${shown:pipe}"',))
"""The tasks of the table. They are ``a|b``: of Grafana's own ``(a|b)`` Prometheus 2.42 tries whether each task there is matches."""

MOST_OVER_TIME: Final = 20
"""Tasks whose verdicts are shown over time."""

OVER_TIME: Final = Tasks(('task=~"${worst:pipe}"',))
"""Those tasks, of the table those that need a look most."""

_ALERT: Final = 500
_ANY: Final = 0.001
"""What is more is a shortfall."""

_LATE: Final = _ANY
_NO_CALLS, _PAUSED, _WAITING, _NOT_DIALLING, _DONE = -100, -200, -300, -400, -500
_VERDICT: Final = Text("Verdict", "结论")
_VERDICTS: Final = (
    (CERTAIN, CERTAIN, Text("No fresh data", "数据过期"), STALE),
    (_LATE, _LATE, Text("Data is late", "数据延迟"), NOTHING),
    (_ALERT, _ALERT, Text("Alert", "告警"), BAD),
    (CERTAIN, 99, Text("Low, no alert", "偏低，未告警"), WARN),
    (_ANY, CERTAIN, Text("Low, not sure", "偏低，待确认"), POOR),
    (-99, _ANY, Text("Good", "正常"), OKAY),
    (_NO_CALLS, _NO_CALLS, Text("No calls", "无呼叫"), NOTHING),
    (_PAUSED, _PAUSED, Text("Paused midway", "暂停，未完成"), NOTHING),
    (_WAITING, _WAITING, Text("Waiting", "等待时段"), "transparent"),
    (_NOT_DIALLING, _NOT_DIALLING, Text("Not dialling", "未在外呼"), "transparent"),
    (_DONE, _DONE, Text("Done", "已完成"), "transparent"),
)
"""What a rank says: from, to, the words, the colour; the first that fits counts."""


def task_variables(board: Board) -> None:
    """Add the hidden variables of the tables of tasks. Grafana asks for them one after the other, anew at every refresh.

    ``recorded`` lets the ranking read what the rules record, if they do. ``shown`` are the tasks that need a look most, as
    many as ``rows`` says, and ``worst`` the first of them: they are ranked once this way, and not in each query of the table.
    """
    recorded = f"""group(yunfu:task_calls:increase{{window="{WINDOW}"}})"""
    board.variable(_hidden(RECORDED, f'label_replace({recorded}, "accounts", ".*", "", "")', "accounts"))
    for name, most, ranked in (("shown", "$rows", of_team(rank(ALL))), ("worst", str(MOST_OVER_TIME), rank(SHOWN))):
        everything = dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])
        variable = _hidden(name, f"topk({most}, {ranked})", "task")
        board.variable(variable.multi(True).include_all(True).current(everything))


def _hidden(name: str, expr: str, label: str) -> build.QueryVariable:
    """Return a variable that nobody sees: what a label has in the answer to a query."""
    return (
        build.QueryVariable(name)
        .hide(dashboard.VariableHide.HIDE_VARIABLE)
        .datasource(DATASOURCE)
        .query({"query": f"query_result({expr})", "refId": name})
        .regex(f'/{label}="(?<value>[^"]+)"/')
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def tasks_table(panels: Panels) -> table.Panel:
    """Return the table of the tasks that need a look first."""
    return make_table(
        panels,
        Text("Tasks, those in trouble first · last $window", "任务一览（问题任务优先） · 最近 $window"),
        Text(
            "One row a task; click a name to open the task. Answer rate, calls and the main reason for failure are those of"
            " the window chosen above; progress is that of the whole task. Alert: a critical alert is firing, so the task is in trouble (needs the shipped rules in Prometheus);"
            " of several alerts on a task the table names the gravest."
            " Low, no alert: within the window the answer rate is too low to be chance (99.3 % sure), but no alert fires, or not yet. Low, not sure: under the threshold, but on too few calls to be sure."
            " No fresh data: the task has not been read for as long as its alert waits. Data is late: it may be soon. The variable Rows limits the table to the tasks that"
            " need a look most, so it copes with ten thousand of them.",
            "每行一个任务，点击任务名查看详情。接通率、呼叫数和主要失败原因按上方所选统计窗口计算；外呼进度为"
            "任务整体数据。告警：有严重告警正在触发，即任务异常（需 Prometheus 加载随附的规则）；同一任务有多条告警时，只显示最严重的一条。"
            "偏低，未告警：统计窗口内的接通率低到无法用偶然波动解释"
            "（置信度 99.3%），但没有告警，或尚未告警。偏低，待确认：低于阈值，但呼叫数太少，还不能下结论。数据过期：长时间未能读取该任务，已达到告警的时限。数据延迟：可能很快变为过期。变量“行数”"
            "限定只显示最需要关注的任务，因此上万个任务也能使用。",
        ),
        list(_task_rows(panels)),
        hidden=["account", "task"],
        sort=_VERDICT,
        empty=_NO_TASKS,
    )


_NO_TASKS: Final = Text("No tasks", "没有任务")


def _task_rows(panels: Panels) -> Iterable[Rows]:
    alerts = [mapped(label_mappings("alertname", panels.language)), *cell("color-text"), _alert_link(panels)]
    reasons = [mapped(label_mappings("status", panels.language, coloured=False))]
    verdicts = [mapped(_verdicts(panels)), *LEFT, *cell("color-background"), *thresholds("transparent", {})]
    yield from _name_rows(panels)
    yield Rows(rank(SHOWN), {}, Column(_VERDICT, 114, verdicts), "rank")
    yield Rows(
        f"topk by (account, task) (1, {SHOWN.firing('critical')} * 2 or {SHOWN.firing('warning')})",
        {"alertname": Column(Text("Alert", "告警"), 118, alerts)},
    )
    yield Rows(SHOWN.answer_rate(WINDOW), {}, Column(Text("Answered", "接通率"), 82, SHARE), "rate")
    yield Rows(SHOWN.threshold(), {}, Column(Text("Threshold", "阈值"), 85, SHARE), "threshold")
    yield Rows(SHOWN.calls(WINDOW), {}, Column(CALLS, 56, COUNT), "calls")
    yield Rows(
        SHOWN.main_reason(WINDOW),
        {"status": Column(Text("Main reason", "主要失败原因"), 0, reasons, least=139)},
        Column(Text("Share", "占比"), 58, SHARE),
        "reason_share",
    )
    yield Rows(SHOWN.value("yunfu_task_progress_ratio"), {}, Column(Text("Progress", "进度"), 77, SHARE), "progress")
    age = f"time() - {SHOWN.value('yunfu_task_last_success_timestamp_seconds')}"
    yield Rows(age, {}, Column(Text("Age", "时效"), 64, unit("s", 0)), "age")


def _name_rows(panels: Panels) -> Iterable[Rows]:
    """Yield the columns that say which task a row is; the account only if there are several."""
    yield Rows(SHOWN.value("yunfu_task_info", "name"), {"name": Column(TASK, 0, [task_link(panels)], least=138)})
    several = f"count(count by (account) ({chosen('yunfu_account_up')})) > 1"
    copied = f'label_replace({SHOWN.value("yunfu_task_info")}, "of", "$1", "account", "(.*)")'
    yield Rows(f"{copied} and on () {several}", {"of": Column(ACCOUNT, 72)})


def today_table(panels: Panels) -> table.Panel:
    """Return the table of what the same tasks did since midnight, and when they will be done."""
    interested = chosen("yunfu_task_intention_calls", *SHOWN.matchers, 'intention=~"A|B"')
    graded = added(SHOWN.value("yunfu_task_intention_calls", "intention"))
    interested_ever = added(SHOWN.value("yunfu_task_intention_calls", "intention", of='intention=~"A|B"'))
    left = SHOWN.left(WINDOW)
    rows = [
        *_name_rows(panels),
        Rows(SHOWN.calls(_TODAY), {}, Column(CALLS, 86, COUNT), "calls"),
        Rows(SHOWN.answered(_TODAY), {}, Column(Text("Answered", "接通数"), 82, COUNT), "answered"),
        Rows(SHOWN.answer_rate(_TODAY), {}, Column(ANSWER_RATE, 105, SHARE), "rate"),
        Rows(
            SHOWN.answer_rate(WINDOW),
            {},
            Column(Text("Trend", "走势"), 90, [*SHARE, *SPARKLINE]),
            "trend",
            over_time=True,
        ),
        Rows(
            added(per_task(f"clamp_min(delta({interested}[{_TODAY}]), 0)", "intention")),
            {},
            Column(Text("A+B", "A+B"), 60, COUNT),
            "interested",
        ),
        Rows(
            f"{interested_ever} / ({graded} > 0)",
            {},
            Column(Text("A+B share", "A+B 占比"), 88, SHARE),
            "share",
        ),
        Rows(graded, {}, Column(Text("Graded", "已评级"), 70, COUNT), "graded"),
        Rows(f"{left} / 3600", {}, Column(Text("Left (h)", "剩余小时"), 84, unit("locale", 1)), "left"),
        Rows(f"1000 * (time() + {left})", {}, Column(Text("Done at", "预计完成"), 140, unit(_MOMENT)), "finish"),
    ]
    return (
        make_table(
            panels,
            Text("Today, and when they will be done", "今日累计与预计完成"),
            Text(
                "The tasks of the table above. Calls, answered calls, answer rate and A+B: since midnight in the dashboard's time zone; under an absolute time range, within that; the trend is the answer rate of the last $window at each time. A+B share and"
                " graded calls: since the task began. Left and done at: at the pace of the last $window, without a break; nights and breaks come on top."
                " Empty for tasks that do not get on.",
                "上表中的任务。呼叫数、接通数、接通率和 A+B：自仪表盘所用时区的零点起；选了绝对时间范围时，为该范围内；走势为各时刻最近 $window的接通率。A+B 占比与已评级数：任务全程。剩余与预计完成：按最近 $window的速度推算的"
                "剩余外呼时长和不间断外呼时的完成时间，夜间与休息时段另计；没有进展的任务为空。",
            ),
            rows,
            hidden=["account", "task"],
            sort=CALLS,
            empty=_NO_TASKS,
        )
        .time_from("now/d")
        .interval("5m")
        .max_data_points(FEW_STEPS)
    )


_TODAY: Final = "$__range"
"""Since midnight: the range of a panel whose time range is ``now/d``."""

_MOMENT: Final = "time:MM-DD HH:mm"


def verdicts_over_time(panels: Panels) -> statetimeline.Panel:
    """Return the verdicts of the tasks that need a look most, over the time range: since when, and who else."""
    verdicts = OVER_TIME.named(_gravest_first(rank(OVER_TIME, in_steps=True)))
    absent = f"absent_over_time(yunfu_exporter_build_info[$__range] @ end()) * 0 - {-_NOT_DIALLING}"
    nothing = f'label_replace({absent}, "name", "{NO_ROW}", "", "")'  # for Grafana needs a series
    panel = panels.describe(
        statetimeline.Panel(),
        Text("Since when: verdicts over time", "从何时起：各任务结论变化"),
        Text(
            f"The verdict on the {MOST_OVER_TIME} tasks that need a look most, the gravest on top, in the words of the table. Many that turn red together are a line or an account, one alone is a list or a script.",
            f"最需要关注的 {MOST_OVER_TIME} 个任务在各时刻的结论，最严重的在最上方，用语与上表一致。多个任务同时变红多为线路或账号问题，单个任务变红多为名单或话术问题。",
        ),
        "none",
        Query(f"{verdicts} or on () {nothing}", "{{name}}"),
    )
    panels.name_field(panel, NO_ROW, _NO_TASKS)
    panel.mappings(_verdicts(panels)).show_value(options.VisibilityMode.NEVER).merge_values(True).line_width(0)
    panel.fill_opacity(90).row_height(0.85).interval(LEAST_STEP).max_data_points(FEW_STEPS).no_value(panels.no_data())
    # no colours by thresholds: Grafana 12 would merge values by them, and forget their words
    panel.color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(QUIET))
    return panel.legend(common.VizLegendOptions().show_legend(False))


def _gravest_first(verdicts: str) -> str:
    """Label verdicts over time so that those that are gravest at the end come first: Prometheus sorts series by their labels."""
    at_the_end = f"last_over_time(({verdicts})[1m:1m] @ end())"
    order = f'count_values by (account, task) ("_order", {_ALERT + 1000} - {at_the_end})'  # four digits: sorted as text
    return f"({verdicts}) * on (account, task) group_left (_order) {order}"


OPEN_TASK: Final = Text("Open the task", "查看任务")


def task_link(panels: Panels) -> dashboard.DynamicConfigValue:
    """Return the property that links a cell of a table with the fields ``account`` and ``task`` to that task."""
    return linked(panels.say(OPEN_TASK), task_url(panels, "data.fields"))


def task_url(panels: Panels, where: str) -> str:
    """Return where a task's dashboard is, with the same window and time range; ``where`` Grafana has its account and task."""
    return (
        f"/d/{uid('task', panels.language)}?var-datasource=${{datasource}}&var-account=${{__{where}.account}}"
        f"&var-task=${{__{where}.task}}&var-window=${{window}}&${{__url_time_range}}"
    )


def _alert_link(panels: Panels) -> dashboard.DynamicConfigValue:
    return linked(
        panels.say(Text("Open the rule: its texts and its runbook", "查看告警规则、说明与处置手册")),
        "/alerting/list?search=${__value.raw}",
    )


def rank(tasks: Tasks, *, in_steps: bool = False) -> str:
    """Return how much a look each task needs: its shortfall, and fixed values for the tasks that have none.

    In steps, all shortfalls that have the same verdict are one value, so that it is one bar over time.
    """
    shortfall = f"clamp({tasks.shortfall(WINDOW)}, -99, 99)"
    if in_steps:  # 4: over CERTAIN; 2: over _ANY; 0: none
        beyond = f"(({tasks.shortfall(WINDOW)}) - {_ANY}) / ({CERTAIN} - {_ANY})"
        shortfall = f"2 * ceil(clamp({beyond}, -0.5, 1.5)) + 0"
    paused, waiting = (tasks.value("yunfu_task_state", of=f'state="{state}"') for state in ("paused", "waiting"))
    return " or ".join(
        (
            f"{tasks.trouble()} * 0 + {_ALERT}",
            f"{tasks.done()} * 0 - {-_DONE}",
            shortfall,
            f"({tasks.stale()}) * 0 + {CERTAIN}",
            f"{tasks.late()} * 0 + {_LATE}",
            f"{tasks.inbound()} * 0 - {-_NOT_DIALLING}",
            f"{_NO_CALLS} + {paused} * {_PAUSED - _NO_CALLS} + {waiting} * {_WAITING - _NO_CALLS}",
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
