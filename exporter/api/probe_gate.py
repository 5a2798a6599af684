"""The gate of the API calls that somebody asks for beside the polls: a share of their own, and no effect on the account.

Times are the event loop's, in seconds.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from exporter.api.gate import AccountGate, Attempt
from exporter.api.quota import MINUTE
from exporter.api.service import Service

MOST_SHARE: Final = 0.2
"""Of an account's part of the quota, where the polls leave as much."""

LEAST_SHARE: Final = 0.05
"""The same where they could use it all."""


class ProbeGate:
    """Passes the calls of an account's probes, evenly spread, through its token's gate; a refused one holds back nothing.

    ``needed`` returns the calls per minute that all else would make, and ``places`` is how many calls there are at once, beside the
    account's others; with 0 they take one of its places.
    """

    def __init__(self, gate: AccountGate, needed: Callable[[], float], places: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._gate = gate
        self._needed = needed
        self._slots = asyncio.Semaphore(places) if places else None
        self._last = -math.inf
        self.service = Service()  # whether probes are served says nothing about the account

    @property
    def share(self) -> float:
        """The calls per minute that probes may make."""
        share = self._gate.share
        return min(MOST_SHARE * share, max(LEAST_SHARE * share, share - self._needed()))

    @property
    def wait(self) -> float:
        """The seconds until another call may be made."""
        return max(0.0, self._last + MINUTE / self.share - self._loop.time())

    async def wait_turn(self) -> None:
        """Wait for the next turn, and take it."""
        seconds = self.wait
        self._last = self._loop.time() + seconds
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def call(self, endpoint: str) -> AsyncIterator[Attempt]:
        """Wait until a call may start."""
        async with self._gate.call(endpoint, self._slots) as attempt:
            yield attempt

    def refuse(self, *_: object) -> bool:
        """Return that nothing is held back: a task that somebody names may be refused where the account's own are not."""
        return False

    def accept(self) -> None:
        """Do nothing."""
