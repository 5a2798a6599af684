"""The composition of one account from its settings: gate, client, poller, discovery, probes and token watch."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from typing import Final

from exporter.api.client import YunfuClient
from exporter.api.connections import open_session
from exporter.api.errors import REASONS, ApiError, Repeated
from exporter.api.gate import AccountGate, TokenGates
from exporter.api.service import Service
from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, Settings
from exporter.descriptors import Descriptors
from exporter.files.authorities import Authorities
from exporter.logs import get_logger
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.store import Store
from exporter.polling.credentials import CredentialsWatch
from exporter.polling.discovery import Discovery
from exporter.polling.facts import QUOTA_CONTENDED, AccountFacts
from exporter.polling.poller import AccountPoller
from exporter.polling.probes import ProbeGate, Probes
from exporter.polling.shards import Shard, find_shard

log = get_logger(__name__)

QUOTA_WATCH_SECONDS: Final = 1.0
"""How often the use of the quota is recorded."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all accounts share: the store, the exporter's own metrics, the wall clock as Unix time, and randomness."""

    store: Store
    metrics: ExporterMetrics
    clock: Callable[[], float]
    rng: random.Random
    gates: TokenGates = field(default_factory=TokenGates)
    """They outlive a reload that starts an account anew, with what was spent and held back."""


class Account:
    """An account that can be polled."""

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
        self._settings = account
        self._window_labels = {window.label for window in settings.windows}
        self._token = token
        self._shard = shard
        self._store = store = around.store
        self._metrics = around.metrics
        self.poller = AccountPoller(
            settings, account, client=client, store=store, metrics=around.metrics, clock=around.clock, rng=around.rng
        )
        self._discovery = Discovery(
            settings,
            account,
            shard,
            client=client,
            poller=self.poller,
            store=store,
            count_unread=lambda name: around.metrics.unread_fields.labels(account.name, name).inc(),
        )
        self._credentials = CredentialsWatch(account.name, token, client=client, store=store)
        self.configured = self._discovery.configured
        self.discover = self._discovery.discover
        self.terms = self._discovery.rules.terms
        calls = client.gate.concurrency
        places = Descriptors().probes_at_once(calls, len(settings.accounts))
        gate = ProbeGate(client.gate, lambda: self.poller.calls_per_second * 60, places)
        probing = client.through(gate, partial(_observe_probe, account.name, around.metrics))
        self.read_credentials = partial(self._credentials.look, force=True)
        self.probe = Probes(settings, account, client=probing, gate=gate, store=store).probe

    def register(self) -> None:
        """Record the account in the store and the metrics before its first API call.

        After a reload, what still applies of the tasks known before is kept.
        """
        for record in self._store.records_of(self.name):
            ref = record.status.task.ref
            if self._shard.owns(ref.id):
                self._store.keep_windows(ref, self._window_labels)
            else:
                self._store.forget(ref)  # at once: another exporter shows it now
        status = replace(
            self._store.account(self.name),
            token_expiry=self._token.expiry(),
            token_problem=False,
            discovery_interval=None,
            quota=self.client.gate.use,
        )
        if self._discovery.interval is None:
            status = replace(status, discovery_last_success=None, tasks_left_out=0, lists_lacking=None)
        else:
            status = replace(status, discovery_interval=self._discovery.interval)
        self._store.put_account(status)
        endpoints = ("stat", *(each.endpoint for each in self._discovery.lists))
        self._metrics.count_failures_from_zero(self.name, endpoints, REASONS)

    async def run(self) -> None:
        """Discover and poll until cancelled."""
        await self._discovery.resume()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.poller.run())
            group.create_task(self._credentials.run())
            group.create_task(self._discovery.run())
            group.create_task(self._watch_quota())

    async def first_round(self) -> None:
        """Return when discovery and each task's first poll have been tried."""
        await self._discovery.tried.wait()
        await self.poller.first_round.wait()

    async def run_once(self) -> bool:
        """Discover, poll every task once, and return whether all of it worked; end at once if the token is refused."""
        worked = await self._discovery.run_once()
        self._log_patience()
        await self._poll_all()
        return worked and not any(record.status.up is False for record in self._store.records_of(self.name))

    async def _poll_all(self) -> None:
        """Poll every task once, or until the token is refused: waiting for another one is the daemon's business."""
        refused = asyncio.create_task(self.client.gate.refused.wait())
        polls = asyncio.create_task(self.poller.poll_all())
        await asyncio.wait({refused, polls}, return_when=asyncio.FIRST_COMPLETED)
        refused.cancel()
        polls.cancel()
        await asyncio.wait({refused, polls})
        if not polls.cancelled():
            polls.result()

    async def _watch_quota(self) -> None:
        """Record every second how the quota is used, and log when others begin and cease to use our part of it."""
        was_contended = False
        while True:
            await asyncio.sleep(QUOTA_WATCH_SECONDS)
            use, status = self.client.gate.use, self._store.account(self.name)
            if use != status.quota:
                self._store.put_account(replace(status, quota=use))
            if use.is_contended != was_contended:
                was_contended = use.is_contended
                if was_contended:
                    log.warning(
                        QUOTA_CONTENDED,
                        account=self.name,
                        reason=use.reason,
                        calls_per_minute=use.limit,
                        granted=use.granted,
                        others=use.others,
                    )
                else:
                    log.info("the API quota is ours again", account=self.name, calls_per_minute=use.limit)

    def _log_patience(self) -> None:
        """Log how long it takes to poll every task once, if that is long."""
        limit, tasks = self.client.gate.share, self.poller.task_count
        if tasks > limit:
            what = "polling every task once; the API quota makes it take a while"
            log.info(what, account=self.name, tasks=tasks, calls_per_minute=limit, minutes=ceil(tasks / limit))

    def facts(self) -> AccountFacts:
        """Return the facts that the pages show beside the account's status."""
        return AccountFacts(
            calls_needed=self.poller.calls_per_second * 60,
            calls_allowed=self.client.gate.share,
            held_seconds=self.client.held_seconds,
            discovery_failure=self._discovery.account_lists.failure,
            keeps_previous_list=self._discovery.account_lists.keeps_previous,
            hidden=self._discovery.hidden,
            hidden_total=self._discovery.hidden_total,
            odd_lists=self._discovery.account_lists.odd_lists,
            lacking_lists=self._discovery.account_lists.lacking,
            token_fault=self._credentials.fault,
        )


async def explain_wait(accounts: Sequence[Account], explain: Callable[[str], object]) -> None:
    """Explain in one line that API calls of a command wait for the quota, as soon as they do."""
    while True:
        await asyncio.sleep(QUOTA_WATCH_SECONDS)
        for account in accounts:
            if account.client.gate.quota.is_waited_at:
                limit = account.client.gate.use.limit
                explain(
                    f"waiting for the API quota, of which a command takes a tenth: {round(limit, 1):g} calls per minute"
                )
                return


@asynccontextmanager
async def open_account(
    settings: Settings, account: AccountSettings, token: Token, around: Surroundings
) -> AsyncIterator[Account]:
    """Open an account's connections for as long as the context lasts. Raises AuthoritiesError if its CA file is broken."""
    shard = find_shard(settings.shard)
    concurrency = _calls_at_once(settings, account, shard)
    gate = AccountGate(
        around.gates,
        account=account.name,
        base_url=account.base_url,
        token=token.value,
        configured=None if account.rate_limit is None else account.rate_limit * 60,
        part=shard.part,
        concurrency=concurrency,
        waited=around.metrics.throttled_seconds.labels(account.name).inc,
    )
    with closing(gate):
        authorities = await asyncio.to_thread(Authorities, account.ca_file) if account.ca_file else Authorities()
        async with open_session(timeout_seconds=settings.poll.timeout) as session:
            client = YunfuClient(
                session,
                base_url=account.base_url,
                user_id=account.user_id,
                token=token,
                gate=gate,
                observe=partial(_observe, account.name, around, gate.service),
                authorities=authorities,
                proxy=None if account.proxy is None else account.proxy.get_secret_value(),
            )
            opened = Account(settings, account, client, token, around, shard)
            opened.register()
            yield opened


def _calls_at_once(settings: Settings, account: AccountSettings, shard: Shard) -> int:
    """Return an account's concurrency: the shard's part of the configured one, or less if the process may not open so many files."""
    configured = ceil(account.concurrency * shard.part)
    fits = Descriptors().calls_at_once(configured, len(settings.accounts))
    if fits < configured:
        why = "fewer concurrent API calls than configured, since the process may open few files (ulimit -n)"
        log.warning(why, account=account.name, concurrency=fits)
    return fits


def _observe_probe(account: str, metrics: ExporterMetrics, endpoint: str, seconds: float, _: ApiError | None) -> None:
    """Record an API call of a probe: its duration in seconds. Whether it fails depends on what somebody asks for."""
    metrics.request_duration.labels(account, endpoint).observe(seconds)


def _observe(
    account: str, around: Surroundings, service: Service, endpoint: str, seconds: float, error: ApiError | None
) -> None:
    """Record an API call: its duration in seconds, its failure, and whether the platform serves the account."""
    around.metrics.request_duration.labels(account, endpoint).observe(seconds)
    if isinstance(error, Repeated):
        return
    if error is not None:
        around.metrics.failures.labels(account, endpoint, error.reason).inc()
    up, before = service.is_up, around.store.account(account)
    failure = None if error is None or up else error.failure
    if up is not None and (up, failure) != (before.up, before.failure):
        around.store.put_account(replace(before, up=up, failure=failure))
