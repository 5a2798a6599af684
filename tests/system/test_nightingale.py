"""The alerts for 夜莺 (n9e): what it imports, with texts that its templates can make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from prometheus import nightingale
from tests.support.backfill import Rule, read_rules

ALERTS: Final = {
    language: json.loads((nightingale.FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    for language in nightingale.SUFFIXES
}
FUNCTIONS: Final = {"or", "if", "else", "end", "with", "first", "query", "printf", "match", "eq"} | {
    "humanizePercentage", "humanizeDuration", "reReplaceAll", "urlquery",
}  # fmt: skip
A_LANGUAGE: Final = pytest.mark.parametrize("language", nightingale.SUFFIXES)


def test_what_is_generated_is_up_to_date() -> None:
    """The files follow the shipped rules."""
    for path, content in nightingale.files():
        assert path.read_text(encoding="utf-8") == content, f"{path.name} differs from its sources; run: make rules"


@A_LANGUAGE
def test_every_alert_is_there_as_it_is_shipped(language: str) -> None:
    """Expression, pending time and severity are those of the rules; names are unique, since n9e takes no second of a name."""
    shipped = [rule for rule in read_rules() if rule.is_alert]
    alerts = ALERTS[language]
    assert [_told(each) for each in alerts] == [_shipped(rule) for rule in shipped]
    assert len({each["name"] for each in alerts}) == len(alerts)
    assert {each["cron_pattern"] for each in alerts} == {"@every 60s"}


def _told(alert: dict[str, Any]) -> tuple[str, str, float, int, list[str]]:
    (query,) = alert["rule_config"]["queries"]
    assert query["severity"] == alert["severity"]
    return alert["name"], query["prom_ql"], alert["prom_for_duration"], alert["severity"], alert["append_tags"]


def _shipped(rule: Rule) -> tuple[str, str, float, int, list[str]]:
    severity = rule.labels["severity"]
    level = {"critical": 1, "warning": 2, "info": 3}[severity]
    return f"{rule.name}-{severity}", rule.expr, rule.pending_seconds, level, [f"alertname={rule.name}"]


def _actions(language: str) -> Iterator[tuple[str, str]]:
    for each in ALERTS[language]:
        for text in each["annotations"].values():
            yield from ((each["name"], action) for action in re.findall(r"\{\{-?(.+?)-?\}\}", text))


@A_LANGUAGE
def test_texts_are_what_templates_of_n9e_can_make(language: str) -> None:
    """There the value is text, printf takes one value, and percentages are made of text; else the message has an error in its place."""
    for name, action in _actions(language):
        code = re.sub(r'"(?:\\.|[^"\\])*"', '""', action)
        assert set(re.findall(r"(?<![.$\w])[a-zA-Z]\w*", code)) <= FUNCTIONS, (name, action)
        assert re.search(r"\b(eq|ne|lt|le|gt|ge) \$value [\d.]", code) is None, (name, action)
        assert re.search(r'printf ""(?: [^ ()|]+){2}', code) is None, (name, action)
        assert "humanizePercentage" not in code or "humanizePercentage $value" in code, (name, action)
