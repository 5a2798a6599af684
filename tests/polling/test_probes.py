"""Probes: polls of single tasks on request."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from exporter.api.client import YunfuClient
from exporter.api.responses import StatResponse
from exporter.api.tokens import Token
from exporter.demo.simulator import Fault, Simulator, SimulatorOptions
from exporter.polling.account import Account
from exporter.polling.probes import TooManyProbesError
from tests.support.accounts import opened, statuses
from tests.support.clock import until
from tests.support.gates import open_gate
from tests.support.lists import Lists, account_of, entry, living, settings_of, uuid
from tests.support.virtual_time import in_virtual_time


class Gated(Lists):
    """Passes a gate before it answers, as the client does."""

    async def stat(self, ref: Any, span: object = None, known: bytes = b"") -> StatResponse:
        """Return statistics."""
        async with self.gate.call("stat"):
            return await super().stat(ref, span, known)


@in_virtual_time
async def test_a_probe_does_not_wait_for_the_end_of_a_hold() -> None:
    """While the account is held back a probe answers after poll.timeout: not up, with the task's last statistics, if it has any."""
    lists = Gated(tasks=[entry(1), entry(2, enable=0)])
    account, around = account_of(lists, {})
    async with living(account):
        before = around.store.records()[0]
        lists.gate.quota.hold("stat", 3600)
        for number, lines, kept in ((1, before.stats_lines, True), (2, (), True), (3, (), False)):
            started = around.clock()
            record = await account.probe(uuid(number), None)
            assert around.clock() - started == pytest.approx(10)
            assert (record.status.up, record.stats_lines) == (False, lines)
            assert str(record.status.failure) == "timeout: no answer within 10 s, waiting included"
            assert any(record.task.ref.id == uuid(number) for record in statuses(around)) is kept
        last = around.store.records()[0].status.last_success
        assert last == before.status.last_success
        lists.gate.use_token("another")
        assert (await account.probe(uuid(1), None)).status.up is True


async def test_a_call_that_is_given_up_does_not_count_as_served() -> None:
    """A probe that is broken off during its call does not make the account look well."""
    simulator = Simulator(SimulatorOptions(tasks=1, speed=0))
    simulator.faults.append(Fault(kind="slow_headers", seconds=60))
    async with opened(simulator) as (account, around):
        probing = asyncio.create_task(account.probe(next(iter(simulator.accounts[0].tasks)), None))
        await until(lambda: simulator.calls["stat"], pause=0)
        probing.cancel()
        await asyncio.wait([probing])
    assert around.store.account("main").up is None


@in_virtual_time
async def test_probes_are_bounded_by_what_can_be_answered_in_time() -> None:
    """As many probes run at once as the rate allows within poll.timeout, at least ``concurrency``; one more is refused."""
    lists = Gated(tasks=[entry(1)])
    settings = settings_of(discovery={})
    account = settings.accounts[0].model_copy(update={"rate_limit": 0.5, "concurrency": 2})
    around = account_of(lists, {})[1]
    lists.gate = open_gate(0.5, 10)
    small = Account(settings, account, cast(YunfuClient, lists), Token("t"), around)
    probes = [asyncio.create_task(small.probe(uuid(number), None)) for number in range(6)]  # 0.5 per second for 10 s
    await asyncio.sleep(0)
    with pytest.raises(TooManyProbesError, match="5 probes of account main are under way"):
        await small.probe(uuid(9), None)
    assert all(record.status.up for record in (await asyncio.gather(*probes))[:5])
    assert (await small.probe(uuid(9), None)).status.up
