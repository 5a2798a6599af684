"""The gate of probes: its share, and its places."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from exporter.api.client import Passage
from exporter.api.probe_gate import ProbeGate
from tests.support.gates import open_gate
from tests.support.virtual_time import in_virtual_time


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
