"""Tables of one row a task or account: several queries, joined on the labels that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final, cast

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from exporter.words.text import Text
from grafana.palette import NEUTRAL, QUIET, fixed
from grafana.panels import Panels, Query


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, its width in pixels (0: an equal part of what is left over), and Grafana's properties of the field.

    ``least`` is how wide it is at least if its width is 0.
    """

    header: Text
    width: int = 0
    properties: Sequence[dashboard.DynamicConfigValue] = ()
    least: int = 60


@dataclass(frozen=True, slots=True)
class Rows:
    """A query of a table, and which of its labels are shown, and how its value is; without a column, it is not.

    Data links find a label by its name, and the value by ``value_name``. With ``over_time``, the value is a line of all values in
    the panel's time range.
    """

    expr: str
    labels: dict[str, Column] = field(default_factory=dict)
    value: Column | None = None
    value_name: str = ""
    over_time: bool = False

    @property
    def query(self) -> Query:
        """The panel's query."""
        return Query(self.expr) if self.over_time else Query(self.expr, instant=True, format=PromQueryFormat.TABLE)


def make_table(
    panels: Panels,
    title: Text,
    description: Text,
    rows: Sequence[Rows],
    *,
    hidden: Sequence[str] = (),
    sort: Text | None = None,
    ascending: bool = False,
    empty: Text | None = None,
) -> table.Panel:
    """Return a table; ``hidden`` labels are there for data links alone, ``sort`` is the header to sort by.

    The largest is first unless the order is ``ascending``.
    ``empty`` is what its only row says where the first query finds nothing, in the column of its first label: a table
    without rows is a bare header in Grafana 12. The first query's value is -1 then, shown as a dash.
    """
    if empty:
        rows = [_never_empty(rows[0], panels.say(empty)), *rows[1:]]
    panel = panels.describe(table.Panel(), title, description, "none", *(each.query for each in rows))
    names = {
        f"{'Trend' if each.over_time else 'Value'} #{ref}": each.value_name or ref
        for ref, each in zip(_REFS, rows, strict=False)
    }
    if len(rows) == 1:
        names = {"Value": rows[0].value_name or "A"}
    shown: dict[str, Column] = {}
    for name, each in zip(names.values(), rows, strict=True):
        shown |= each.labels
        if each.value:
            shown[name] = each.value
    if any(each.over_time for each in rows):
        panel.with_transformation(dashboard.DataTransformerConfig("timeSeriesTable", options={}))
    panel.with_transformation(dashboard.DataTransformerConfig("merge", options={}))
    panel.with_transformation(dashboard.DataTransformerConfig("organize", options=_order(names, shown, hidden)))
    for name, column in shown.items():
        size = ("custom.width", column.width) if column.width else ("custom.minWidth", column.least)
        panels.name_field(panel, name, column.header, *column.properties, dashboard.DynamicConfigValue(*size))
    for name in hidden:
        panel.override_by_name(name, custom(hidden=True, **{"hideFrom.viz": True}))  # up to Grafana 12.1, and later
    if sort:
        panel.sort_by([common.TableSortByFieldState().display_name(panels.say(sort)).desc(not ascending)])
    return panel


_REFS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

NO_ROW: Final = "_none"
"""The value of the label of the row that says that there is nothing."""


def _never_empty(rows: Rows, words: str) -> Rows:
    (label, column), *others = rows.labels.items()
    says = dashboard.ValueMap(options={NO_ROW: dashboard.ValueMappingResult(text=words, color=QUIET, index=100)})
    expr = f'({rows.expr}) or on () label_replace(vector(-1), "{label}", "{NO_ROW}", "", "")'
    dash = dashboard.ValueMap(options={"-1": dashboard.ValueMappingResult(text="–", index=100)})
    value = rows.value and _also_mapped(rows.value, dash)
    return replace(rows, expr=expr, labels={label: _also_mapped(column, says), **dict(others)}, value=value)


def _also_mapped(column: Column, more: dashboard.ValueMap) -> Column:
    own = [cast("list[dashboard.ValueMapping]", each.value) for each in column.properties if each.id_val == "mappings"]
    properties = [each for each in column.properties if each.id_val != "mappings"]
    return replace(column, properties=[*properties, mapped([*chain(*own), more])])


def _order(names: dict[str, str], shown: dict[str, Column], hidden: Sequence[str]) -> dict[str, Any]:
    values = {shown_name: name for name, shown_name in names.items()}
    order = [values.get(name, name) for name in (*shown, *hidden)]
    excluded = {"Time", *(name for name, shown_name in names.items() if shown_name not in shown)}
    return {
        "excludeByName": dict.fromkeys(sorted(excluded), True),
        "indexByName": {name: index for index, name in enumerate(order)},
        "renameByName": {name: shown_name for name, shown_name in names.items() if shown_name in shown},
    }


def unit(name: str, decimals: int | None = None) -> list[dashboard.DynamicConfigValue]:
    """Return the unit of a column."""
    properties = [dashboard.DynamicConfigValue("unit", name)]
    return properties if decimals is None else [*properties, dashboard.DynamicConfigValue("decimals", decimals)]


SPARKLINE: Final = (
    dashboard.DynamicConfigValue("custom.cellOptions", {"type": "sparkline", "hideValue": True, "fillOpacity": 15}),
    dashboard.DynamicConfigValue("noValue", "–"),
    dashboard.DynamicConfigValue("min", 0),
    fixed(NEUTRAL),
)
"""How a value over time is drawn, from 0 upwards."""

LEFT: Final = (dashboard.DynamicConfigValue("custom.align", "left"),)
SHARE: Final = unit("percentunit", 1)
COUNT: Final = unit("locale", 0)


def thresholds(base: str, at: Mapping[float, str]) -> list[dashboard.DynamicConfigValue]:
    """Colour the values of a column: ``base``, and from each value of ``at`` on its colour."""
    steps: list[dict[str, object]] = [{"value": None, "color": base}]
    steps += [{"value": value, "color": colour} for value, colour in at.items()]
    return [
        dashboard.DynamicConfigValue("thresholds", {"mode": "absolute", "steps": steps}),
        dashboard.DynamicConfigValue("color", {"mode": "thresholds"}),
    ]


def cell(kind: str) -> list[dashboard.DynamicConfigValue]:
    """Return how a cell is drawn: ``color-background``, ``color-text`` or ``gauge``."""
    options = {"type": kind} if kind == "color-text" else {"type": kind, "mode": "basic"}
    return [dashboard.DynamicConfigValue("custom.cellOptions", options)]


def custom(**settings: object) -> list[dashboard.DynamicConfigValue]:
    """Return properties of how a series or a cell is drawn."""
    return [dashboard.DynamicConfigValue(f"custom.{name}", setting) for name, setting in settings.items()]


def mapped(mappings: list[dashboard.ValueMapping]) -> dashboard.DynamicConfigValue:
    """Return the property that shows values as words."""
    return dashboard.DynamicConfigValue("mappings", mappings)


def linked(title: str, url: str) -> dashboard.DynamicConfigValue:
    """Return the property that makes the cells of a column a link."""
    return dashboard.DynamicConfigValue("links", [{"title": title, "url": url}])
