"""One task: is it in trouble, since when, and why; what its calls came to; when it will be done."""

from typing import Final

from grafana_foundation_sdk.builders import common, stat
from grafana_foundation_sdk.builders import dashboard as build_dashboard
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard

from exporter.words.text import Text
from grafana import one_task as ask
from grafana import task_panels
from grafana.board import Board
from grafana.palette import BAD, GOOD, QUIET, STALE, WARN, fixed, number_mappings
from grafana.panels import DATASOURCE, Panels, Query, steps
from grafana.words import ANSWER_RATE, PROGRESS, STATE, TASK, THRESHOLD, Language

WELL, BUT_LINE, BUT_LIST = 0, 1, 2
LOW, LINE, LIST, REFUSALS, MISSES = range(110, 115)
BLOCKED: Final = 200
STALE_DATA, DONE, PAUSED, WAITING, INBOUND, NO_CALLS, LATE, NO_RULES = range(-1, -9, -1)
"""The verdicts. Of a task that calls: which cause has grown, and 10 if it is low, and 100 more if an alert says that it is."""

VERDICTS: Final = {
    BLOCKED: (Text("Alert: the carrier blocks calls", "告警：线路被运营商拦截"), BAD),
    LINE: (Text("Alert: too few answered, the carrier blocks calls", "告警：接通率过低，线路被运营商拦截"), BAD),
    LIST: (
        Text("Alert: too few answered, more bad numbers in the list", "告警：接通率过低，名单中空号、停机增多"),
        BAD,
    ),
    REFUSALS: (Text("Alert: too few answered, more people reject the call", "告警：接通率过低，拒接增多"), BAD),
    MISSES: (Text("Alert: too few answered, more calls are missed", "告警：接通率过低，无人接听、关机、占线增多"), BAD),
    LOW: (Text("Alert: too few answered, no single cause stands out", "告警：接通率过低，无单一突出原因"), BAD),
    NO_RULES: (Text("No verdict: the alert rules are not loaded", "无法判断：未加载告警规则"), WARN),
    LATE: (Text("The data is late", "数据延迟"), QUIET),
    BUT_LINE: (Text("Good, but the carrier blocks more calls", "正常，但运营商拦截增多"), WARN),
    BUT_LIST: (Text("Good, but bad numbers are increasing", "正常，但空号、停机增多"), WARN),
    STALE_DATA: (Text("No fresh data: the task cannot be read", "数据过期：无法读取该任务"), STALE),
    NO_CALLS: (Text("Running, but makes no calls", "外呼中，但没有呼叫"), WARN),
    DONE: (Text("Done: every number has its result", "已完成：号码全部呼叫完毕"), QUIET),
    PAUSED: (Text("Paused", "已暂停"), QUIET),
    INBOUND: (Text("Inbound: the threshold is for outbound calls", "呼入任务：接通率阈值只用于外呼"), QUIET),
    WAITING: (Text("Waiting for its dialling hours", "等待外呼时段"), QUIET),
    10: (Text("Low, but no alert fires", "偏低，但未告警"), WARN),
    11: (Text("Low, and the carrier blocks more calls; no alert", "偏低，且运营商拦截增多；未告警"), WARN),
    12: (Text("Low, and bad numbers are increasing; no alert", "偏低，且空号、停机增多；未告警"), WARN),
    13: (Text("Low, and more people reject the call; no alert", "偏低，且拒接增多；未告警"), WARN),
    14: (Text("Low, and more calls are missed; no alert", "偏低，且无人接听、关机、占线增多；未告警"), WARN),
    **dict.fromkeys((WELL, 3, 4), (Text("Good: no alert, not under its threshold", "正常：无告警，不低于阈值"), GOOD)),
}


def _verdict() -> str:
    """Return the number of the verdict."""
    silent = ask.first_of(
        [
            (STALE_DATA, ask.is_stale()),
            (LATE, ask.is_late()),
            (DONE, f"{ask.value('yunfu_task_progress_ratio')} >= 1"),
            (PAUSED, ask.is_state("paused")),
            (WAITING, ask.is_state("waiting")),
            (INBOUND, ask.value("yunfu_task_info", 'kind="inbound"')),
            (NO_CALLS, f"{ask.threshold()} unless {ask.calls()}"),
        ]
    )
    is_alert = ask.fires("YunfuTaskLowAnswerRate")
    alerts = f"{ask.cause()} + {LOW} and {is_alert} or ({ask.fires('YunfuTaskCarrierBlocked')}) * 0 + {BLOCKED}"
    no_rules = ask.first_of([(NO_RULES, ask.lacks_rules())])
    return f"{alerts} or {silent} or {no_rules} or {ask.cause()} + 10 * ({ask.is_low('< bool')})"


def build(language: Language) -> Board:
    """Return the dashboard."""
    board = Board(
        language,
        "task",
        Text("Yunfu · Task", "云蝠外呼 · 任务"),
        Text(
            "One task: is it in trouble, since when and why; what its calls came to; when it will be done.",
            "单个外呼任务：是否异常、从何时起、原因是什么；通话结果如何；何时完成。",
        ),
    )
    board.account_variable()
    board.variable(_task_variable(language))
    board.window_variable()
    board.variable(build_dashboard.ConstantVariable("utc_offset").value("8"))
    board.mark_alerts('task=~"$task|"')
    board.mark_restarts()
    board.link("overview", Text("Overview", "总览"))
    board.link("exporter", Text("Exporter", "采集器"))
    board.link_other_language()
    panels = Panels(language)
    _tiles(board, panels)
    for panel, width, height in task_panels.all_panels(panels):
        board.add(panel, width, height)
    return board


def _task_variable(language: Language) -> build_dashboard.QueryVariable:
    """Return the variable whose text is the task's name and whose value is its UUID."""
    tasks = 'query_result(max by (name, task) (yunfu_task_info{account=~"$account"}))'
    return (
        build_dashboard.QueryVariable("task")
        .label(TASK.say(language))
        .datasource(DATASOURCE)
        .query({"query": tasks, "refId": "task"})
        .regex(r'/name="(?<text>[\s\S]*)",task="(?<value>[0-9a-f-]{36})"/')  # a name may hold quotes and new lines
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )


def _tile(
    panels: Panels, title: Text, description: Text, unit: Text | str, *queries: tuple[str, Text | str, str]
) -> stat.Panel:
    """Return a tile that shows those of the queries that have a value, each with a name and a colour of its own."""
    asked = [Query(expr, name, instant=True) for expr, name, _ in queries]
    panel = panels.stat(title, description, unit, *asked).no_value(panels.say(Text("No data", "无数据")))
    for letter, (_, _, colour) in zip("ABCDEFGH", queries, strict=False):
        panel.override_by_query(letter, [fixed(colour)])
    return steps(panel.text(common.VizTextDisplayOptions().title_size(14).value_size(30)), QUIET)


def _tiles(board: Board, panels: Panels) -> None:
    verdict = _tile(
        panels,
        Text("Verdict", "结论"),
        Text(
            "The critical alert that fires on the task, if one does. Else the answer rate of the past $window against the "
            "task's threshold. In both cases the kind of failure that has grown most against the 24 h before.",
            "该任务正在触发的严重告警；没有告警时，为最近 $window的接通率与阈值相比的结果。"
            "两种情况都附上与此前 24 小时相比增长最多的失败类型。",
        ),
        "none",
        (_verdict(), "", QUIET),
    )
    words = dashboard.DynamicConfigValue("mappings", number_mappings(VERDICTS, panels.language))
    verdict.override_by_query("A", [words]).text(common.VizTextDisplayOptions().value_size(24))
    board.add(verdict, width=8, height=4)
    rate, sure = ask.answer_rate(), ask.is_surely_low()
    rate_tile = _tile(
        panels,
        Text("Answer rate, past $window", "最近 $window接通率"),
        Text(
            "Answered calls as a share of all calls. Red: under the threshold by more than chance allows; orange: "
            "under it, but that may be chance.",
            "已接通呼叫占全部呼叫的比例。红色：低于阈值且超出随机波动；橙色：低于阈值，但可能是随机波动。",
        ),
        "percentunit",
        (f"{rate} and {sure}", ANSWER_RATE, BAD),
        (f"({ask.is_low()}) unless ({sure})", ANSWER_RATE, WARN),
        (f"{rate} >= {ask.threshold()}", ANSWER_RATE, GOOD),
        (ask.threshold(), THRESHOLD, QUIET),
    )
    board.add(rate_tile.decimals(1).text_mode(options.BigValueTextMode.VALUE_AND_NAME), width=5, height=4)
    calls = _tile(
        panels,
        Text("Calls (n)", "呼叫数（n）"),
        Text(
            "The calls of the past $window, on which the answer rate is based.",
            "最近 $window的呼叫数，即接通率的样本量 n。",
        ),
        "locale",
        (f"{ask.calls()} or {ask.threshold()} * 0", "", QUIET),
    )
    board.add(calls.decimals(0), width=3, height=4)
    progress = _tile(
        panels,
        PROGRESS,
        Text("Share of the list that is done, as the platform reports it.", "平台报告的名单完成比例。"),
        "percentunit",
        (ask.value("yunfu_task_progress_ratio"), "", QUIET),
    )
    board.add(progress.decimals(0), width=2, height=4)
    state = _tile(
        panels,
        STATE,
        Text("The state in which the platform lists the task.", "平台列出的任务状态。"),
        "none",
        (f"{ask.by('state', 'yunfu_task_state')} == 1", "{{state}}", QUIET),
    )
    board.add(panels.name_series(state.text_mode(options.BigValueTextMode.NAME), "state"), width=3, height=4)
    board.add(_age_tile(panels), width=3, height=4)


def _age_tile(panels: Panels) -> stat.Panel:
    age = f"time() - {ask.value('yunfu_task_last_success_timestamp_seconds')}"
    overdue = f"{age} > 2 * {ask.value('yunfu_task_poll_interval_seconds')}"
    panel = _tile(
        panels,
        Text("Age of data", "数据时间"),
        Text(
            "Since the statistics were last read. Orange: overdue by more than a poll interval; violet: stale.",
            "距上次成功读取统计的时间。橙色：逾期超过一个采集间隔；紫色：已判为过期。",
        ),
        "s",
        (f"({age}) unless ({overdue})", "", QUIET),
        (f"({overdue}) and {ask.threshold()}", "", WARN),
        (f"({age}) and ({ask.is_stale()})", "", STALE),
    )
    return panel.decimals(0)
