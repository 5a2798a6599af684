"""The accounts in force: started, waited for, ended and forgotten, against the simulator."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from exporter import running as module
from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, Settings
from exporter.config.task_settings import TaskSettings
from exporter.demo.simulator import Simulator, SimulatorOptions
from exporter.files.authorities import AuthoritiesError
from exporter.metrics.clock import SteadyClock
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.records import AccountStatus
from exporter.metrics.store import Store
from exporter.polling.account import Account, Surroundings, open_account
from exporter.running import Running
from exporter.web.exporter import Broken
from tests.support.accounts import collected_logs
from tests.support.clock import Clock, until

NOW = 1_751_000_000.0


@asynccontextmanager
async def two_accounts(**more: object) -> AsyncIterator[Running]:
    """Serve two simulated accounts with two tasks each, none of them polled yet."""
    simulator = Simulator(SimulatorOptions(tasks=2, accounts=2, speed=0))
    async with simulator.serve() as url:
        accounts = tuple(
            AccountSettings.model_validate(
                {
                    "name": name,
                    "base_url": url,
                    "user_id": each.user_id,
                    "token": each.token,
                    "tasks": [TaskSettings(id=task) for task in each.tasks],
                    **more,
                }
            )
            for name, each in zip(("one", "two"), simulator.accounts, strict=True)
        )
        settings, renderer = Settings(accounts=accounts), TaskRenderer()
        around = Surroundings(Store(renderer, time.time), ExporterMetrics("test", "none"), time.time, random.Random(1))
        tokens = {name: Token(each.token) for name, each in zip(("one", "two"), simulator.accounts, strict=True)}
        yield Running(settings, tokens, renderer, around)


def series(running: Running, account: str) -> int:
    """Return how many of the exporter's own series name an account."""
    samples = [sample for family in running.around.metrics.registry.collect() for sample in family.samples]
    return sum(sample.labels.get("account") == account for sample in samples)


async def test_the_first_round_is_that_of_all_accounts() -> None:
    """When the first round is over, each task of each account has been polled."""
    async with two_accounts() as running, asyncio.TaskGroup() as group:
        running.start(running.settings.accounts, group)
        await running.first_round()
        assert [record.status.up for record in running.around.store.records()] == [True] * 4
        assert {*running.accounts} == {*running.tasks} == {"one", "two"}
        await running.end(["one", "two"])
    assert not running.accounts
    assert not running.tasks


async def test_the_first_round_waits_for_accounts_that_open_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account whose connections are not open yet belongs to the first round too."""
    let_go = asyncio.Event()

    @asynccontextmanager
    async def late(
        settings: Settings, account: AccountSettings, token: Token, around: Surroundings
    ) -> AsyncIterator[Account]:
        if account.name == "two":
            await let_go.wait()
        async with open_account(settings, account, token, around) as it:
            yield it

    monkeypatch.setattr(module, "open_account", late)
    async with two_accounts() as running, asyncio.TaskGroup() as group:
        running.start(running.settings.accounts, group)
        first_round = asyncio.create_task(running.first_round())
        await until(lambda: running.accounts)
        await running.accounts["one"].first_round()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not first_round.done()
        let_go.set()
        await first_round
        assert len(running.around.store.records()) == 4
        await running.end(["one", "two"])


async def test_an_account_that_cannot_be_opened_is_its_own_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails as an account opens ends neither the others nor the daemon: it is logged, and tried again after a while."""
    monkeypatch.setattr(module, "REOPEN_SECONDS", 0.01)
    attempts = 0

    @asynccontextmanager
    async def failing(
        settings: Settings, account: AccountSettings, token: Token, around: Surroundings
    ) -> AsyncIterator[Account]:
        nonlocal attempts
        attempts += account.name == "two"
        if account.name == "two" and attempts < 3:
            raise AuthoritiesError("cannot be used")
        async with open_account(settings, account, token, around) as it:
            yield it

    monkeypatch.setattr(module, "open_account", failing)
    with collected_logs() as messages:
        async with two_accounts() as running, asyncio.TaskGroup() as group:
            running.start(running.settings.accounts, group)
            await running.first_round()
            assert len(running.around.store.records()) == 4
            await running.end(["one", "two"])
    assert messages == ["account broke off; it is opened again"] * 2


async def test_an_account_that_has_ended_leaves_the_others_alone() -> None:
    """An ended account is polled no more, and is shown until it is forgotten; then nothing of it is left."""
    async with two_accounts() as running, asyncio.TaskGroup() as group:
        running.start(running.settings.accounts, group)
        await running.first_round()
        (task,) = (task for name, task in running.tasks.items() if name == "one")
        await running.end(["one", "unknown"])
        assert task.cancelled()
        assert len(running.around.store.records_of("one")) == 2
        assert series(running, "one")
        running.forget("one")
        assert running.around.store.records_of("one") == []
        assert series(running, "one") == 0
        assert {*running.tokens} == {*running.accounts} == {"two"}
        assert len(running.around.store.records_of("two")) == 2
        await running.end(["two"])


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1.0])
async def test_a_step_of_the_wall_clock_is_followed_once_and_logged(step: float) -> None:
    """All that is shown follows a step, a broken configuration's begin too; what is no step changes nothing."""
    wall = Clock(NOW)
    clock, followed = SteadyClock(wall, lambda: 0.0), step if abs(step) > 2 else 0.0
    async with two_accounts() as running:
        running.around.store.clock = clock
        running.around.store.put_account(AccountStatus("one", discovery_last_success=NOW))
        running.around.metrics.reload_success_timestamp.set(NOW)
        running.broken["web"] = Broken(NOW, ["no such file"])
        wall.now += step
        with collected_logs() as messages:
            running.follow(clock)
            running.follow(clock)
        (family,) = running.around.metrics.reload_success_timestamp.collect()
        (reloaded,) = family.samples
        assert running.around.store.account("one").discovery_last_success == reloaded.value == NOW + followed
        assert running.broken == {"web": Broken(NOW + followed, ["no such file"])}
        assert clock() == NOW + followed
    assert messages == ["the wall clock was stepped; all times follow it"] * bool(followed)


async def test_a_risky_account_is_polled_and_warned_of() -> None:
    """What is valid but risky is logged once, when the account starts."""
    with collected_logs() as messages:
        async with two_accounts(base_url="http://api.example.com") as running, asyncio.TaskGroup() as group:
            running.start(running.settings.accounts[:1], group)
            await running.end(["one"])
    assert len(messages) == 1
