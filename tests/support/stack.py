"""Real programs, one on the other: Prometheus scrapes the exporter, which polls the simulator in the test's own process.

All listen on free ports of the loopback interface, and are gone in the end.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web

from exporter.demo.simulator import SimulatedTask, Simulator, SimulatorOptions, truth
from tests.support.programs import free_address
from tests.support.tools import need

HALF_PAST_NINE: Final = 1_751_247_000.0  # Monday 2025-06-30 in China: lunch is two hours away
STACK_PATIENCE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.05
STOP_SECONDS: Final = 10.0
PAGE_TIMEOUT: Final = aiohttp.ClientTimeout(5)

EXPORTER_CONFIG: Final = """\
listen: "{listen}"
poll: {{interval: 300ms, idle_interval: 300ms, timeout: 5s, stale_after: 30s}}
accounts:
  - name: main
    base_url: {base_url}
    user_id: {user_id}
    token_file: {token_file}
    rate_limit: 500
    discovery: {{states: [running, waiting, paused], sub_accounts: true, interval: 1s}}
"""

PROMETHEUS_CONFIG: Final = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: yunfu
    static_configs: [{{targets: {targets}}}]
"""


def serve_words(config: Path, command: str = "serve") -> list[str]:
    """Return the words that run a command of the exporter by a configuration file."""
    return [sys.executable, "-m", "exporter", command, "--config", str(config)]


async def until(what: str, holds: Callable[[], Awaitable[bool]], patience: float = STACK_PATIENCE_SECONDS) -> None:
    """Look again and again until something holds. Raises AssertionError when patience (seconds) is at its end."""
    deadline = time.monotonic() + patience
    while not await holds():
        assert time.monotonic() < deadline, f"in {patience:g} s it has not come to pass that {what}"
        await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def serving(app: web.Application, address: str) -> AsyncIterator[str]:
    """Serve an application on HOST:PORT; gives its URL, without a slash at the end."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        host, _, port = address.rpartition(":")
        await web.TCPSite(runner, host, int(port)).start()
        yield f"http://{address}"
    finally:
        await runner.cleanup()


async def is_ready(url: str) -> bool:
    """Return whether a page answers 200."""
    try:
        async with aiohttp.ClientSession(timeout=PAGE_TIMEOUT) as session, session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientConnectionError, TimeoutError):
        return False


def _read(output: Path) -> str:
    return output.read_text(encoding="utf-8", errors="replace")


@asynccontextmanager
async def process_of(words: list[str], output: Path, ready: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program for as long as the context lasts, and end it with SIGTERM; what it says goes to a file.

    With the URL ``ready`` the context begins when that answers 200. Raises AssertionError, with what the program said,
    if it ends before, or takes too long.
    """
    with output.open("ab") as file:
        process = await asyncio.create_subprocess_exec(*words, stdout=file, stderr=file)

    async def listens() -> bool:
        assert process.returncode is None, f"{words[0]} has ended"
        return await is_ready(ready)

    try:
        if ready:
            try:
                await until(f"{words[0]} is ready", listens)
            except AssertionError as error:
                raise AssertionError(f"{error}; it said: {_read(output)}") from None
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            pytest.fail(f"{words[0]} does not end at SIGTERM; see {output}")


@dataclass
class Stack:
    """The simulator, the exporter and Prometheus, one on the other. The simulator's time is moved by the test."""

    simulator: Simulator
    session: aiohttp.ClientSession
    directory: Path
    simulator_url: str
    exporter: str = field(default_factory=free_address)
    prometheus: str = ""

    @property
    def tasks(self) -> dict[str, SimulatedTask]:
        """The account's tasks by id, up to date with the simulated time."""
        return {task: self.simulator.task(task) for task in self.simulator.accounts[0].tasks}

    def truths(self) -> dict[str, dict[str, Any]]:
        """Return what really happened so far, by task id."""
        return {task: truth(self.simulator, task) for task in self.tasks}

    @asynccontextmanager
    async def exporting(self, *more: str, kill: bool = False) -> AsyncIterator[None]:
        """Run ``serve``, configured by a file and more options; it is killed or must end well."""
        account = self.simulator.accounts[0]
        token_file, config = self.directory / "token", self.directory / "exporter.yaml"
        token_file.write_text(account.token, encoding="utf-8")
        config.write_text(
            EXPORTER_CONFIG.format(
                listen=self.exporter, base_url=self.simulator_url, user_id=account.user_id, token_file=token_file
            ),
            encoding="utf-8",
        )
        output = self.directory / "exporter.log"
        async with process_of([*serve_words(config), *more], output, f"http://{self.exporter}/readyz") as process:
            yield
            if kill:
                process.kill()
                await process.wait()
        assert process.returncode == (-signal.SIGKILL if kill else 0), output.read_text(encoding="utf-8")

    async def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """Return the answer to an instant query, now or at a time: what the Prometheus API has as ``data.result``."""
        parameters = {"query": expression} | ({} if at is None else {"time": f"{at:.3f}"})
        async with self.session.get(f"http://{self.prometheus}/api/v1/query", params=parameters) as response:
            answer = await response.json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    async def vector(self, expression: str, *labels: str, at: float | None = None) -> dict[tuple[str, ...], float]:
        """Return the answer to an instant query as values by labels, which identify each series."""
        series = await self.query(expression, at)
        values = {tuple(each["metric"][label] for label in labels): float(each["value"][1]) for each in series}
        assert len(values) == len(series), f"{expression}: {labels} do not identify the series"
        return values

    async def misses_the_exporter(self) -> bool:
        """Return whether Prometheus looked for the exporter and did not find it; what it knew of it before is stale then."""
        return await self.vector("up") == {(): 0}

    async def catch_up(self) -> float:
        """Wait until Prometheus knows what the simulator says now; return the time of that scrape.

        A task is called again only when its call before is in the store. So after two more calls of each
        the store holds an answer that was given after now, and the next scrape that begins has it.
        """
        seen = Counter(self.simulator.calls)

        async def called_twice() -> bool:
            return all(self.simulator.calls[task] >= seen[task] + 2 for task in self.tasks)

        await until("every task was read anew", called_twice)
        since, scraped = time.time(), 0.0

        async def scraped_since() -> bool:
            nonlocal scraped
            scraped = (await self.vector("timestamp(up) and (up == 1)")).get((), 0.0)
            return scraped > since

        await until("that was scraped", scraped_since)
        return scraped


@asynccontextmanager
async def standing(directory: Path) -> AsyncIterator[Stack]:
    """Serve the simulator with its time standing still, in the middle of the morning's work."""
    options = SimulatorOptions(tasks=12, sub_accounts=1, speed=0, start=HALF_PAST_NINE, scale=0.5)
    simulator = Simulator(options)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulator.serve())
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(STACK_PATIENCE_SECONDS))
        )
        yield Stack(simulator, session, directory, url)


@contextmanager
def scraping(directory: Path, *targets: str) -> Iterator[str]:
    """Run a Prometheus that scrapes these addresses every second; gives its own."""
    program, address = need("prometheus", "apt-get install prometheus"), free_address()
    config = directory / "prometheus.yml"
    config.write_text(PROMETHEUS_CONFIG.format(targets=json.dumps(targets)), encoding="utf-8")
    words = [program, f"--config.file={config}", f"--storage.tsdb.path={directory / 'tsdb'}"]
    words += [f"--web.listen-address={address}", "--log.level=warn"]
    with (directory / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        try:
            yield address
        finally:
            process.terminate()
