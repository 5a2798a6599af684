"""Failures of single tasks and of the account, as the platform answers them: who is polled, who is held, and what is shown."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, ApiTimeout, ConnectError, EnvelopeError, HttpError, Unauthorized
from exporter.api.tokens import Token
from exporter.config.settings import Settings
from exporter.polling.account import Account, Surroundings, open_account
from tests.support.lists import Lists, account_of, uuid
from tests.support.polling import moving
from tests.support.virtual_time import in_virtual_time

INTERVAL, TASKS = 60.0, 10
USER = Lists.user_id
BAD = uuid(4)


class Platform:
    """Answers the calls of the real client in virtual time, 0.1 s each; ``fails`` says with which error a task does."""

    def __init__(self, fails: Callable[[str], ApiError | None]) -> None:
        self.fails = fails
        self.calls: defaultdict[str, list[float]] = defaultdict(list)

    @property
    def total(self) -> int:
        """How many calls there were."""
        return sum(map(len, self.calls.values()))

    async def read(self, url: URL, _token: str, _call: object) -> bytes:
        """Answer a call for statistics."""
        task = url.path.split("/")[-2]
        self.calls[task].append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.1)
        if error := self.fails(task):
            raise error
        return json.dumps({"code": 200, "data": moving(asyncio.get_running_loop().time())}).encode()

    @asynccontextmanager
    async def account(
        self, monkeypatch: pytest.MonkeyPatch, tasks: int = TASKS
    ) -> AsyncIterator[tuple[Account, Surroundings]]:
        """Open an account whose tasks this platform has."""
        monkeypatch.setattr(YunfuClient, "_read", lambda _, *call: self.read(*call))
        account = {
            "name": "main", "base_url": "http://h", "user_id": USER, "token": "t", "rate_limit": 1000,
            "tasks": [{"id": uuid(number)} for number in range(tasks)], "discovery": None if tasks else {},
        }  # fmt: skip
        settings = Settings.model_validate({"poll": {"interval": INTERVAL}, "accounts": [account]})
        around = account_of(Lists(), {})[1]
        async with open_account(settings, settings.accounts[0], Token("t"), around) as opened:
            yield opened, around


async def looks(account: Account, around: Surroundings, seconds: float) -> Counter[bool | None]:
    """Run an account, and count what its ``up`` is in a look each second from the first second on."""
    running = asyncio.create_task(account.run())
    seen: Counter[bool | None] = Counter()
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        seen[around.store.account("main").up] += 1
    running.cancel()
    await asyncio.wait([running])
    return seen


@pytest.mark.parametrize("error", [ConnectError("refused"), ApiTimeout("slow")], ids=["connect", "time-out"])
def test_an_account_without_tasks_is_down_if_its_lists_cannot_be_reached(
    error: ApiError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a connection only the first list is tried; one round of that is enough to call the account down."""
    platform = Platform(lambda _: error)

    @in_virtual_time
    async def scenario() -> None:
        async with platform.account(monkeypatch, tasks=0) as (account, around):
            assert await looks(account, around, 60) == {False: 60}

    scenario()


ERRORS: dict[str, Callable[[], ApiError]] = {
    "401": lambda: Unauthorized(401, "no"),
    "code 401": lambda: EnvelopeError(401, "no"),
    "time-out": lambda: ApiTimeout("slow"),
    "code 402": lambda: EnvelopeError(402, "no"),
    "502": lambda: HttpError(502, "broken"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_one_task_that_always_fails_leaves_the_others_and_the_account_alone(
    kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The other nine are polled at every interval, the account is up in every look, and one line says which task fails."""
    platform = Platform(lambda task: ERRORS[kind]() if task == BAD else None)

    @in_virtual_time
    async def scenario() -> None:
        async with platform.account(monkeypatch) as (account, around):
            assert await looks(account, around, 20 * INTERVAL) == {True: 20 * INTERVAL}

    scenario()
    healthy = {task: len(calls) for task, calls in platform.calls.items() if task != BAD}
    assert len(healthy) == TASKS - 1
    assert min(healthy.values()) >= 20
    assert 3 <= len(platform.calls[BAD]) <= 20
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [vars(record)["fields"]["task"] for record in warned] == [BAD]


@pytest.mark.parametrize(
    "refuse", [lambda: EnvelopeError(402, "no", "余额不足"), lambda: HttpError(402, "no")], ids=["code 402", "402"]
)
def test_an_account_that_is_refused_everything_is_down(
    refuse: Callable[[], ApiError], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Thirty tasks that get the same refusal are one line after the first two, and the account is down but not held."""
    is_paid = True
    platform = Platform(lambda _: None if is_paid else refuse())

    @in_virtual_time
    async def scenario() -> None:
        nonlocal is_paid
        async with platform.account(monkeypatch, tasks=30) as (account, around):
            assert await looks(account, around, 5 * INTERVAL) == {True: 5 * INTERVAL}
            is_paid = False
            seen = await looks(account, around, 20 * INTERVAL)
            assert seen[False] > 19 * INTERVAL
            assert account.client.held_seconds == 0
            failure = around.store.account("main").failure
            assert failure == refuse().failure
            is_paid = True
            await looks(account, around, 20 * INTERVAL)
            assert around.store.account("main").up

    scenario()
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warned == ["task cannot be read", "task cannot be read", "calls fail"]


@pytest.mark.parametrize("kind", ["401", "code 401"])
@pytest.mark.parametrize("tasks", [1, 2, TASKS])
def test_a_refused_token_soon_holds_the_account(
    tasks: int, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If every task is answered 401, the account is down and held after a few calls, one line says so, and one call a minute tries."""
    platform = Platform(lambda _: ERRORS[kind]())

    @in_virtual_time
    async def scenario() -> None:
        async with platform.account(monkeypatch, tasks) as (account, around):
            assert await looks(account, around, 50) == {False: 50}
            assert account.client.held_seconds > 0
            assert platform.total <= min(tasks, 3 + account.client.gate.concurrency)
            assert await looks(account, around, 600) == {False: 600}
            assert platform.total <= 3 + account.client.gate.concurrency + 11

    scenario()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == ["calls fail"]
