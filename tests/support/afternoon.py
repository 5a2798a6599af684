"""A good afternoon at a call centre, with all that watches it, in time that runs 60 times as fast.

That is the simulator's time, the polls' (once a second instead of once a minute), and that of Prometheus and Alertmanager, whose
shipped configuration has every span divided by 60 (``exporter.demo.stack.accelerate``). Expressions, thresholds and texts
are those that are shipped.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp

from exporter.demo.simulator import SimulatedTask, Simulator, SimulatorOptions
from exporter.demo.stack import Addresses, Program, prepare, programs
from tests.support.programs import free_address
from tests.support.stack import HALF_PAST_NINE, Stack, process_of
from tests.support.tools import need
from tests.support.victoria import victoria_programs

PACE: Final = 60.0
PATIENCE_SECONDS: Final = 120.0
HALF_PAST_TWO: Final = HALF_PAST_NINE + 5 * 3600  # everyone dials until eight
PAST_SECONDS: Final = 45.0  # three quarters of an hour, for the shares before an incident

EXPORTER_CONFIG: Final = """\
listen: "{listen}"
poll: {{interval: 1s, idle_interval: 15s, timeout: 5s, stale_after: 30s}}
links: {links}
accounts:
  - name: main
    base_url: {base_url}
    user_id: {user_id}
    token: {token}
    rate_limit: 100
    discovery: {{interval: 1s}}
    rules:
      - {{match: ".*", labels: {{team: outbound, tier: all}}}}
      - {{match: "{name}", labels: {{team: retention}}}}
"""


@asynccontextmanager
async def afternoon(
    directory: Path,
    links: Mapping[str, str],
    notify: Callable[[Path], None],
    alertmanager: Callable[[], str] | None = None,
    *,
    is_victoria: bool = False,
) -> AsyncIterator[Stack]:
    """Run everything, four large campaigns in their dialling hours, until there is a past to compare with.

    ``notify`` sets up the notifications in the directory, where Alertmanager's configuration is ``alertmanager.yml``;
    ``alertmanager`` gives another program than the one on the PATH. With ``is_victoria``, VictoriaMetrics and vmalert run
    in Prometheus' place. All tasks have the labels ``team="outbound"`` and ``tier="all"`` by a rule, but the largest has
    ``team="retention"`` by a second one.
    """
    simulator = Simulator(SimulatorOptions(tasks=4, speed=PACE, start=HALF_PAST_TWO, scale=50))
    at = Addresses(*(free_address() for _ in range(4)))
    prepare(directory, at, PACE)
    notify(directory)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulator.serve())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        stands = Stack(simulator, session, directory, url, at.exporter, at.prometheus)
        await stack.enter_async_context(_exporting(stands, links))
        prometheus, notifier = programs(directory, at, PACE)[:2]
        rulers = victoria_programs(directory, at, free_address(), PACE) if is_victoria else [prometheus]
        for program in (*rulers, notifier):
            other = alertmanager() if alertmanager and program.name == "alertmanager" else None
            await stack.enter_async_context(_started(program, directory, other))
        await asyncio.sleep(PAST_SECONDS)  # real time of real programs: nothing to inject
        yield stands


def largest(stack: Stack) -> SimulatedTask:
    """Return the running task with most lines."""
    running = [each for each in stack.tasks.values() if each.state(stack.simulator.now()) == "running"]
    assert len(running) >= 2
    return max(running, key=lambda task: task.campaign.traits.lines)


@asynccontextmanager
async def _exporting(stack: Stack, links: Mapping[str, str]) -> AsyncIterator[None]:
    """Run the exporter on the simulator."""
    account, config = stack.simulator.accounts[0], stack.directory / "exporter.yaml"
    text = EXPORTER_CONFIG.format(
        listen=stack.exporter,
        base_url=stack.simulator_url,
        user_id=account.user_id,
        token=account.token,
        links=json.dumps(dict(links)),
        name=largest(stack).name,
    )
    config.write_text(text, encoding="utf-8")
    words = [sys.executable, "-m", "exporter", "--config", str(config)]
    async with process_of(words, stack.directory / "exporter.log"):
        yield


@asynccontextmanager
async def _started(program: Program, directory: Path, other: str | None) -> AsyncIterator[None]:
    """Run one of the programs around the exporter, or another with its words."""
    path = other or need(program.words[0], program.install)
    words, log = [path, *program.words[1:]], directory / f"{program.name}.log"
    async with process_of(words, log, f"{program.url}/-/ready"):
        yield
