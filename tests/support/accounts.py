"""Accounts of the simulator, functions that break, and the log of warnings."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, Settings
from exporter.config.task_settings import TaskSettings
from exporter.demo.simulator import Simulator
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.records import TaskStatus
from exporter.metrics.store import Store
from exporter.polling.account import Account, Surroundings, open_account


@asynccontextmanager
async def opened(simulator: Simulator, **more: Any) -> AsyncIterator[tuple[Account, Surroundings]]:
    """Open the simulator's first account, with its tasks listed, on the simulator's time."""
    simulated = simulator.accounts[0]
    async with simulator.serve() as url:
        account = AccountSettings(
            name="main",
            base_url=url,
            user_id=simulated.user_id,
            token=simulated.token,
            rate_limit=1000,
            tasks=tuple(TaskSettings(id=task) for task in simulated.tasks),
        )
        settings = Settings(accounts=(account,), **more)
        store = Store(TaskRenderer(), simulator.now, settings.poll.stale_after)
        around = Surroundings(store, ExporterMetrics("test", "none"), simulator.now, random.Random(1))
        async with open_account(settings, account, Token(simulated.token), around) as account_opened:
            yield account_opened, around


def statuses(around: Surroundings) -> list[TaskStatus]:
    """Return the status of each task."""
    return [record.status for record in around.store.records()]


def breaking(times: float, plain: Callable[..., Any], error: Exception | None = None) -> Callable[..., Any]:
    """Return a function that raises an error (by default one that nobody foresaw) a number of times, and then works."""
    calls = 0

    def function(*words: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= times:
            raise error or RuntimeError("unforeseen")
        return plain(*words, **named)

    return function


@contextmanager
def collected_logs() -> Iterator[list[str]]:
    """Collect the messages of the exporter's warnings and errors."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("exporter")
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
