"""What the pages ask of the other rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from exporter.api.model import TaskRef
from exporter.metrics.exposition import Page
from exporter.metrics.store import Store
from exporter.polling.facts import AccountFacts


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
