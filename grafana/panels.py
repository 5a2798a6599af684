"""Panel constructors: no panel without a title, a description and a unit, in the language of the dashboard.

What they return are the foundation SDK's own builders, for the particulars of a panel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from exporter.words.text import Text
from grafana.palette import VOCABULARIES, fixed
from grafana.words import Language

DATASOURCE: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
LEAST_STEP: Final = "1m"
"""Of graphs, and so a quarter of the least ``$__rate_interval``: tasks are polled once a minute unless configured otherwise."""

FEW_STEPS: Final = 120
"""Of graphs that add up all tasks: fine enough to see, and few enough for ten thousand tasks."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a panel. The legend may use labels: ``{{status}}``."""

    expr: str
    legend: Text | str = "__auto"
    instant: bool = False
    format: PromQueryFormat = PromQueryFormat.TIME_SERIES


class PanelBuilder(Protocol):
    """What all panel builders of the SDK have in common."""

    def title(self, value: str, /) -> Self: ...  # noqa: D102  # the SDK documents them
    def description(self, value: str, /) -> Self: ...  # noqa: D102
    def unit(self, value: str, /) -> Self: ...  # noqa: D102
    def datasource(self, value: dashboard.DataSourceRef, /) -> Self: ...  # noqa: D102
    def with_target(self, value: Any, /) -> Self: ...  # noqa: D102
    def override_by_name(self, name: str, properties: list[dashboard.DynamicConfigValue], /) -> Self: ...  # noqa: D102
    def thresholds(self, value: Builder[dashboard.ThresholdsConfig], /) -> Self: ...  # noqa: D102
    def color_scheme(self, value: Builder[dashboard.FieldColor], /) -> Self: ...  # noqa: D102


P = TypeVar("P", bound=PanelBuilder)


@dataclass(frozen=True, slots=True)
class Panels:
    """Makes the panels of a dashboard in one language. A unit is Grafana's id of it, or a Text that follows the number."""

    language: Language

    def say(self, words: Text | str) -> str:
        """Return a text in the dashboard's language."""
        return words if isinstance(words, str) else words.say(self.language)

    def describe(self, panel: P, title: Text, description: Text, unit: Text | str, *queries: Query) -> P:
        """Give a panel what every panel has: its texts, its unit, the datasource variable and its queries."""
        unit_id = unit if isinstance(unit, str) else f"suffix:{self.say(unit)}"
        panel.title(self.say(title)).description(self.say(description)).unit(unit_id).datasource(DATASOURCE)
        for ref_id, query in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", queries, strict=False):
            panel.with_target(self._target(query, ref_id))
        return panel

    def _target(self, query: Query, ref_id: str) -> prometheus.Dataquery:
        target = prometheus.Dataquery().expr(query.expr).ref_id(ref_id).datasource(DATASOURCE)
        target.legend_format(self.say(query.legend)).format(query.format)
        return target.instant() if query.instant else target.range()

    def no_data(self) -> str:
        """Return what a panel says that has no data."""
        return self.say(Text("No data", "无数据"))

    def stat(self, title: Text, description: Text, unit: Text | str, *queries: Query) -> stat.Panel:
        """Return a panel of big numbers, their background coloured by thresholds."""
        panel = self.describe(stat.Panel(), title, description, unit, *queries)
        return (
            panel.reduce_options(_last_value())
            .color_mode(options.BigValueColorMode.BACKGROUND)
            .graph_mode(options.BigValueGraphMode.NONE)
            .justify_mode(options.BigValueJustifyMode.CENTER)
            .no_value(self.no_data())
        )

    def timeseries(self, title: Text, description: Text, unit: Text | str, *queries: Query) -> timeseries.Panel:
        """Return a graph over time. A gap in the data stays a gap."""
        panel = self.describe(timeseries.Panel(), title, description, unit, *queries)
        legend = common.VizLegendOptions().show_legend(True).placement(options.LegendPlacement.BOTTOM)
        tooltip = common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING)
        return (
            panel.interval(LEAST_STEP)
            .legend(legend.display_mode(options.LegendDisplayMode.LIST).calcs([]))
            .tooltip(tooltip)
            .line_width(2)
            .fill_opacity(8)
            .show_points(options.VisibilityMode.AUTO)
            .no_value(self.no_data())
        )

    def bar_gauge(self, title: Text, description: Text, unit: Text | str, *queries: Query) -> bargauge.Panel:
        """Return horizontal bars of last values."""
        panel = self.describe(bargauge.Panel(), title, description, unit, *queries)
        return (
            panel.reduce_options(_last_value())
            .orientation(options.VizOrientation.HORIZONTAL)
            .display_mode(options.BarGaugeDisplayMode.BASIC)
            .show_unfilled(True)
            .no_value(self.no_data())
        )

    def heatmap(self, title: Text, description: Text, unit: Text | str, *queries: Query) -> heatmap.Panel:
        """Return a heat map of counts; the unit is that of the vertical axis."""
        panel = self.describe(heatmap.Panel(), title, description, "short", *queries)
        unit_id = unit if isinstance(unit, str) else f"suffix:{self.say(unit)}"
        colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
        panel.show_tooltip().show_y_histogram()
        return panel.interval(LEAST_STEP).y_axis(heatmap.YAxisConfig().unit(unit_id)).color(colours)

    def name_series(self, panel: P, label: str) -> P:
        """Give the series named after the values of a label their words and colours."""
        texts, colours = VOCABULARIES[label]
        for value, words in texts.items():
            display_name = dashboard.DynamicConfigValue("displayName", self.say(words))
            panel.override_by_name(value, [display_name, fixed(colours[value])])
        return panel

    def name_field(self, panel: P, field: str, words: Text, *properties: dashboard.DynamicConfigValue) -> P:
        """Give a field its name in the dashboard's language, and further properties."""
        return panel.override_by_name(
            field, [dashboard.DynamicConfigValue("displayName", self.say(words)), *properties]
        )


def steps(panel: P, base: str, at: Mapping[float, str] | None = None) -> P:
    """Colour the values of a panel: ``base``, and from each value of ``at`` on its colour."""
    thresholds = [dashboard.Threshold(color=base)]
    thresholds += [dashboard.Threshold(value, colour) for value, colour in (at or {}).items()]
    panel.thresholds(build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(thresholds))
    return panel.color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))


def leads_to(panel: stat.Panel, title: str, url: str) -> stat.Panel:
    """Make the values of a tile a link."""
    return panel.data_links([build.DashboardLink(title).url(url)])


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Stack the series of a graph as areas, from 0 on, so that an area is as large as what it stands for."""
    stacking = common.StackingConfig().mode(options.StackingMode.NORMAL).group("A")
    return panel.stacking(stacking).fill_opacity(75).line_width(0).min(0)


def shades(panel: P) -> P:
    """Give the series colours from blue to purple by their last values: accounts and the like, none of which is good or bad.

    Grafana's shades of one colour can hardly be told apart.
    """
    colour = build.FieldColor().mode(dashboard.FieldColorModeId.CONTINUOUS_BL_PU)
    return panel.color_scheme(colour.series_by(dashboard.FieldColorSeriesByMode.LAST))


def line() -> list[dashboard.DynamicConfigValue]:
    """Return the properties that make one series of a stacked graph a line over it."""
    looks = {"custom.stacking": {"mode": "none"}, "custom.fillOpacity": 0, "custom.lineWidth": 2}
    return [dashboard.DynamicConfigValue(name, value) for name, value in looks.items()]


def right_axis(least: float, most: float) -> list[dashboard.DynamicConfigValue]:
    """Return the properties that give a series an axis of its own."""
    looks = {"custom.axisPlacement": "right", "min": least, "max": most}
    return [dashboard.DynamicConfigValue(name, value) for name, value in looks.items()]


def _last_value() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
