"""An account whose platform is lists in memory, in virtual time: it is the loop's clock and Unix time at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from prometheus_client.parser import text_string_to_metric_families

from exporter.api.client import Passage, YunfuClient
from exporter.api.errors import ApiError
from exporter.api.gate import AccountGate
from exporter.api.responses import StatResponse
from exporter.api.tokens import Token
from exporter.config.settings import Settings
from exporter.lists.choices import Choice
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.store import Store
from exporter.polling.account import Account, Surroundings
from tests.support.gates import open_gate
from tests.support.simulated import SimulatedClient

USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"
SUB_USER = "0c9ee8ab-90c5-43a6-a5f5-5ce4f1b2a001"
INTERVAL, STALE_AFTER = 60.0, 300.0
Entry = dict[str, Any]


def uuid(number: int) -> str:
    """Return a task's id by its number."""
    return str(UUID(int=number, version=4))


def entry(number: int, name: str = "", **changes: Any) -> Entry:
    """Return a running task as the 1.0 list has it; a change to ... leaves the field out."""
    entry = {
        "uuid": uuid(number),
        "name": name or f"task {number}",
        "user_id": USER,
        "create_datetime": f"2024-07-01 09:{number // 60 % 60:02}:{number % 60:02}",
        "alter_datetime": "2024-07-03 18:20:11",
        "enable": 1,
        "maximumcall": 20,
        "dial_time_id": 1,
    }
    return {key: value for key, value in (entry | changes).items() if value is not ...}


class Lists:
    """Stands in for YunfuClient: pages of the four lists, filtered by status, with Laravel's strings for numbers, and statistics."""

    user_id = USER
    held_seconds = 0.0

    def __init__(self, **lists: list[Any]) -> None:
        self.lists: dict[str, list[Any]] = {"tasks": lists.pop("tasks", []), **lists}
        self.envelopes: dict[tuple[str, int], Mapping[str, Any] | ApiError] = {}
        self.unfiltered: set[str] = {"subset_tasks"}
        """The lists that ignore the filter by status."""
        self.given: dict[tuple[str, str], list[Any] | ApiError] = {}
        """What the filter gives instead, by endpoint and status."""
        self.calls: Counter[str] = Counter()
        self.polled: Counter[tuple[str, str | None]] = Counter()
        self.answered = 0
        self.passage: Passage | None = None

    def through(self, passage: Passage, _: object) -> Lists:
        """Return a client whose calls pass something else."""
        other = copy(self)
        other.passage = passage
        return other

    async def get(
        self, endpoint: str, path: str, query: list[tuple[str, str]], read: Callable[[Mapping[str, Any]], Any]
    ) -> Any:
        """Return what is read of a page, or of what was put in its place."""
        assert USER in path
        self.calls[endpoint] += 1
        (_, page_asked), (_, per_page_asked), *filters = query
        page, per_page = int(page_asked), int(per_page_asked)
        prepared = self.envelopes.get((endpoint, page))
        if isinstance(prepared, ApiError):
            raise prepared
        if prepared is not None:
            return read(prepared)
        entries = self.lists.get(endpoint, [])
        if filters and endpoint not in self.unfiltered:
            (_, status), *_ = filters
            given = [entry for entry in entries if isinstance(entry, dict) and status == _status(endpoint, entry)]
            instead = self.given.get((endpoint, status), given)
            if isinstance(instead, ApiError):
                raise instead
            entries = instead
        last = max(1, -(-len(entries) // per_page))
        meta = {"has_pages": last > 1, "total": str(len(entries)), "last_page": str(last), "per_page": str(per_page)}
        return read({"code": 200, "data": entries[(page - 1) * per_page : page * per_page], "meta": meta})

    async def stat(self, ref: Any, span: object = None, known: bytes = b"") -> StatResponse:
        """Return statistics that move from call to call."""
        assert span is None
        assert known == b"" or int(known) <= self.answered
        self.polled[ref.id, ref.sub_user_id] += 1
        self.answered += 1
        return StatResponse(b"%d" % self.answered, {"answer_rate": {"answered": self.answered, "noAnswer": 0}})

    @cached_property
    def gate(self) -> AccountGate:
        """The gate that the calls would pass."""
        return open_gate()

    async def refresh_token(self, *, force: bool = False) -> bool:  # noqa: ARG002  # the client's signature
        """Have no token file."""
        return False

    async def refresh_authorities(self, *, force: bool = False) -> bool:  # noqa: ARG002  # the client's signature
        """Have no CA file."""
        return False


def _status(endpoint: str, entry: Entry) -> str:
    """Return the status that the list's filter goes by; 3 is running or waiting in the lists of generation 2."""
    if entry.get("enable") in (0, "0", False, None):
        return "1"
    waits = entry.get("status") == 3 or (entry.get("new_task_extra") or {}).get("call_status") in (0, "0", False)
    return "3" if waits or endpoint in ("new_tasks", "subset_tasks") else "2"


def settings_of(
    *,
    discovery: Mapping[str, Any],
    tasks: Sequence[Mapping[str, Any]] = (),
    rules: Sequence[Mapping[str, Any]] = (),
    user_id: str = USER,
) -> Settings:
    """Return the settings of one account that discovers its tasks in this way, beside those it lists."""
    account = {"name": "main", "base_url": "http://h", "user_id": user_id, "token": "t", "rate_limit": 1000}
    return Settings.model_validate({"accounts": [{**account, "discovery": discovery, "rules": rules, "tasks": tasks}]})


Samples = dict[str, float]


def account_of(
    lists: Lists | SimulatedClient,
    discovery: Mapping[str, Any],
    tasks: Sequence[Mapping[str, Any]] = (),
    rules: Sequence[Mapping[str, Any]] = (),
) -> tuple[Account, Surroundings]:
    """Return an account that reads these lists, on the loop's time."""
    settings = settings_of(discovery=discovery, tasks=tasks, rules=rules, user_id=lists.user_id)
    clock = asyncio.get_running_loop().time
    store = Store(TaskRenderer(settings.info_labels), clock, settings.poll.stale_after)
    metrics = ExporterMetrics("0", "none")
    metrics.registry.register(AccountCollector(store))
    around = Surroundings(store, metrics, clock, random.Random(1))
    return Account(settings, settings.accounts[0], cast(YunfuClient, lists), Token("t"), around), around


def page(around: Surroundings, *info_labels: str) -> Samples:
    """Return the page's samples by name and labels; none is there twice."""
    records = around.store.records()
    pieces = Page(TaskRenderer(info_labels), around.metrics.registry).pieces(records, around.clock(), openmetrics=False)
    samples: Samples = {}
    for family in text_string_to_metric_families(b"".join(pieces).decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items() if name != "account")
            assert f"{sample.name}{{{labels}}}" not in samples
            samples[f"{sample.name}{{{labels}}}"] = sample.value
    return samples


@asynccontextmanager
async def living(account: Account) -> AsyncIterator[None]:
    """Discover and poll for as long as the context lasts."""
    running = asyncio.create_task(account.run())
    await asyncio.sleep(1)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()


async def chosen(lists: Lists, tasks: Sequence[Mapping[str, Any]] = (), **discovery: Any) -> list[Choice]:
    """Return what is chosen of lists under these settings."""
    return (await account_of(lists, discovery, tasks)[0].discover())[0]
