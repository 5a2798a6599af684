"""A dashboard in one language: its variables, its links, its layout, and how it becomes JSON."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from exporter.words.text import Text
from grafana.palette import BAD, NEUTRAL, WARN
from grafana.panels import DATASOURCE
from grafana.words import ACCOUNT, ALERTS, Language

WIDTH = 24
"""Columns of Grafana's grid."""
WINDOW: Final = "$window"
"""The span that ratios and counts of the present are taken over, as chosen on the dashboard."""
_WINDOWS: Final = {
    "10m": Text("10m", "10 分钟"),
    "30m": Text("30m", "30 分钟"),
    "90m": Text("90m", "90 分钟"),
    "6h": Text("6h", "6 小时"),
    "24h": Text("24h", "24 小时"),
}


class Board:
    """Lays panels from left to right and top to bottom, and numbers them."""

    def __init__(self, language: Language, name: str, title: Text, description: Text) -> None:
        self.language = language
        self._name = name
        self._x = self._y = self._height = self._panels = self._top = 0
        self._closed: build.Row | None = None
        self._marks: list[dict[str, Any]] = []
        self._dashboard = (
            build.Dashboard(title.say(language))
            .uid(uid(name, language))
            .description(description.say(language))
            .tags(["yunfu", language.value])
            .editable()
            .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
            .refresh("1m")
            .time("now-6h", "now")
            .timezone("browser")
        )
        self._dashboard.with_variable(
            build.DatasourceVariable("datasource").label(Text("Data source", "数据源").say(language)).type("prometheus")
        )

    def variable(self, variable: Builder[dashboard.VariableModel]) -> None:
        """Add a variable."""
        self._dashboard.with_variable(variable)

    def account_variable(self, metric: str = "yunfu_account_up") -> None:
        """Add the variable ``account``: any number of accounts, by default all; ``metric`` has a sample for each."""
        self._labels_variable("account", ACCOUNT, metric)

    def team_variable(self) -> None:
        """Add the variable ``team``, the label that a configuration may give to tasks; all are those without one, too."""
        self._labels_variable("team", Text("Team", "团队"), 'yunfu_task_info{account=~"$account"}')

    def _labels_variable(self, label: str, words: Text, metric: str) -> None:
        everything = Text("All", "全部").say(self.language)
        self.variable(
            build.QueryVariable(label)
            .label(words.say(self.language))
            .datasource(DATASOURCE)
            .query({"query": f"label_values({metric}, {label})", "refId": label})
            .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(dashboard.VariableOption(selected=True, text=[everything], value=["$__all"]))
        )

    def window_variable(self) -> None:
        """Add the variable ``window``, by default half an hour."""
        self.choice("window", Text("Window", "统计窗口"), _WINDOWS, "30m")

    def choice(self, name: str, label: Text, values: Mapping[str, Text], default: str) -> None:
        """Add a variable with a few fixed values, each with its name."""
        words = {value: text.say(self.language) for value, text in values.items()}
        self.variable(
            build.CustomVariable(name)
            .label(label.say(self.language))
            .values(", ".join(f"{text} : {value}" for value, text in words.items()))
            .current(dashboard.VariableOption(selected=True, text=words[default], value=default))
        )

    def of_yesterday(self) -> None:
        """Let the time range be the whole of yesterday in China, wherever the browser is; that does not change any more."""
        self._dashboard.time("now-1d/d", "now-1d/d").timezone("Asia/Shanghai").refresh("")

    def link(self, name: str, title: Text, *, with_variables: bool = True, keep_time: bool = True) -> None:
        """Link to another dashboard, by default with the time range."""
        self._dashboard.link(
            build.DashboardLink(title.say(self.language))
            .type(dashboard.DashboardLinkType.LINK)
            .url(f"/d/{uid(name, self.language)}")
            .keep_time(keep_time)
            .include_vars(with_variables)
        )

    def link_other_language(self) -> None:
        """Link to the same dashboard in the other language."""
        other = Language.CHINESE if self.language is Language.ENGLISH else Language.ENGLISH
        self._dashboard.link(
            build.DashboardLink(Text("English", "中文").say(other))
            .type(dashboard.DashboardLinkType.LINK)
            .url(f"/d/{uid(self._name, other)}")
            .keep_time(True)
            .include_vars(True)
        )

    def mark_alerts(self, *of: str, warnings: bool = True) -> None:
        """Mark in all graphs while alerts fire: those on the accounts in view or on none, narrowed down by matchers."""
        self._mark_alerts(Text("Alerts", "告警"), "critical", BAD, of)
        if warnings:
            self._mark_alerts(Text("Warnings", "警告级"), "warning", WARN, of)

    def _mark_alerts(self, name: Text, severity: str, colour: str, of: tuple[str, ...]) -> None:
        firing = ", ".join(
            ('alertname=~"Yunfu.+"', 'alertstate="firing"', f'severity="{severity}"', 'account=~"$account|"', *of)
        )
        what = f'label_replace(ALERTS{{{firing}}}, "what", "$1", "alertname", "(.+)")'
        for alert, words in ALERTS.items():
            what = f'label_replace({what}, "what", "{words.say(self.language)}", "alertname", "{alert}")'
        self._mark(name, f"max by (what, name, account, instance) ({what})", "{{what}}", colour)

    def mark_restarts(self) -> None:
        """Mark in all graphs when an exporter started, and when it loaded another configuration."""
        started = "max by (job, instance) (process_start_time_seconds and on (job, instance) yunfu_exporter_build_info)"
        loaded = "max by (job, instance) (yunfu_exporter_config_last_reload_success_timestamp_seconds)"
        reload = f"({loaded} - {started} > 60) + {started}"
        for name, expr in (
            (Text("Exporter started", "采集器启动"), started),
            (Text("Configuration loaded", "加载配置"), reload),
        ):
            self._mark(name, f"1000 * ({expr})", name.say(self.language), NEUTRAL, useValueForTime="on", hide=True)

    def _mark(self, name: Text, expr: str, title: str, colour: str, **more: str | bool) -> None:
        self._marks.append(
            {
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "enable": True,
                "expr": expr,
                "iconColor": colour,
                "name": name.say(self.language),
                "step": "60s",
                "textFormat": "{{name}} {{account}} {{instance}}",
                "titleFormat": title,
                **more,
            }
        )

    def row(self, title: Text, *, closed: bool = False) -> None:
        """Begin a new section; the panels of a closed one ask nothing until somebody opens it."""
        self._end_section()
        self._panels += 1
        row = build.Row(title.say(self.language)).id(self._panels).collapsed(closed)
        self._dashboard.with_row(row.grid_pos(dashboard.GridPos(h=1, w=WIDTH, x=0, y=self._y)))
        self._y += 1
        self._closed, self._top = (row if closed else None), self._y

    def add(self, panel: Builder[dashboard.Panel], width: int, height: int) -> None:
        """Add a panel, ``width`` of 24 columns wide and ``height`` grid units (about 38 pixels) high."""
        if self._x + width > WIDTH:
            self._break_line()
        self._panels += 1
        built = panel.build()
        built.id_val = self._panels
        built.grid_pos = dashboard.GridPos(h=height, w=width, x=self._x, y=self._y)
        if self._closed:
            self._closed.with_panel(panel)
        else:
            self._dashboard.with_panel(panel)
        self._x += width
        self._height = max(self._height, height)

    def model(self) -> dict[str, Any]:
        """Return the dashboard in Grafana's classic JSON model."""
        model: dict[str, Any] = json.loads(json.dumps(self._dashboard.build(), cls=JSONEncoder))
        model["annotations"] = {"list": self._marks}
        for variable in model["templating"]["list"]:
            del variable["id"]  # Grafana 9.4 takes the SDK's all-zero id for an unsaved variable, and does not find it
            for unknown in ("auto", "auto_min", "auto_count"):
                variable.pop(unknown, None)
            if variable["hide"] and variable["type"] == "query":
                variable["skipUrlSync"] = True  # else a link brings the value that it had when the link was copied
        for panel in _panels(model["panels"]):
            if panel["type"] == "table" and panel["options"]:
                del panel["options"]["footer"]  # there is none, and Grafana 12 does not know the option
            if panel["type"] == "heatmap":
                panel["options"]["tooltip"]["mode"] = "single"  # from Grafana 10 on; the SDK has only the option before
        return model

    def to_json(self) -> str:
        """Return the dashboard as Grafana imports it."""
        return json.dumps(self.model(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"

    def _break_line(self) -> None:
        self._y += self._height
        self._x = self._height = 0

    def _end_section(self) -> None:
        self._break_line()
        if self._closed:
            self._y = self._top  # what is below moves down when it is opened


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield panels, and those in closed rows."""
    for panel in panels:
        yield panel
        yield from panel.get("panels") or ()


def uid(name: str, language: Language) -> str:
    """Return the uid of a dashboard."""
    return f"yunfu-{name}" if language is Language.ENGLISH else f"yunfu-{name}-{language}"
