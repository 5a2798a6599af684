"""The rules, their unit tests, their runbook and the examples around them: what Prometheus' own tools say, and our own demands."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from tests.support.backfill import read_rules
from tests.support.dashboards import library_families, own_families, task_families
from tests.support.markdown import Document
from tests.support.tools import ROOT, attempt, need

FOLDER = ROOT / "prometheus"
RULE_FILES = sorted((FOLDER / "rules").glob("*.yaml"))
TEST_FILES = sorted((FOLDER / "tests").glob("*.yaml"))
RUNBOOKS = [FOLDER / "runbook.md", FOLDER / "runbook.zh-CN.md"]
ALERTMANAGER = FOLDER / "alertmanager" / "alertmanager.yml"
ANNOTATIONS = {
    "summary",
    "description",
    "summary_zh",
    "description_zh",
    "runbook_url",
    "dashboard_url",
    "dashboard_url_zh",
}
ENGLISH_DURATION = re.compile(r"[0-9](ms|[smhd])\b")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
INSTALL = "apt-get install prometheus"

Alert = dict[str, Any]


def read(path: Path) -> Any:
    """Read a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


GROUPS = [group for path in RULE_FILES for group in read(path)["groups"]]
ALERTS: list[Alert] = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
UNIT_TESTS: list[dict[str, Any]] = [test for path in TEST_FILES for test in read(path)["tests"]]
NAMES = sorted({alert["alert"] for alert in ALERTS})


@pytest.fixture(params=ALERTS, ids=lambda alert: f"{alert['alert']}-{alert['labels']['severity']}")
def alert(request: pytest.FixtureRequest) -> Alert:
    """Give each alert."""
    given: Alert = request.param
    return given


def test_the_rules_are_rules() -> None:
    """Promtool finds no fault in any rules file."""
    checked = attempt(need("promtool", INSTALL), "check", "rules", *RULE_FILES)
    assert checked.returncode == 0, checked.stdout


@pytest.fixture(scope="module")
def unit_tested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[CompletedProcess[str]]]]:
    """Give what promtool says of each unit test by its name; each runs alone, and as many at a time as there are processors."""
    promtool, folder = need("promtool", INSTALL), tmp_path_factory.mktemp("unit-tests")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tested: dict[str, Future[CompletedProcess[str]]] = {}
        for file in TEST_FILES:
            whole = read(file)
            whole["rule_files"] = [str(file.parent / name) for name in whole["rule_files"]]
            for test in whole["tests"]:
                alone = folder / f"{len(tested)}.yaml"
                alone.write_text(yaml.safe_dump({**whole, "tests": [test]}, allow_unicode=True), encoding="utf-8")
                words = ("env", "GOGC=800", promtool, "test", "rules", alone)  # memory for time
                tested[test["name"]] = pool.submit(attempt, *words)
        yield tested


@pytest.mark.parametrize("name", [test["name"] for test in UNIT_TESTS])
def test_the_rules_do_what_their_unit_tests_say(
    unit_tested: dict[str, Future[CompletedProcess[str]]], name: str
) -> None:
    """Promtool's unit tests hold."""
    tested = unit_tested[name].result()
    assert tested.returncode == 0, tested.stdout


def test_labels_of_the_ruler_change_no_alert_on_ourselves(tmp_path: Path) -> None:
    """Thanos' ruler puts labels of its own on all that it records: the same alerts fire. Those of campaigns see test_rulers."""
    rules, whole = read(FOLDER / "rules" / "exporter.yaml"), read(FOLDER / "tests" / "exporter_test.yaml")
    build_on_recordings = set()
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        rule["labels"] = {**rule.get("labels", {}), "monitor": "eu1" if "record" in rule else ""}
        if "alert" in rule and "yunfu:" in rule["expr"]:
            build_on_recordings.add(rule["alert"])
    tests = [
        {**test, "promql_expr_test": [case for case in test["promql_expr_test"] if "yunfu:" not in case["expr"]]}
        for test in whole["tests"]
        if any(case["alertname"] in build_on_recordings for case in test.get("alert_rule_test", ()))
    ]
    files = ["rules.yaml", str(FOLDER / "rules" / "campaigns.yaml")]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(
        yaml.safe_dump({**whole, "rule_files": files, "tests": tests}), encoding="utf-8"
    )
    tested = attempt("env", "GOGC=800", need("promtool", INSTALL), "test", "rules", tmp_path / "tests.yaml")
    assert tested.returncode == 0, tested.stdout


def test_each_unit_test_has_a_name_of_its_own() -> None:
    """No unit test hides another."""
    names = [test["name"] for test in UNIT_TESTS]
    assert len(set(names)) == len(names)


def test_the_example_of_prometheus_is_valid() -> None:
    """Promtool accepts it, and it loads all rules."""
    checked = attempt(need("promtool", INSTALL), "check", "config", FOLDER / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout
    assert all(str(path.relative_to(ROOT)) in checked.stdout for path in RULE_FILES)


def test_inhibitions_are_of_alerts_that_exist() -> None:
    """Whatever inhibits or is inhibited by name is the name of an alert."""
    text = ALERTMANAGER.read_text(encoding="utf-8")
    patterns = re.findall(r'alertname=~?"([^"]+)"', text)
    assert patterns
    for pattern in patterns:
        for each in _alternatives(pattern):
            assert any(re.fullmatch(each, name) for name in NAMES), each


def _alternatives(pattern: str) -> list[str]:
    """Return the patterns that a pattern with one group of words stands for."""
    match = re.fullmatch(r"(\w*)\(([\w|]+)\)", pattern)
    return [match[1] + word for word in match[2].split("|")] if match else [pattern]


def test_groups_are_named_and_paced() -> None:
    """No two groups have one name, and each is evaluated every 15 seconds to 5 minutes."""
    names = [group["name"] for group in GROUPS]
    assert len(set(names)) == len(names)
    assert {group["interval"] for group in GROUPS} <= {"15s", "30s", "1m", "2m", "5m"}


def test_an_alert_says_what_where_and_what_to_do(alert: Alert) -> None:
    """Each has its severity, a pause against flapping, all its texts in both languages, and leads to its runbook entry."""
    texts = alert["annotations"]
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["for"]
    assert set(texts) >= ANNOTATIONS
    for name, text in texts.items():
        assert bool(CHINESE.search(text)) == (name.endswith("_zh") and "_url" not in name), name
        assert name.removesuffix("_zh") + "_zh" in texts or name == "runbook_url", f"{name} in one language only"


def test_an_alert_about_a_task_has_the_labels_of_the_task(alert: Alert) -> None:
    """It is the task's info, with all labels that are configured for it, by which Alertmanager can route; no other alert is."""
    is_about_a_task = "$labels.task" in alert["annotations"]["summary"]
    begin = "yunfu:task:info * on (account, task) group_left () ("
    assert alert["expr"].startswith(begin) == is_about_a_task
    assert alert["alert"].startswith("YunfuTask") >= is_about_a_task


def test_an_alert_links_to_its_runbook_entry_and_dashboards_or_nowhere(alert: Alert) -> None:
    """The links are those configured, the Chinese one to the Chinese dashboard; where none is configured, they are empty."""
    texts = alert["annotations"]
    for name, label in (("runbook_url", "runbook"), ("dashboard_url", "grafana"), ("dashboard_url_zh", "grafana")):
        assert re.match(rf'{{{{ with query "[^"]*yunfu_exporter_links_info{{{label}!=', texts[name]), name
        assert texts[name].count("{{ end }}") == 1, name
        assert texts[name].endswith("{{ end }}"), name
    assert texts["runbook_url"].endswith(f"}}}}#{alert['alert'].lower()}{{{{ end }}}}")
    [dashboard] = re.findall(r"/d/(yunfu-\w+)\?", texts["dashboard_url"])
    assert texts["dashboard_url_zh"] == texts["dashboard_url"].replace(f"/d/{dashboard}?", f"/d/{dashboard}-zh?")
    assert any((ROOT / "grafana" / "dashboards" / "zh").glob(f"{dashboard.removeprefix('yunfu-')}*.json"))


def test_chinese_texts_have_chinese_units() -> None:
    """As they arrive, they say 10 分钟 and not 10m."""
    alerts = [
        alert for test in UNIT_TESTS for case in test.get("alert_rule_test", ()) for alert in case.get("exp_alerts", ())
    ]
    texts = [text for alert in alerts for name, text in alert["exp_annotations"].items() if name.endswith("_zh")]
    chinese = [text for text in texts if CHINESE.search(text)]
    assert any("分钟" in text for text in chinese)
    assert [text for text in chinese if ENGLISH_DURATION.search(text)] == []


def test_every_span_in_a_chinese_text_is_translated(alert: Alert) -> None:
    """Also where no unit test has it: whatever Prometheus writes as 1h 30m has all its units replaced."""
    texts = [text for name, text in alert["annotations"].items() if name.endswith("_zh")]
    for span in re.findall(r"{{[^}]*humanizeDuration[^}]*}}", " ".join(texts)):
        assert all(f'reReplaceAll "{unit}" " ' in span for unit in "dhms"), span


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_runbook_has_an_entry_for_each_alert(path: Path) -> None:
    """Each alert has an entry, in the list at the top too, and no entry is of an alert that is no more."""
    text = path.read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == NAMES
    assert sorted(re.findall(r"^\| \[(\w+)\]", text, re.MULTILINE)) == NAMES
    for entry in re.split(r"^### ", text.split("\n## Alertmanager")[0], flags=re.MULTILINE)[1:]:
        parts = (
            ("**含义**：", "**排查**：", "**处理**：") if "zh" in path.name else ("**Means.**", "**Check.**", "**Do.**")
        )
        assert [entry.count(part) for part in parts] == [1, 1, 1], entry.splitlines()[0]


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_runbooks_links_lead_somewhere(path: Path) -> None:
    """Anchors are headings of the page, and files exist."""
    text = path.read_text(encoding="utf-8")
    anchors = {heading.lower() for heading in re.findall(r"^#+ (\w+)$", text, re.MULTILINE)}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve()
        assert target.exists(), link
        assert not anchor or anchor in (Document(target).anchors if name else anchors), link


@pytest.mark.parametrize("path", [*RULE_FILES, *RUNBOOKS, ALERTMANAGER], ids=lambda path: path.stem)
def test_every_metric_named_exists(path: Path) -> None:
    """Also in the queries within texts, comments and runbooks: a family, or a recording rule."""
    series = {each for names in own_families().values() for each in names}
    known = task_families() | series | library_families() | {rule.name for rule in read_rules()}
    text = path.read_text(encoding="utf-8").replace("yunfu_task_(up|last)", "")  # a pattern for grep
    assert set(re.findall(r"(?<![\w/])yunfu[_:][\w:]+", text)) - known == set()


def test_no_job_and_no_instance_is_assumed() -> None:
    """Neither rules nor runbooks look for a target by a name that a user has to choose as we did."""
    for path in (*RULE_FILES, *RUNBOOKS):
        assert not re.findall(r"\b(?:job|instance)\s*[!=]=?~?\s*[\"'][^\n]*", path.read_text(encoding="utf-8")), path


def _fires(name: str) -> Iterator[bool]:
    """Yield whether an alert fires, once for each time that a unit test says so."""
    for test in UNIT_TESTS:
        for case in test.get("alert_rule_test", ()):
            if case["alertname"] == name:
                yield bool(case.get("exp_alerts"))
        for case in test.get("promql_expr_test", ()):
            asked = re.findall(r'alertname="(\w+)"', case["expr"])
            if "ALERTS" in case["expr"] and name in (asked or [name]):
                samples = case.get("exp_samples", ())
                yield any(name in sample["labels"] for sample in samples) or bool(asked and samples)


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_seen_to_fire_and_not_to_fire(name: str) -> None:
    """The unit tests have at least one case of each."""
    assert set(_fires(name)) == {True, False}


@pytest.mark.parametrize("name", NAMES)
def test_every_alerts_words_are_compared(name: str) -> None:
    """At least one unit test has the whole text as it arrives."""
    cases = [case for test in UNIT_TESTS for case in test.get("alert_rule_test", ()) if case["alertname"] == name]
    texts = [alert["exp_annotations"] for case in cases for alert in case.get("exp_alerts", ())]
    assert any(set(text) >= ANNOTATIONS for text in texts)
