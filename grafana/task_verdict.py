"""The verdict on one task in words: the alert that fires, or how it does, or why there is nothing to judge; now, and over the day."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import common, stat, statetimeline
from grafana_foundation_sdk.models import common as options

from exporter.words.text import Text
from grafana import one_task as ask
from grafana.palette import BAD, GOOD, QUIET, STALE, WARN, number_mappings
from grafana.panels import LEAST_STEP, Panels, Query, steps
from grafana.tables import mapped
from grafana.words import NO_METRICS

WELL, BUT_LINE, BUT_LIST = 0, 1, 2
LOW, LINE, LIST, REFUSALS, MISSES = range(110, 115)
BLOCKED: Final = 200
STALE_DATA, DONE, PAUSED, WAITING, INBOUND, NO_CALLS, LATE, NO_RULES, GONE, WARNED = range(-1, -11, -1)
"""The verdicts. Of a task that calls: which cause has grown, and 10 if it is low, and 100 more if an alert says that it is."""

WORDS: Final[Mapping[int, tuple[Text, str]]] = {
    BLOCKED: (Text("Alert: the carrier blocks calls", "告警：线路被运营商拦截"), BAD),
    LINE: (Text("Alert: too few answered, the carrier blocks calls", "告警：接通率过低，线路被运营商拦截"), BAD),
    LIST: (
        Text("Alert: too few answered, more bad numbers in the list", "告警：接通率过低，名单中空号、停机增多"),
        BAD,
    ),
    REFUSALS: (Text("Alert: too few answered, more people reject the call", "告警：接通率过低，拒接增多"), BAD),
    MISSES: (Text("Alert: too few answered, more calls are missed", "告警：接通率过低，无人接听、关机、占线增多"), BAD),
    LOW: (Text("Alert: too few answered, no single cause stands out", "告警：接通率过低，无单一突出原因"), BAD),
    WARNED: (Text("A warning fires, see the alerts", "有警告级告警，见告警栏"), WARN),
    NO_RULES: (Text("No verdict: the alert rules are not loaded", "无法判断：未加载告警规则"), WARN),
    LATE: (Text("The data is late", "数据延迟"), QUIET),
    BUT_LINE: (Text("Good, but the carrier blocks more calls", "正常，但运营商拦截增多"), WARN),
    BUT_LIST: (Text("Good, but bad numbers are increasing", "正常，但空号、停机增多"), WARN),
    STALE_DATA: (Text("No fresh data: the task cannot be read", "数据过期：无法读取该任务"), STALE),
    GONE: (Text("Gone: no longer in the platform's list", "已消失：平台任务列表中已没有该任务"), QUIET),
    NO_CALLS: (Text("Running, but makes no calls", "外呼中，但没有呼叫"), WARN),
    DONE: (Text("Done: every number has its result", "已完成：号码全部呼叫完毕"), QUIET),
    PAUSED: (Text("Paused with numbers left", "已暂停，还有号码未呼叫"), QUIET),
    INBOUND: (Text("Inbound: the threshold is for outbound calls", "呼入任务：接通率阈值只用于外呼"), QUIET),
    WAITING: (Text("Waiting for its dialling hours", "等待外呼时段"), QUIET),
    10: (Text("Low, but no alert fires", "偏低，但未告警"), WARN),
    11: (Text("Low, and the carrier blocks more calls; no alert", "偏低，且运营商拦截增多；未告警"), WARN),
    12: (Text("Low, and bad numbers are increasing; no alert", "偏低，且空号、停机增多；未告警"), WARN),
    13: (Text("Low, and more people reject the call; no alert", "偏低，且拒接增多；未告警"), WARN),
    14: (Text("Low, and more calls are missed; no alert", "偏低，且无人接听、关机、占线增多；未告警"), WARN),
    **dict.fromkeys((WELL, 3, 4), (Text("Good: no alert, not under its threshold", "正常：无告警，不低于阈值"), GOOD)),
}
WITHOUT_CAUSE: Final = {**WORDS, LOW: (Text("Alert: too few answered", "告警：接通率过低"), BAD)}


def verdict(cause: str | None = None) -> str:
    """Return the number of the verdict; ``cause`` is an expression of the cause's number."""
    cause = cause or ask.cause()
    silent = ask.first_of(
        [
            (GONE, ask.is_gone()),
            (STALE_DATA, ask.is_stale()),
            (LATE, ask.is_late()),
            (DONE, ask.is_done()),
            (PAUSED, ask.is_state("paused")),
            (WAITING, ask.is_state("waiting")),
            (INBOUND, ask.value("yunfu_task_info", 'kind="inbound"')),
            (NO_CALLS, f"{ask.threshold()} unless {ask.calls()}"),
        ]
    )
    is_alert = ask.fires("YunfuTaskLowAnswerRate")
    alerts = f"{cause} + {LOW} and {is_alert} or ({ask.fires('YunfuTaskCarrierBlocked')}) * 0 + {BLOCKED}"
    others = ask.first_of([(NO_RULES, ask.lacks_rules()), (WARNED, ask.warns())])
    return f"{alerts} or {silent} or {others} or {cause} + 10 * ({ask.is_low('< bool')})"


def tile(panels: Panels) -> stat.Panel:
    """Show the verdict of now."""
    panel = panels.stat(
        Text("Verdict", "结论"),
        Text(
            "The critical alert that fires on the task, if one does. Else the answer rate of the past $window against the "
            "task's threshold. In both cases the kind of failure that has grown most against the 24 h before.",
            "该任务正在触发的严重告警；没有告警时，为最近 $window的接通率与阈值相比的结果。"
            "两种情况都附上与此前 24 小时相比增长最多的失败类型。",
        ),
        "none",
        Query(verdict(), "", instant=True),
    )
    panel.no_value(panels.say(NO_METRICS))
    panel.override_by_query("A", [mapped(number_mappings(WORDS, panels.language))])
    return steps(panel.text(common.VizTextDisplayOptions().value_size(24)), QUIET)


def timeline(panels: Panels) -> statetimeline.Panel:
    """Show since when the verdict is what it is. Without the cause, which would make the query a heavy one."""
    panel = panels.describe(
        statetimeline.Panel(),
        Text("Verdict over the day", "一天内的结论变化"),
        Text(
            "Since when the verdict is what it is; without the kind of failure. Answer rates are over $window.",
            "结论从何时起变为当前状态，不含失败类型。接通率按滚动 $window计算。",
        ),
        "none",
        Query(verdict(f"({ask.value('yunfu_task_info')} * 0)"), Text("Verdict", "结论")),
    )
    panel.interval(LEAST_STEP).time_from("24h").mappings(number_mappings(WITHOUT_CAUSE, panels.language))
    legend = common.VizLegendOptions().show_legend(False).display_mode(options.LegendDisplayMode.LIST)
    panel.legend(legend.placement(options.LegendPlacement.BOTTOM).calcs([])).fill_opacity(80).line_width(0)
    return panel.no_value(panels.no_data()).merge_values(True).row_height(0.9)


def alerts(panels: Panels) -> stat.Panel:
    """Show which alerts fire on the task, and since when."""
    panel = panels.stat(
        Text("Alerts, and since when", "告警及开始时间"),
        Text(
            "The alerts on the task that fire, and when what they say began. Of a task that cannot be read or is gone: when it was last read.",
            "该任务正在触发的告警及异常开始时间；任务无法读取或已消失时，为上次成功读取的时间。",
        ),
        "time:MM-DD HH:mm",
        Query(ask.alerts_since(), "{{alertname}}", instant=True),
        Query(
            f"1000 * max(last_over_time({ask.one('yunfu_task_last_success_timestamp_seconds')}[{ask.RANGE}]))"
            f" and on () ({ask.is_gone()} or {ask.is_stale()})",
            Text("Last read", "上次读取"),
            instant=True,
        ),
        Query(f"({ask.no_alert()}) * 0", Text("Alerts", "告警"), instant=True),
    )
    panel.override_by_query("A", [mapped(number_mappings({0: (Text("Firing", "正在触发"), BAD)}, panels.language))])
    panel.override_by_query("C", [mapped(number_mappings({0: (Text("None", "无"), QUIET)}, panels.language))])
    panel.text_mode(options.BigValueTextMode.VALUE_AND_NAME).orientation(options.VizOrientation.HORIZONTAL)
    return panels.name_series(
        steps(panel, QUIET).text(common.VizTextDisplayOptions().title_size(14).value_size(18)), "alertname"
    )
