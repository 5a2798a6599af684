"""From an incident on the platform to the message of the person on call, and to the message that it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from aiohttp import web

from tests.support.afternoon import PATIENCE_SECONDS, afternoon, largest
from tests.support.programs import free_address
from tests.support.stack import Stack, until

LINE: Final = "YunfuTaskCarrierBlocked"
EFFECT: Final = "YunfuTaskLowAnswerRate"
GIVES_WAY: Final = "YunfuTaskAnswerRateDropped"
"""Is silent where EFFECT is known. vmalert may learn of that too late: VictoriaMetrics takes two seconds for each recording of a chain."""

Alert = dict[str, Any]


@dataclass
class OnCall:
    """Receives Alertmanager's messages, as the person on call would."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def alerts(self) -> list[Alert]:
        """All alerts of all messages, in the order in which they came."""
        return [alert for message in self.messages for alert in message["alerts"]]

    async def has_heard(self, status: str, name: str, task: str) -> bool:
        """Tell whether a message said so."""
        return any(
            (alert["status"], alert["labels"]["alertname"], alert["labels"].get("task")) == (status, name, task)
            for alert in self.alerts
        )

    async def receive(self, request: web.Request) -> web.Response:
        """Take a message."""
        self.messages.append(await request.json())
        return web.Response()

    @asynccontextmanager
    async def listening(self, address: str) -> AsyncIterator[str]:
        """Listen for messages; gives the URL to send them to."""
        app = web.Application()
        app.add_routes([web.post("/", self.receive)])
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            host, _, port = address.rpartition(":")
            await web.TCPSite(runner, host, int(port)).start()
            yield f"http://{address}/"
        finally:
            await runner.cleanup()


def set_receiver(url: str, directory: Path) -> None:
    """Fill in the receivers: all of them are one person."""
    config = directory / "alertmanager.yml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    for receiver in settings["receivers"]:
        receiver["webhook_configs"] = [{"url": url}]
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")


@dataclass
class Night:
    """All that runs, and the person on call."""

    stack: Stack
    on_call: OnCall
    may_come_too: frozenset[str]

    async def firing(self) -> set[tuple[str, str]]:
        """Return the names and tasks of all alerts that Prometheus has had firing so far."""
        series = await self.stack.query('max_over_time(ALERTS{alertstate="firing"}[1h])')
        return {(each["metric"]["alertname"], each["metric"].get("task", "")) for each in series}


@pytest.fixture(params=["prometheus", "vmalert"])
async def night(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Night]:
    """Run everything, with one person on call; the rules are evaluated by Prometheus, or by vmalert on VictoriaMetrics."""
    on_call, links = OnCall(), {"grafana": "https://grafana.example.com"}
    is_victoria = request.param == "vmalert"
    async with (
        on_call.listening(free_address()) as url,
        afternoon(tmp_path, links, partial(set_receiver, url), is_victoria=is_victoria) as stack,
    ):
        yield Night(stack, on_call, frozenset({GIVES_WAY}) if is_victoria else frozenset())


async def test_an_incident_wakes_the_right_person_for_the_right_reason(night: Night) -> None:
    """A carrier blocks one task's calls: one message, of that task and that cause; it ends, and so does the alert."""
    simulator, on_call = night.stack.simulator, night.on_call
    assert on_call.alerts == [], "a good afternoon is no reason to wake anybody"
    struck = largest(night.stack)

    simulator.incident("carrier_block", struck.id)
    await until("the receiver has the alert", partial(on_call.has_heard, "firing", LINE, struck.id), PATIENCE_SECONDS)
    alert = next(each for each in on_call.alerts if each["labels"]["alertname"] == LINE)
    by_rules = {"team": "retention", "tier": "all"}
    assert (
        alert["labels"].items() >= {"account": "main", "name": struck.name, "severity": "critical", **by_rules}.items()
    )
    assert alert["annotations"]["summary"].startswith(f"{struck.name} (main): the carrier blocks ")
    assert "被运营商拦截" in alert["annotations"]["summary_zh"]
    assert alert["annotations"]["dashboard_url"].startswith("https://grafana.example.com/d/yunfu-task?var-account=main")
    assert alert["annotations"].get("runbook_url", "") == "", "none is configured"

    async def says_why() -> bool:
        async with night.stack.session.get(f"http://{night.stack.prometheus}/api/v1/alerts") as answer:
            alerts = (await answer.json())["data"]["alerts"]
        low = [each for each in alerts if each["labels"]["alertname"] == EFFECT and each["state"] == "firing"]
        return any(each["annotations"]["cause"].startswith("The line: the carrier blocks") for each in low)

    await until("the low answer rate names its cause", says_why, PATIENCE_SECONDS)

    simulator.incident("over", struck.id)
    await until("the receiver has its end", partial(on_call.has_heard, "resolved", LINE, struck.id), PATIENCE_SECONDS)
    due, too = {(LINE, struck.id), (EFFECT, struck.id)}, {(name, struck.id) for name in night.may_come_too}
    assert due <= await night.firing() <= due | too
    assert {(each["labels"]["alertname"], each["labels"].get("task")) for each in on_call.alerts} <= due | too
