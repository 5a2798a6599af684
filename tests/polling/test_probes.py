"""Probes: polls of single tasks on request."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from exporter.api.client import Passage
from exporter.api.errors import NotFound
from exporter.api.responses import StatResponse
from exporter.demo.simulator import Fault, Simulator, SimulatorOptions
from exporter.polling.probes import ProbeGate, TooManyProbesError
from tests.support.accounts import opened, statuses
from tests.support.clock import until
from tests.support.gates import open_gate
from tests.support.lists import Lists, account_of, entry, living, uuid
from tests.support.virtual_time import in_virtual_time


class Gated(Lists):
    """Passes a gate before it answers, as the client does."""

    async def stat(self, ref: Any, span: object = None, known: bytes = b"") -> StatResponse:
        """Return statistics."""
        async with (self.passage or self.gate).call("stat"):
            return await super().stat(ref, span, known)


class Probed(Gated):
    """Answers probes as a test wants it, and counts them."""

    def __init__(self, answer: str, **lists: list[Any]) -> None:
        super().__init__(**lists)
        self.answer_to_probes = answer
        self.probed: Counter[str] = Counter()

    async def stat(self, ref: Any, span: object = None, known: bytes = b"") -> StatResponse:
        """Return statistics."""
        if self.passage is None:
            return await super().stat(ref, span, known)
        async with self.passage.call("stat"):
            self.probed["made"] += 1
            if self.answer_to_probes == "hangs":
                await asyncio.sleep(3600)
            if self.answer_to_probes == "missing":
                raise NotFound(404, "none")
            return StatResponse(b"probed", {"answer_rate": {"answered": 1000, "noAnswer": 0}})


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
    """Probes are a fifth of the quota at most, evenly spread; one that could not have its turn in time is refused at once."""
    lists = Gated(tasks=[entry(1)])
    lists.gate = open_gate(5, 10)
    account, _ = account_of(lists, {})
    begin = asyncio.get_running_loop().time()
    probes = [asyncio.create_task(account.probe(uuid(number), None)) for number in range(10)]  # 1 per second for 10 s
    await asyncio.sleep(0)
    with pytest.raises(TooManyProbesError, match=r"may make 60 API calls per minute, .* try again in 10 s") as refused:
        await account.probe(uuid(99), None)
    assert refused.value.seconds == 10
    assert all(record.status.up for record in await asyncio.gather(*probes))
    assert asyncio.get_running_loop().time() - begin == pytest.approx(9, abs=0.1)
    await asyncio.sleep(1)
    assert (await account.probe(uuid(99), None)).status.up


@pytest.mark.parametrize("answer", ["good", "missing", "hangs"])
@pytest.mark.parametrize("first", [0, 1000], ids=["its own tasks", "invented ones"])
@in_virtual_time
async def test_probes_change_nothing_that_is_watched(answer: str, first: int) -> None:
    """However many probes are asked for and however they end, polls, intervals and the state of all tasks stay as they are."""

    async def run(*, probes: int) -> tuple[Probed, object]:
        lists = Probed(answer, tasks=[entry(number) for number in range(20)])
        lists.gate = open_gate(5, 4)
        by_hand = [{"id": uuid(number)} for number in range(30, 40)]  # their interval grows while they stand still
        account, around = account_of(lists, {}, by_hand)

        async def ask(number: int) -> None:
            with suppress(TooManyProbesError):
                await account.probe(uuid(first + number), None)

        async with living(account), asyncio.TaskGroup() as group:
            for _ in range(60):
                for number in range(probes):
                    group.create_task(ask(number))
                await asyncio.sleep(20)
        return lists, [(status.task, status.interval, status.up, status.failure) for status in statuses(around)]

    quiet, expected = await run(probes=0)
    probed, found = await run(probes=60)
    assert found == expected
    assert probed.polled == quiet.polled
    assert (quiet.probed["made"], probed.probed["made"] >= 60) == (0, True)
    assert probed.probed["made"] <= 1200 * 5 / 5 + 1


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_a_probe_that_fails_is_no_failure_of_the_account(status: int) -> None:
    """A refused probe, whatever it asked for, holds nothing back, and counts neither as a failure nor as the account's state."""
    simulator = Simulator(SimulatorOptions(tasks=1, speed=0))
    async with opened(simulator) as (account, around):
        await account.run_once()
        before = around.store.records(), around.store.account("main")
        simulator.faults.append(Fault(kind="status", status=status))
        record = await account.probe(uuid(7), None)
        assert record.status.up is False
        simulator.faults.clear()
        assert (around.store.records(), around.store.account("main")) == before
        assert account.client.held_seconds == 0
        failures = around.metrics.registry.collect()
        assert not [
            sample
            for family in failures
            for sample in family.samples
            if sample.name == "yunfu_exporter_api_failures_total" and sample.value
        ]


@pytest.mark.parametrize(("patience", "seconds"), [(None, 10), (60, 10), (10, 9.5), (3, 2.5), (0.2, 0.1)])
@in_virtual_time
async def test_a_probe_answers_before_the_scraper_gives_up(patience: float | None, seconds: float) -> None:
    """Half a second before the scraper's own time-out a probe answers that there was no answer, if poll.timeout is not earlier."""
    account, around = account_of(Probed("hangs", tasks=[entry(1)]), {})
    begin = around.clock()
    record = await account.probe(uuid(1), None, patience)
    assert around.clock() - begin == pytest.approx(seconds)
    assert str(record.status.failure) == f"timeout: no answer within {seconds:g} s, waiting included"


@in_virtual_time
async def test_a_probe_of_a_polled_task_shows_what_it_read() -> None:
    """Its statistics are those of this moment, its counters and windows those of the last poll, and the record stays."""
    lists = Probed("good", tasks=[entry(1)])
    account, around = account_of(lists, {})
    async with living(account):
        before = around.store.records()[0]
        record = await account.probe(uuid(1), None)
        assert around.store.records()[0] is before
    assert record.status.last_success == pytest.approx(around.clock())
    assert (record.status.up, record.status.interval) == (True, before.status.interval)
    assert b"answered_calls" in b"".join(record.stats_lines)
    assert b'answered_calls{account="main",task="%s"} 1000' % uuid(1).encode() in b"".join(record.stats_lines)
    assert b"calls_total" in b"".join(record.stats_lines)


@pytest.mark.parametrize(("per_minute", "others", "share"), [(30, 0, 6), (30, 26, 4), (30, 40, 1.5), (6000, 1, 1200)])
@in_virtual_time
async def test_probes_have_what_the_polls_leave(per_minute: float, others: float, share: float) -> None:
    """The share is a fifth, or what the account's polls leave of it; where they could use it all a twentieth."""
    gate = ProbeGate(open_gate(per_minute / 60), lambda: others, 1)
    assert gate.share == pytest.approx(share)
    turns = [asyncio.get_running_loop().time()]
    for _ in range(4):
        await gate.wait_turn()
        turns.append(asyncio.get_running_loop().time())
    assert [b - a for a, b in pairwise(turns)] == pytest.approx([0, *[60 / share] * 3])


@pytest.mark.parametrize("places", [0, 1, 2])
@in_virtual_time
async def test_probes_have_places_of_their_own(places: int) -> None:
    """Calls of probes that hang take no place of the polls, but where there are no descriptors for more."""
    gate = open_gate(concurrency=2)
    probes = ProbeGate(gate, lambda: 0, places)
    under_way = 0

    async def hang(passage: Passage) -> None:
        nonlocal under_way
        async with passage.call("stat"):
            under_way += 1
            await asyncio.sleep(3600)

    hanging = [asyncio.create_task(hang(probes)) for _ in range(5)]
    await asyncio.sleep(1)
    assert under_way == max(1, places) or places == 0
    if places:
        hanging += [asyncio.create_task(hang(gate)) for _ in range(5)]
        await asyncio.sleep(1)
    assert under_way == 2 + places
    for call in hanging:
        call.cancel()


@in_virtual_time
async def test_a_refused_probe_holds_nothing_back() -> None:
    """What the platform says of a task that somebody named is not said of the account's token."""
    gate = open_gate()
    probes = ProbeGate(gate, lambda: 0, 1)
    for task in "abcdef":
        assert not probes.refuse(task, 60)
    assert gate.held_seconds("stat") == 0
    gate.refuse("a", 60)
    probes.accept()
    assert gate.held_seconds("stat") == pytest.approx(60)
