"""An exporter that a test fills, for the handlers and pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from exporter.api.model import TaskRef
from exporter.config.settings import AccountSettings, DiscoverySettings, Settings
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.records import TaskRecord
from exporter.metrics.store import Store
from exporter.polling.facts import AccountFacts
from exporter.polling.shards import Shard
from exporter.web.exporter import Broken

SETTINGS = Settings(
    accounts=(
        AccountSettings(
            name="main",
            base_url="https://api.example.com",
            user_id="40863af8-db4a-41c6-a269-eb5bc386d97f",
            token="planted",
            discovery=DiscoverySettings(),
        ),
    )
)


async def no_reload() -> Sequence[str]:
    """Reload without a fault."""
    return []


async def no_probe(*_: object) -> TaskRecord:
    """Fail the test that probes without saying what a probe brings."""
    raise NotImplementedError


@dataclass
class FakePoller:
    """A poll loop whose tasks are all polled at the same moment: in ``seconds``, or never."""

    seconds: float | None = None

    def next_poll(self, _: TaskRef) -> float | None:
        """Return the seconds until then."""
        return self.seconds


@dataclass
class FakeAccount:
    """An account that makes no calls."""

    known: AccountFacts = field(default_factory=lambda: AccountFacts(calls_needed=0.0, calls_allowed=1.0))
    poller: FakePoller = field(default_factory=FakePoller)
    probe: Callable[..., Awaitable[TaskRecord]] = no_probe

    def facts(self) -> AccountFacts:
        """Return what the test knows of the account."""
        return self.known


@dataclass
class FakeExporter:
    """An exporter over a store; it keeps the reasons of what it refused."""

    store: Store
    accounts: dict[str, FakeAccount] = field(default_factory=dict)
    settings: Settings = SETTINGS
    renderer: TaskRenderer = field(default_factory=TaskRenderer)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    page_type: type[Page] = Page
    reload: Callable[[], Awaitable[Sequence[str]]] = no_reload
    why_unready: str = ""
    refused: list[str] = field(default_factory=list)
    broken: Mapping[str, Broken] = field(default_factory=dict)
    shard: Shard = field(default_factory=Shard)

    def page(self) -> Page:
        """Return what a scrape is answered with."""
        return self.page_type(self.renderer, self.registry)

    def unready(self) -> str:
        """Return why there is nothing to scrape yet."""
        return self.why_unready

    def note_refusal(self, reason: str) -> None:
        """Keep the reason."""
        self.refused.append(reason)
