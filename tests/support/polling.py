"""A poller with a scripted client, in virtual time: it is the loop's clock and Unix time at once."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from itertools import pairwise
from typing import Any, cast

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, Exchange
from exporter.api.gate import AccountGate
from exporter.api.model import Task, TaskRef, TaskState
from exporter.api.responses import StatResponse
from exporter.config.settings import AccountSettings, DiscoverySettings, LabelSettings, PollSettings, Settings
from exporter.config.values import WindowSettings
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.records import TaskRecord
from exporter.metrics.store import Store
from exporter.polling.poller import AccountPoller
from tests.support.gates import open_gate

INTERVAL, IDLE = 60.0, 900.0


Script = Callable[[float], Any]
"""Says at a time what the platform answers; what it raises is the call's failure."""


def task(name: str, state: TaskState = TaskState.RUNNING) -> Task:
    """Return a task whose id is its name."""
    return Task(TaskRef("main", name), min_answer_ratio=0.2, name=f"task {name}", state=state)


def stats(calls: float, progress: float = 10, tags: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Return the data of a statistics response."""
    rows = [{"name": name, "count": count} for name, count in (tags or {}).items()]
    return {"answer_rate": {"answered": int(calls), "noAnswer": 1, "taskProgress": progress}, "tags": rows}


def moving(now: float) -> dict[str, Any]:
    """Answer with counts that grow each second."""
    return stats(now)


def resting(_: float) -> dict[str, Any]:
    """Answer the same always."""
    return stats(7)


def failing(error: ApiError, *, until: float = float("inf")) -> Script:
    """Fail until a time, then move."""

    def answer(now: float) -> dict[str, Any]:
        if now < until:
            raise error
        return moving(now)

    return answer


class FakeClient:
    """Stands in for YunfuClient: notes each call's start and span, takes its time, and answers by script."""

    def __init__(self, gate: AccountGate) -> None:
        self.gate = gate
        self.passes_gate = False
        self.calls: dict[str, list[float]] = defaultdict(list)
        self.spans: list[tuple[str, str] | None] = []
        self.answers: dict[str, Script] = {}
        self.latency: dict[str, float] = {}
        self.knows_again = True
        self.exchange: Exchange | None = None
        self.known_again = 0
        self.at_once = self.most_at_once = 0

    async def stat(self, ref: TaskRef, span: tuple[str, str] | None = None, known: bytes = b"") -> StatResponse:
        """Answer a call, having passed the gate if it is to."""
        async with self.gate.call("stat") if self.passes_gate else nullcontext():
            data = await self.answer(ref, span)
        digest = repr(data).encode()
        if digest == known and self.knows_again:
            self.known_again += 1
            return StatResponse(digest, None, self.exchange)
        return StatResponse(digest, data, self.exchange)

    async def answer(self, ref: TaskRef, span: tuple[str, str] | None) -> Any:
        """Answer a call that has passed."""
        loop = asyncio.get_running_loop()
        self.calls[ref.id].append(loop.time())
        self.spans.append(span)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.latency.get(ref.id, 0.1))
        finally:
            self.at_once -= 1
        answer: Script = self.answers.get(ref.id) or moving
        return answer(loop.time())


class Bench:
    """A poller with all that it needs."""

    def __init__(
        self,
        *,
        windows: tuple[WindowSettings, ...] = (),
        rate_limit: float = 100,
        concurrency: int = 4,
        store: Store | None = None,
        tag_limit: int = 3,
        interval: float = INTERVAL,
    ) -> None:
        clock = asyncio.get_running_loop().time
        self.client = FakeClient(open_gate(rate_limit, concurrency))
        self.store = store or Store(TaskRenderer(()), clock)
        self.metrics = ExporterMetrics("0", "none")
        account = AccountSettings(
            name="main",
            base_url="http://h",
            user_id="40863af8-db4a-41c6-a269-eb5bc386d97f",
            token="t",
            rate_limit=rate_limit,
            discovery=DiscoverySettings(),
        )
        settings = Settings(
            accounts=(account,),
            poll=PollSettings(interval=interval, idle_interval=IDLE),
            windows=windows,
            labels=LabelSettings(tag_limit=tag_limit),
        )
        self.poller = AccountPoller(
            settings,
            account,
            client=cast(YunfuClient, self.client),
            store=self.store,
            metrics=self.metrics,
            clock=clock,
            rng=random.Random(1),
        )

    @asynccontextmanager
    async def polling(self, *tasks: Task) -> AsyncIterator[None]:
        """Poll these tasks for as long as the context lasts."""
        self.poller.update(tasks)
        running = asyncio.create_task(self.poller.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()

    def record(self, name: str) -> TaskRecord:
        """Return what the store holds of a task."""
        record = self.store.record(TaskRef("main", name))
        assert record is not None
        return record

    def lag(self, of: str) -> float:
        """Return the count or the sum of the observed lags."""
        value = self.metrics.registry.get_sample_value(f"yunfu_exporter_poll_lag_seconds_{of}", {"account": "main"})
        assert value is not None
        return value


def gaps(times: Iterable[float]) -> list[float]:
    """Return the seconds between the times."""
    return [b - a for a, b in pairwise(times)]
