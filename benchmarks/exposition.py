"""The cost of a scrape of 10,000 tasks: this exporter's, and prometheus-client's generate_latest over the same samples.

Run: python benchmarks/exposition.py [TASKS]

Each side runs in a separate process, so that its peak memory is its own. Ours is scraped over HTTP on loopback, with
all that it costs; the library's is the bare function, on families that are ready made. The library's gzip is what its
own HTTP handlers call; the line below it has the fastest level of the same module.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import random
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter.api.model import STATUSES, Task, TaskRef, TaskState, TaskStats
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.records import PollOutcome
from exporter.metrics.store import Store
from exporter.web.app import make_app
from exporter.web.server import listening
from tests.support.exporter import FakeExporter

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 10_000
ROUNDS = 5
PORT = 18642
TAGS = [
    "感兴趣",
    "有时间",
    "拒加微",
    "敷衍",
    "礼貌",
    "无意向",
    "代理商大会",
    "价格太高",
    "已经购买",
    "稍后联系",
    "不需要",
    "投诉倾向",
]


def make_stats(rng: random.Random) -> TaskStats:
    """Make statistics of the size that the platform's documentation shows."""
    answered = rng.randrange(20_000)
    ratios = {grade: round(rng.random() / 5, 4) for grade in "ABCDE"}
    return TaskStats(
        answered=answered,
        unanswered=rng.randrange(20_000),
        answer_ratio=round(rng.random(), 4),
        progress_ratio=round(rng.random(), 2),
        numbers={status: rng.randrange(5_000) for status in STATUSES},
        intention_calls={grade: rng.randrange(5_000) for grade in "ABCDE"},
        intention_ratios=ratios,
        round_calls={rounds: rng.randrange(5_000) for rounds in ("1", "2-5", "6-10", "11-20", "21+")},
        llm_tag_calls={tag: rng.randrange(500) for tag in rng.sample(TAGS, 7)},
    )


def fill(store: Store) -> None:
    """Record one poll of each task in the store."""
    rng = random.Random(1)
    for index in range(TASKS):
        ref = TaskRef("main", str(uuid.UUID(int=rng.getrandbits(128), version=4)))
        task = Task(
            ref,
            min_answer_ratio=0.2,
            name=f"老客户回访-{index}",
            generation="2",
            state=TaskState.RUNNING,
            labels=(),
            concurrency_limit=20,
            created=1.72e9,
        )
        store.record_poll(task, PollOutcome(make_stats(rng)), 60.0)


async def serve() -> None:
    """Serve the tasks until the parent closes our input, and report what it cost."""
    renderer = TaskRenderer()
    store = Store(renderer, time.time, 1e9)
    metrics = ExporterMetrics("benchmark", "none")
    metrics.registry.register(AccountCollector(store))
    fill(store)

    exporter = FakeExporter(store, renderer=renderer, registry=metrics.registry)
    pauses: list[float] = []
    async with listening(make_app(exporter), [("127.0.0.1", PORT)]):
        ticking = asyncio.create_task(tick(pauses))
        say({"ready": True})
        while await asyncio.to_thread(sys.stdin.readline):  # the parent is about to scrape
            pauses.clear()
            before = time.process_time()
            say({"ready": True})
            await asyncio.to_thread(sys.stdin.readline)  # it has scraped
            say({"cpu": time.process_time() - before, "pause": max(pauses), "peak": peak_mib()})
        ticking.cancel()


async def tick(pauses: list[float]) -> None:
    """Record how late the loop wakes a task that wants to run every millisecond."""
    while True:
        start = time.perf_counter()
        await asyncio.sleep(0.001)
        pauses.append(time.perf_counter() - start - 0.001)


def generate() -> None:
    """Let the library render the page that it is given on standard input, plain and compressed."""
    families = list(text_string_to_metric_families(sys.stdin.read()))

    class Ready(Collector):
        def collect(self) -> Iterable[Metric]:
            return families

        def describe(self) -> Iterable[Metric]:
            return []

    registry = CollectorRegistry()
    registry.register(Ready())
    for name, compress in (
        ("plain", None),
        ("gzip as in its handlers", gzip.compress),
        ("gzip at its fastest", lambda text: gzip.compress(text, 1)),
    ):
        say({"name": name, **measure(registry, compress)})


def measure(registry: CollectorRegistry, compress: Callable[[bytes], bytes] | None) -> dict[str, float]:
    """Time one scrape of the library's."""
    wall, cpu = time.perf_counter(), time.process_time()
    text = generate_latest(registry)
    size = len(compress(text) if compress else text)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "pause": time.perf_counter() - wall,
        "size": size,
        "peak": peak_mib(),
    }


def peak_mib() -> float:
    """Return this process's largest resident size so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(message: Mapping[str, object]) -> None:
    """Send the parent a message."""
    print(json.dumps(message), flush=True)


def child(role: str) -> subprocess.Popen[str]:
    """Start one side."""
    words = [sys.executable, __file__, str(TASKS), role]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def scrape(encoding: str) -> tuple[float, int, bytes]:
    """Scrape ours as Prometheus would; return the seconds, the bytes on the wire, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    start = time.perf_counter()
    connection.request("GET", "/metrics", headers={"Accept-Encoding": encoding})
    body = connection.getresponse().read()
    seconds = time.perf_counter() - start
    connection.close()
    return seconds, len(body), body


def measure_ours() -> tuple[dict[str, dict[str, float]], bytes]:
    """Scrape our side, plain and compressed; return the medians (of pauses and memory the worst) and the page."""
    process = child("serve")
    assert process.stdin is not None, "it is a pipe"
    assert process.stdout is not None, "it is a pipe"
    process.stdout.readline()
    results = {}
    page = b""
    for name, encoding in (("gzip", "gzip"), ("plain", "identity")):
        rounds = []
        for _ in range(ROUNDS):
            process.stdin.write("scraping\n")
            process.stdin.flush()
            process.stdout.readline()
            seconds, size, page = scrape(encoding)
            process.stdin.write("scraped\n")
            process.stdin.flush()
            rounds.append({**json.loads(process.stdout.readline()), "wall": seconds, "size": size})
        middle = sorted(rounds, key=lambda each: each["wall"])[ROUNDS // 2]
        worst = {key: max(each[key] for each in rounds) for key in ("pause", "peak")}
        results[name] = {**middle, **worst}
    process.stdin.close()
    process.wait()
    return results, page


def main() -> None:
    """Measure both sides and print the comparison."""
    ours, page = measure_ours()
    process = child("generate")
    output, _ = process.communicate(page.decode())
    library = {row["name"]: row for row in map(json.loads, output.splitlines())}
    series = sum(1 for line in page.splitlines() if not line.startswith(b"#"))
    print(f"{TASKS} tasks, {series} series, {len(page) / 1e6:.1f} MB of text; ours over HTTP, median of {ROUNDS}\n")
    print(f"{'':32}{'wall s':>9}{'CPU s':>9}{'MB out':>9}{'loop held ms':>14}{'peak MiB':>10}")
    rows = {f"ours, {name}": row for name, row in ours.items()}
    rows |= {f"library, {name}": row for name, row in library.items()}
    for name, row in rows.items():
        figures = (
            f"{row['wall']:9.3f}{row['cpu']:9.3f}{row['size'] / 1e6:9.1f}{row['pause'] * 1e3:14.1f}{row['peak']:10.0f}"
        )
        print(f"{name:32}{figures}")
    print()
    for name in library:
        own = ours["plain" if name == "plain" else "gzip"]
        print(
            f"times faster than the library, {name}: wall {library[name]['wall'] / own['wall']:.1f}, "
            f"CPU {library[name]['cpu'] / own['cpu']:.1f}"
        )


if __name__ == "__main__":
    match sys.argv[2:]:
        case ["serve"]:
            asyncio.run(serve())
        case ["generate"]:
            generate()
        case _:
            main()
