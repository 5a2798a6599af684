"""The cost of the state file: of writing beside 10,000 tasks polled once a minute, and of a start with it.

Run: python benchmarks/state_file.py [TASKS] [FOLDER]

Every task has the statistics of the vendor's example, a window, a full history of polls and counters. Each write brings
half of the tasks, as many as are polled in 30 s, in the real thread and the real event loop, beside a watch on how long
the loop is held. The folder decides which disk is measured.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
import tracemalloc
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporter.api.model import Task, TaskRef, TaskState, TaskStats, parse_stats
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.records import PollOutcome, WindowStats
from exporter.metrics.store import Store
from exporter.state.saving import StoreSource
from exporter.state.state_file import StateFile
from exporter.state.state_writer import WRITE_SECONDS, DiskThread, StateWriter

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
FOLDER = sys.argv[2] if len(sys.argv) > 2 else None
INTERVAL = 60.0
WRITES = 6
EXAMPLE = Path(__file__).parents[1] / "tests" / "data" / "stat.json"


class Clock:
    """Unix time that the benchmark sets."""

    now = time.time()

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Fleet:
    """Tasks that are polled by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Store(TaskRenderer(), self.clock, 300.0)
        self.source = StoreSource(self.store)
        self.stats = parse_stats(json.loads(EXAMPLE.read_text(encoding="utf-8"))["data"])
        self.tasks = [
            Task(
                TaskRef("main", str(uuid.uuid4())),
                min_answer_ratio=0.2,
                name=f"外呼活动 {number}",
                state=TaskState.RUNNING,
            )
            for number in range(TASKS)
        ]

    def poll(self, tasks: list[Task], round_: int) -> None:
        """Settle one poll of each task, with new numbers."""
        for task in tasks:
            stats = self._stats(round_)
            windows = (WindowStats("today", stats, self.clock() + 86_400),)
            self.store.record_poll(task, PollOutcome(stats, windows), INTERVAL, 0.123)

    def _stats(self, round_: int) -> TaskStats:
        numbers = {status: count + round_ for status, count in self.stats.numbers.items()}
        return replace(self.stats, answered=(self.stats.answered or 0) + round_, numbers=numbers)


class Loop:
    """The longest time for which the event loop was held, in milliseconds: by the clock, and by its own processor time."""

    def __init__(self) -> None:
        self.longest = self.longest_cpu = 0.0

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            before, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, (time.perf_counter() - before - 0.001) * 1e3)
            self.longest_cpu = max(self.longest_cpu, (time.thread_time() - cpu) * 1e3)


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print how long something takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print(f"{what:52}{time.perf_counter() - wall:8.2f} s{time.process_time() - cpu:8.2f} s CPU")


async def write(fleet: Fleet, path: Path) -> None:
    """Write half of the tasks again and again, and print what that costs."""
    file = StateFile.open(path)
    assert file is not None, "the file opens"
    disk = DiskThread()
    writer = StateWriter(file, fleet.source, disk)
    loop, beside = Loop(), Loop()
    idle = await watch_cost(beside)
    costs, walls = [], []
    halves = fleet.tasks[: TASKS // 2], fleet.tasks[TASKS // 2 :]
    for round_ in range(WRITES):
        fleet.poll(halves[round_ % 2], 100 + round_)
        watch = asyncio.create_task(loop.watch())
        cpu, wall = time.process_time(), time.perf_counter()
        await writer.write()
        walls.append(time.perf_counter() - wall)
        costs.append(time.process_time() - cpu - idle * walls[-1])
        watch.cancel()
    cost = statistics.median(costs)
    print(f"{'tasks per write':52}{TASKS // 2:8}")
    print(f"{'a write':52}{statistics.median(walls):8.2f} s{cost:8.2f} s CPU")
    print(f"{'share of one core, one write every 30 s':52}{cost / WRITE_SECONDS:8.2%}")
    print(f"{'longest hold of the event loop':52}{loop.longest:8.1f} ms{loop.longest_cpu:7.1f} ms CPU")
    print(f"{'  the same without a write':52}{beside.longest:8.1f} ms")
    written = sum(each.stat().st_size for each in path.parent.glob(path.name + "*"))
    print(f"{'file and log':52}{written / 2**20:8.1f} MiB")
    await disk(file.close)


async def watch_cost(loop: Loop) -> float:
    """Watch the loop while nothing is written; return the share of a core that the watch itself takes."""
    watch = asyncio.create_task(loop.watch())
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(3)
    watch.cancel()
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def start(path: Path) -> None:
    """Start from the file, as after a restart, up to the page."""
    fleet = Fleet()
    with measured("a start: open, load, render, and the page of it"):
        with measured("  open"):
            file = StateFile.open(path)
        assert file is not None, "the file opens"
        with measured("  load"):
            state = file.load()
        with measured("  render"):
            fleet.source.restore(state, lambda _: True)
        with measured("  page"):
            page = Page(TaskRenderer(), CollectorRegistry())
            size = sum(map(len, page.pieces(fleet.store.records(), fleet.clock(), openmetrics=False)))
    file.close()
    assert len(fleet.store.records()) == TASKS, "every task is back"
    print(f"{'page':52}{size / 2**20:8.1f} MiB")


def main() -> None:
    """Write, then start."""
    gc.set_threshold(50_000, 20, 1_000)  # as serve does
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        path = Path(folder) / "state.db"
        fleet = Fleet()
        for round_ in range(20):
            fleet.poll(fleet.tasks, round_)
        asyncio.run(write(fleet, path))
        print(f"{'file, closed':52}{path.stat().st_size / 2**20:8.1f} MiB")
        tracemalloc.start()
        fleet.poll(fleet.tasks, 200)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        asyncio.run(write_all(fleet, path))
        print(
            f"{'memory at most while all tasks are written':52}{(tracemalloc.get_traced_memory()[1] - before) / 2**20:8.1f} MiB"
        )
        tracemalloc.stop()
        start(path)


async def write_all(fleet: Fleet, path: Path) -> None:
    """Write what changed once."""
    file = StateFile.open(path)
    assert file is not None, "the file opens"
    disk = DiskThread()
    await StateWriter(file, fleet.source, disk).write()
    await disk(file.close)


if __name__ == "__main__":
    main()
