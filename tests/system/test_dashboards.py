"""The dashboards keep the rules of good ones, and they and the alert rules know every metric, and only metrics that exist."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter.metrics.families import WINDOW_FAMILIES
from grafana.build import FOLDER
from grafana.palette import BAD, GOOD, NEUTRAL, QUIET, STALE, VOCABULARIES, WARN
from grafana.queries import ALL, CERTAIN, of_team
from grafana.tasks import rank
from grafana.words import Language
from tests.support.backfill import read_rules
from tests.support.dashboards import (
    NAMES,
    PATHS,
    Dashboard,
    library_families,
    load,
    metrics_of,
    own_families,
    task_families,
)
from tests.support.tools import attempt, need

CHINESE = re.compile(r"[\u4e00-\u9fff]")
LATIN_WORDS = re.compile(r"[A-Za-z]{3,}")
PROMETHEUS_OWN = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "ALERTS",
    "ALERTS_FOR_STATE",
}


BY_HAND = {
    "yunfu_account_tasks": "each exporter's own count; the dashboards count tasks, however many exporters read them",
    "yunfu_exporter_http_refusals": "to find out why a scrape or a page is turned away; a scrape that fails shows in up",
    "yunfu_exporter_log_lines_dropped": "to tell why the log has nothing to say: nobody takes its lines",
    "yunfu_exporter_links_info": "the alerts' annotations make their links of it",
    "yunfu_task_answer_ratio": "the platform's own; dashboards and rules count what was seen to happen",
    "yunfu_task_unanswered_calls": "likewise",
    "yunfu_task_intention_ratio": "the platform's own; the dashboards divide the calls, whose number they show beside it",
    "yunfu_task_concurrency_limit": "to compare with the calls that a task makes",
    "yunfu_task_created_timestamp_seconds": "to tell the age of a task",
    "yunfu_task_resets_total": "to tell why a task's counts fell",
} | dict.fromkeys(
    (family.name for family in WINDOW_FAMILIES),
    "windows are a choice of the configuration, none by default; dashboards and rules make theirs of the counters",
)
"""Families that no dashboard and no rule asks for, and what they are there for."""


@pytest.fixture(params=PATHS, ids=NAMES)
def dashboard(request: pytest.FixtureRequest) -> Dashboard:
    """Give each dashboard in each language."""
    return load(request.param)


def test_panels_say_what_they_show(dashboard: Dashboard) -> None:
    """Every panel has a title and a description, and one that shows data a unit, in every field that is a number."""
    for panel in dashboard.panels:
        assert panel["title"].strip(), panel["id"]
        assert panel["type"] == "row" or panel.get("description", "").strip(), panel["title"]
    for panel in dashboard.shown:
        assert panel["fieldConfig"]["defaults"].get("unit"), panel["title"]


def test_panel_ids_are_unique(dashboard: Dashboard) -> None:
    """No two panels share an id, and no two queries of a panel a letter."""
    ids = [panel["id"] for panel in dashboard.panels]
    assert len(set(ids)) == len(ids)
    for panel in dashboard.shown:
        letters = [target["refId"] for target in panel["targets"]]
        assert letters, panel["title"]
        assert len(set(letters)) == len(letters), panel["title"]


def test_panels_lie_beside_one_another(dashboard: Dashboard) -> None:
    """Panels lie within the grid and none over another."""
    for panel in dashboard.panels:
        at = panel["gridPos"]
        assert at["x"] >= 0, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
    for one, other in combinations(dashboard.model["panels"], 2):
        assert not _overlap(one["gridPos"], other["gridPos"]), f"{one['title']} lies over {other['title']}"


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in (("x", "w"), ("y", "h"))
    )


def test_the_datasource_is_a_variable(dashboard: Dashboard) -> None:
    """Nothing is asked of a data source that is not the one chosen; the first variable chooses it."""
    first, *others = dashboard.variables
    assert (first["type"], first["name"]) == ("datasource", "datasource")
    asked = [variable for variable in others if variable["type"] == "query"]
    asked += [each for panel in dashboard.shown for each in (panel, *panel["targets"])]
    assert {each["datasource"]["uid"] for each in asked} == {"${datasource}"}


def test_no_link_brings_what_a_hidden_query_found(dashboard: Dashboard) -> None:
    """Grafana keeps a value of the URL until the next refresh, though by then other rules or tasks may be there."""
    hidden = [each for each in dashboard.variables if each["hide"] and each["type"] == "query"]
    assert all(each["skipUrlSync"] for each in hidden)


def test_many_tasks_are_named_so_that_prometheus_looks_them_up(dashboard: Dashboard) -> None:
    """A list is ``a|b``. Grafana's own is ``(a|b)``, which Prometheus 2.42 compares with every task that there is."""
    lists = {each["name"] for each in dashboard.variables if each["hide"] and each.get("multi")}
    for query in dashboard.queries():
        assert not lists & {*re.findall(r"\$\{?(\w+)\b(?!:pipe)", query.expr)}, query.place


def test_queries_assume_nothing_of_the_target(dashboard: Dashboard) -> None:
    """No query names a job or an instance: these are whatever the user's Prometheus calls them."""
    for query in dashboard.queries():
        assert not re.search(r"\b(job|instance)\s*(=|!)", query.expr), query


def test_rates_fit_the_zoom(dashboard: Dashboard) -> None:
    """Rates are over ``$__rate_interval``, so that no zoom level has gaps; a span that is meant belongs to increase()."""
    for query in dashboard.queries():
        spans = re.findall(r"\bi?rate\([^\[]*\[([^\]]*)\]", query.expr)
        assert set(spans) <= {"$__rate_interval"}, query


def test_legends_are_for_people(dashboard: Dashboard) -> None:
    """A series is never called by a task's UUID."""
    for query in dashboard.queries():
        assert "{{task}}" not in query.legend.replace(" ", ""), query


def test_label_values_have_words_and_colours(dashboard: Dashboard) -> None:
    """A legend that is the value of a known label is translated, and coloured as everywhere else."""
    for panel in dashboard.shown:
        named = {override["matcher"].get("options") for override in panel["fieldConfig"].get("overrides") or ()}
        for target in panel["targets"]:
            if match := re.fullmatch(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")):
                texts = VOCABULARIES.get(match[1], ({}, {}))[0]
                assert set(texts) <= named, f"{panel['title']}: use name_series for {match[1]}"


def test_white_words_on_colours_can_be_read() -> None:
    """Each colour of a label's value is dark enough: WCAG wants a contrast of 3 for large text and graphs. Rounds are a scale."""
    colours = {colour for label, (_, each) in VOCABULARIES.items() if label != "rounds" for colour in each.values()}
    assert not {
        colour for colour in colours | {GOOD, WARN, BAD, STALE, NEUTRAL, QUIET} if _contrast_to_white(colour) < 3
    }


def _contrast_to_white(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def test_stacked_areas_begin_at_zero(dashboard: Dashboard) -> None:
    """An area that begins elsewhere is not as large as what it stands for."""
    for panel in dashboard.shown:
        defaults = panel["fieldConfig"]["defaults"]
        if ((defaults.get("custom") or {}).get("stacking") or {}).get("mode") == "normal":
            assert defaults.get("min") == 0, panel["title"]


NARROWEST: Final = 1034
"""Pixels that a laptop of 1366 leaves for panels beside Grafana's menu and the page's scroll bar."""

GAP, AROUND_A_TABLE, AROUND_A_CELL, SORT_ARROW = 8, 18, 13, 26
"""Pixels between panels; of a table's borders and padding; of a cell's padding and border; beside one header."""


def test_tables_fit_a_laptop(dashboard: Dashboard) -> None:
    """Grafana 12 gives a column its width, or an equal part of the rest and its least width; no more than there is, and no header is cut."""
    for panel in dashboard.shown:
        columns = _columns(panel)
        room = (NARROWEST + GAP) / 24 * panel["gridPos"]["w"] - GAP - AROUND_A_TABLE
        auto = [column for column in columns.values() if not column.get("custom.width")]
        rest = (room - sum(column.get("custom.width", 0) for column in columns.values())) / max(1, len(auto))
        widths = {
            name: column.get("custom.width") or max(column.get("custom.minWidth", 150), rest)
            for name, column in columns.items()
        }
        assert sum(widths.values()) <= room + 0.5, f"{panel['title']}: {widths} do not fit {room}"
        sorted_by = {each["displayName"] for each in (panel.get("options") or {}).get("sortBy") or ()}
        cut = {
            name: width
            for name, width in widths.items()
            if _text_width(name) + AROUND_A_CELL + SORT_ARROW * (name in sorted_by) > width
        }
        assert not cut, panel["title"]


def _columns(panel: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of the columns of a table by their headers; none if it has only those that its data brings."""
    if panel["type"] != "table":
        return {}
    overrides = panel["fieldConfig"].get("overrides") or ()
    fields = [{each["id"]: each["value"] for each in override["properties"]} for override in overrides]
    return {field["displayName"]: field for field in fields if "displayName" in field and "custom.hidden" not in field}


def _text_width(text: str) -> float:
    """Return about how many pixels a header takes, in the bold 14 pixels of Grafana's font; measured in its 12.3."""
    return sum(
        14.0 if ord(each) > 0x2E80 else 5.0 if each in "fijlrtI ()" else 12.0 if each in "mwMW" else 8.4
        for each in text
    )


def test_a_row_that_says_there_is_nothing_has_no_number(dashboard: Dashboard) -> None:
    """The value of a table's only row, which says that there is nothing, is a dash: -1 is no number of calls."""
    for panel in dashboard.shown:
        organized = [each for each in panel.get("transformations", ()) if each["id"] == "organize"]
        if not organized or "vector(-1)" not in panel["targets"][0]["expr"]:
            continue
        names = organized[0]["options"]["renameByName"]
        if value := names.get("Value", names.get("Value #A")):  # else it is not shown
            assert _text_of(panel, value, "-1") == "–", panel["title"]


def _text_of(panel: dict[str, Any], field: str, value: str) -> str | None:
    """Return the text that an override of a panel gives a field's value."""
    overrides = [each for each in panel["fieldConfig"]["overrides"] if each["matcher"]["options"] == field]
    properties = [each for override in overrides for each in override["properties"] if each["id"] == "mappings"]
    mappings = [mapping["options"] for each in properties for mapping in each["value"]]
    return next((mapping[value]["text"] for mapping in mappings if value in mapping), None)


def test_the_most_extreme_task_is_first() -> None:
    """The table of the worst begins with the lowest answer rate, that of the best with the highest."""
    panels = {panel["title"]: panel for panel in load(FOLDER / "en" / "overview.json").shown}
    orders = {title: panels[f"{title} · last $window"]["options"]["sortBy"] for title in ("Worst", "Best")}
    assert orders == {
        title: [{"displayName": "Answer rate", "desc": descends}]
        for title, descends in {"Worst": False, "Best": True}.items()
    }


def test_warnings_are_not_marked_red(dashboard: Dashboard) -> None:
    """What is marked red in graphs is critical, as red is everywhere else."""
    colours = {}
    for mark in dashboard.model["annotations"]["list"]:
        for severity in re.findall(r'severity="(\w+)"', mark["expr"]):
            colours[severity] = mark["iconColor"]
    assert set(colours.items()) <= {("critical", BAD), ("warning", WARN)}


def test_tiles_are_wide_enough_for_their_titles(dashboard: Dashboard) -> None:
    """A tile that counts has at least four columns: with less a laptop shows a number without meaning."""
    for panel in dashboard.shown:
        assert panel["type"] != "stat" or panel["gridPos"]["w"] >= 4, panel["title"]


def test_texts_are_in_the_language_of_the_folder(dashboard: Dashboard) -> None:
    """An English dashboard has no Chinese but the link to the other, and a Chinese one no title without Chinese."""
    texts = [dashboard.model["title"], dashboard.model["description"]]
    texts += [mark.panel for mark in dashboard.marks()]
    texts += [panel[part] for panel in dashboard.panels for part in ("title", "description") if panel.get(part)]
    texts += [label for variable in dashboard.variables if (label := variable.get("label"))]
    if dashboard.language == Language.ENGLISH:
        assert not [text for text in texts if CHINESE.search(text)]
    else:
        assert not [text for text in texts if LATIN_WORDS.search(text) and not CHINESE.search(text)]


def _all_expressions() -> list[str]:
    boards = [query.expr for path in PATHS for query in (*load(path).queries(), *load(path).marks())]
    variables = [_asked(variable) for path in PATHS for variable in load(path).variables]
    return [*boards, *filter(None, variables), *(rule.expr for rule in read_rules())]


def _asked(variable: dict[str, Any]) -> str:
    """Return the expression of a query variable."""
    query = variable.get("query")
    text = str(query["query"]) if isinstance(query, dict) else ""
    return re.sub(r"^(?:label_values|query_result)\((.*?)(?:,\s*\w+)?\)$", r"\1", text)


def test_every_metric_exists() -> None:
    """Dashboards and rules use families of the table, recording rules, and what Prometheus and the library add."""
    series = {each for names in own_families().values() for each in names}
    known = task_families() | series | library_families() | PROMETHEUS_OWN | {rule.name for rule in read_rules()}
    used = {name: expr for expr in _all_expressions() for name in metrics_of(expr)}
    assert not {name: expr for name, expr in used.items() if name not in known}


def test_every_family_is_used_or_meant_for_queries_by_hand() -> None:
    """Each family serves somebody: a dashboard, a rule, or those who ask by hand, for a reason that is given."""
    used = {name for expr in _all_expressions() for name in metrics_of(expr)}
    unused = {name for name in task_families() if name not in used}
    unused |= {name for name, series in own_families().items() if not series & used}
    assert sorted(unused) == sorted(BY_HAND), (
        "list a family in BY_HAND with its reason, or take a used one off the list"
    )


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        (
            'sum by (account, task) (rate(a_total{x="b{c}", y=~"d"}[5m])) / on (account) group_left (name) b:c:d',
            {"a_total", "b:c:d"},
        ),
        ("(up == 1) and on () vector(1) or absent(c) unless d offset 1d", {"up", "c", "d"}),
        ("clamp_max(a, +Inf) * 1e3 > bool 0.5e3 + NaN", {"a"}),
        ("max_over_time(rate(a[5m])[1h:1m])", {"a"}),
    ],
)
def test_metrics_are_found_in_expressions(expr: str, names: set[str]) -> None:
    """Functions, labels, strings, spans, numbers and keywords are no metrics."""
    assert metrics_of(expr) == names


def test_no_query_about_trouble_speaks_of_inbound_tasks(tmp_path: Path) -> None:
    """Of tasks that are as bad as each other, only the outbound ones dial, are under their threshold and rank as trouble."""
    promtool = need("promtool", "apt-get install prometheus")
    series = {
        'yunfu_task_state{account="main", task="TASK", state="running"}': "1x30",
        'yunfu_task_answer_ratio_threshold{account="main", task="TASK"}': "0.25x30",
        'yunfu_task_calls_total{account="main", task="TASK", outcome="answered"}': "0+2x30",
        'yunfu_task_calls_total{account="main", task="TASK", outcome="unanswered"}': "0+48x30",
    }
    kinds = {"calls": "outbound", "untold": "", "called": "inbound"}
    given = [
        {"series": each.replace("TASK", task), "values": values}
        for task, kind in kinds.items()
        for each, values in {**series, f'yunfu_task_info{{account="main", task="TASK", kind="{kind}"}}': "1x30"}.items()
    ]
    chosen = {"$account": ".*", "$window": "20m", "$recorded": ""}
    asked = (ALL.dialling(), f"({ALL.shortfall('$window')}) > {CERTAIN}", f"({rank(ALL)}) > 0")
    exprs = [re.sub(r"\$\w+", lambda name: chosen[name[0]], f"group by (task) ({expr})") for expr in asked]
    bad = [{"labels": f'{{task="{task}"}}', "value": 1} for task in ("calls", "untold")]
    tests = [{"expr": expr, "eval_time": "30m", "exp_samples": bad} for expr in exprs]
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": given, "promql_expr_test": tests}]}))
    tested = attempt(promtool, "test", "rules", file)
    assert tested.returncode == 0, tested.stdout


def test_a_team_is_its_tasks_and_all_teams_are_all_tasks(tmp_path: Path) -> None:
    """A task without a team is among all."""
    promtool = need("promtool", "apt-get install prometheus")
    given = [
        {"series": f'yunfu_task_info{{account="main", task="{task}"{team}}}', "values": "1x60"}
        for task, team in {"lent": ', team="loans"', "cared": ', team="care"', "free": ""}.items()
    ]
    tests = [
        {
            "expr": f"group by (task) ({of_team('yunfu_task_info')})".replace("$team", team).replace("$account", ".*"),
            "eval_time": "1h",
            "exp_samples": [{"labels": f'{{task="{task}"}}', "value": 1} for task in tasks],
        }
        for team, tasks in {
            ".*": ("lent", "cared", "free"),
            "loans": ("lent",),
            "care|loans": ("lent", "cared"),
        }.items()
    ]
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": given, "promql_expr_test": tests}]}))
    tested = attempt(promtool, "test", "rules", file)
    assert tested.returncode == 0, tested.stdout
