"""Rules recorded over the past are what Prometheus would have recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.backfill import Asked, Rule, levels, needed, read_rules
from tests.support.history import History, served
from tests.support.tools import need

RULES = """\
groups:
  - name: x
    rules:
      - {alert: Busy, expr: "yunfu:calls:tenfold > 300", for: 5m, labels: {severity: warning}}
      - {record: "yunfu:calls:tenfold", expr: "10 * yunfu:calls:increase10m"}
      - record: yunfu:calls:increase10m
        expr: sum by (account, task) (increase(yunfu_task_calls_total[10m]))
        labels: {window: 10m}
"""


@pytest.fixture
def rules(tmp_path: Path) -> list[Rule]:
    """Read rules that build on one another, the last first."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    return read_rules(tmp_path)


def test_rules_are_recorded_in_the_order_in_which_they_build_on_one_another(rules: list[Rule], tmp_path: Path) -> None:
    """Recorded series are there all along, those made of them too, and an alert is pending before it fires."""
    need("prometheus", "apt-get install prometheus")
    plan = History(hours=1)
    with served(plan, tmp_path, rules=rules) as history:
        asked = Asked(history.url, plan.begin, plan.end, plan.step)
        task = f'{{task="{history.roles.blocked}"}}'
        recorded = asked.range(f"sum without () (yunfu:calls:tenfold{task})")
        assert asked.range(f"10 * yunfu:calls:increase10m{task}") == recorded
        assert len(recorded[0]["values"]) > 50
        assert {series["metric"]["window"] for series in asked.at_the_end("yunfu:calls:tenfold")} == {"10m"}
        firing = asked.range('sum without (alertstate) (ALERTS{alertstate="firing", severity="warning"})')
        held = asked.range("min_over_time(yunfu:calls:tenfold[5m1s]) > 300")
        assert {each["metric"]["task"] for each in firing} <= {each["metric"]["task"] for each in held}
        begun = {each["metric"]["task"]: each["values"][0][0] for each in asked.range("yunfu:calls:tenfold > 300")}
        assert firing
        assert all(each["values"][0][0] >= begun[each["metric"]["task"]] + 300 for each in firing)


def test_an_alert_needs_what_it_builds_on_and_nothing_else(rules: list[Rule]) -> None:
    """Recordings that it asks for only through others are among them; other recordings and alerts are not."""
    other = Rule("yunfu:other", "yunfu:calls:increase10m / 2", is_alert=False)
    found = needed([rules[0]], [*rules, other])
    assert {rule.name for rule in found} == {"yunfu:calls:tenfold", "yunfu:calls:increase10m"}


def test_rules_in_a_circle_are_refused() -> None:
    """Two rules that build on one another have no order."""
    circle = [Rule("a", "b + 1", is_alert=False), Rule("b", "a + 1", is_alert=False)]
    with pytest.raises(ValueError, match="a, b"):
        list(levels(circle))
