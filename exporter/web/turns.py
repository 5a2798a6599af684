"""The turns in which large answers are written, shared among the clients' networks: whoever reads slowly gives way to others.

Times are the event loop's, in seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from exporter.web.connections import REMEMBERED_SECONDS, SLOW_SECONDS
from exporter.web.networks import ByNetwork, Lately, network_of

AT_ONCE: Final = 64
"""Answers that are written at the same time, each of which holds a megabyte or two; the others wait their turn."""

AT_ONCE_TO_ONE: Final = 4
"""Of these, for one network: a client that does not read its answers holds up others there for a moment only."""


KNOWN_SLOW_SECONDS: Final = 0.5
"""For which a turn of a network that was cut off before lasts while one that was not waits."""


class _Turn:
    def __init__(self, network: str) -> None:
        self.network = network
        self.begins = asyncio.get_running_loop().create_future()
        self.since = 0.0
        self.limit: asyncio.Timeout | None = None

    def may_end(self) -> bool:
        """Return whether the turn has begun to be used, and is not over yet."""
        return self.limit is not None and not self.limit.expired()


class Turns:
    """The turns that are under way, and those that are waited for. A turn lasts ``seconds`` at most, less if others wait."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._under_way = ByNetwork[_Turn]()
        self._waiting: dict[_Turn, None] = {}
        self._slow = Lately(REMEMBERED_SECONDS, _now)

    @asynccontextmanager
    async def of(self, client: str) -> AsyncIterator[None]:
        """Wait for the turn of a client's address, which lasts as long as the context. Raises TimeoutError when it is over before."""
        turn = _Turn(network_of(client))
        self._waiting[turn] = None
        try:
            self._begin()
            while not turn.begins.done():
                await asyncio.wait([turn.begins], timeout=self._hurry(turn.network))
            async with asyncio.timeout_at(turn.since + self._seconds) as turn.limit:
                yield
        finally:
            self._waiting.pop(turn, None)
            self._under_way.remove(turn)
            self._begin()

    def _begin(self) -> None:
        """Begin turns while there is room, first of networks that were not slow and have fewest."""
        while len(self._under_way) < AT_ONCE:
            able = [turn for turn in self._waiting if self._under_way.count(turn.network) < AT_ONCE_TO_ONE]
            if not able:
                return
            turn = min(able, key=lambda turn: (turn.network in self._slow, self._under_way.count(turn.network)))
            del self._waiting[turn]
            turn.since = _now()
            self._under_way.add(turn)
            turn.begins.set_result(None)

    def _hurry(self, network: str) -> float:
        """End the longest turn that is in the way of a network, if it has had its time; return the seconds until one has.

        Networks that were slow themselves wait for others' turns to end, and end their own less often: a turn that
        is cut off and comes again costs as much as its first pieces.
        """
        own, patience = self._under_way.count(network) >= AT_ONCE_TO_ONE, SLOW_SECONDS
        if network in self._slow:
            if not own:
                return self._seconds
            patience *= 1.5
        turns = [turn for turn in self._under_way if turn.may_end() and (not own or turn.network == network)]

        def ends(turn: _Turn) -> float:
            is_known = turn.network in self._slow and network not in self._slow
            return turn.since + (KNOWN_SLOW_SECONDS if is_known else patience)

        turn = min(turns, key=ends, default=None)
        if turn is None or turn.limit is None:
            return patience
        if (seconds := ends(turn) - _now()) > 0:
            return seconds
        self._slow.note(turn.network)
        turn.limit.reschedule(_now())
        turn.limit = None
        return patience


def _now() -> float:
    return asyncio.get_running_loop().time()
