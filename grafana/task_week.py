"""When people answer: the hours of the day by the days of the week, as tables coloured like a heat map.

Grafana's own heat map has time on its horizontal axis; a table has what one likes.
"""

from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build_dashboard
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from exporter.words.text import Text
from grafana import one_task as ask
from grafana.palette import QUIET, number_mappings
from grafana.panels import Panels, Query
from grafana.tables import cell, custom, mapped

ENOUGH_CALLS: Final = 30
"""An hour of the week with fewer calls than this is left blank."""

WEEKDAYS: Final = (
    Text("Mon", "周一"),
    Text("Tue", "周二"),
    Text("Wed", "周三"),
    Text("Thu", "周四"),
    Text("Fri", "周五"),
    Text("Sat", "周六"),
    Text("Sun", "周日"),
)


def answered_by_hour(panels: Panels) -> table.Panel:
    """Show when people answer."""
    answered, calls = ask.by_hour(ask.answered("1h")), ask.by_hour(ask.calls("1h"))
    return _matrix(
        panels,
        Text("When people answer: answer rate of the past 4 weeks", "何时接听：最近 4 周的接通率"),
        Text(
            "Answer rate by weekday and hour in the platform's time zone (UTC+8). Hours with fewer than "
            f"{ENOUGH_CALLS} calls are blank; the calls (n) are below it.",
            f"按星期与小时（平台时区 UTC+8）的接通率。呼叫数少于 {ENOUGH_CALLS} 的时段留空；呼叫数（n）见下表。",
        ),
        ask.every_hour(f"{answered} / ({calls} >= {ENOUGH_CALLS})"),
        "percentunit",
        dashboard.FieldColorModeId.CONTINUOUS_GREENS,
    )


def calls_by_hour(panels: Panels) -> table.Panel:
    """Show how many calls the answer rates by hour are of."""
    return _matrix(
        panels,
        Text("The calls of these hours (n)", "各时段的呼叫数（n）"),
        Text("The calls behind the answer rates above.", "上表接通率所依据的呼叫数。"),
        ask.every_hour(ask.by_hour(ask.calls("1h"))),
        "locale",
        dashboard.FieldColorModeId.CONTINUOUS_BLUES,
    )


def _matrix(
    panels: Panels, title: Text, description: Text, expr: str, unit_id: str, scheme: dashboard.FieldColorModeId
) -> table.Panel:
    """Return a table whose rows are weekdays and whose columns are hours."""
    query = Query(expr, instant=True, format=PromQueryFormat.TABLE)
    panel = panels.describe(table.Panel(), title, description, unit_id, query).decimals(0).min(0)
    panel.color_scheme(build_dashboard.FieldColor().mode(scheme))
    matrix = {"columnField": "hour", "rowField": "day", "valueField": "Value", "emptyValue": "null"}
    for field in (
        "day",
        "hour",
    ):  # the second one keeps the order of the first: the earliest hour has all days, from Monday on
        order: dict[str, Any] = {"fields": {}, "sort": [{"field": field}]}
        panel.with_transformation(dashboard.DataTransformerConfig("sortBy", options=order))
    panel.with_transformation(dashboard.DataTransformerConfig("groupingToMatrix", options=matrix))
    blank = dashboard.ValueMappingResult(text=" ", color="transparent", index=0)
    panel.mappings([dashboard.ValueMap(options={str(ask.NO_VALUE): blank})])
    narrow = [*cell("color-background"), *custom(minWidth=50, align="center")]
    panel.with_override(dashboard.MatcherConfig("byType", "number"), narrow)
    day = panels.say(Text("Day", "星期"))
    words = number_mappings({index: (text, QUIET) for index, text in enumerate(WEEKDAYS, start=1)}, panels.language)
    return panel.override_by_name("day\\hour", [Property("displayName", day), mapped(words), *custom(width=60)])
