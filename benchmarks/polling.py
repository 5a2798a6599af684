"""Measures what a poll costs: ours, against a bare aiohttp loop that only GETs and parses JSON.

Run: python benchmarks/polling.py [SECONDS]

The simulator runs in a process of its own, with its time nearly stopped. Both sides make as many calls as they can over
eight connections, in turns, in this process. Ours does all that it does in service: the gate, the schedule, the token,
the envelope, the parser, counters, rendering and metrics. What the simulator can serve is measured with raw sockets.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.request import urlopen

import aiohttp
from soak import cpu_seconds

from exporter.accounts import Surroundings, open_account
from exporter.exposition import TaskRenderer
from exporter.metrics import ExporterMetrics
from exporter.settings import AccountSettings, PollSettings, Settings, TaskSettings
from exporter.store import Store
from exporter.tokens import Token

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
ROUNDS = 5
CONNECTIONS = 8
TASKS = 500
PORT = 18643
URL = f"http://127.0.0.1:{PORT}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls made, and the seconds and the processor time of this process that they took."""

    calls: int
    wall: float
    cpu: float


async def measure(count: Callable[[], int]) -> Cost:
    """Let what is running warm up, then watch it for a while; ``count`` tells how many calls it has made."""
    await asyncio.sleep(1)
    calls, wall, cpu = count(), time.perf_counter(), time.process_time()
    await asyncio.sleep(SECONDS)
    return Cost(count() - calls, time.perf_counter() - wall, time.process_time() - cpu)


async def bare(user_id: str, token: str, tasks: list[str]) -> Cost:
    """GET and parse, and nothing else."""
    calls = 0

    async def work(session: aiohttp.ClientSession, worker: int) -> None:
        nonlocal calls
        while True:
            task = tasks[(worker + calls) % len(tasks)]
            async with session.get(f"{URL}/agent-api/user/{user_id}/task/{task}/stat") as response:
                json.loads(await response.read())
            calls += 1

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        workers = [asyncio.create_task(work(session, worker)) for worker in range(CONNECTIONS)]
        cost = await measure(lambda: calls)
        for each in workers:
            each.cancel()
        await asyncio.wait(workers)
    return cost


async def ours(user_id: str, token: str, tasks: list[str]) -> Cost:
    """Poll as in service, only without a pause."""
    account = AccountSettings(
        name="main",
        base_url=URL,
        user_id=user_id,
        token=token,
        rate_limit=1e6,
        concurrency=CONNECTIONS,
        tasks=tuple(TaskSettings(id=task) for task in tasks),
    )
    poll = PollSettings(interval=0.001, idle_interval=0.001)
    settings = Settings(accounts=(account,), poll=poll)
    metrics = ExporterMetrics("benchmark", "none")
    around = Surroundings(Store(TaskRenderer(), time.time), metrics, time.time, random.Random(1))

    def polls() -> int:
        labels = {"account": "main", "endpoint": "stat"}
        name = "yunfu_exporter_api_request_duration_seconds_count"
        return int(metrics.registry.get_sample_value(name, labels) or 0)

    async with open_account(settings, account, Token(token), around) as opened:
        polling = asyncio.create_task(opened.run())
        cost = await measure(polls)
        polling.cancel()
        await asyncio.wait([polling])
    assert not any(record.status.error for record in around.store.records()), "every poll must work"
    return cost


async def simulator_rate(user_id: str, token: str, task: str, pid: int) -> float:
    """Return how many statistics the simulator serves per second of its own processor time."""
    head = (
        f"GET /agent-api/user/{user_id}/task/{task}/stat HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
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

    before = cpu_seconds(pid)
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return calls / (cpu_seconds(pid) - before)


async def compare(user_id: str, token: str, tasks: list[str], pid: int) -> None:
    """Run both in turns and print each figure, and the ratios round by round."""
    print(f"simulator: {await simulator_rate(user_id, token, tasks[0], pid):.0f} statistics per second of one core\n")
    await bare(user_id, token, tasks)  # the simulator lives through each campaign's past when first asked
    print(f"{'':8}{'calls/s':>10}{'CPU µs/call':>14}")
    ratios = []
    for _ in range(ROUNDS):
        costs = []
        for name, side in (("ours", ours), ("bare", bare)):
            cost = await side(user_id, token, tasks)
            costs.append(cost.cpu / cost.calls)
            print(f"{name:8}{cost.calls / cost.wall:10.0f}{costs[-1] * 1e6:14.0f}")
        ratios.append(costs[0] / costs[1])
    print(
        f"\nCPU per poll, ours to bare: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    """Start the simulator, compare, stop it."""
    words = [sys.executable, "-m", "exporter", "simulate", "--listen", f"127.0.0.1:{PORT}"]
    words += ["--tasks", str(TASKS), "--speed", "0.001", "--sub-accounts", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None, "it is a pipe"
        simulator.stdout.readline()
        variables = dict(word.split("=", 1) for word in simulator.stdout.readline().split())
        try:
            with urlopen(f"{URL}/_control/accounts") as answer:
                tasks = json.load(answer)[0]["tasks"]
            gc.set_threshold(50_000, 20, 1_000)  # as serve does
            asyncio.run(compare(variables["YUNFU_USER_ID"], variables["YUNFU_TOKEN"], tasks, simulator.pid))
        finally:
            simulator.terminate()


if __name__ == "__main__":
    main()
