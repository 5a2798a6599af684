"""One account put together from its settings: token, gate, client, poller and discovery."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from typing import Final

from exporter.api.client import YunfuClient, open_session
from exporter.api.errors import REASONS, ApiError, ApiTimeout, Failure
from exporter.api.gate import Gate
from exporter.api.model import Task, TaskRef
from exporter.api.tokens import Token, TokenError
from exporter.config.settings import AccountSettings, Settings
from exporter.logs import get_logger
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.store import PollOutcome, Store, TaskRecord
from exporter.polling.discovery import (
    PER_PAGE,
    Choice,
    HidingRule,
    choose,
    complete,
    count_tasks,
    list_endpoints,
    list_tasks,
)
from exporter.polling.facts import AccountFacts
from exporter.polling.plans import configured_tasks, discovery_plan, poll_plan
from exporter.polling.poller import AccountPoller
from exporter.polling.probes import TooManyProbesError
from exporter.polling.shards import Shard, find_shard

log = get_logger(__name__)

TOKEN_WATCH_SECONDS: Final = 1.0
"""How often a token file is looked at; a changed one is taken up within that time."""

MAX_HIDDEN: Final = 5000
"""Tasks that the settings hide and that are remembered, so that a page can say why each is not there: a few megabytes."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all accounts share: the store, the exporter's own metrics, Unix time and randomness."""

    store: Store
    metrics: ExporterMetrics
    clock: Callable[[], float]
    rng: random.Random
    gates: dict[str, Gate] = field(default_factory=dict)
    """By account name; a hold outlives the reload that starts an account anew."""


class Account:
    """An account that can be polled. ``configured`` are the tasks that its settings list."""

    def __init__(
        self,
        settings: Settings,
        account: AccountSettings,
        client: YunfuClient,
        token: Token,
        around: Surroundings,
        shard: Shard = Shard(),  # noqa: B008  # a frozen value
    ) -> None:
        self.name = account.name
        self.client = client
        self.user_id = account.user_id
        self._settings = account
        self._timezone = settings.timezone
        self._window_labels = {window.label for window in settings.windows}
        self._token = token
        self._shard = shard
        self._store = around.store
        self._metrics = around.metrics
        self._clock = around.clock
        self._timeout = settings.poll.timeout
        self._probes = 0
        self._most_probes = max(account.concurrency, ceil(account.rate_limit * settings.poll.timeout))
        self._plan = discovery_plan(settings, account) if shard.is_active else None
        self._failing: Failure | None = None
        self._hidden: dict[str, Choice] = {}
        self._hidden_total = 0
        self._default_ratio = settings.thresholds.min_answer_ratio
        self.configured = configured_tasks(settings, account)
        self.tried = asyncio.Event()
        self.poller = AccountPoller(
            account.name,
            poll_plan(settings, account),
            client=client,
            store=around.store,
            metrics=around.metrics,
            clock=around.clock,
            rng=around.rng,
        )

    def introduce(self) -> None:
        """Tell what is known of the account before its first call; of what was before a reload, what still holds stays."""
        for record in self._records():
            ref = record.status.task.ref
            if self._shard.owns(ref.id):
                self._store.keep_windows(ref, self._window_labels)
            else:
                self._store.forget(ref)  # at once: another exporter shows it now
        status = replace(
            self._store.account(self.name),
            token_expiry=self._token.expiry(),
            discovery_interval=None,
            rate_limit=self._settings.rate_limit,
        )
        endpoints: tuple[str, ...] = ("stat",)
        if self._plan is None or self._settings.discovery is None:
            status = replace(status, discovery_last_success=None, tasks_left_out=0)
        else:
            status = replace(status, discovery_interval=self._settings.discovery.interval)
            endpoints += list_endpoints(self._plan)
        self._store.put_account(status)
        self._metrics.count_failures_from_zero(self.name, endpoints, REASONS)

    async def run(self) -> None:
        """Discover and poll until cancelled."""
        self.apply(self._divide([Choice(task) for task in self._known()]), is_whole=self._plan is None)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.poller.run())
            group.create_task(self._watch_token())
            if self._plan is not None and self._settings.discovery is not None:
                group.create_task(self._keep_discovering(self._settings.discovery.interval))

    async def probe(self, task_id: str, sub_user_id: str | None) -> TaskRecord:
        """Poll a task now and return what is known of it; one that is polled anyway is brought up to date by it.

        It takes ``poll.timeout`` at most; without an answer by then the task is not up. Raises TooManyProbesError.
        """
        if self._probes >= self._most_probes:
            raise TooManyProbesError(
                f"{self._probes} probes of account {self.name} are under way, and no more can be answered in time; "
                "probe less often, or raise its rate_limit if the platform allows it"
            )
        self._probes += 1
        try:
            return await self._probe(task_id, sub_user_id)
        finally:
            self._probes -= 1

    async def _probe(self, task_id: str, sub_user_id: str | None) -> TaskRecord:
        tasks = (record.status.task for record in self._records() if record.status.task.ref.id == task_id)
        unknown = Task(TaskRef(self.name, task_id, sub_user_id), self._default_ratio)
        task = next((task for task in tasks if sub_user_id in (None, task.ref.sub_user_id)), unknown)
        try:
            async with asyncio.timeout(self._timeout):  # the account may be held back for an hour
                return await self.poller.probe(task)
        except TimeoutError:
            failure = Failure(ApiTimeout.reason, f"no answer within {self._timeout:g} s, waiting included")
            outcome = PollOutcome(failure=failure)
        before = self._store.record(task.ref)
        if before is None or before.status.interval is None:
            return self._store.render_once(task, outcome)
        self._store.settle(task, outcome, before.status.interval, self._timeout)
        return self._store.record(task.ref) or before

    async def first_round(self) -> None:
        """Return when discovery and each task's first poll have been tried."""
        if self._plan is not None:
            await self.tried.wait()
        await self.poller.first_round.wait()

    async def discover(self) -> list[Choice]:
        """Return what there is to poll. Raises ApiError; without discovery, what is configured is what there is."""
        if self._plan is None:
            return self._divide([Choice(task) for task in self.configured])
        listed = await list_tasks(self.client, self._plan, self._timezone, self._unread)
        return self._divide(choose(listed, self.configured, self._plan, self.name, self.user_id))

    def _divide(self, choices: list[Choice]) -> list[Choice]:
        """Hide the tasks that other shards poll."""
        if self._shard == Shard():
            return choices
        return [self._divided(choice) for choice in choices]

    def _divided(self, choice: Choice) -> Choice:
        if choice.hidden or (owner := self._shard.owner(choice.task.ref.id)) == self._shard.ordinal:
            return choice
        return replace(choice, why_not=f"shard {owner} of {self._shard.total} polls it", rule=HidingRule.SHARD)

    async def run_once(self) -> bool:
        """Discover, poll every task once, and tell whether all of it worked."""
        worked = True
        try:
            self.apply(await self.discover(), is_whole=True)
        except ApiError as error:
            worked = False
            self._tell(error.failure)
            self.apply(self._divide([Choice(task) for task in self.configured]), is_whole=False)
        await self.poller.poll_all()
        return worked and not any(record.status.up is False for record in self._records())

    def facts(self) -> AccountFacts:
        """Return what the pages tell of the account beside its status."""
        return AccountFacts(
            calls_needed=self.poller.calls_per_second * 60,
            calls_allowed=self._settings.rate_limit * 60,
            held_seconds=self.client.held_seconds,
            discovery_failure=self._failing,
            hidden=self._hidden,
            hidden_total=self._hidden_total,
        )

    async def knock(self) -> int | None:
        """Make a call, or one a list; return how many tasks the platform lists, if it lists them. Raises ApiError."""
        if self._plan is not None:
            return await count_tasks(self.client, self._plan)
        await self.client.stat(self.configured[0].ref)
        return None

    def _known(self) -> list[Task]:
        """Return what there is to poll until the lists have been read: what is configured, and what was before a reload."""
        if self._plan is None:
            return self.configured
        statuses = {record.status.task.ref.id: record.status for record in self._records()}
        configured = [
            complete(task, statuses[task.ref.id].task) if task.ref.id in statuses else task for task in self.configured
        ]
        ids = {task.ref.id for task in configured}
        return configured + [
            replace(status.task, min_answer_ratio=self._default_ratio, labels=())
            for status in statuses.values()
            if status.interval is not None and status.task.ref.id not in ids
        ]

    def _records(self) -> list[TaskRecord]:
        return [record for record in self._store.records() if record.status.task.ref.account == self.name]

    def apply(self, choices: Sequence[Choice], *, is_whole: bool) -> None:
        """Poll what was chosen from now on; if it is the whole of what there is, let what is no longer there leave."""
        shown = {choice.task.ref for choice in choices if not choice.hidden}
        self.poller.update(choice.task for choice in choices if not choice.why_not)
        for choice in choices:
            if choice.why_not and not choice.hidden:
                self._store.know(choice.task, None)
        self._part_with(shown, is_whole=is_whole)

    def _part_with(self, shown: set[TaskRef], *, is_whole: bool) -> None:
        """Let tasks leave: at once those whose id is now another owner's, in time those that the whole does not show."""
        now, ids = self._clock(), {ref.id for ref in shown}
        for record in self._records():
            ref = record.status.task.ref
            if ref in shown or not (is_whole or ref.id in ids):
                continue
            if self._plan is None or ref.id in ids or record.is_gone(now):
                self._store.forget(ref)
            else:
                self._store.miss(ref)

    async def _keep_discovering(self, interval: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                choices = await self.discover()
                self._tell(None)
                self.poller.reserve(len(choices) / PER_PAGE / interval)
                await asyncio.sleep(0)  # with thousands of tasks either half takes a while
                self.apply(choices, is_whole=True)
                self._note(choices)
            except ApiError as error:
                self._tell(error.failure)
            except Exception:  # a fault of our own must not take the polls along
                log.exception("discovery broke off", account=self.name)
            self.tried.set()
            await asyncio.sleep(started + interval - loop.time())

    async def _watch_token(self) -> None:
        """Take up a changed token file at once, also while calls are held back because the old token was refused."""
        known, breaks = self._token.value, False
        while True:
            await asyncio.sleep(TOKEN_WATCH_SECONDS)
            try:
                self.client.refresh_token()
                if self._token.value != known:
                    known = self._token.value
                    status = self._store.account(self.name)
                    self._store.put_account(replace(status, token_expiry=self._token.expiry()))
                    log.info("token file changed; the new token is in use", account=self.name)
                breaks = False
            except TokenError as error:
                if not breaks:  # told once, not every second
                    log.warning(
                        "token file cannot be read; the previous token stays in use",
                        account=self.name,
                        error=error,
                    )
                breaks = True
            except Exception:
                if not breaks:
                    log.exception("watching the token broke off", account=self.name)
                breaks = True

    def _note(self, choices: Sequence[Choice]) -> None:
        hidden = [choice for choice in choices if choice.hidden]
        self._hidden = {choice.task.ref.id: choice for choice in hidden[:MAX_HIDDEN]}
        self._hidden_total = len(hidden)
        left_out = sum(choice.rule is HidingRule.MAX_TASKS for choice in hidden)
        before = self._store.account(self.name)
        if left_out and not before.tasks_left_out:
            log.warning(
                "more tasks than max_tasks; the rest is not polled",
                account=self.name,
                left_out=left_out,
                max_tasks=self._plan and self._plan.max_tasks,
            )
        now = self._clock()
        self._store.put_account(replace(before, discovery_last_success=now, tasks_left_out=left_out))

    def _tell(self, failing: Failure | None) -> None:
        if failing and not self._failing:
            log.warning("discovery fails; the previous list stays in use", account=self.name, error=str(failing))
        elif self._failing and not failing:
            log.info("discovery works again", account=self.name)
        self._failing = failing

    def _unread(self, name: str) -> None:
        self._metrics.unread_fields.labels(self.name, name).inc()


@asynccontextmanager
async def open_account(
    settings: Settings, account: AccountSettings, token: Token, around: Surroundings
) -> AsyncIterator[Account]:
    """Open an account's connections for as long as the context lasts."""
    shard = find_shard(settings.shard)
    account = shard.share(account)
    throttled = around.metrics.throttled_seconds.labels(account.name)
    gate = Gate(account.rate_limit, account.concurrency, throttled.inc)
    if (before := around.gates.get(account.name)) is not None:
        gate.hold(before.held_seconds)  # even one of no length: the burst has been had
    around.gates[account.name] = gate
    async with open_session(
        timeout_seconds=settings.poll.timeout,
        ca_file=None if account.ca_file is None else str(account.ca_file),
    ) as session:
        client = YunfuClient(
            session,
            base_url=account.base_url,
            user_id=account.user_id,
            token=token,
            gate=gate,
            observe=partial(_observe, account.name, around),
            proxy=None if account.proxy is None else account.proxy.get_secret_value(),
        )
        opened = Account(settings, account, client, token, around, shard)
        opened.introduce()
        yield opened


def _observe(account: str, around: Surroundings, endpoint: str, seconds: float, error: ApiError | None) -> None:
    """Take note of a call: its duration, its failure, and whether the platform serves the account."""
    around.metrics.request_duration.labels(account, endpoint).observe(seconds)
    if error is not None:
        around.metrics.failures.labels(account, endpoint, error.reason).inc()
    up = error is None or error.is_tasks_own
    before = around.store.account(account)
    failure = None if error is None or up else error.failure
    if (up, failure) != (before.up, before.failure):
        around.store.put_account(replace(before, up=up, failure=failure))
