"""Page, alerts and dashboard call the same tasks in trouble at the same time, through incidents that begin and end.

A working day is lived through in virtual time. Each minute the page's own code judges the store, and what a scrape finds goes
into a real Prometheus, in which the shipped rules and the dashboard's queries are evaluated as of each minute.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

import pytest

from exporter.demo.simulator import Fault, Simulator
from exporter.metrics.records import TaskRecord
from exporter.web.pages.judging import Standing, glance
from grafana import task_verdict
from grafana.build import FOLDER
from grafana.queries import ALL
from tests.support.backfill import Asked, read_rules
from tests.support.dashboards import load
from tests.support.history import Cast, History, Script, Served, served
from tests.support.tools import need

LOW, BLOCKED = "YunfuTaskLowAnswerRate", "YunfuTaskCarrierBlocked"
APART: Final = 2
"""Minutes by which two of them may differ."""

Minutes = dict[str, set[int]]
"""Minutes before the end in which something is so, by task."""


def script(cast: Cast) -> Script:
    """Let the lines of two tasks be blocked and a third be unreadable, each for a while."""

    def incident(kind: str, task: str) -> Callable[[Simulator], object]:
        return lambda simulator: simulator.incident(kind, task)

    return [
        (240, incident("pause", cast.paused)),
        (170, incident("carrier_block", cast.blocked)),
        (163, incident("carrier_block", cast.bad_list)),
        (100, incident("over", cast.blocked)),
        (96, incident("over", cast.bad_list)),
        (60, lambda simulator: simulator.add_fault(Fault(kind="status", task=cast.silent))),
        (25, Simulator.clear_faults),
    ]


PLAN = History(hours=8, script=script)


@dataclass
class Page:
    """What the page says of each task, minute by minute."""

    standings: defaultdict[str, dict[int, Standing]] = field(default_factory=lambda: defaultdict(dict))
    found: defaultdict[str, dict[str, set[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))

    def look(self, records: Sequence[TaskRecord], now: float) -> None:
        """Judge all tasks as the page does."""
        minute = _minute(now)
        for record in records:
            task = record.status.task.ref.id
            self.standings[task][minute] = glance(record, now).standing
            for name, finding in record.trouble._asdict().items() if record.trouble else ():
                if finding and finding.holds(now):
                    self.found[name][task].add(minute)

    def minutes(self, *standings: Standing) -> Minutes:
        """Return when tasks have one of these standings."""
        found = {
            task: {minute for minute, standing in each.items() if standing in standings}
            for task, each in self.standings.items()
        }
        return {task: minutes for task, minutes in found.items() if minutes}


@dataclass
class Day:
    """The day as the page saw it, and as Prometheus has it."""

    page: Page
    served: Served

    def minutes(self, expr: str) -> Minutes:
        """Return when a query has a result."""
        plan = self.served.plan
        found: Minutes = {}
        filled = expr.replace("$account", ".*")
        for each in Asked(self.served.url, plan.begin, plan.end, 60.0).range(filled):
            found.setdefault(each["metric"]["task"], set()).update(_minute(at) for at, _ in each["values"])
        return found


def _minute(at: float) -> int:
    return round((PLAN.end - at) / 60)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Live through the day."""
    need("prometheus", "apt-get install prometheus")
    page = Page()
    with served(PLAN, tmp_path_factory.mktemp("trouble"), rules=read_rules(), watch=page.look) as history:
        yield Day(page, history)


def _firing(name: str) -> str:
    return f'ALERTS{{alertname=~"{name}", alertstate="firing"}}'


def apart(one: Minutes, other: Minutes) -> Minutes:
    """Return the minutes of which one says what the other does not say within APART of them."""
    return {
        task: minutes
        for task in one.keys() | other.keys()
        if (
            minutes := _alone(one.get(task, set()), other.get(task, set()))
            | _alone(other.get(task, set()), one.get(task, set()))
        )
    }


def _alone(one: set[int], other: set[int]) -> set[int]:
    return {minute for minute in one if not other & set(range(minute - APART, minute + APART + 1))}


def test_page_alerts_and_dashboard_agree_on_trouble(day: Day) -> None:
    """A task with a critical alert is low or blocked on the page and in trouble on the overview, and no other task is."""
    alerts = day.minutes(_firing(f"{LOW}|{BLOCKED}"))
    assert {day.served.roles.blocked, day.served.roles.bad_list} <= alerts.keys()
    assert apart(day.page.minutes(Standing.LOW, Standing.BLOCKED), alerts) == {}
    assert apart(day.minutes(ALL.trouble()), alerts) == {}


def test_the_day_of_a_task_on_its_dashboard_agrees_with_the_alerts(day: Day) -> None:
    """The verdict is that a critical alert fires in those minutes in which one does, of tasks with incidents and without."""
    alerts = day.minutes(_firing(f"{LOW}|{BLOCKED}"))
    (panel,) = (each for each in load(FOLDER / "en" / "task.json").queries() if each.panel == "Verdict over the day")
    for task in asdict(day.served.roles).values():
        values = {"$__range": "8h", "$account": ".*", "$task": task, "$window": "30m"}
        expr = re.sub(r"\$\w+", lambda name, values=values: values[name[0]], panel.expr)  # type: ignore[misc]  # a default is known
        said = day.minutes(f'label_replace(({expr}) >= {task_verdict.LOW}, "task", "{task}", "", "")')
        assert apart(said, {task: alerts[task]} if task in alerts else {}) == {}, task


@pytest.mark.parametrize(("finding", "alert"), [("low", LOW), ("blocked", BLOCKED)])
def test_each_finding_is_an_alert(day: Day, finding: str, alert: str) -> None:
    """What is found low is what the one alert says, and what is found blocked what the other does."""
    alerts = day.minutes(_firing(alert))
    assert alerts[day.served.roles.blocked]
    assert apart(dict(day.page.found[finding]), alerts) == {}


def test_page_alerts_and_dashboard_agree_on_what_cannot_be_read(day: Day) -> None:
    """A task that cannot be read is so on the page, has its alert, and no fresh data on the overview."""
    alerts = day.minutes(_firing("YunfuTaskStale"))
    assert {*alerts} == {day.served.roles.silent}
    assert apart(day.page.minutes(Standing.FAILING, Standing.OVERDUE), alerts) == {}
    assert apart(day.minutes(ALL.stale()), alerts) == {}
