"""The processor time of 10,000 tasks polled once a minute, as the contract's budget has it: a tenth of a core.

Run: python benchmarks/steady.py [TASKS] [SECONDS]

The exporter is the real program in a separate process, on the simulator in another: first with campaigns that run, so
that most answers are new, then with campaigns that stand still. After its first rounds its processor time is
read for SECONDS at a time: beside a bare aiohttp loop that only GETs and parses JSON, in this process, at the same pace
and the same time; and with a scrape every 15 seconds. The bare loop is woken for each call, or starts what falls due
within 50 ms in one go, as the exporter does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from soak import call, cpu_seconds, process, resident_mib, wait_for_exporter

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
INTERVAL = 60.0
RATE = TASKS / INTERVAL
BATCH_SECONDS = 0.05
SIMULATOR = 18644
EXPORTER = 18645
SPEEDS = {"campaigns running": "1", "campaigns standing still": "0.001"}


@dataclass(frozen=True, slots=True)
class Load:
    """What a process has done: calls, and the seconds and the processor time that they took."""

    calls: float
    wall: float
    cpu: float

    @property
    def each(self) -> float:
        """Processor time of a call in microseconds."""
        return self.cpu / self.calls * 1e6

    def __str__(self) -> str:
        """Write it as a line's worth of figures."""
        return f"{self.calls / self.wall:6.0f} calls/s {self.each:6.0f} µs each {self.cpu / self.wall:6.1%} of one core"


@contextmanager
def exporter(account: dict[str, Any], folder: Path) -> Iterator[int]:
    """Run the exporter on all of the account's tasks, listed by hand, each polled once a minute; give its process id."""
    settings = {
        "listen": f"127.0.0.1:{EXPORTER}",
        "poll": {"interval": f"{INTERVAL:g}s", "idle_interval": f"{INTERVAL:g}s"},
        "accounts": [
            {
                "name": "steady",
                "base_url": f"http://127.0.0.1:{SIMULATOR}",
                "user_id": account["user_id"],
                "token": account["token"],
                "rate_limit": 400,
                "tasks": [{"id": task} for task in account["tasks"]],
            }
        ],
    }
    path = folder / "steady.yaml"
    path.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    with process("serve", "--config", str(path)) as running:
        wait_for_exporter()
        yield running.pid


def polls() -> int:
    """Return how many statistics the simulator has been asked for."""
    return int(json.loads(call(SIMULATOR, "GET", "/_control/calls"))["stat"])


def numbers() -> set[bytes]:
    """Return the lines with the numbers of each task."""
    return {line for line in call(EXPORTER, "GET", "/metrics").splitlines() if line.startswith(b"yunfu_task_numbers{")}


def share_of_movers() -> float:
    """Return the share of tasks whose numbers are others after an interval."""
    before = numbers()
    time.sleep(INTERVAL + 2)
    return len({line.split(b"status=")[0] for line in numbers() - before}) / TASKS


async def bare(account: dict[str, Any], batch: float) -> Load:
    """GET and parse at the pace, and nothing else."""
    loop, calls = asyncio.get_running_loop(), 0
    base = f"http://127.0.0.1:{SIMULATOR}/agent-api/user/{account['user_id']}/task"

    async def get(session: aiohttp.ClientSession, task: str) -> None:
        async with session.get(f"{base}/{task}/stat") as response:
            json.loads(await response.read())

    headers = {"Authorization": f"Bearer {account['token']}"}
    connector = aiohttp.TCPConnector(limit=8)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session, asyncio.TaskGroup() as group:
        begin, cpu = loop.time(), time.process_time()
        while (due := begin + calls / RATE) < begin + SECONDS:
            if due > loop.time():
                await asyncio.sleep(max(due - loop.time(), batch))
            group.create_task(get(session, account["tasks"][calls % TASKS]))
            calls += 1
        return Load(calls, loop.time() - begin, time.process_time() - cpu)


def run_bare(account: dict[str, Any], batch: float) -> Load:
    """Run the bare loop for SECONDS."""
    return asyncio.run(bare(account, batch))


def beside(pid: int, work: Callable[[], Load]) -> tuple[Load, Load]:
    """Do some work; return what the exporter has done meanwhile, and what the work was."""
    before, begin, cpu = polls(), time.monotonic(), cpu_seconds(pid)
    other = work()
    wall, cpu = time.monotonic() - begin, cpu_seconds(pid) - cpu
    return Load(polls() - before - other.calls, wall, cpu), other


def scrape() -> Load:
    """Scrape every 15 seconds, as Prometheus does; no call of the API's is made."""
    begin = time.monotonic()
    while (left := begin + SECONDS - time.monotonic()) > 0:
        time.sleep(min(15.0, left))
        call(EXPORTER, "GET", "/metrics", gzipped=True)
    return Load(0, time.monotonic() - begin, 0)


def watch(speed: str) -> None:
    """Start both, let the first rounds pass, measure."""
    words = ("--tasks", str(TASKS), "--no-history", "--speed", speed)
    with (
        process("simulate", "--listen", f"127.0.0.1:{SIMULATOR}", *words) as simulator,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert simulator.stdout is not None, "it is a pipe"
        simulator.stdout.readline()
        account = json.loads(call(SIMULATOR, "GET", "/_control/accounts"))[0]
        with exporter(account, Path(folder)) as pid:
            time.sleep(2 * INTERVAL)  # a first round at once, then each task at its place
            print(f"  tasks that move within a minute: {share_of_movers():.0%}")
            for name, batch in (("call by call", 0.0), ("in batches", BATCH_SECONDS)):
                ours, other = beside(pid, partial(run_bare, account, batch))
                print(f"  exporter              {ours}, {ours.each / other.each:.2f} times the bare loop's")
                print(f"  bare, {name:16}{other}", flush=True)
            print(f"  scraped every 15 s    {beside(pid, scrape)[0]}")
            print(f"  resident memory       {resident_mib(pid):.0f} MiB", flush=True)


def main() -> None:
    """Measure with campaigns that run, and with campaigns that stand still."""
    for name, speed in SPEEDS.items():
        print(f"{TASKS} tasks, {name}", flush=True)
        watch(speed)


if __name__ == "__main__":
    main()
