"""The gate that every API call of an account passes: so many a second, so many at once, and none while held back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final

_TELL_SECONDS: Final = 1.0


class TokenBucket:
    """So many calls a second on average, with a burst of one second's worth (at least one call) if none is given. Pure."""

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
        """Let one call at most go at once next time: after a hold one goes first, the others follow at the rate."""
        self._most = 1.0


class Gate:
    """Passes calls in the order they come: ``async with gate: call``. Times are the event loop's, in seconds.

    ``waited`` is told the seconds that the call at the head of the line spent waiting for the rate limit or for the end
    of a hold. Those behind it do not count them again: a second of a full line is one second.
    """

    def __init__(self, rate: float, concurrency: int, waited: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._bucket = TokenBucket(rate, self._loop.time())
        self._slots = asyncio.Semaphore(concurrency)
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
        """How much longer the account is held back; 0 if it is not."""
        return max(0.0, self._held_until - self._loop.time())

    def hold(self, seconds: float) -> None:
        """Hold back all calls for so long from now, unless they are held back for longer already."""
        self._held_until = max(self._held_until, self._loop.time() + seconds)
        self._bucket.drain()

    def release(self) -> None:
        """End a hold at once."""
        self._held_until = 0.0
        self._bucket.drain()
        self._released.set()

    def _seconds_to_wait(self) -> float:
        """Let a call pass and return 0, or return how long it has to wait."""
        now = self._loop.time()
        return max(0.0, self._held_until - now) or self._bucket.take(now)

    async def _queue(self) -> None:
        """Wait behind those that wait already; tell of the time at least once a second, and not only at the end."""
        self._queued += 1
        try:
            async with self._turn:
                while seconds := self._seconds_to_wait():
                    await self._wait(min(seconds, _TELL_SECONDS))
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
