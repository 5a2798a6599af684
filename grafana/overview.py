"""The overview: which tasks are in trouble, and why."""

from typing import Final

from grafana_foundation_sdk.builders import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from exporter.words.text import Text
from grafana.api import quota_used
from grafana.board import WINDOW, Board
from grafana.palette import BAD, GOOD, NEUTRAL, NOTHING, OKAY, STALE, WARN, fixed, label_mappings, number_mappings
from grafana.panels import FEW_STEPS, Panels, Query, line, right_axis, stacked, steps
from grafana.queries import ALL, chosen, count, per_account, per_task
from grafana.tables import COUNT, LEFT, SHARE, Column, Rows, cell, make_table, mapped, thresholds, unit
from grafana.tasks import SHOWN, best_table, shown_variable, tasks_table, worst_table
from grafana.words import ACCOUNT, ANSWER_RATE, CALLS, PER_MINUTE, Language

_RULES: Final = "yunfu:task:info"
"""A recording of the shipped rules that every task has."""


def build(language: Language) -> Board:
    """Return the dashboard."""
    board = Board(
        language,
        "overview",
        Text("Yunfu · Overview", "云蝠外呼 · 总览"),
        Text("Which tasks are in trouble, and why.", "哪些外呼任务出了问题，原因是什么。"),
    )
    board.account_variable()
    board.window_variable()
    board.choice("rows", Text("Rows", "行数"), {rows: Text(rows, rows) for rows in ("20", "50", "200", "1000")}, "50")
    shown_variable(board)
    board.mark_alerts(severity="critical")
    board.mark_restarts()
    board.link("daily", Text("Daily report", "日报"), keep_time=False)
    board.link("exporter", Text("Exporter", "采集器"))
    board.link_other_language()
    panels = Panels(language)
    board.add(_trouble(panels), width=3, height=4)
    board.add(_reasons(panels), width=7, height=4)
    board.add(_alerts(panels), width=3, height=4)
    board.add(_stale(panels), width=3, height=4)
    board.add(_states(panels), width=4, height=4)
    board.add(_answer_rate(panels), width=4, height=4)
    board.add(tasks_table(panels), width=24, height=13)
    board.add(_calls(panels), width=12, height=9)
    board.add(_failures(panels), width=12, height=9)
    board.add(worst_table(panels), width=12, height=7)
    board.add(best_table(panels), width=12, height=7)
    board.add(_accounts(panels), width=24, height=6)
    return board


_NO_RULES: Final = Text("Rules not loaded", "未加载规则")
"""Instead of a verdict, since it is the rules that tell it."""


def _trouble(panels: Panels) -> stat.Panel:
    panel = panels.stat(
        Text("In trouble", "异常任务"),
        Text(
            "Tasks of which a critical alert fires: too few calls are answered, or the carrier blocks too many. They are the"
            " red rows of the table. Rules not loaded: Prometheus does not have the shipped rules, or they find no task.",
            "正在触发严重告警的任务数：接通率过低，或被运营商拦截过多，即下表中的红色行。显示“未加载规则”说明 Prometheus 未加载"
            "随附的规则，或规则没有找到任务。",
        ),
        "none",
        Query(count(ALL.trouble(), ALL.value(_RULES)), instant=True),
    )
    return steps(panel, NOTHING, {0: GOOD, 1: BAD}).no_value(panels.say(_NO_RULES))


def _reasons(panels: Panels) -> stat.Panel:
    worst = f"topk(3, {SHOWN.trouble()})"
    reasons = SHOWN.named(f"{SHOWN.main_reason(WINDOW)} and on (account, task) {worst}")
    unread = f"count({SHOWN.stale()}) unless on () ({worst})"
    none = f"count({SHOWN.value(_RULES)}) unless on () ({worst}) unless on () ({SHOWN.stale()})"
    others = " or ".join(
        f'label_replace(label_replace({expr}, "status", "{word}", "", ""), "name", "{word}", "", "")'
        for word, expr in (("unread", unread), ("none", none))
    )
    panel = panels.stat(
        Text("Main reason for failure", "主要失败原因"),
        Text(
            "Of up to three tasks in trouble: what most of their failed numbers ended with. No task is in trouble only if"
            " no critical alert fires and every task can be read.",
            "异常任务（至多三个）未接通号码中占比最大的结果。没有严重告警，且所有任务都能读取时，才算没有异常任务。",
        ),
        "none",
        Query(f"{reasons} or {others}", instant=True, format=PromQueryFormat.TABLE),
    ).no_value(panels.say(_NO_RULES))
    panels.name_field(panel, "none", Text("No task in trouble", "没有异常任务"))
    panels.name_field(panel, "unread", Text("Some tasks cannot be read", "部分任务读不到数据"))
    no_trouble = dashboard.ValueMap(
        options={
            "none": dashboard.ValueMappingResult(text="✓", color=GOOD, index=99),
            "unread": dashboard.ValueMappingResult(text="?", color=STALE, index=98),
        }
    )
    rows_to_fields = {
        "mappings": [
            {"fieldName": "name", "handlerKey": "field.name"},
            {"fieldName": "status", "handlerKey": "field.value"},
            *({"fieldName": name, "handlerKey": "__ignore"} for name in ("Time", "account", "task", "Value")),
        ]
    }
    return (
        steps(panel, NOTHING)
        .with_transformation(dashboard.DataTransformerConfig("rowsToFields", options=rows_to_fields))
        .reduce_options(common.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields("/.*/"))
        .mappings([*label_mappings("status", panels.language), no_trouble])
        .text_mode(options.BigValueTextMode.VALUE_AND_NAME)
        .orientation(options.VizOrientation.VERTICAL)
        .justify_mode(options.BigValueJustifyMode.AUTO)
        .text(common.VizTextDisplayOptions().title_size(20).value_size(26))
    )


def _alerts(panels: Panels) -> stat.Panel:
    ours = 'alertname=~"Yunfu.+", alertstate="firing", severity=~"critical|warning"'
    panel = panels.stat(
        Text("Alerts firing", "正在告警"),
        Text(
            "Critical alerts and warnings that are firing, on tasks, accounts and exporters; info alerts are left out. A dash: Prometheus has not loaded the shipped rules.",
            "正在触发的严重与警告级告警数（任务、账号、采集器），不含提示级。显示横线说明 Prometheus 未加载随附的规则。",
        ),
        "none",
        Query(count(chosen("ALERTS", ours), "yunfu:task:info"), instant=True),
    )
    return steps(panel, NOTHING, {0: GOOD, 1: BAD}).no_value("–")


def _stale(panels: Panels) -> stat.Panel:
    panel = panels.stat(
        Text("No fresh data", "数据过期的任务"),
        Text(
            "Polled tasks that have not been read for as long as their alert waits: their state is unknown. The exporter"
            " dashboard shows why.",
            "长时间未能读取、已达到告警时限的任务数，其现状未知。原因见“采集器”仪表盘。",
        ),
        "none",
        Query(count(ALL.stale(), ALL.value(_RULES)), instant=True),
    )
    return steps(panel, NOTHING, {0: GOOD, 1: STALE}).no_value(panels.say(_NO_RULES))


def _states(panels: Panels) -> bargauge.Panel:
    states = ALL.value("yunfu_task_state", "state")
    panel = panels.bar_gauge(
        Text("Tasks by state", "任务状态"),
        Text("Known tasks by the state that the platform lists them in.", "平台任务列表中各状态的任务数。"),
        "none",
        Query(f"sum by (state) ({states})", "{{state}}", instant=True),
    )
    return panels.name_series(panel, "state").min(0)


def _answer_rate(panels: Panels) -> stat.Panel:
    calls = f"sum({ALL.calls(WINDOW)})"
    panel = panels.stat(
        Text("All tasks · last $window", "全部任务 · 最近 $window"),
        Text(
            "The answer rate of all tasks together within the window, and the number of calls it is taken from.",
            "统计窗口内全部任务合计的接通率，以及所依据的呼叫数。",
        ),
        "percentunit",
        Query(f"sum({ALL.answered(WINDOW)}) / ({calls} > 0)", ANSWER_RATE, instant=True),
        Query(calls, CALLS, instant=True),
    )
    panel.decimals(1).override_by_query("B", unit("locale", 0))
    return steps(panel, NEUTRAL).color_mode(options.BigValueColorMode.NONE)


def _calls(panels: Panels) -> timeseries.Panel:
    rates = per_task(f"rate({chosen('yunfu_task_calls_total')}[$__rate_interval])", "outcome")
    answered = chosen("yunfu_task_calls_total", 'outcome="answered"')
    answered_rates = per_task(f"rate({answered}[$__rate_interval])")
    panel = panels.timeseries(
        Text("Calls per minute, and answer rate", "每分钟呼叫数与接通率"),
        Text(
            "Calls of all tasks by outcome, stacked; the line is the share that was answered, on the right axis.",
            "全部任务的呼叫数，按结果堆叠；折线为接通率（右轴）。",
        ),
        PER_MINUTE,
        Query(f"sum by (outcome) ({rates}) * 60", "{{outcome}}"),
        Query(f"sum({answered_rates}) / (sum({rates}) > 0)", ANSWER_RATE),
    )
    rate = [*unit("percentunit"), fixed(NEUTRAL), *line(), *right_axis(0, 1)]
    return panels.name_series(stacked(panel), "outcome").max_data_points(FEW_STEPS).override_by_query("B", rate)


def _failures(panels: Panels) -> timeseries.Panel:
    counter = chosen("yunfu_task_number_results_total", 'status!="connected"')
    rates = per_task(f"rate({counter}[$__rate_interval])", "status")
    panel = panels.timeseries(
        Text("Failed numbers per minute, by reason", "每分钟未接通号码数，按原因"),
        Text(
            "What dialled numbers ended with when it was no talk, all tasks together. Reds are the line, purples the list,"
            " yellows and oranges the people called.",
            "全部任务未接通号码的结果。红色系：线路问题；紫色系：名单质量问题；黄、橙色系：被叫用户原因。",
        ),
        PER_MINUTE,
        Query(f"sum by (status) ({rates}) * 60", "{{status}}"),
    )
    return panels.name_series(stacked(panel), "status").max_data_points(FEW_STEPS)


def _accounts(panels: Panels) -> table.Panel:
    requests = chosen("yunfu_exporter_api_request_duration_seconds_count")
    failures = chosen("yunfu_exporter_api_failures_total")
    waited = chosen("yunfu_exporter_api_throttled_seconds_total")
    calls = f"sum by (account) (increase({requests}[{WINDOW}]))"
    running = ALL.value("yunfu_task_state", of='state="running"')
    served = {
        1: (Text("Reachable", "正常"), OKAY),
        0: (Text("Refused or unreachable", "被拒绝或无法连接"), BAD),
    }
    expiry = [*unit("s", 1), *cell("color-text"), *thresholds(BAD, {86400: WARN, 7 * 86400: "text"})]
    rows = [
        Rows(
            f"min by (account) ({chosen('yunfu_account_up')})",
            {"account": Column(ACCOUNT)},
            Column(
                Text("API", "接口"),
                0,
                [mapped(number_mappings(served, panels.language)), *LEFT, *cell("color-background")],
            ),
            "up",
        ),
        Rows(
            f"{per_account(chosen('yunfu_account_token_expiry_timestamp_seconds'))} - time()",
            {},
            Column(Text("Token expires in", "Token 剩余有效期"), 0, expiry),
            "expiry",
        ),
        Rows(
            f"count by (account) ({ALL.value('yunfu_task_info')})",
            {},
            Column(Text("Tasks", "任务数"), 0, COUNT),
            "tasks",
        ),
        Rows(
            f"sum by (account) ({running})",
            {},
            Column(Text("Running", "外呼中"), 0, COUNT),
            "running",
        ),
        Rows(
            per_account(chosen("yunfu_account_tasks_left_out")),
            {},
            Column(Text("Left out", "超限未采集"), 0, COUNT),
            "left_out",
        ),
        Rows(
            f"time() - {per_account(chosen('yunfu_account_discovery_last_success_timestamp_seconds'))}",
            {},
            Column(Text("List read", "任务列表更新于"), 0, [*unit("s", 0)]),
            "discovery",
        ),
        Rows(calls, {}, Column(Text("API calls", "接口调用数"), 0, COUNT), "requests"),
        Rows(
            f"sum by (account) (increase({failures}[{WINDOW}])) / ({calls} > 0)",
            {},
            Column(Text("Failed", "失败率"), 0, SHARE),
            "failed",
        ),
        Rows(quota_used(), {}, Column(Text("Quota used", "配额使用率"), 0, SHARE), "quota"),
        Rows(
            f"sum by (account) (increase({waited}[{WINDOW}])) / ({calls} > 0)",
            {},
            Column(Text("Wait per call", "每次等待"), 0, unit("s", 2)),
            "waited",
        ),
    ]
    return make_table(
        panels,
        Text("Accounts · API calls of the last $window", "账号 · 最近 $window 的接口调用"),
        Text(
            "Whether the platform serves each account, how long its token is valid, its tasks, and its use of the API.",
            "各账号的接口是否可用、token 剩余有效期、任务数，以及接口调用情况。",
        ),
        rows,
    )
