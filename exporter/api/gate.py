"""The gates of the API calls: one per token, which keeps to its quota, and one per account, which bounds calls at once.

All times are the event loop's, in seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from exporter.api.quota import DAEMON, Quota, QuotaUse, Spending
from exporter.api.responses import read_hold, read_quota
from exporter.api.service import Service

EXHAUSTED_SECONDS: Final = 5.0
"""The hold after ``X-RateLimit-Remaining: 0`` where nothing says of how many, or for how long."""

_SLICE_SECONDS: Final = 1.0
"""The longest wait without a look around: whether the token has changed, and to count the time that was waited."""


class TokenGate:
    """Passes the calls made with one token, in the order they come, none beyond its quota and none while held back.

    A hold is of one endpoint's calls, since a platform may throttle a single route; the second endpoint that is throttled
    while the first is held shows that the token is meant, and holds all.
    """

    def __init__(self, quota: Quota) -> None:
        self._loop = asyncio.get_running_loop()
        self._quota = quota
        self._line = asyncio.Lock()
        self._route_lines: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._held_lines: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._held_until = 0.0
        self._routes_held_until: dict[str, float] = {}
        self._members: dict[str, _Member] = {}

    async def wait_while_held(
        self, endpoint: str, waited: Callable[[float], None], is_current: Callable[[], bool]
    ) -> None:
        """Wait for the end of an endpoint's hold, or until the gate is no longer the caller's.

        ``waited`` receives the seconds that the call at the head of the line has waited, at least once per second: those
        behind it do not count them again.
        """
        if self.held_seconds(endpoint):
            async with self._held_lines[endpoint]:
                while is_current() and (seconds := self.held_seconds(endpoint)):
                    await self._sleep(seconds, waited)

    async def enter(self, endpoint: str, waited: Callable[[float], None], is_current: Callable[[], bool]) -> bool:
        """Wait for a call's turn, and count it; return False if its endpoint is held or the gate no longer the caller's.

        Of each endpoint one call stands in the line of all. ``waited`` receives its seconds as in ``wait_while_held``.
        """
        async with self._route_lines[endpoint], self._line:
            while is_current() and not self.held_seconds(endpoint):
                if not (seconds := self._quota.take(self._loop.time())):
                    return True
                await self._sleep(seconds, waited)
        return False

    def leave(self) -> None:
        """Count out a call that has ended."""
        self._quota.finish()

    def hold(self, endpoint: str, seconds: float) -> None:
        """Hold back an endpoint's calls for some seconds from now; all calls, if another endpoint's are held already."""
        now = self._loop.time()
        others = [until for route, until in self._routes_held_until.items() if route != endpoint and until > now]
        self._routes_held_until[endpoint] = max(self._routes_held_until.get(endpoint, 0.0), now + seconds)
        if others:
            self._held_until = max(self._held_until, now + seconds)

    def throttle(self, endpoint: str, seconds: float) -> None:
        """Record a 429: hold the endpoint, and slow down from then on."""
        self._quota.throttle(self._loop.time(), seconds)
        self.hold(endpoint, seconds)

    def observe(self, granted: int, remaining: int) -> None:
        """Record what an answer says about the quota: the calls per minute, and how many are left of this minute's."""
        self._quota.observe(self._loop.time(), granted, remaining)

    @property
    def use(self) -> QuotaUse:
        """How the quota is used now."""
        return self._quota.use(self._loop.time())

    def held_seconds(self, endpoint: str) -> float:
        """Return how much longer an endpoint's calls are held back; 0 if they are not."""
        until = max(self._held_until, self._routes_held_until.get(endpoint, 0.0))
        return max(0.0, until - self._loop.time())

    def join(self, account: str, configured: float | None, part: float) -> None:
        """Add an account to the gate; of several configured limits, calls per minute, the lowest is in force.

        ``part`` is this exporter's part of the limit: less than 1 for a shard.
        """
        self._members[account] = _Member(configured, part)
        self._configure()

    def part(self, account: str) -> None:
        """Remove an account from the gate."""
        self._members.pop(account, None)
        self._configure()

    def demand(self, account: str, calls_per_minute: float) -> None:
        """Record what an account would spend if it could."""
        self._members[account].demand = calls_per_minute

    def share(self, account: str) -> float:
        """Return an account's part of the limit in force, in calls per minute, by what it and the others would spend.

        One that would spend nothing yet, since its tasks are not known, could have an equal part.
        """
        limit, own = self._quota.limit(self._loop.time())[0], self._members.get(account)
        if own is None or len(self._members) == 1:
            return limit
        total = sum(member.demand for member in self._members.values())
        return limit * own.demand / total if own.demand else limit / len(self._members)

    @property
    def is_waited_at(self) -> bool:
        """Whether a call waits, for its turn or for the end of a hold."""
        return self._line.locked() or any(line.locked() for line in self._held_lines.values())

    @property
    def is_unused(self) -> bool:
        """Whether no account uses the gate, and forgetting it could not lead to a call too many."""
        now = self._loop.time()
        is_held = max(self._held_until, *self._routes_held_until.values(), 0.0) > now
        return not (self._members or is_held or self._quota.has_calls(now))

    def _configure(self) -> None:
        stated = [each.configured for each in self._members.values() if each.configured is not None]
        part = min((each.part for each in self._members.values()), default=1.0)
        self._quota.configure(min(stated, default=None), part)

    async def _sleep(self, seconds: float, waited: Callable[[float], None]) -> None:
        start = self._loop.time()
        try:
            await asyncio.sleep(min(seconds, _SLICE_SECONDS))
        finally:
            waited(self._loop.time() - start)


class TokenGates:
    """The gates of all tokens, by platform and token."""

    def __init__(self, spending: Spending = DAEMON) -> None:
        self._spending = spending
        self._gates: dict[bytes, TokenGate] = {}

    def find(self, base_url: str, token: str) -> TokenGate:
        """Return the gate of a token at a platform, and forget those that nobody uses any longer."""
        self._gates = {key: gate for key, gate in self._gates.items() if not gate.is_unused}
        key = blake2b(f"{base_url} {token}".encode("utf-8", "replace"), digest_size=16).digest()
        return self._gates.setdefault(key, TokenGate(Quota(self._spending)))


class AccountGate:
    """Passes the calls of one account: at most ``concurrency`` at once, none while its token is refused, all through its token's gate.

    ``configured`` is its rate_limit in calls per minute, None: not given; ``part`` is this exporter's part of it.
    ``waited`` receives the seconds that its calls have waited at the head of a line.
    """

    def __init__(
        self,
        gates: TokenGates,
        *,
        account: str,
        base_url: str,
        token: str,
        configured: float | None,
        part: float = 1.0,
        concurrency: int,
        waited: Callable[[float], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._gates = gates
        self._account = account
        self._base_url = base_url
        self._limit = configured, part
        self._waited = waited
        self._slots = asyncio.Semaphore(concurrency)
        self.concurrency = concurrency
        self.service = Service()
        self._refused_until = 0.0
        self._trial = asyncio.Lock()  # a refused token is tried by one call at a time
        self._renewed = asyncio.Event()
        self.refused = asyncio.Event()
        """Set while the token is refused."""
        self.quota = gates.find(base_url, token)
        self.quota.join(account, configured, part)

    def use_token(self, token: str) -> None:
        """Move to the gate of another token; it has not been refused yet."""
        self.quota.part(self._account)
        self.quota = self._gates.find(self._base_url, token)
        self.quota.join(self._account, *self._limit)
        self.accept()
        self.service.forget_refusals()
        self._renewed.set()

    def demand(self, calls_per_minute: float) -> None:
        """Record what the account would spend if it could."""
        self.quota.demand(self._account, calls_per_minute)

    @property
    def share(self) -> float:
        """The account's part of the limit in force, in calls per minute."""
        return self.quota.share(self._account)

    @property
    def use(self) -> QuotaUse:
        """How the token's quota is used now."""
        return self.quota.use

    def close(self) -> None:
        """Use the token's gate no longer."""
        self.quota.part(self._account)

    def refuse(self, resource: str, seconds: float) -> bool:
        """Record that the token was refused for a resource; if several were, hold back all calls for some seconds from now.

        Returns whether they are held back.
        """
        if self.service.record_refusal(resource):
            self.refused.set()
            self._refused_until = max(self._refused_until, self._loop.time() + seconds)
        return self.refused.is_set()

    def accept(self) -> None:
        """Record that the token was accepted."""
        self._refused_until = 0.0
        self.refused.clear()

    def held_seconds(self, endpoint: str) -> float:
        """Return how much longer an endpoint's calls are held back; 0 if they are not."""
        return max(0.0, self._refused_until - self._loop.time(), self.quota.held_seconds(endpoint))

    @asynccontextmanager
    async def call(self, endpoint: str, slots: asyncio.Semaphore | None = None) -> AsyncIterator[Attempt]:
        """Wait until a call may start. While its endpoint is held it has no place, of ``slots`` or the account's: others need them."""
        while True:
            await self._wait_while_held(endpoint)
            async with slots or self._slots, self._trial if self._refused_until else nullcontext():
                if (gate := await self._enter(endpoint)) is not None:
                    attempt = Attempt(endpoint, gate, self._waited)
                    try:
                        yield attempt
                    finally:
                        attempt.end()
                    return

    async def _wait_while_held(self, endpoint: str) -> None:
        gate = self.quota
        await gate.wait_while_held(endpoint, self._waited, lambda: gate is self.quota)

    async def _enter(self, endpoint: str) -> TokenGate | None:
        """Return the gate that the call has passed; None if its endpoint was held, or the token changed, meanwhile."""
        while (seconds := self._refused_until - self._loop.time()) > 0:
            await self._wait_for_token(min(seconds, _SLICE_SECONDS))
        gate = self.quota
        return gate if await gate.enter(endpoint, self._waited, lambda: gate is self.quota) else None

    async def _wait_for_token(self, seconds: float) -> None:
        start = self._loop.time()
        self._renewed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._renewed.wait()
        except TimeoutError:
            pass
        finally:
            self._waited(self._loop.time() - start)


class Attempt:
    """A call that has passed the gates and is under way; what its answer says of the quota goes to its token's gate."""

    def __init__(self, endpoint: str, gate: TokenGate, waited: Callable[[float], None]) -> None:
        self._endpoint = endpoint
        self._gate = gate
        self._waited = waited
        self._is_under_way = True

    def observe(self, headers: Mapping[str, str]) -> None:
        """Record from the headers of the answer what is granted and left of the quota."""
        if quota := read_quota(headers):
            self._gate.observe(*quota)
        if headers.get("X-RateLimit-Remaining") == "0":
            seconds = read_hold(headers, time.time())
            self.hold(seconds or (0.0 if quota else EXHAUSTED_SECONDS))

    def throttle(self, seconds: float) -> None:
        """Record a 429 that asks to wait for some seconds."""
        self._gate.throttle(self._endpoint, seconds)

    def hold(self, seconds: float) -> None:
        """Hold back the endpoint's calls for some seconds."""
        self._gate.hold(self._endpoint, seconds)

    async def renew(self) -> None:
        """Wait until the call may be made once more."""
        self.end()
        while not await self._gate.enter(self._endpoint, self._waited, lambda: True):
            await self._gate.wait_while_held(self._endpoint, self._waited, lambda: True)
        self._is_under_way = True

    def end(self) -> None:
        """Count the call out."""
        if self._is_under_way:
            self._is_under_way = False
            self._gate.leave()


@dataclass(slots=True)
class _Member:
    configured: float | None
    part: float
    demand: float = 0.0
