"""The cost of a poll: ours, against a bare aiohttp loop that only GETs and parses JSON.

Run: python benchmarks/polling.py [SECONDS]

A simulator runs in a separate process. Its time nearly stands still, so that every answer is the one before, or runs
so fast that nearly every answer is new. Both sides make as many calls as they can over eight
connections, in turns, in this process. Ours does all that it does in service: the gate, the schedule, the token, the
digest, and for a new answer the envelope, the parser, counters and rendering. That the simulator serves enough
is measured with raw sockets.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from soak import call, cpu_seconds, process

from exporter.api.model import TaskRef
from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, PollSettings, Settings
from exporter.config.task_settings import TaskSettings
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.records import CountedStats, Lines
from exporter.metrics.store import Store
from exporter.polling.account import Surroundings, open_account

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
WARM_UP_SECONDS = 1.5
ROUNDS = 5
CONNECTIONS = 8
TASKS = 1000
PORT = 18643
URL = f"http://127.0.0.1:{PORT}"
SPEEDS = {"the same answers": "0.001", "new answers": "240"}
"""Simulated seconds per second: time nearly stands still, or each poll of a task finds something new."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A simulator: its process, and the account that it knows."""

    pid: int
    user_id: str
    token: str
    tasks: list[str]


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls made, how many brought something new, and the seconds and the processor time of this process they took."""

    calls: int
    news: int
    wall: float
    cpu: float

    @property
    def each(self) -> float:
        """Processor time of a call in microseconds."""
        return self.cpu / self.calls * 1e6


class CountingRenderer(TaskRenderer):
    """Counts the answers that were read and not known again."""

    readings = 0

    def stats(self, ref: TaskRef, counted: CountedStats) -> Lines:
        """Render the statistics."""
        self.readings += 1
        return super().stats(ref, counted)


async def measure(count: Callable[[], tuple[int, int]]) -> Cost:
    """Let what is running warm up, then watch it for a while; ``count`` returns the calls made and those with new answers."""
    await asyncio.sleep(WARM_UP_SECONDS)
    (calls, news), wall, cpu = count(), time.perf_counter(), time.process_time()
    await asyncio.sleep(SECONDS)
    cpu, wall, (calls_now, news_now) = time.process_time() - cpu, time.perf_counter() - wall, count()
    return Cost(calls_now - calls, news_now - news, wall, cpu)


def url(platform: Platform, task: str) -> str:
    """Return the URL of a task's statistics."""
    return f"{URL}/agent-api/user/{platform.user_id}/task/{task}/stat"


def session(platform: Platform) -> aiohttp.ClientSession:
    """Open a bare session."""
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {platform.token}"})


async def visit(platform: Platform) -> None:
    """Ask for each task once: a campaign's past is lived through when it is first asked for."""
    async with session(platform) as opened:
        for task in platform.tasks:
            async with opened.get(url(platform, task)) as response:
                await response.read()


async def bare(platform: Platform) -> Cost:
    """GET and parse, and nothing else."""
    calls = 0

    async def work() -> None:
        nonlocal calls
        while True:
            calls += 1
            async with opened.get(url(platform, platform.tasks[calls % TASKS])) as response:
                json.loads(await response.read())

    async with session(platform) as opened:
        workers = [asyncio.create_task(work()) for _ in range(CONNECTIONS)]
        cost = await measure(lambda: (calls, calls))
        for each in workers:
            each.cancel()
        await asyncio.wait(workers)
    return cost


async def ours(platform: Platform) -> Cost:
    """Poll as in service, only without a pause."""
    account = AccountSettings(
        name="main",
        base_url=URL,
        user_id=platform.user_id,
        token=platform.token,
        rate_limit=1e6,
        concurrency=CONNECTIONS,
        tasks=tuple(TaskSettings(id=task) for task in platform.tasks),
    )
    settings = Settings(accounts=(account,), poll=PollSettings(interval=0.001, idle_interval=0.001))
    metrics, renderer = ExporterMetrics("benchmark", "none"), CountingRenderer()
    around = Surroundings(Store(renderer, time.time), metrics, time.time, random.Random(1))

    def count() -> tuple[int, int]:
        labels = {"account": "main", "endpoint": "stat"}
        name = "yunfu_exporter_api_request_duration_seconds_count"
        return int(metrics.registry.get_sample_value(name, labels) or 0), renderer.readings

    async with open_account(settings, account, Token(platform.token), around) as opened:
        polling = asyncio.create_task(opened.run())
        cost = await measure(count)
        polling.cancel()
        await asyncio.wait([polling])
    assert not any(record.status.failure for record in around.store.records()), "every poll must work"
    return cost


async def simulator_rate(platform: Platform) -> float:
    """Return how many statistics a simulator serves per second of its own processor time."""
    path = f"/agent-api/user/{platform.user_id}/task/{platform.tasks[0]}/stat"
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {platform.token}\r\n\r\n"
    calls = 0

    async def work() -> None:
        nonlocal calls
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        for _ in range(2_000):
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(answer.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
            calls += 1
        writer.close()

    before = cpu_seconds(platform.pid)
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return calls / (cpu_seconds(platform.pid) - before)


def compare(speed: str) -> tuple[Cost, Cost]:
    """Run both sides in turn on a new simulator, whose campaigns begin in the morning."""
    words = ("--tasks", str(TASKS), "--speed", speed, "--scale", "20", "--no-history")
    with process("simulate", "--listen", f"127.0.0.1:{PORT}", *words) as running:
        assert running.stdout is not None, "it is a pipe"
        running.stdout.readline()
        account = json.loads(call(PORT, "GET", "/_control/accounts"))[0]
        platform = Platform(running.pid, account["user_id"], account["token"], account["tasks"])

        async def both() -> tuple[Cost, Cost]:
            await visit(platform)
            rate = await simulator_rate(platform)
            assert rate > 5_000, f"the simulator serves {rate:.0f} statistics per second of one core: too few"
            return await ours(platform), await bare(platform)

        return asyncio.run(both())


def main() -> None:
    """Compare round by round, then print the ratios of the pairs."""
    gc.set_threshold(50_000, 20, 1_000)  # as serve does
    print(f"{'CPU µs/call':18}{'ours':>8}{'bare':>8}{'ratio':>8}{'new answers':>14}{'ours calls/s':>14}")
    ratios: dict[str, list[float]] = {name: [] for name in SPEEDS}
    for _ in range(ROUNDS):
        for name, speed in SPEEDS.items():
            one, other = compare(speed)
            ratios[name].append(one.each / other.each)
            print(
                f"{name:18}{one.each:8.0f}{other.each:8.0f}{ratios[name][-1]:8.2f}"
                f"{one.news / one.calls:14.0%}{one.calls / one.wall:14.0f}",
                flush=True,
            )
    print("\nCPU per poll, ours to bare:")
    for name, each in ratios.items():
        print(f"{name:18}median {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})")


if __name__ == "__main__":
    main()
