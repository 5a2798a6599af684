"""The running exporter as the handlers and pages see it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter.api.model import TaskRef
from exporter.config.settings import Settings
from exporter.metrics.exposition import Page
from exporter.metrics.records import TaskRecord
from exporter.metrics.store import Store
from exporter.polling.facts import AccountFacts
from exporter.polling.shards import Shard


@dataclass(frozen=True, slots=True)
class Broken:
    """A configuration that was read and is not in force, since when it has been broken (Unix seconds), and its faults."""

    since: float
    faults: Sequence[str]


class Poller(Protocol):
    """The poll loop of an account."""

    def next_poll(self, ref: TaskRef) -> float | None:
        """Return the seconds until a task's next poll; None: it is not polled, or a poll is under way."""


class Account(Protocol):
    """An account that is polled."""

    @property
    def poller(self) -> Poller:
        """The poll loop of the account."""

    def facts(self) -> AccountFacts:
        """Return what the pages show of the account beside its status in the store."""

    def probe(self, task_id: str, sub_user_id: str | None, patience: float | None) -> Awaitable[TaskRecord]:
        """Read a task now, within the asker's patience in seconds. Raises TooManyProbesError."""


class Exporter(Protocol):
    """What is in force at the moment of asking: after a reload, other settings and other accounts."""

    @property
    def settings(self) -> Settings:
        """The configuration."""

    @property
    def store(self) -> Store:
        """The tasks and accounts, and the clock by which they are judged."""

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts that are polled, by name."""

    @property
    def broken(self) -> Mapping[str, Broken]:
        """What was read last and is not in force: ``all`` of the configuration, or that of the ``web``."""

    @property
    def shard(self) -> Shard:
        """The part of the tasks that is polled here."""

    def page(self) -> Page:
        """Return the page for a scrape."""

    def unready(self) -> str:
        """Return why there is nothing to scrape yet; empty if there is."""

    def reload(self) -> Awaitable[Sequence[str]]:
        """Load the configuration anew; return its faults, one per line."""

    def note_refusal(self, reason: str) -> None:
        """Count a request that was turned away, for one of the reasons in ``words.labels.REFUSALS``."""
