"""The overview's verdicts are what they say they are."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import urlencode

import pytest

from grafana import task_verdict
from grafana.queries import ALL, CERTAIN
from tests.support.backfill import Asked
from tests.support.dashboards import PATHS, Dashboard, load
from tests.support.history import Served
from tests.support.programs import fetch

Samples = dict[tuple[str, float], float]


@pytest.fixture(scope="module")
def day(history: Served) -> Asked:
    """Ask for the whole day, every minute."""
    return Asked(history.url, history.plan.begin, history.plan.end, 60.0)


def _filled(expr: str, **variables: str) -> str:
    for name, value in {
        "account": ".*",
        "team": ".*",
        "shown": ".*",
        "worst": ".*",
        "recorded": ".*",
        "rows": "1000",
        "window": "30m",
        "__range": "8h",
        **variables,
    }.items():
        expr = expr.replace(f"${name}", value).replace(f"${{{name}:pipe}}", value)
    return expr


def _samples(day: Asked, expr: str) -> Samples:
    series = day.range(_filled(expr))
    return {(each["metric"]["task"], at): float(value) for each in series for at, value in each["values"]}


def _upper_wilson_bound(answered: float, calls: float) -> float:
    """Return the bound as the literature has it, from the ratio."""
    ratio, square = answered / calls, CERTAIN**2
    spread = CERTAIN * math.sqrt(ratio * (1 - ratio) / calls + square / (4 * calls**2))
    return (ratio + square / (2 * calls) + spread) / (1 + square / calls)


@pytest.mark.parametrize("window", ["10m", "30m"])
def test_under_the_threshold_means_that_the_wilson_bound_is(day: Asked, window: str) -> None:
    """The shortfall in standard deviations judges every task at every time of the day as the bound does."""
    shortfall, threshold = _samples(day, ALL.shortfall(window)), _samples(day, ALL.threshold())
    answered, calls = _samples(day, ALL.answered(window)), _samples(day, ALL.calls(window))
    judged = {at: value > CERTAIN for at, value in shortfall.items()}
    bounds = {at: _upper_wilson_bound(min(answered[at], calls[at]), calls[at]) for at in judged}
    assert judged == {at: bound < threshold[at] for at, bound in bounds.items()}
    assert set(judged.values()) == {True, False}, "the day should have both"


def test_each_task_gets_the_verdict_that_fits_what_happened_to_it(day: Asked, history: Served) -> None:
    """A blocked line alerts, a task that cannot be read has no fresh data, and one paused by hand is told from those that are done."""
    roles = history.roles
    verdicts = _verdicts(day)
    expected = {roles.blocked: "Alert", roles.silent: "No fresh data", roles.paused: "Paused midway"}
    assert {task: verdicts[task] for task in expected} == expected
    assert roles.vanished not in verdicts
    assert {"Good", "Done"} <= {*verdicts.values()}


def test_the_verdicts_over_time_are_those_of_the_table(day: Asked) -> None:
    """At each minute a task's bar has the words that its row had then, from few values, so that what lasts is one bar."""
    expr, mappings = _rank()
    bars = _samples(day, _asked("Since when: verdicts over time"))
    rows = _samples(day, expr)
    named = {(task, at) for task, at in rows if (task, at) in bars}
    assert {at: _word(mappings, bars[at]) for at in named} == {at: _word(mappings, rows[at]) for at in named}
    assert len(named) == len(bars)
    assert len({*bars.values()}) <= len(mappings)


def test_the_bars_of_the_gravest_verdicts_are_on_top(day: Asked) -> None:
    """Grafana draws them in the order in which Prometheus answers: by their verdicts at the end."""
    *bars, _ = day.range(_filled(_asked("Since when: verdicts over time")))
    last = [float(each["values"][-1][1]) for each in bars]
    assert last == sorted(last, reverse=True)
    assert len({*last}) > 3, "else any order would do"


@pytest.mark.parametrize("window", ["10m", "30m", "90m", "6h"])
@pytest.mark.parametrize("what", ["shown", "All tasks · last $window"])
def test_no_counter_of_all_tasks_is_read_of_a_window_that_the_rules_record(day: Asked, what: str, window: str) -> None:
    """What looks at every task reads no more samples than if there were no counters: ten thousand tasks' take too long."""
    expr = _filled(_of_all_tasks(what), window=window, recorded=_recorded(day, window))
    assert _samples_read(day, expr) == _samples_read(day, _without_counters(expr))
    assert day.at_the_end(expr) == day.at_the_end(_without_counters(expr)) != []


WINDOWS = pytest.mark.parametrize(("window", "has_rules"), [("30m", True), ("6h", True), ("24h", True), ("30m", False)])
"""Those that the rules record, one that they do not, and one of a Prometheus without rules."""


@WINDOWS
def test_tasks_are_ranked_as_the_table_judges_them(day: Asked, window: str, *, has_rules: bool) -> None:
    """Each task has the number in the ranking that its row has, which comes of the counters."""
    ranking, verdicts = (_values(day, expr, window, has_rules) for expr in (_of_all_tasks("shown"), _rank()[0]))
    assert ranking == pytest.approx(verdicts)
    assert any(-99 <= value <= 99 for value in ranking.values()), "a shortfall"


@WINDOWS
def test_the_answer_rate_of_all_tasks_is_that_of_their_counters(day: Asked, window: str, *, has_rules: bool) -> None:
    """Answered calls divided by calls, of the tasks that are there."""
    there = "and on (account, task) yunfu_task_info"
    answered, calls = (
        f"sum(increase(yunfu_task_calls_total{{{outcome}}}[{window}]) {there})"
        for outcome in ('outcome="answered"', "")
    )
    found, counted = (
        _values(day, expr, window, has_rules) for expr in (_asked("All tasks · last $window"), f"{answered} / {calls}")
    )
    assert found == pytest.approx(counted)
    assert found


def _values(day: Asked, expr: str, window: str, has_rules: bool) -> dict[str, float]:  # noqa: FBT001  # as the tests have it
    """Return the values at the end of the day by task, or the one of all tasks."""
    filled = _filled(expr, window=window, recorded=_recorded(day, window) if has_rules else "")
    answer = day.at_the_end(filled if has_rules else _without_rules(filled))
    return {each["metric"].get("task", ""): float(each["value"][1]) for each in answer}


def _of_all_tasks(what: str) -> str:
    """Return the query of a hidden variable, or of a panel."""
    if "$" in what:
        return _asked(what)
    variable = next(each for each in _overview().variables if each["name"] == what)
    return str(variable["query"]["query"]).removeprefix("query_result(").removesuffix(")")


def _recorded(day: Asked, window: str) -> str:
    """Return the value that Grafana gives the variable ``recorded``; none is the empty text."""
    found = day.at_the_end(_filled(_of_all_tasks("recorded"), window=window))
    return "".join(each["metric"]["accounts"] for each in found)


def _samples_read(day: Asked, expr: str) -> int:
    """Return how many samples Prometheus looks at to answer."""
    query = urlencode({"query": expr, "time": day.end, "stats": "all"})
    answer = json.loads(fetch(f"{day.url}/api/v1/query?{query}").body)
    return int(answer["data"]["stats"]["samples"]["totalQueryableSamples"])


def _without_counters(expr: str) -> str:
    return expr.replace("yunfu_task_calls_total", "missing_total")


def test_today_is_what_happened_since_midnight(day: Asked) -> None:
    """Its time range makes it so, and its calls are those that the tasks made in that range."""
    panel = next(panel for panel in _overview().shown if panel["title"].startswith("Today"))
    assert panel["timeFrom"] == "now/d"
    calls = next(target["expr"] for target in panel["targets"] if "yunfu_task_calls_total" in target["expr"])
    counted = {each["metric"]["task"]: float(each["value"][1]) for each in day.at_the_end(_filled(calls, __range="6h"))}
    before, after = (
        {
            each["metric"]["task"]: float(each["value"][1])
            for each in day.at_the_end(f"sum by (task) (yunfu_task_calls_total{ago})")
        }
        for ago in (" offset 6h", "")
    )
    grown = {task: after[task] - before[task] for task in before.keys() & after.keys()}
    assert {task: counted[task] for task in grown} == pytest.approx(grown, rel=0.02, abs=2)
    assert any(grown.values())


def test_the_red_rows_are_the_tasks_in_trouble(day: Asked) -> None:
    """The tile counts those of which a critical alert fires, and they are the rows that the table calls so, at any minute."""
    alerts = _samples(
        day, 'max by (account, task) (ALERTS{alertname=~"YunfuTask.+", severity="critical", alertstate="firing"})'
    )
    expr, mappings = _rank()
    red = {at for at, value in _samples(day, expr).items() if _word(mappings, value) == "Alert"}
    assert red == {*alerts}
    counts = (sample for each in day.range(_filled(_asked("In trouble"))) for sample in each["values"])
    counted = {at: float(value) for at, value in counts if at > day.begin}  # at which there is nothing yet
    assert counted == {at: sum(moment == at for _, moment in red) for at in counted}
    assert max(counted.values()) > 0


@pytest.mark.parametrize("title", ["In trouble", "Main reason for failure", "Alerts firing", "No fresh data"])
def test_without_the_rules_nothing_is_called_fine(day: Asked, title: str) -> None:
    """Where Prometheus has not loaded them there is no result, so that the tile says so."""
    assert day.at_the_end(_filled(_asked(title))) != []
    assert day.at_the_end(_without_rules(_filled(_asked(title)))) == []


@pytest.mark.parametrize("title", ["In trouble", "Alerts firing", "No fresh data"])
def test_without_an_exporter_the_tiles_say_so(day: Asked, title: str) -> None:
    """Where Prometheus has no metrics of an exporter they have the number that stands for it, and the reason's tile asks why."""
    nothing = [
        _without_rules(_filled(_asked(each))).replace("yunfu_", "missing_")
        for each in (title, "Main reason for failure")
    ]
    tile, reason = (day.at_the_end(expr) for expr in nothing)
    assert [float(each["value"][1]) for each in tile] == [-1]
    assert [each["metric"]["name"] for each in reason] == ["absent"]


def test_without_the_rules_a_task_has_no_verdict(day: Asked, history: Served) -> None:
    """Its dashboard says that they are missing, and not that nothing is wrong."""
    expr = _without_rules(_filled(task_verdict.verdict(), task=history.roles.bad_list))
    assert [float(each["value"][1]) for each in day.at_the_end(expr)] == [task_verdict.NO_RULES]


def _without_rules(expr: str) -> str:
    """Return a query of a Prometheus that does not have what the rules bring."""
    return expr.replace("yunfu:", "missing:").replace("ALERTS", "MISSING")


def _overview() -> Dashboard:
    return load(next(path for path in PATHS if path.parent.name == "en" and path.stem == "overview"))


def _asked(title: str) -> str:
    panel = next(panel for panel in _overview().shown if panel["title"] == title)
    return str(panel["targets"][0]["expr"])


def _rank() -> tuple[str, list[dict[str, Any]]]:
    """Return the query of the table's column of verdicts, and how its numbers become words."""
    panel = next(panel for panel in _overview().shown if _override(panel, "rank"))
    letter = next(_letter(each) for each in panel["transformations"] if each["id"] == "organize")
    expr = next(target["expr"] for target in panel["targets"] if target["refId"] == letter)
    return expr, next(each["value"] for each in _override(panel, "rank") if each["id"] == "mappings")


def _verdicts(day: Asked) -> dict[str, str]:
    """Return the words of the table's column for each task, as Grafana maps the numbers to them."""
    expr, mappings = _rank()
    return {each["metric"]["task"]: _word(mappings, float(each["value"][1])) for each in day.at_the_end(_filled(expr))}


def _override(panel: dict[str, Any], field: str) -> list[dict[str, Any]]:
    overrides = panel["fieldConfig"].get("overrides") or []
    return next((each["properties"] for each in overrides if each["matcher"].get("options") == field), [])


def _letter(organize: dict[str, Any]) -> str:
    renamed: dict[str, str] = organize["options"]["renameByName"]
    return next(old.removeprefix("Value #") for old, new in renamed.items() if new == "rank")


def _word(mappings: list[dict[str, Any]], value: float) -> str:
    """Return the text of the first range that holds the value, both ends included, as Grafana does."""
    ranges = [mapping["options"] for mapping in mappings]
    return next(str(each["result"]["text"]) for each in ranges if each["from"] <= value <= each["to"])
