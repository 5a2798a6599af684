"""The turns of large answers, shared among networks."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from exporter.web.turns import AT_ONCE, AT_ONCE_TO_ONE, Turns
from tests.support.virtual_time import in_virtual_time


class Clients:
    """Clients that write answers in turns, each as long as it likes."""

    def __init__(self, seconds: float = 60) -> None:
        self.turns = Turns(seconds)
        self.writing: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.done: Counter[str] = Counter()

    async def write(self, client: str, seconds: float) -> float:
        """Write an answer that takes some seconds; return how long it took with the wait, infinity if it was cut off."""
        begin = asyncio.get_running_loop().time()
        try:
            async with self.turns.of(client):
                self.writing[client] += 1
                try:
                    await asyncio.sleep(seconds)
                finally:
                    self.writing[client] -= 1
        except TimeoutError:
            self.cut[client] += 1
            return float("inf")
        self.done[client] += 1
        return asyncio.get_running_loop().time() - begin

    async def again(self, client: str, seconds: float) -> None:
        """Write answers without end."""
        while True:
            await self.write(client, seconds)


@in_virtual_time
async def test_without_others_a_turn_has_its_time() -> None:
    """A reader that is slow, but in nobody's way, has all the time of an answer and is cut off at its end."""
    clients = Clients()
    one, other = await asyncio.gather(clients.write("192.0.2.1", 59), clients.write("192.0.2.2", 61))
    assert one == pytest.approx(59)
    assert other == float("inf")
    assert clients.cut == {"192.0.2.2": 1}


@in_virtual_time
async def test_the_places_are_bounded() -> None:
    """No network has more than its places at once, and all together no more than there are, however many ask."""
    clients = Clients()
    networks = [f"192.0.2.{number}" for number in range(30)]
    asking = [asyncio.create_task(clients.write(network, 1)) for network in networks for _ in range(10)]
    for _ in range(100):
        assert max(clients.writing.values(), default=0) <= AT_ONCE_TO_ONE
        assert clients.writing.total() <= AT_ONCE
        await asyncio.sleep(0.07)
    await asyncio.gather(*asking)
    assert clients.done == dict.fromkeys(networks, 10)


@pytest.mark.parametrize(
    "attackers",
    [
        [f"192.0.2.{number % 16}" for number in range(80)],
        [f"198.51.{number // 250}.{number % 250}" for number in range(500)],
        [f"2001:db8:0:{number % 16:x}::{number:x}" for number in range(512)],
        [f"203.0.113.{number % 16}" for number in range(80)],
    ],
    ids=["16 addresses", "500 addresses", "16 networks of IPv6", "its own address among them"],
)
@in_virtual_time
async def test_slow_readers_keep_no_scraper_out(attackers: list[str]) -> None:
    """However many addresses read slowly, and come again at once when they are cut off, four scrapes in a row have their turns within 10 s."""
    clients = Clients()
    attack = [asyncio.create_task(clients.again(client, 40)) for client in attackers]
    await asyncio.sleep(5)
    for _ in range(3):
        took = [await clients.write("203.0.113.7", 0.2) for _ in range(4)]
        assert sum(took) < 10
    for each in attack:
        each.cancel()
    assert clients.cut["203.0.113.7"] == 0 or "203.0.113.7" in attackers


@in_virtual_time
async def test_who_was_slow_comes_after_the_others() -> None:
    """A network that was cut off for others has the last turn among those that wait, and ends nobody's turn but of its like."""
    clients = Clients()
    slow = [f"192.0.2.{number}" for number in range(AT_ONCE)]
    attack = [asyncio.create_task(clients.again(client, 40)) for client in slow]
    await asyncio.sleep(3)
    good = [f"198.51.100.{number}" for number in range(AT_ONCE)]
    took = await asyncio.gather(*(clients.write(client, 10) for client in good))
    assert max(took) < 15
    for each in attack:
        each.cancel()


@in_virtual_time
async def test_a_client_that_goes_away_gives_its_place_back() -> None:
    """Whoever is cancelled, waiting or writing, leaves no place taken."""
    clients = Clients()
    asking = [asyncio.create_task(clients.write("192.0.2.1", 1)) for _ in range(10)]
    await asyncio.sleep(0.5)
    for each in asking:
        each.cancel()
    await asyncio.wait(asking)
    assert (
        await asyncio.gather(*(clients.write("192.0.2.1", 1) for _ in range(AT_ONCE_TO_ONE))) == [pytest.approx(1)] * 4
    )


@in_virtual_time
async def test_a_turn_that_is_over_is_not_ended_again() -> None:
    """Others that wait at the very moment when a turn has had its time get their turns, and no error."""
    clients = Clients(seconds=2)
    took = await asyncio.gather(*(clients.write("192.0.2.1", 40) for _ in range(3 * AT_ONCE_TO_ONE)))
    assert took == [float("inf")] * 3 * AT_ONCE_TO_ONE
