"""From an incident on the platform to the message of the person on call, and to the message that it is over.

The shipped rules look at windows of ten minutes to a day. Here all time runs 60 times as fast: the simulator's, the
polls' (once a second instead of once a minute), and that of Prometheus and Alertmanager, whose shipped configuration
has every span divided by 60 (``exporter.demo.stack.accelerate``). Expressions, thresholds and texts are those that are shipped.
VictoriaMetrics with vmalert is tried in Prometheus' place.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml
from aiohttp import web

from exporter.demo.simulator import Simulator, SimulatorOptions
from exporter.demo.stack import Addresses, Program, prepare, programs
from tests.support.programs import free_address
from tests.support.stack import HALF_PAST_NINE, Stack, process_of, until
from tests.support.tools import need
from tests.support.victoria import victoria_programs

PACE: Final = 60.0
AFTERNOON: Final = HALF_PAST_NINE + 5 * 3600  # half past two: everyone dials until eight
PATIENCE_SECONDS: Final = 120.0
PAST_SECONDS: Final = 45.0  # three quarters of an hour, for the shares before the incident
LINE: Final = "YunfuTaskCarrierBlocked"
EFFECT: Final = "YunfuTaskLowAnswerRate"

EXPORTER_CONFIG: Final = """\
listen: "{listen}"
poll: {{interval: 1s, idle_interval: 15s, timeout: 5s, stale_after: 30s}}
links: {{grafana: "https://grafana.example.com"}}
accounts:
  - name: main
    base_url: {base_url}
    user_id: {user_id}
    token: {token}
    rate_limit: 100
    discovery: {{interval: 1s}}
"""

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


def set_receiver(config: Path, url: str) -> None:
    """Fill in the receivers of the shipped example: all of them are one person."""
    example = yaml.safe_load(config.read_text(encoding="utf-8"))
    for receiver in example["receivers"]:
        receiver["webhook_configs"] = [{"url": url}]
    config.write_text(yaml.safe_dump(example), encoding="utf-8")


@asynccontextmanager
async def exporting(simulator: Simulator, url: str, directory: Path, address: str) -> AsyncIterator[None]:
    """Run the exporter on the simulator."""
    account, config = simulator.accounts[0], directory / "exporter.yaml"
    text = EXPORTER_CONFIG.format(listen=address, base_url=url, user_id=account.user_id, token=account.token)
    config.write_text(text, encoding="utf-8")
    async with process_of([sys.executable, "-m", "exporter", "--config", str(config)], directory / "exporter.log"):
        yield


@asynccontextmanager
async def started(program: Program, directory: Path) -> AsyncIterator[None]:
    """Run one of the programs around the exporter."""
    need(program.words[0], program.install)
    async with process_of(list(program.words), directory / f"{program.name}.log"):
        yield


@dataclass
class Night:
    """All that runs, and the person on call."""

    stack: Stack
    on_call: OnCall

    async def firing(self) -> set[tuple[str, str]]:
        """Return the names and tasks of all alerts that Prometheus has had firing so far."""
        series = await self.stack.query('max_over_time(ALERTS{alertstate="firing"}[1h])')
        return {(each["metric"]["alertname"], each["metric"].get("task", "")) for each in series}


@pytest.fixture(params=["prometheus", "vmalert"])
async def night(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Night]:
    """Run everything, four large campaigns in their dialling hours, until there is a past to compare with."""
    simulator = Simulator(SimulatorOptions(tasks=4, speed=PACE, start=AFTERNOON, scale=50))
    at = Addresses(*(free_address() for _ in range(4)))
    on_call = OnCall()
    prepare(tmp_path, at, PACE)
    async with AsyncExitStack() as stack:
        set_receiver(tmp_path / "alertmanager.yml", await stack.enter_async_context(on_call.listening(free_address())))
        url = await stack.enter_async_context(simulator.serve())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        stands = Stack(simulator, session, tmp_path, url, at.exporter, at.prometheus)
        await stack.enter_async_context(exporting(simulator, url, tmp_path, at.exporter))
        rulers, alertmanager = programs(tmp_path, at, PACE)[:1], programs(tmp_path, at, PACE)[1]
        if request.param == "vmalert":
            rulers = victoria_programs(tmp_path, at, free_address(), PACE)
        for program in (alertmanager, *rulers):
            await stack.enter_async_context(started(program, tmp_path))
            await until(f"{program.name} is ready", partial(stands.is_ready, f"{program.url}/-/ready"))
        await asyncio.sleep(PAST_SECONDS)  # real time of real programs: nothing to inject
        yield Night(stands, on_call)


async def test_an_incident_wakes_the_right_person_for_the_right_reason(night: Night) -> None:
    """A carrier blocks one task's calls: one message, of that task and that cause; it ends, and so does the alert."""
    simulator, on_call = night.stack.simulator, night.on_call
    assert on_call.alerts == [], "a good afternoon is no reason to wake anybody"
    running = [each for each in night.stack.tasks.values() if each.state(simulator.now()) == "running"]
    assert len(running) >= 2
    struck = max(running, key=lambda task: task.campaign.traits.lines)

    simulator.incident("carrier_block", struck.id)
    await until("the receiver has the alert", partial(on_call.has_heard, "firing", LINE, struck.id), PATIENCE_SECONDS)
    alert = next(each for each in on_call.alerts if each["labels"]["alertname"] == LINE)
    assert alert["labels"].items() >= {"account": "main", "name": struck.name, "severity": "critical"}.items()
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
    assert await night.firing() == {(LINE, struck.id), (EFFECT, struck.id)}
    assert {(each["labels"]["alertname"], each["labels"].get("task")) for each in on_call.alerts} <= {
        (LINE, struck.id),
        (EFFECT, struck.id),
    }
