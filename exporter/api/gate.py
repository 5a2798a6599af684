"""The gate that every API call of an account passes: it bounds their rate and their number at once, and holds them back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final

_REPORT_SECONDS: Final = 1.0
"""How often the time that API calls wait is reported while they wait."""


class TokenBucket:
    """A token bucket: ``rate`` calls per second on average, and at most ``burst`` at once. Pure.

    ``now`` is in seconds of any steady clock. The default burst is one second's worth, at least one call.
    """

    def __init__(self, rate: float, now: float, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = max(1.0, rate) if burst is None else burst
        self._tokens = self._most = self._burst
        self._at = now

    def take(self, now: float) -> float:
        """Take a token and return 0, or take none and return the seconds until there is one."""
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at, self._most = now, self._burst
        missing = 1 - self._tokens
        if missing > 1e-9:  # float noise: waiting just long enough must do
            return missing / self._rate
        self._tokens -= 1
        return 0.0

    def drain(self) -> None:
        """Empty the burst, so that after a hold calls resume at the rate."""
        self._most = 1.0


class Gate:
    """Lets API calls pass in the order they come: ``async with gate: call``. Times are the event loop's, in seconds.

    ``waited`` receives the seconds that the first call in the queue waited for the rate limit or for the end of a hold.
    Only the first reports its waiting time, so that queued seconds are not counted twice.
    """

    def __init__(self, rate: float, concurrency: int, waited: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._bucket = TokenBucket(rate, self._loop.time())
        self._slots = asyncio.Semaphore(concurrency)  # bounds polls, discovery and probes together
        self._turn = asyncio.Lock()
        self._queued = 0
        self._released = asyncio.Event()
        self._held_until = 0.0
        self._waited = waited

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        try:
            if self._queued or self._seconds_to_wait():
                await self._queue()
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()

    @property
    def held_seconds(self) -> float:
        """The seconds for which the account is still held back; 0 if it is not."""
        return max(0.0, self._held_until - self._loop.time())

    def hold(self, seconds: float) -> None:
        """Hold back all API calls for ``seconds`` from now, unless they are held back for longer already."""
        self._held_until = max(self._held_until, self._loop.time() + seconds)
        self._bucket.drain()

    def release(self) -> None:
        """End a hold at once."""
        self._held_until = 0.0
        self._bucket.drain()
        self._released.set()

    def _seconds_to_wait(self) -> float:
        """Let an API call pass and return 0, or return the seconds that it has to wait."""
        now = self._loop.time()
        return max(0.0, self._held_until - now) or self._bucket.take(now)

    async def _queue(self) -> None:
        """Wait behind those that wait already, and report the time at least once per second, not only at the end."""
        self._queued += 1
        try:
            async with self._turn:
                while seconds := self._seconds_to_wait():
                    await self._wait(min(seconds, _REPORT_SECONDS))
        finally:
            self._queued -= 1

    async def _wait(self, seconds: float) -> None:
        start = self._loop.time()
        self._released.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._released.wait()
        except TimeoutError:
            pass
        finally:
            self._waited(self._loop.time() - start)
