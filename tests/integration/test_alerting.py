"""From an incident on the platform to the message of the person on call, and to the message that it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.incident import CAUSE, EFFECT, RULERS, Incident
from tests.support.notifying import Alert

MAY_COME_TOO: Final = {"prometheus": set[str](), "vmalert": {"YunfuTaskAnswerRateDropped"}}
"""Is silent where EFFECT is known. vmalert may learn of that too late: VictoriaMetrics takes two seconds for each recording of a chain."""


@dataclass
class Night:
    """The incident as one person on call heard of it: the alerts of all messages, and all alerts that fired."""

    incident: Incident
    alerts: list[Alert]
    fired: set[tuple[str, str]]
    may_come_too: set[str]


@pytest.fixture(params=RULERS)
def night(incident: Incident, request: pytest.FixtureRequest) -> Night:
    """Give what came of Prometheus' evaluation of the rules, and of vmalert's on VictoriaMetrics."""
    ruler = request.param
    incident.need(ruler)
    return Night(incident, incident.on_call[ruler].alerts, incident.fired[ruler], MAY_COME_TOO[ruler])


def test_an_incident_wakes_the_right_person_for_the_right_reason(night: Night) -> None:
    """A carrier blocks one task's calls: a message of that task and that cause, with the labels of the task's rules."""
    alert = next(each for each in night.alerts if each["labels"]["alertname"] == CAUSE)
    name, by_rules = night.incident.name, {"team": "retention", "tier": "all"}
    assert alert["labels"].items() >= {"account": "main", "name": name, "severity": "critical", **by_rules}.items()
    assert alert["annotations"]["summary"].startswith(f"{name} (main): the carrier blocks ")
    assert "被运营商拦截" in alert["annotations"]["summary_zh"]
    assert alert["annotations"]["dashboard_url"].startswith("https://grafana.example.com/d/yunfu-task?var-account=main")


def test_an_incident_wakes_for_nothing_else(night: Night) -> None:
    """The blocks and what they do to the answer rate fire, of the struck task alone, and nobody is told of more."""
    task = night.incident.task
    due, too = {(CAUSE, task), (EFFECT, task)}, {(name, task) for name in night.may_come_too}
    assert due <= night.fired <= due | too
    assert {(each["labels"]["alertname"], each["labels"].get("task")) for each in night.alerts} <= due | too


def test_the_end_of_an_incident_is_told(night: Night) -> None:
    """The last that is said of the blocks is that they are over."""
    said = [each["status"] for each in night.alerts if each["labels"]["alertname"] == CAUSE]
    assert said[0] == "firing"
    assert said[-1] == "resolved"
