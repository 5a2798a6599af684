"""A good afternoon at a call centre, with all that watches it, in time that runs 60 times as fast.

That is the simulator's time, the polls' (once a second instead of once a minute), and that of Prometheus and Alertmanager, whose
shipped configuration has every span divided by 60 (``exporter.demo.stack.accelerate``). Expressions, thresholds and texts
are those that are shipped.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import aiohttp

from exporter.demo.simulator import SimulatedTask, Simulator, SimulatorOptions
from exporter.demo.stack import Addresses, Program, prepare, programs
from tests.support.programs import free_address
from tests.support.stack import HALF_PAST_NINE, Stack, process_of, serve_words
from tests.support.victoria import victoria_programs

PACE: Final = 60.0
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


@dataclass(frozen=True)
class Watch:
    """What watches the exporter: Prometheus, or VictoriaMetrics with vmalert, and an Alertmanager of its own.

    ``notify`` sets up the notifications in a directory, where Alertmanager's configuration is ``alertmanager.yml``;
    ``alertmanager`` is the path of another Alertmanager than the one on the PATH.
    """

    name: str
    notify: Callable[[Path], None]
    alertmanager: Path | None = None
    is_victoria: bool = False

    def prepare(self, directory: Path, at: Addresses) -> None:
        """Write all configuration into a new directory."""
        directory.mkdir()
        prepare(directory, at, PACE)
        self.notify(directory)

    def programs(self, directory: Path, at: Addresses) -> list[Program]:
        """Return the programs for what ``prepare`` has written into the directory, in the order of their start."""
        prometheus, notifier = programs(directory, at, PACE)[:2]
        if self.alertmanager:
            notifier = replace(notifier, words=(str(self.alertmanager), *notifier.words[1:]), install=".ci/run")
        rulers = victoria_programs(directory, at, free_address(), PACE) if self.is_victoria else [prometheus]
        return [*rulers, notifier]

    @property
    def missing(self) -> list[Program]:
        """The programs that are not installed."""
        every = self.programs(Path(), Addresses("", "", "", ""))
        return [program for program in every if not shutil.which(program.words[0])]


@asynccontextmanager
async def afternoon(directory: Path, links: Mapping[str, str], watches: Sequence[Watch]) -> AsyncIterator[list[Stack]]:
    """Run everything, four large campaigns in their dialling hours, until there is a past to compare with.

    Gives what each watch looks at. All tasks have the labels ``team="outbound"`` and ``tier="all"`` by a rule, but the
    largest has ``team="retention"`` by a second one.
    """
    simulator = Simulator(SimulatorOptions(tasks=4, speed=PACE, start=HALF_PAST_TWO, scale=50))
    exporter = free_address()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulator.serve())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await stack.enter_async_context(_exporting(Stack(simulator, session, directory, url, exporter), links))
        watched = []
        for watch in watches:
            at = Addresses(exporter, *(free_address() for _ in range(3)))
            watched.append(Stack(simulator, session, directory / watch.name, url, exporter, at.prometheus))
            watch.prepare(directory / watch.name, at)
            await stack.enter_async_context(_watching(watch, directory / watch.name, at))
        await asyncio.sleep(PAST_SECONDS)  # real time of real programs: nothing to inject
        yield watched


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
    async with process_of(serve_words(config), stack.directory / "exporter.log"):
        yield


@asynccontextmanager
async def _watching(watch: Watch, directory: Path, at: Addresses) -> AsyncIterator[None]:
    """Run the programs of a watch, on the files of the directory."""
    async with AsyncExitStack() as stack:
        for program in watch.programs(directory, at):
            log = directory / f"{program.name}.log"
            await stack.enter_async_context(process_of(list(program.words), log, f"{program.url}/-/ready"))
        yield
