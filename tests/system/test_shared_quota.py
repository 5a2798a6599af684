"""The default configuration beside the customer's own program: 60 API calls per minute for both, in virtual time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from exporter.api.errors import Throttled
from exporter.api.gate import AccountGate, Attempt, TokenGates
from exporter.api.responses import StatResponse, parse_envelope, parse_stat_response, read_hold
from exporter.demo.simulator import SimulatorOptions
from exporter.demo.simulator.server import Response
from tests.support.lists import account_of, living
from tests.support.simulated import SimulatedClient
from tests.support.virtual_time import in_virtual_time

MINUTES = 20


class PoliteClient(SimulatedClient):
    """Passes the gate as the real client does, takes its time, and hears what an answer says of the quota."""

    def __init__(self, options: SimulatorOptions, seed: int) -> None:
        super().__init__(options)
        self.rng = random.Random(seed)
        self.refused = 0
        self.gate = AccountGate(
            TokenGates(),
            account="main",
            base_url="http://h",
            token="t",
            configured=None,
            concurrency=8,
            waited=lambda _: None,
        )

    async def get(
        self, endpoint: str, path: str, query: list[tuple[str, str]], read: Callable[[Mapping[str, Any]], Any]
    ) -> Any:
        """Return what is read of the envelope. Raises Throttled."""
        return read(parse_envelope(await self._call(endpoint, path, query)))

    async def stat(self, ref: Any, span: object = None, known: bytes = b"") -> StatResponse:
        """Return a task's statistics. Raises Throttled."""
        assert span is None
        self.polls[ref.id].append(asyncio.get_running_loop().time())
        body = await self._call("stat", f"/user/{self.user_id}/task/{ref.id}/stat", [])
        return parse_stat_response(body, known)

    async def _call(self, endpoint: str, path: str, query: list[tuple[str, str]]) -> bytes:
        async with self.gate.call(endpoint) as attempt:
            self.calls[endpoint] += 1
            await asyncio.sleep(self.rng.uniform(0.05, 0.3))
            response = self.respond(path, query)
            await asyncio.sleep(self.rng.uniform(0.05, 0.3))
            return self._take(response, attempt)

    def _take(self, response: Response, attempt: Attempt) -> bytes:
        headers = dict(response.headers)
        attempt.observe(headers)
        if response.status == 429:
            self.refused += 1
            seconds = read_hold(headers, time.time()) or 30
            attempt.throttle(seconds)
            raise Throttled(429, "too many", seconds)
        return response.body


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("others", [30, 40, 0])
def test_the_other_program_never_gets_a_429(seed: int, others: int) -> None:
    """Beside 30 or 40 calls per minute in bursts of ten, 300 running tasks are polled at what is left, and nobody is refused."""

    @in_virtual_time
    async def scenario() -> None:
        options = SimulatorOptions(
            tasks=400, quota=60, others=others, others_burst=10, speed=1, seed=seed, history=False
        )
        client = PoliteClient(options, seed)
        account, around = account_of(client, {})
        async with living(account):
            await asyncio.sleep(MINUTES * 60)
        running = [record for record in around.store.records() if record.status.interval is not None]
        assert len(running) >= 300
        assert client.simulator.others.calls >= MINUTES * others - 10
        assert client.simulator.others.throttled == 0
        assert client.refused <= 2
        assert sum(client.calls.values()) >= MINUTES * {30: 16, 40: 1, 0: 28}[others]
        assert sum(client.calls.values()) <= (MINUTES + 1) * 30

    scenario()
