"""The overview: which tasks are in trouble, and why."""

from typing import Final

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build_dashboard
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from exporter.words.text import Text
from grafana.accounts import accounts_table
from grafana.board import WINDOW, Board, uid
from grafana.extremes import BEST, WORST, extreme_table
from grafana.palette import BAD, GOOD, NEUTRAL, NOTHING, QUIET, STALE, fixed, label_mappings, number_mappings
from grafana.panels import Panels, Query, leads_to, line, right_axis, shades, stacked, steps
from grafana.queries import ALL, Tasks, chosen, count, of_team
from grafana.tables import custom, unit
from grafana.tasks import (
    OPEN_TASK,
    SHOWN,
    task_url,
    task_variables,
    tasks_table,
    today_table,
    verdicts_over_time,
)
from grafana.words import ANSWER_RATE, CALLS, NO_METRICS, PER_MINUTE, Language

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
    board.team_variable()
    board.window_variable()
    board.choice("rows", Text("Rows", "行数"), {rows: Text(rows, rows) for rows in ("20", "50", "200", "1000")}, "50")
    task_variables(board)
    board.mark_alerts(warnings=False)
    board.mark_restarts()
    board.link("daily", Text("Daily report", "日报"), keep_time=False)
    board.link("exporter", Text("Exporter", "采集器"))
    board.link_other_language()
    panels = Panels(language)
    board.add(_trouble(panels), width=4, height=4)
    board.add(_reasons(panels), width=6, height=4)
    board.add(_alerts(panels), width=4, height=4)
    board.add(_stale(panels), width=5, height=4)
    board.add(_all_tasks(panels), width=5, height=4)
    board.add(tasks_table(panels), width=24, height=11)
    board.add(verdicts_over_time(panels), width=24, height=11)
    board.row(Text("Today", "今日"), closed=True)
    board.add(today_table(panels), width=24, height=11)
    board.row(Text("Calls and failures of all tasks", "全部任务的呼叫与失败"), closed=True)
    board.add(_calls(panels), width=12, height=9)
    board.add(_compared(panels), width=12, height=9)
    board.add(_failures(panels), width=24, height=9)
    board.row(Text("The line or the list: failures by account", "线路还是名单：各账号的失败占比"), closed=True)
    for title, cause, limit in _CAUSES:
        board.add(_cause(panels, title, cause, limit), width=12, height=8)
    board.row(Text("Best and worst tasks", "接通率最高与最低的任务"), closed=True)
    for extreme in (WORST, BEST):
        board.add(extreme_table(panels, extreme), width=12, height=7)
    board.row(Text("Accounts and their quota", "账号与配额"), closed=True)
    board.add(accounts_table(panels), width=24, height=6)
    return board


_NO_RULES: Final = Text("Rules missing or old", "规则未加载或过旧")
"""Instead of a verdict, since it is the rules that tell it."""


_NO_METRICS: Final = "absent(yunfu_exporter_build_info)"


def _count_tile(panels: Panels, title: Text, description: Text, expr: str, colour: str) -> stat.Panel:
    """Return a tile that counts, green at 0; it says so if Prometheus has no metrics of an exporter, or not our rules."""
    counted = f"{count(expr, chosen(_RULES))} or {_NO_METRICS} - 2"
    panel = panels.stat(title, description, "none", Query(counted, instant=True))
    panel.mappings(number_mappings({-1: (Text("No metrics", "无指标"), NOTHING)}, panels.language))
    return steps(panel, NOTHING, {0: GOOD, 1: colour}).no_value(panels.say(_NO_RULES))


def _trouble(panels: Panels) -> stat.Panel:
    return _count_tile(
        panels,
        Text("In trouble", "异常任务"),
        Text(
            "Tasks of which a critical alert fires: too few calls are answered, or the carrier blocks too many. They are the"
            " red rows of the table. Rules missing or old: Prometheus does not have the shipped rules of this version, or they find no task.",
            "正在触发严重告警的任务数：接通率过低，或被运营商拦截过多，即下表中的红色行。显示“规则未加载或过旧”说明 Prometheus 未加载"
            "本版本随附的规则，或规则没有找到任务。",
        ),
        Tasks(('team=~"$team"',)).trouble(),  # alerts have the labels of their task
        BAD,
    )


def _reasons(panels: Panels) -> stat.Panel:
    worst = f"topk(3, {SHOWN.trouble()})"  # of those shown, which are those of the teams in view
    reasons = SHOWN.named(f"{SHOWN.main_reason(WINDOW)} and on (account, task) {worst}")
    unread = f"count({SHOWN.stale()}) unless on () ({worst})"
    none = f"count({chosen(_RULES)}) unless on () ({worst}) unless on () ({SHOWN.stale()})"
    cases = {"unread": unread, "none": none, "absent": _NO_METRICS}
    others = " or ".join(
        f'label_replace(label_replace({expr}, "status", "{word}", "", ""), "name", "{word}", "", "")'
        for word, expr in cases.items()
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
    panels.name_field(panel, "absent", NO_METRICS)
    no_trouble = dashboard.ValueMap(
        options={
            "absent": dashboard.ValueMappingResult(text="?", color=QUIET, index=97),
            "none": dashboard.ValueMappingResult(text="✓", color=GOOD, index=99),
            "unread": dashboard.ValueMappingResult(text="?", color=STALE, index=98),
        }
    )
    rows_to_fields = {
        "mappings": [
            {"fieldName": "name", "handlerKey": "field.name"},
            {"fieldName": "status", "handlerKey": "field.value"},
            *({"fieldName": name, "handlerKey": "field.label"} for name in ("account", "task")),
            *({"fieldName": name, "handlerKey": "__ignore"} for name in ("Time", "Value")),
        ]
    }
    return (
        steps(panel, NOTHING)
        .display_name("${__field.name}")  # without its labels, which are for the link
        .with_transformation(dashboard.DataTransformerConfig("rowsToFields", options=rows_to_fields))
        .reduce_options(common.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields("/.*/"))
        .mappings([*label_mappings("status", panels.language), no_trouble])
        .text_mode(options.BigValueTextMode.VALUE_AND_NAME)
        .orientation(options.VizOrientation.VERTICAL)
        .justify_mode(options.BigValueJustifyMode.AUTO)
        .text(common.VizTextDisplayOptions().title_size(20).value_size(26))
        .data_links([build_dashboard.DashboardLink(panels.say(OPEN_TASK)).url(task_url(panels, "field.labels"))])
    )


def _alerts(panels: Panels) -> stat.Panel:
    ours = 'alertname=~"Yunfu.+", alertstate="firing", severity=~"critical|warning", team=~"$team"'
    panel = _count_tile(
        panels,
        Text("Alerts firing", "正在告警"),
        Text(
            "Critical alerts and warnings that are firing, on tasks and their accounts; info alerts are left out. A task can have several, of which the table names"
            " the gravest. Click to see the rules.",
            "正在触发的严重与警告级告警数（任务和账号），不含提示级。同一任务可有多条告警，下表只显示最严重的一条。点击查看告警规则。",
        ),
        chosen("ALERTS", ours),
        BAD,
    )
    return leads_to(panel, panels.say(Text("Alert rules", "告警规则")), "/alerting/list?search=Yunfu")


def _stale(panels: Panels) -> stat.Panel:
    panel = _count_tile(
        panels,
        Text("No fresh data", "数据过期"),
        Text(
            "Polled tasks that have not been read for as long as their alert waits: their state is unknown. Click for the exporter"
            " dashboard, which shows why.",
            "长时间未能读取、已达到告警时限的任务数，其现状未知。点击打开“采集器”仪表盘查看原因。",
        ),
        of_team(ALL.stale()),
        STALE,
    )
    url = f"/d/{uid('exporter', panels.language)}?${{datasource:queryparam}}&${{account:queryparam}}&${{window:queryparam}}&${{__url_time_range}}"
    return leads_to(panel, panels.say(Text("Why: the exporter", "查看原因：采集器")), url)


_PAST: Final = {"1d": Text("Yesterday", "昨日同期"), "1w": Text("A week ago", "上周同期")}
"""What the present is compared with: the same time of day so long ago."""


def _all_tasks(panels: Panels) -> stat.Panel:
    answered, calls = (f"sum({of_team(part(WINDOW))})" for part in (ALL.answered, ALL.calls))

    def then(ago: str) -> str:
        counted = (f"sum(sum_over_time({_recorded('calls', *of)}[{WINDOW}] offset {ago}))" for of in ([_ANSWERED], []))
        return " / ".join(counted)

    panel = panels.stat(
        Text("All tasks · last $window", "全部任务 · $window"),
        Text(
            "The answer rate of all tasks together within the window, at the same time of yesterday and a week ago, and the number of calls it is taken from.",
            "统计窗口内全部任务合计的接通率、昨日和上周同一时刻的接通率，以及所依据的呼叫数。",
        ),
        "percentunit",
        Query(f"{answered} / ({calls} > 0)", ANSWER_RATE, instant=True),
        Query(calls, CALLS, instant=True),
        *(Query(then(ago), words, instant=True) for ago, words in _PAST.items()),
    )
    panel.decimals(1).override_by_query("B", unit("locale", 0))
    panel.orientation(options.VizOrientation.HORIZONTAL).justify_mode(options.BigValueJustifyMode.AUTO)
    panel.text(common.VizTextDisplayOptions().title_size(14).value_size(18))
    return steps(panel, NEUTRAL).color_mode(options.BigValueColorMode.NONE)


def _recorded(counts: str, *matchers: str, ago: str = "") -> str:
    """Select the sums by account and team that the shipped rules record: ``calls`` or ``results`` of the 10 minutes before."""
    return chosen(f"yunfu:team_{counts}:increase10m", 'team=~"$team"', *matchers) + (f" offset {ago}" if ago else "")


def _rate(ago: str = "") -> str:
    answered, calls = _recorded("calls", _ANSWERED, ago=ago), _recorded("calls", ago=ago)
    return f"sum({answered}) / (sum({calls}) > 0)"


_ANSWERED: Final = 'outcome="answered"'


def _compared(panels: Panels) -> timeseries.Panel:
    panel = panels.timeseries(
        Text("Answer rate: now, yesterday, a week ago", "接通率：今日、昨日同期、上周同期"),
        Text(
            "Answered calls of all tasks as a share of their calls in the 10 minutes before each point, and the same at that time of yesterday and of a week ago.",
            "每个时间点之前 10 分钟内全部任务的接通率，以及昨日、上周同一时刻的数值。",
        ),
        "percentunit",
        Query(_rate(), Text("Now", "今日")),
        *(Query(_rate(ago), words) for ago, words in _PAST.items()),
    ).no_value(panels.say(_NO_RULES))
    panel.override_by_query("A", [fixed(NEUTRAL)])
    for letter, dash in (("B", [8, 6]), ("C", [2, 6])):
        style = {"fill": "dash", "dash": dash}
        panel.override_by_query(letter, [fixed(QUIET), *custom(lineStyle=style, fillOpacity=0, lineWidth=2)])
    return panel.min(0)


_CAUSES: Final = (
    (Text("Blocked by the carrier, by account", "运营商拦截占比，按账号"), "carrier_blocked", 0.1),
    (
        Text("Invalid, suspended or in arrears, by account", "空号、停机、欠费占比，按账号"),
        "invalid_number|suspended|arrears",
        0.3,
    ),
)
"""What is the line's and what the list's: the statuses, and what the rules hold to be too much."""


def _cause(panels: Panels, title: Text, statuses: str, limit: float) -> timeseries.Panel:
    some, results = (f"sum by (account) ({_recorded('results', *of)})" for of in ([f'status=~"{statuses}"'], []))
    panel = panels.timeseries(
        title,
        Text(
            "Their share of the results of the 10 minutes before each point; the dashed line is what is too much in any campaign. If one account is over it, look at its"
            " line; if all are, at the carrier; if it is a task alone, at its list.",
            "占每个时间点之前 10 分钟内呼叫结果的比例，虚线以上视为过多。只有一个账号超过：检查该账号的线路；所有账号都超过：运营商问题；只有个别任务超过：检查其名单。",
        ),
        "percentunit",
        Query(f"{some} / ({results} > 0)", "{{account}}"),
    ).no_value(panels.say(_NO_RULES))
    panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(options.GraphTresholdsStyleMode.DASHED))
    levels = [dashboard.Threshold(color="transparent"), dashboard.Threshold(limit, BAD)]
    panel.thresholds(build_dashboard.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(levels))
    return shades(panel).min(0).fill_opacity(0)


def _calls(panels: Panels) -> timeseries.Panel:
    panel = panels.timeseries(
        Text("Calls per minute, and answer rate", "每分钟呼叫数与接通率"),
        Text(
            "Calls of all tasks by outcome, stacked, averaged over the 10 minutes before each point; the line is the share that was answered, on the right axis.",
            "全部任务的呼叫数（每个时间点之前 10 分钟的平均值），按结果堆叠；折线为接通率（右轴）。",
        ),
        PER_MINUTE,
        Query(f"sum by (outcome) ({_recorded('calls')}) / 10", "{{outcome}}"),
        Query(_rate(), ANSWER_RATE),
    ).no_value(panels.say(_NO_RULES))
    rate = [*unit("percentunit"), fixed(NEUTRAL), *line(), *right_axis(0, 1)]
    return panels.name_series(stacked(panel), "outcome").override_by_query("B", rate)


def _failures(panels: Panels) -> timeseries.Panel:
    failed = _recorded("results", 'status!="connected"')
    panel = panels.timeseries(
        Text("Failed numbers per minute, by reason", "每分钟未接通号码数，按原因"),
        Text(
            "What dialled numbers ended with when it was no talk, all tasks together, averaged over the 10 minutes before each point. Reds are the line, purples the list,"
            " yellows and oranges the people called.",
            "全部任务未接通号码的结果（每个时间点之前 10 分钟的平均值）。红色系：线路问题；紫色系：名单质量问题；黄、橙色系：被叫用户原因。",
        ),
        PER_MINUTE,
        Query(f"sum by (status) ({failed}) / 10", "{{status}}"),
    ).no_value(panels.say(_NO_RULES))
    return panels.name_series(stacked(panel), "status")
