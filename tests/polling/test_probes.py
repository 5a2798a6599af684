"""Probes: polls of single tasks on request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exporter.api.gate import Gate
from exporter.api.responses import StatResponse
from exporter.demo.simulator import Fault, Simulator, SimulatorOptions
from tests.support.accounts import known, opened
from tests.support.lists import Lists, account_of, entry, living, uuid
from tests.support.virtual_time import in_virtual_time


class Gated(Lists):
    """Passes a gate before it answers, as the client does."""

    def __init__(self, **lists: list[Any]) -> None:
        super().__init__(**lists)
        self.gate = Gate(1000, 8, lambda _: None)

    async def stat(self, ref: Any, span: object = None, known: bytes = b"") -> StatResponse:
        """Return statistics."""
        async with self.gate:
            return await super().stat(ref, span, known)


@in_virtual_time
async def test_a_probe_does_not_wait_for_the_end_of_a_hold() -> None:
    """While the account is held back a probe answers after poll.timeout: not up, with what is known, if anything is."""
    lists = Gated(tasks=[entry(1), entry(2, enable=0)])
    account, around = account_of(lists, {})
    async with living(account):
        before = around.store.records()[0]
        lists.gate.hold(3600)
        for number, lines, kept in ((1, before.reading_lines, True), (2, (), True), (3, (), False)):
            started = around.clock()
            record = await account.probe(uuid(number), None)
            assert around.clock() - started == pytest.approx(10)
            assert (record.status.up, record.reading_lines) == (False, lines)
            assert str(record.status.failure) == "timeout: no answer within 10 s, waiting included"
            assert any(record.task.ref.id == uuid(number) for record in known(around)) is kept
        last = around.store.records()[0].status.last_success
        assert last == before.status.last_success
        lists.gate.release()
        assert (await account.probe(uuid(1), None)).status.up is True


async def test_a_call_that_is_given_up_does_not_count_as_served() -> None:
    """A probe that is broken off during its call does not make the account look well."""
    simulator = Simulator(SimulatorOptions(tasks=1, speed=0))
    simulator.faults.append(Fault(kind="slow_headers", seconds=60))
    async with opened(simulator) as (account, around):
        probing = asyncio.create_task(account.probe(next(iter(simulator.accounts[0].tasks)), None))
        async with asyncio.timeout(10):
            while not simulator.calls["stat"]:  # noqa: ASYNC110  # no event tells it
                await asyncio.sleep(0)
        probing.cancel()
        await asyncio.wait([probing])
    assert around.store.account("main").up is None
