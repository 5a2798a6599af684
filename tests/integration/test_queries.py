"""Every query of every dashboard, and every rule, has an answer over a working day with incidents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from grafana import one_task, task_tiles, task_verdict
from grafana.build import FOLDER
from grafana.tables import NO_ROW
from tests.support.backfill import Asked, Rule, read_rules
from tests.support.dashboards import NAMES, PATHS, Dashboard, PanelQuery, load
from tests.support.history import Served

MEANT_TO_BE_EMPTY: dict[tuple[str, str, str], str] = {
    ("overview", "All tasks · last $window", "C"): "there is no yesterday",
    ("overview", "All tasks · last $window", "D"): "nor a week before",
    ("overview", "Answer rate: now, yesterday, a week ago", "B"): "there is no yesterday",
    ("overview", "Answer rate: now, yesterday, a week ago", "C"): "nor a week before",
    ("task", "Answer rate, past $window", "B"): "no task is just a little under its threshold when the day ends",
    ("task", "Age of data", "B"): "no task is overdue, but not yet stale, when the day ends",
    ("task", "Answer rate over $window, and what chance allows", "G"): "no day before; test_daily.py has one",
    ("task", "Answer rate over $window, and what chance allows", "H"): "no week before; likewise",
    ("exporter", "Unread or missing fields per minute", "A"): "the simulator's answers can be read",
    ("exporter", "Unread or missing fields per minute", "B"): "the simulator leaves nothing out",
}
"""Queries that have no answer on such a day, by dashboard, English title and letter; and why."""

QUIET_RULES: dict[str, str] = {
    "YunfuTaskAnswerRateDropped": "the day's incident falls under the threshold, which is YunfuTaskLowAnswerRate's",
    "YunfuTaskStalled": "every task of the day calls while it should",
    "yunfu:task:silent 90m": "every task of the day is polled each minute or quarter of an hour",
    "yunfu:task:silent 6h": "likewise",
    "yunfu:task:inbound": "every task of the day is outbound",
} | dict.fromkeys(
    (
        "YunfuAccountStale", "YunfuApiFailing", "YunfuTokenExpiring", "YunfuTokenUnreadable", "YunfuQuotaExceeded", "YunfuDiscoveryFailing",
        "YunfuTasksLeftOut", "YunfuListLacking", "YunfuFieldUnreadable", "YunfuFormatUnknown", "yunfu:account_tasks:empty",
        "yunfu:account_unknown_answers:increase30m", "yunfu:account_missing_fields:increase1h", "YunfuExporterDown",
        "YunfuExporterGone", "YunfuReloadFailed", "YunfuShardMissing", "YunfuShardsDisagree",
    ),
    "the exporter and the platform work all day; prometheus/tests/exporter_test.yaml has the outages",
)  # fmt: skip
"""Rules that come to nothing on such a day, and why."""

OF_A_DAY = [path for path in PATHS if path.stem != "daily"]
"""The dashboards that one day is enough for. test_daily.py asks the queries of the daily report, which compares two."""

STEP = 300.0
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")
_LABEL_VALUES = re.compile(r"label_values\((.*),\s*(\w+)\)", re.DOTALL)
_QUERY_RESULT = re.compile(r"query_result\((.*)\)", re.DOTALL)


@pytest.fixture(scope="module")
def day(history: Served) -> Asked:
    """Ask for the whole day."""
    return Asked(history.url, history.plan.begin, history.plan.end, STEP)


@pytest.fixture(params=OF_A_DAY, ids=[name for path, name in zip(PATHS, NAMES, strict=True) if path in OF_A_DAY])
def dashboard(request: pytest.FixtureRequest) -> Dashboard:
    """Give each dashboard in each language, but for the daily report."""
    return load(request.param)


class Viewer:
    """Asks as Grafana does: the variables filled in, one after the other."""

    def __init__(self, day: Asked, dashboard: Dashboard) -> None:
        self.day = day
        self.choices: dict[str, list[str]] = {
            "__rate_interval": ["5m"],
            "__interval": [f"{day.step:.0f}s"],
            "__interval_ms": [f"{1000 * day.step:.0f}"],
            "__range": [f"{day.end - day.begin:.0f}s"],
            "__range_s": [f"{day.end - day.begin:.0f}"],
        }
        for variable in dashboard.variables:
            if variable["type"] != "datasource":
                self.choices[variable["name"]] = list(dict.fromkeys(self._choices(variable)))

    def _choices(self, variable: dict[str, Any]) -> Iterator[str]:
        if "allValue" in variable:
            yield variable["allValue"]
        if variable["type"] == "query":
            offered = list(_captured(self._offered(variable["query"]["query"]), variable.get("regex") or ""))
            if variable.get("includeAll") and "allValue" not in variable:
                yield "|".join(offered)
            yield from offered
        elif not variable.get("includeAll"):
            yield str(variable["current"]["value"] if variable.get("current") else variable["query"])

    def _offered(self, query: str) -> Iterator[str]:
        expr = next(self.filled(query))
        if match := _LABEL_VALUES.fullmatch(expr):
            for series in self.day.range(f"group by ({match[2]}) ({match[1]})"):
                yield from filter(None, [series["metric"].get(match[2])])
            return
        match = _QUERY_RESULT.fullmatch(expr)
        assert match, f"neither label_values nor query_result: {query}"
        for series in self.day.at_the_end(match[1]):
            labels = ",".join(f'{name}="{value}"' for name, value in series["metric"].items() if name != "__name__")
            moment, value = series["value"]
            yield f"{series['metric'].get('__name__', '')}{{{labels}}} {value} {moment * 1000:.0f}"

    def filled(self, text: str) -> Iterator[str]:
        """Yield a text with its variables filled in, with each choice there is."""
        used = [name for name in self.choices if re.search(rf"\$(?:{name}\b|\{{{name}\b)", text)]
        for values in product(*(self.choices[name] for name in used)):
            filled = text
            for name, value in zip(used, values, strict=True):
                filled = re.sub(rf"\$(?:{name}\b|\{{{name}(?::\w+)?\}})", lambda _, value=value: value, filled)  # type: ignore[misc]  # a default is known
            yield filled

    def answer(self, query: PanelQuery) -> list[dict[str, Any]]:
        """Return the series of the first choice for which there are any."""
        ask = self.day.at_the_end if query.is_instant else self.day.range
        found = (ask(expr) for expr in self.filled(query.expr))
        return next((series for series in found if series and NO_ROW not in series[0]["metric"].values()), [])


def _captured(values: Iterator[str], regex: str) -> Iterator[str]:
    """Yield what a variable's regular expression takes of the values; a group called value wins over the first."""
    if not regex:
        yield from values
        return
    pattern = re.compile(regex.strip("/").replace("(?<", "(?P<"))
    for value in values:
        match = pattern.search(value)
        assert match, f"{regex} does not match {value}"
        yield match["value"] if "value" in pattern.groupindex else match[1] if pattern.groups else match[0]


def test_every_variable_offers_something(day: Asked, dashboard: Dashboard) -> None:
    """A query variable has values, each of them whole."""
    choices = Viewer(day, dashboard).choices
    assert not [name for name, values in choices.items() if not values or "" in values]


def test_every_panel_has_data(day: Asked, dashboard: Dashboard) -> None:
    """Each query answers, or is meant to be empty on such a day; series are called by words, not by UUIDs."""
    viewer, titles = Viewer(day, dashboard), _english_titles(dashboard.name)
    *others, reload = [bool(viewer.answer(mark)) for mark in dashboard.marks()]
    assert others, dashboard.name
    assert all(others), dashboard.name
    assert not reload, "nobody reloads on that day"
    empty = set()
    for query, title in zip(dashboard.queries(), titles, strict=True):
        series = viewer.answer(query)
        if not series:
            empty.add((dashboard.name, title, query.ref_id))
        for each in series:
            names = [each["metric"].get(label, "") for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", query.legend)]
            assert all(names), f"{query.place}: a label of {query.legend} is missing from {each['metric']}"
            assert not any(map(UUID.match, names)), query.place
    assert empty == {place for place in MEANT_TO_BE_EMPTY if place[0] == dashboard.name}


def test_only_known_queries_are_meant_to_be_empty() -> None:
    """The list has no entry of a dashboard or a rule that is no longer there."""
    assert {place[0] for place in MEANT_TO_BE_EMPTY} <= {path.stem for path in PATHS}
    rules = read_rules()
    assert set(QUIET_RULES) <= {
        each for rule in rules for each in (rule.name, f"{rule.name} {rule.labels.get('window')}")
    }


@cache
def _english_titles(name: str) -> list[str]:
    return [query.panel for query in load(_path("en", name)).queries()]


@pytest.mark.parametrize("rule", read_rules(), ids=lambda rule: rule.name)
def test_every_rule_comes_to_something(day: Asked, rule: Rule) -> None:
    """A recording rule has data, an alert fires at some time of the day, or it is known to be quiet on such a day."""
    names = {rule.name, f"{rule.name} {rule.labels.get('window')}"}
    assert bool(day.range(rule.expr)) != bool(names & QUIET_RULES.keys())


@pytest.mark.parametrize(
    ("role", "verdict"),
    [
        ("blocked", task_verdict.LINE),
        (
            "bad_list",
            task_verdict.BUT_LIST,
        ),  # half of its answers are left, which is just as many as its threshold asks for
        ("paused", task_verdict.PAUSED),
        ("silent", task_verdict.STALE_DATA),
    ],
)
def test_the_verdict_on_a_task_is_what_happened_to_it(history: Served, day: Asked, role: str, verdict: int) -> None:
    """The first tile of the dashboard of a task says what is the matter with it, and nothing else."""
    assert _verdict(day, getattr(history.roles, role)) == verdict


def test_a_task_to_which_nothing_happens_is_well_or_done(history: Served, day: Asked) -> None:
    """Of the other tasks some are finished, and all others are well."""
    tasks = {series["metric"]["task"] for series in day.at_the_end("yunfu_task_info")}
    others = tasks - set(asdict(history.roles).values())
    assert {_verdict(day, other) for other in others} == {task_verdict.WELL, task_verdict.DONE}


def _verdict(day: Asked, task_id: str) -> float:
    ((_, value),) = (series["value"] for series in _tile(day, task_id, "Verdict", "A"))
    return float(value)


def _tile(day: Asked, task_id: str, title: str, letter: str) -> list[dict[str, Any]]:
    """Return the series of a query of the dashboard of a task."""
    board = load(_path("en", "task"))
    (query,) = (each for each in board.queries() if each.panel == title and each.ref_id == letter)
    viewer = Viewer(day, board)
    viewer.choices |= {"task": [task_id], "window": ["30m"]}
    return viewer.answer(query)


def _path(language: str, name: str) -> Path:
    return FOLDER / language / f"{name}.json"


def test_a_task_that_is_gone_says_so_and_since_when(history: Served, day: Asked) -> None:
    """Its name is still among the choices, its verdict is that it has left the list, and it was last read when it vanished."""
    gone = history.roles.vanished
    assert gone in Viewer(day, load(_path("en", "task"))).choices["task"]
    assert _verdict(day, gone) == task_verdict.GONE
    (last_read,) = _tile(day, gone, "Alerts, and since when", "B")
    minutes_ago = (history.plan.end - float(last_read["value"][1]) / 1000) / 60
    assert 130 <= minutes_ago <= 130 + 15  # it vanished then; a finished task is read every quarter of an hour


def test_the_alerts_on_a_task_are_named_with_their_beginning(history: Served, day: Asked) -> None:
    """Those that fire at the end of the day, each since it was first true; of a task without any there is a word for none."""
    roles = history.roles
    since = {
        each["metric"]["alertname"]: (history.plan.end - float(each["value"][1]) / 1000) / 60
        for each in _tile(day, roles.blocked, "Alerts, and since when", "A")
    }
    assert {"YunfuTaskLowAnswerRate", "YunfuTaskCarrierBlocked"} <= since.keys()
    assert all(10 < minutes < 50 for minutes in since.values()), "the incident began 50 minutes before the end"
    assert _tile(day, roles.blocked, "Alerts, and since when", "C") == []
    assert [each["value"][1] for each in _tile(day, roles.paused, "Alerts, and since when", "C")] == ["0"]


def test_done_and_paused_with_numbers_left_are_told_apart(history: Served, day: Asked) -> None:
    """Where there is no finish to project a word says why, and how many numbers are left."""
    tasks = {series["metric"]["task"] for series in day.at_the_end("yunfu_task_progress_ratio == 1")}
    for task_id, word in (*((each, task_tiles.DONE) for each in tasks), (history.roles.paused, task_tiles.PAUSED)):
        (finish,) = _tile(day, task_id, "Progress and projected finish", "C")
        (left,) = _tile(day, task_id, "Progress and projected finish", "B")
        assert (float(finish["value"][1]), float(left["value"][1]) > 0) == (word, word == task_tiles.PAUSED)
    assert tasks


def test_the_hours_of_the_week_have_a_cell_each(history: Served, day: Asked) -> None:
    """Seven days of eighteen hours, the night being one; those of the working day have their calls, all others none."""
    (calls,) = (query for query in load(_path("en", "task")).queries() if query.panel.startswith("The calls of these"))
    viewer = Viewer(day, load(_path("en", "task")))
    viewer.choices |= {"task": [history.roles.blocked]}
    cells = {(each["metric"]["day"], each["metric"]["hour"]): float(each["value"][1]) for each in viewer.answer(calls)}
    assert len(cells) == 7 * 18
    assert {at for at, value in cells.items() if value > 0} <= {("1", f"{hour:02}") for hour in range(8, 17)}
    assert cells["1", "10"] > 0
    assert cells["7", "23–5"] == one_task.NO_VALUE
