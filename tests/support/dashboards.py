"""The shipped dashboards and rules as tests see them: panels, queries, and the metrics that a query asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.families import COUNTER_FAMILIES, STATS_FAMILIES, WINDOW_FAMILIES, Family, status_families
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.store import Store
from grafana.build import FOLDER

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_NOT_METRICS = re.compile(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?![\w:])(?!\s*\()")
_KEYWORDS = frozenset(
    [
        "and",
        "or",
        "unless",
        "bool",
        "offset",
        "group_left",
        "group_right",
        "inf",
        "nan",
        "by",
        "without",
        "on",
        "ignoring",
    ]
)


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """A query of a panel: where it stands, what it asks, and how its series are called."""

    dashboard: str
    panel: str
    ref_id: str
    expr: str
    legend: str
    is_instant: bool

    @property
    def place(self) -> tuple[str, str, str]:
        """Where the query stands, for lists of exceptions."""
        return self.dashboard, self.panel, self.ref_id


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard file; ``language`` is the folder that it is in."""

    name: str
    language: str
    model: dict[str, Any]

    @property
    def panels(self) -> list[dict[str, Any]]:
        """The panels, rows and those in closed rows included."""
        return [
            panel for outer in self.model["panels"] for panel in (outer, *(outer.get("panels") or ()))
        ]  # a closed row holds its panels

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The panels that show data."""
        return [panel for panel in self.panels if panel["type"] not in {"row", "text"}]

    @property
    def variables(self) -> list[dict[str, Any]]:
        """The variables, in their order."""
        return list(self.model["templating"]["list"])

    def queries(self) -> Iterator[PanelQuery]:
        """Yield the queries of all panels."""
        for panel in self.panels:
            for target in panel.get("targets") or ():
                legend, instant = target.get("legendFormat", ""), bool(target.get("instant"))
                yield PanelQuery(self.name, panel["title"], target["refId"], target["expr"], legend, instant)

    def marks(self) -> Iterator[PanelQuery]:
        """Yield the queries of the annotations: what is marked in all graphs."""
        for mark in self.model["annotations"]["list"]:
            yield PanelQuery(self.name, mark["name"], "", mark["expr"], "", is_instant=False)


def load(path: Path) -> Dashboard:
    """Read a dashboard file."""
    return Dashboard(path.stem, path.parent.name, json.loads(path.read_text(encoding="utf-8")))


PATHS = sorted(FOLDER.glob("*/*.json"))
NAMES = [f"{path.parent.name}/{path.stem}" for path in PATHS]


def metrics_of(expr: str) -> set[str]:
    """Return the names of the metrics that an expression asks for."""
    bare = _NOT_METRICS.sub(" ", _STRING.sub('""', expr))
    return {name for name in _NAME.findall(bare) if name.lower() not in _KEYWORDS}


def task_families() -> set[str]:
    """Return the names of the families of tasks."""
    tables: tuple[Sequence[Family[Any]], ...] = status_families(()), STATS_FAMILIES, COUNTER_FAMILIES, WINDOW_FAMILIES
    return {family.name for table in tables for family in table}


def own_families() -> dict[str, set[str]]:
    """Return the exporter's own families and those of the accounts, each with the names of its series."""
    metrics = ExporterMetrics("0", "none")
    metrics.registry.register(AccountCollector(Store(TaskRenderer(), lambda: 0.0)))
    return {name: names for name, names in _series_names(metrics.registry) if name.startswith("yunfu_")}


def library_families() -> set[str]:
    """Return the names of the series that the client library adds: process_, python_."""
    own = ExporterMetrics("0", "none").registry
    return {each for name, names in _series_names(own) if not name.startswith("yunfu_") for each in names}


def _series_names(registry: CollectorRegistry) -> Iterator[tuple[str, set[str]]]:
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    for family in registry.collect():
        yield family.name, {family.name + suffix for suffix in suffixes.get(family.type, ("",))}
