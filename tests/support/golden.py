"""The golden expositions: the documented response as it stands on the page.

``python -m tests.support.golden`` writes them anew; read the difference by eye before committing it.
"""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry

from exporter.api.model import Task, TaskRef, TaskState, parse_stats
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.records import PollOutcome, WindowStats
from exporter.metrics.store import Store
from tests.support.tools import DATA, documented

NOW = 1_751_000_000.0
STALE_AFTER = 300.0
FILES = {"stat.prom": False, "stat.openmetrics": True}

POLLED = Task(
    TaskRef("main", "61551b2c-e3f3-4707-b4ed-f362f0925e03", "0c9ee8ab-90c5-43a6-a5f5-5ce4f1b2a001"),
    min_answer_ratio=0.3,
    name='试驾邀约 "A组"\\周末\n七月',
    generation="2",
    state=TaskState.RUNNING,
    labels=("", "retention"),
    concurrency_limit=20,
    kind="outbound",
    created=1_719_795_600.0,
)
UNPOLLED = Task(
    TaskRef("main", "9c1b0a55-6d1e-4f0f-8a77-0c4f7f2f5b21"),
    min_answer_ratio=0.2,
    name="满意度调查",
    generation="1",
    state=TaskState.PAUSED,
)


def golden_page(*, openmetrics: bool) -> bytes:
    """Return the page of a task polled twice, with more calls the second time, and of one that is only known."""
    renderer = TaskRenderer(("region", "team"))
    times = iter((NOW - 60, NOW))
    store = Store(renderer, lambda: next(times), STALE_AFTER)
    stats = parse_stats(documented())
    earlier = replace(stats, answered=60, unanswered=6, numbers={**stats.numbers, "connected": 2})
    store.record_poll(POLLED, PollOutcome(earlier), 60)
    store.record_poll(POLLED, PollOutcome(stats, (WindowStats("today", stats, NOW + 3600),)), 60)
    store.put_task(UNPOLLED, None)
    page = Page(renderer, CollectorRegistry())
    return b"".join(page.pieces(store.records(), NOW, openmetrics=openmetrics))


if __name__ == "__main__":
    for name, openmetrics in FILES.items():
        (DATA / name).write_bytes(golden_page(openmetrics=openmetrics))
