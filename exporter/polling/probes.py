"""The probes of one account: single tasks are read on request, within a share of the quota, and nothing is changed by it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, ApiTimeout, Failure
from exporter.api.gate import AccountGate, Attempt
from exporter.api.model import Task, TaskRef, parse_stats
from exporter.api.quota import MINUTE
from exporter.api.service import Service
from exporter.config.settings import AccountSettings, Settings
from exporter.metrics.records import PollOutcome, TaskRecord
from exporter.metrics.store import Store
from exporter.metrics.tags import limit_tags

MOST_SHARE: Final = 0.2
"""Of an account's part of the quota, where the polls leave as much."""

LEAST_SHARE: Final = 0.05
"""The same where they could use it all."""

MARGIN_SECONDS: Final = 0.5
"""Before the scraper gives up, for the answer to reach it."""

_LEAST_SECONDS: Final = 0.1


class TooManyProbesError(Exception):
    """Another probe could not be answered in time; the message says so. ``seconds`` is when to try again."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


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


class Probes:
    """Reads single tasks of one account on request. ``client`` is one whose calls pass ``gate``."""

    def __init__(
        self, settings: Settings, account: AccountSettings, *, client: YunfuClient, gate: ProbeGate, store: Store
    ) -> None:
        self._account = account.name
        self._timeout = settings.poll.timeout
        self._default_ratio = settings.thresholds.min_answer_ratio
        self._tag_limit = settings.labels.tag_limit
        self._client = client
        self._gate = gate
        self._store = store

    async def probe(self, task_id: str, sub_user_id: str | None, patience: float | None = None) -> TaskRecord:
        """Read a task now and return what its record would be; what is polled stays as it is.

        It takes one API call, and ``poll.timeout`` at most; if the asker's ``patience`` (seconds) is less, a little less than that.
        Without a response by then the task is not up. Raises TooManyProbesError.
        """
        seconds = self._timeout
        if patience is not None:
            seconds = max(_LEAST_SECONDS, min(seconds, patience - MARGIN_SECONDS))
        if (wait := self._gate.wait) >= seconds:
            raise TooManyProbesError(
                f"probes of account {self._account} may make {round(self._gate.share, 1):g} API calls per minute, a fifth of its quota "
                f"or what the polls leave; try again in {math.ceil(wait)} s",
                math.ceil(wait),
            )
        task = self._find(task_id, sub_user_id)
        try:
            async with asyncio.timeout(seconds):  # the account may be held back for an hour
                await self._gate.wait_turn()
                outcome = await self._read(task.ref)
        except TimeoutError:
            failure = Failure(ApiTimeout.reason, f"no answer within {seconds:g} s, waiting included")
            outcome = PollOutcome(failure=failure)
        return self._store.render_once(task, outcome)

    def _find(self, task_id: str, sub_user_id: str | None) -> Task:
        """Return the known task with this id and, if one is given, this owner; else a task of these."""
        for record in self._store.records_of(self._account):
            ref = record.status.task.ref
            if ref.id == task_id and sub_user_id in (None, ref.sub_user_id):
                return record.status.task
        return Task(TaskRef(self._account, task_id, sub_user_id), min_answer_ratio=self._default_ratio)

    async def _read(self, ref: TaskRef) -> PollOutcome:
        """Read a task's whole life; its windows would take more calls."""
        try:
            response = await self._client.stat(ref)
        except ApiError as error:
            return PollOutcome(failure=error.failure)
        stats = parse_stats(response.data or {})
        tags, llm_tags = (
            limit_tags(tags, self._tag_limit, frozenset())[0] for tags in (stats.tag_calls, stats.llm_tag_calls)
        )
        return PollOutcome(replace(stats, tag_calls=tags, llm_tag_calls=llm_tags))
