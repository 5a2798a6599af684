"""What the pages ask of the other rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from exporter.api.model import TaskRef
from exporter.metrics.exposition import Page
from exporter.metrics.store import Store
from exporter.polling.discovery import Choice


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What is known of an account beside its status in the store.

    ``calls_needed`` and ``calls_allowed`` are a minute's; ``discovery_error`` says why the last discovery failed. ``hidden``
    holds the hidden tasks by their id; of very many only the first, ``hidden_total`` counts all.
    """

    calls_needed: float
    calls_allowed: float
    held_seconds: float = 0.0
    discovery_error: str = ""
    hidden: Mapping[str, Choice] = field(default_factory=dict)
    hidden_total: int = 0


def _unknown(_: TaskRef) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the pages get what they show. ``clock`` is Unix time.

    ``next_poll`` gives the seconds until a task's next poll; None: it is not polled, or a poll is under way. ``grafana``
    gives the address of the Grafana with the dashboards, if it is configured.
    """

    store: Store
    page: Callable[[], Page]
    clock: Callable[[], float]
    timezone: Callable[[], ZoneInfo] = field(default=lambda: ZoneInfo("Asia/Shanghai"), kw_only=True)
    accounts: Callable[[], Mapping[str, AccountFacts]] = field(default=dict, kw_only=True)
    next_poll: Callable[[TaskRef], float | None] = field(default=_unknown, kw_only=True)
    grafana: Callable[[], str | None] = field(default=lambda: None, kw_only=True)
