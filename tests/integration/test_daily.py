"""The daily report tells the truth about a day in China whose calls are known: of tasks, teams and all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from grafana.build import FOLDER
from tests.support.backfill import Asked, backfill, prometheus
from tests.support.dashboards import Dashboard, load

DAY: Final = datetime(2025, 6, 30, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
MINUTES: Final = 1440
END: Final = DAY + 86400 - 0.001
"""Grafana's end of yesterday; its range is rounded to whole seconds."""

MORNING: Final = (540, 720)
"""Minutes of the day, from and to, in which most tasks dial."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task that dials at a rate per minute on the day before and on the day; ``seen`` are the minutes of both in which it is known."""

    id: str
    rates: tuple[int, int]
    names: Mapping[int, str]
    team: str = ""
    account: str = "main"
    hours: tuple[int, int] = MORNING
    seen: tuple[int, int] = (0, 2 * MINUTES)
    restart: int | None = None
    """When its exporter restarts, and counts from 0 on."""

    moves: bool = True
    """Whether it restarts in another place."""

    exporters: int = 1
    """How many read it at once."""

    def calls(self, minute: int) -> int:
        """Return the calls since it is known, three of ten are answered, one of them of interest, and one of ten is blocked."""
        return self._calls(minute) - self._calls(self.seen[0])

    def _calls(self, minute: int) -> int:
        begin, end = self.hours
        return sum(
            10 * rate * min(max(minute - day * MINUTES - begin, 0), end - begin) for day, rate in enumerate(self.rates)
        )

    def on_day(self, day: int) -> int:
        """Return the calls of the day (1) or the day before (0)."""
        last = min((day + 1) * MINUTES - 1, self.seen[1])
        return self.calls(max(last, self.seen[0])) - self.calls(max(day * MINUTES - 1, self.seen[0]))

    def samples(self, minute: int) -> Iterator[str]:
        """Yield what a scrape finds."""
        if not self.seen[0] <= minute <= self.seen[1]:
            return
        is_later = self.restart is not None and minute >= self.restart
        calls = self.calls(minute) - (self.calls(self.restart) if is_later and self.restart else 0)
        for exporter in range(self.exporters):
            place = f"{'later' if is_later and self.moves else 'first'}-{exporter}"
            yield from self._page(
                minute, calls, f'account="{self.account}",task="{self.id}",job="yunfu",instance="{place}"'
            )

    def _page(self, minute: int, calls: int, labels: str) -> Iterator[str]:
        name = next(name for since, name in reversed([*self.names.items()]) if minute >= since)
        team = f',team="{self.team}"' if self.team else ""
        yield f'yunfu_task_info{{{labels},name="{name}"{team}}} 1'
        yield f'yunfu_task_calls_total{{{labels},outcome="answered"}} {calls * 3 // 10}'
        yield f'yunfu_task_calls_total{{{labels},outcome="unanswered"}} {calls * 7 // 10}'
        yield f'yunfu_task_number_results_total{{{labels},status="connected"}} {calls * 3 // 10}'
        yield f'yunfu_task_number_results_total{{{labels},status="carrier_blocked"}} {calls // 10}'
        yield f'yunfu_task_intention_calls{{{labels},intention="A"}} {5000 + self.calls(minute) // 10}'
        yield f'yunfu_task_intention_calls{{{labels},intention="F"}} {self.calls(minute) // 5}'
        yield f"yunfu_task_answer_ratio_threshold{{{labels}}} 0.25"


WHOLE = Task(id="whole", rates=(1, 2), names={0: "旧名", 2 * MINUTES - 600: "老客户回访"}, team="retention")
ROUND_THE_CLOCK = Task(id="clock", rates=(1, 1), names={0: "全天"}, team="retention", hours=(0, MINUTES))
VANISHED = Task(id="vanished", rates=(2, 2), names={0: "消失"}, seen=(0, MINUTES + 640))
NEW = Task(id="new", rates=(0, 3), names={0: "新任务"}, seen=(MINUTES + 560, 2 * MINUTES))
ONLY_BEFORE = Task(id="only-before", rates=(4, 0), names={0: "昨天结束"}, seen=(0, MINUTES - 60))
IDLE = Task(id="idle", rates=(0, 0), names={0: "闲置"})
RESTARTED = Task(id="restarted", rates=(5, 5), names={0: "重启"}, account="partner", restart=MINUTES + 600)
SET_BACK = Task(id="set-back", rates=(5, 5), names={0: "归零"}, restart=MINUTES + 600, moves=False)
PAIR = Task(id="pair", rates=(1, 1), names={0: "双采集"}, exporters=2)
TASKS = (WHOLE, ROUND_THE_CLOCK, VANISHED, NEW, ONLY_BEFORE, IDLE, RESTARTED, SET_BACK, PAIR)
EXACT = (WHOLE, ROUND_THE_CLOCK, VANISHED, NEW, ONLY_BEFORE, PAIR)
ABOUT: Final = 0.006
"""How much the report may be off because of a restart: the minute that nobody saw, and what increase() makes up."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Serve the two days, and the same hours a week before."""
    folder = tmp_path_factory.mktemp("daily")
    with (folder / "samples.txt").open("w", encoding="utf-8") as text:
        for days_ago, minutes in ((7, range(MINUTES, 2 * MINUTES, 1)), (0, range(2 * MINUTES))):
            for minute in minutes:
                at = DAY - 86400 * (1 + days_ago) + 60 * minute + 7
                for task in TASKS if days_ago == 0 else (WHOLE,):
                    text.writelines(f"{sample} {at:.0f}\n" for sample in task.samples(minute))
        text.write("# EOF\n")
    backfill(folder / "samples.txt", folder / "tsdb")
    with prometheus(folder, lookback=90) as url:
        yield Asked(url, DAY, END, 60.0)


def _board(name: str) -> Dashboard:
    return load(FOLDER / "en" / f"{name}.json")


def _filled(expr: str, **variables: str) -> str:
    values = {"account": ".*", "__range": "86400s", "__range_s": "86400", **variables}
    return re.sub(r"\$(\w+)", lambda name: values[name[1]], expr)


def _answer(day: Asked, expr: str) -> list[dict[str, Any]]:
    return day.at_the_end(_filled(expr))


Table = dict[str, dict[str, float]]
"""A table's values by column and row."""


def _table(day: Asked, title: str, key: str) -> Table:
    """Ask for a table's values; ``key`` is the label that its rows differ by."""
    panel = next(panel for panel in _board("daily").shown if panel["title"] == title)
    names = next(each["options"]["renameByName"] for each in panel["transformations"] if each["id"] == "organize")
    return {
        names.get(f"Value #{target['refId']}", "_"): {
            each["metric"][key]: float(each["value"][1]) for each in _answer(day, target["expr"])
        }
        for target in panel["targets"]
    }


def _tile(day: Asked, title: str) -> list[float]:
    """Ask for the values of a tile."""
    queries = [query for query in _board("daily").queries() if query.panel == title]
    return [float(series["value"][1]) for query in queries for series in _answer(day, query.expr)]


@pytest.fixture(scope="module")
def tasks(day: Asked) -> Table:
    """Give the table of tasks."""
    return _table(day, "Tasks that dialled on this day or the day before", "task")


def test_the_day_was_one() -> None:
    """The tasks of the test dial what they are said to, so that what is counted below is known."""
    assert [task.on_day(1) for task in TASKS] == [3600, 14400, 2 * 10 * 100, 3 * 10 * 160, 0, 0, 9000, 9000, 1800]
    assert WHOLE.on_day(0) == 1800


def test_each_call_of_the_day_counts_once(tasks: Table) -> None:
    """Also of a task that dials over midnight, that vanished during the day, that began in it or that two read; not extrapolated."""
    assert {task.id: tasks["dialled"][task.id] for task in EXACT} == {task.id: task.on_day(1) for task in EXACT}
    for task in (RESTARTED, SET_BACK):
        assert tasks["dialled"][task.id] == pytest.approx(task.on_day(1), rel=ABOUT)


def test_only_tasks_that_dialled_are_in_the_report(tasks: Table) -> None:
    """On the day or on the day before."""
    rows = {task.id for task in TASKS if task.on_day(0) or task.on_day(1)}
    assert rows == {*tasks["_"]} == {*tasks["dialled"]}
    assert all({*column} <= rows for column in tasks.values())


def test_answers_interest_and_blocks_are_those_of_the_day(tasks: Table) -> None:
    """Each in numbers and as a share; also where an exporter took over from another."""
    dialled = {task.id: task.on_day(1) for task in TASKS if task.on_day(1)}
    for column, share in (("answered", 0.3), ("interested", 0.1), ("blocked", 0.1)):
        assert tasks[column] == pytest.approx(
            {name: share * calls for name, calls in dialled.items()} | _zero(tasks, column), rel=ABOUT
        )
    assert tasks["rate"] == pytest.approx(dict.fromkeys(dialled, 0.3), rel=ABOUT)
    assert tasks["blocked_share"] == pytest.approx(dict.fromkeys(dialled, 0.25), rel=ABOUT)


def _zero(tasks: Table, column: str) -> dict[str, float]:
    """Return what a column says of the task that ended the day before: nothing, or 0 at most."""
    return {name: 0.0 for name in tasks[column] if name == ONLY_BEFORE.id}


def test_the_day_is_compared_with_the_one_before(tasks: Table) -> None:
    """In per cent of calls, in points of shares; a task that is new cannot be compared."""
    assert tasks["dialled_change"] == pytest.approx(
        {
            "whole": 1.0,
            "clock": 0.0,
            "vanished": 2000 / 3600 - 1,
            "only-before": -1.0,
            "restarted": 0.0,
            "set-back": 0.0,
            "pair": 0.0,
        },
        abs=ABOUT,
    )
    assert tasks["rate_change"] == pytest.approx(
        dict.fromkeys(("whole", "clock", "vanished", "restarted", "set-back", "pair"), 0.0), abs=0.1
    )


def test_a_task_has_the_name_that_it_had_last(day: Asked) -> None:
    """Also one that is gone, and one that was renamed; each has one row."""
    panel = next(panel for panel in _board("daily").shown if panel["title"].startswith("Tasks that"))
    labels = [each["metric"] for each in _answer(day, panel["targets"][0]["expr"])]
    assert {*labels[0]} == {"account", "task", "name"}, "another label would be another column"
    names = [(each["task"], each["name"]) for each in labels]
    assert sorted(names) == sorted((task.id, [*task.names.values()][-1]) for task in TASKS if task is not IDLE)


def test_teams_are_the_sums_of_their_tasks(day: Asked) -> None:
    """Tasks without the label have a row of their own."""
    teams = _table(day, "Teams", "team")
    assert teams["tasks"] == {"retention": 2, "–": 6}
    rest = (VANISHED, NEW, ONLY_BEFORE, RESTARTED, SET_BACK, PAIR)
    expected = {"retention": WHOLE.on_day(1) + ROUND_THE_CLOCK.on_day(1), "–": sum(task.on_day(1) for task in rest)}
    assert teams["dialled"] == pytest.approx(expected, rel=ABOUT)
    assert teams["interested"] == pytest.approx({team: calls / 10 for team, calls in expected.items()}, rel=ABOUT)


def test_the_totals_are_those_of_all_tasks(day: Asked) -> None:
    """Of the day and of the day before."""
    both = [sum(task.on_day(each) for task in TASKS) for each in (1, 0)]
    shares = {"Dialled": 1, "Answered": 0.3, "A+B": 0.1, "Blocked": 0.1}
    for title, share in shares.items():
        assert _tile(day, title) == pytest.approx([share * calls for calls in both], rel=ABOUT), title
    assert _tile(day, "Answer rate") == pytest.approx([0.3, 0.3], rel=ABOUT)


def test_the_date_is_that_of_the_day(day: Asked) -> None:
    """As milliseconds within the day, wherever the browser is; a longer span has no date."""
    (shown,) = _tile(day, "Daily report")
    assert DAY < shown / 1000 < END
    (query,) = (query for query in _board("daily").queries() if query.panel == "Daily report")
    assert day.at_the_end(_filled(query.expr, __range_s="172800")) == []


def test_every_query_of_the_report_has_an_answer(day: Asked) -> None:
    """Those about the day before too, which other days of the tests lack."""
    assert not [query.place for query in _board("daily").queries() if not _answer(day, query.expr)]


def test_a_task_is_compared_with_the_same_hours_of_a_day_and_a_week_before(day: Asked) -> None:
    """The answer rate's graph has both, where the task dialled then."""
    graph = [query for query in _board("task").queries() if query.panel.startswith("Answer rate over")]
    for legend in ("A day before", "A week before"):
        (expr,) = (query.expr for query in graph if query.legend == legend)
        (series,) = day.range(_filled(expr, task=WHOLE.id, window="30m"))
        assert {round(float(value), 2) for _, value in series["values"]} == {0.3}


def test_the_report_is_of_yesterday_in_china() -> None:
    """Wherever the browser is."""
    for language in ("en", "zh"):
        model = load(Path(FOLDER / language / "daily.json")).model
        assert (model["time"], model["timezone"]) == ({"from": "now-1d/d", "to": "now-1d/d"}, "Asia/Shanghai")
