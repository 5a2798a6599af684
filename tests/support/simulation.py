"""A simulator that a test calls over HTTP, while its clock stands still."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from exporter.demo.simulator import SimulatedAccount, SimulatedTask, Simulator, SimulatorOptions
from tests.support.clock import Clock

HALF_PAST_NINE = 1_751_247_000.0  # Monday 2025-06-30 09:30 in China
HOUR = 3600.0
PLAIN = SimulatorOptions(tasks=30, php_flavours=False, start=HALF_PAST_NINE, speed=1)


@dataclass
class Answer:
    """What a call was answered with; ``document`` is None if it was no JSON."""

    status: int
    headers: dict[str, str]
    body: bytes
    document: Any = None

    @property
    def data(self) -> Any:
        """The data of the envelope."""
        return self.document["data"]


@dataclass
class Simulation:
    """A simulator that is served, and a client of it that carries the first account's token."""

    simulator: Simulator
    url: str
    session: aiohttp.ClientSession
    clock: Clock = field(default_factory=lambda: Clock(HALF_PAST_NINE))

    @property
    def account(self) -> SimulatedAccount:
        """The account that calls."""
        return self.simulator.accounts[0]

    @property
    def user(self) -> str:
        """The path of the account's 1.0 lists and of statistics."""
        return f"/agent-api/user/{self.account.user_id}"

    @property
    def new_user(self) -> str:
        """The path of the account's 2.0 lists."""
        return f"/agent-api/new/user/{self.account.user_id}"

    @property
    def first(self) -> SimulatedTask:
        """The largest running task of the account's own."""
        tasks = [task for task in self.account.tasks.values() if task.owner == self.account.user_id]
        return max(tasks, key=lambda task: (self.state(task) == "running", task.campaign.traits.size))

    def state(self, task: SimulatedTask) -> str:
        """Return a task's state now."""
        return self.simulator.task(task.id).state(self.simulator.now())

    async def get(self, path: str, *query: tuple[str, str], method: str = "GET", **headers: str) -> Answer:
        """Call the API."""
        given = {"Authorization": f"Bearer {self.account.token}", **headers}
        async with self.session.request(
            method, self.url + path, params=query, headers=given, allow_redirects=False
        ) as response:
            body = await response.read()
            return Answer(response.status, dict(response.headers), body, read_json(body))

    async def stat(self, *query: tuple[str, str], task: SimulatedTask | None = None) -> Answer:
        """Read a task's statistics."""
        return await self.get(f"{self.user}/task/{(task or self.first).id}/stat", *query)

    async def control(self, method: str, path: str, body: Any = None) -> Answer:
        """Call the control path."""
        words = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.request(method, f"{self.url}/_control/{path}", data=words) as response:
            answer = await response.read()
            return Answer(response.status, {}, answer, read_json(answer))


def read_json(body: bytes) -> Any:
    """Return what a body says as JSON, or None if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


@asynccontextmanager
async def serving(options: SimulatorOptions = PLAIN) -> AsyncIterator[Simulation]:
    """Serve a simulator whose clock stands still."""
    clock = Clock(HALF_PAST_NINE)
    simulator = Simulator(options, clock=clock)
    timeout = aiohttp.ClientTimeout(10)
    async with simulator.serve() as url, aiohttp.ClientSession(timeout=timeout) as session:
        yield Simulation(simulator, url, session, clock)
