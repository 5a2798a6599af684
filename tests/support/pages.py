"""A store that a test fills, and its pages as values, without HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.recent_calls import Part
from exporter.metrics.records import AccountStatus, PollOutcome
from exporter.metrics.store import Store
from exporter.metrics.trouble import STALE_PENDING, Finding, Trouble
from exporter.polling.facts import AccountFacts
from exporter.web.pages import detail, overview
from exporter.web.pages.account_rows import Problem, Tone
from exporter.web.pages.detail import Detail
from exporter.web.pages.judging import Glance, Survey
from exporter.web.pages.language import Speaker
from exporter.web.pages.overview import Overview
from exporter.web.pages.question import Question
from tests.support.exporter import FakeAccount, FakeExporter

NOW, INTERVAL, STALE_AFTER = 1_751_000_000.0, 60.0, 300.0
ENGLISH = Speaker("en", ZoneInfo("Asia/Shanghai"))
FAILED = PollOutcome(failure=Failure("timeout", "no complete answer within 10 s (poll.timeout)"))
REFUSED = Failure("http_401", "the platform answered HTTP 401 Unauthorized")


LOW = Trouble(low=Finding(NOW - 840, 600, Part(12.0, 120.0)))
BLOCKED = Trouble(LOW.low, Finding(NOW - 840, 1800, Part(84.0, 100.0)))


def stats(ratio: float | None = 0.5, calls: int = 1000, progress: float = 0.5, **more: int) -> TaskStats:
    """Make statistics; ``more`` are numbers by status."""
    answered = None if ratio is None else round(calls * ratio)
    return TaskStats(
        answered=answered,
        unanswered=None if answered is None else calls - answered,
        answer_ratio=ratio,
        progress_ratio=progress,
        numbers=more,
    )


@dataclass
class Filled:
    """A store that a test fills, and the pages of it. The accounts are up, unless a test says otherwise."""

    now: float = NOW
    facts: dict[str, AccountFacts] = field(default_factory=dict)
    notices: list[Problem] = field(default_factory=list)
    renderer: TaskRenderer = field(default_factory=TaskRenderer)

    def __post_init__(self) -> None:
        """Make the store."""
        self.store = Store(self.renderer, lambda: self.now, STALE_AFTER)
        self.account()

    def account(self, name: str = "main", *, up: bool | None = True, **more: object) -> None:
        """Add an account."""
        self.store.put_account(AccountStatus(name, up=up, **more))  # type: ignore[arg-type]  # as the test says
        self.facts.setdefault(name, AccountFacts(calls_needed=30, calls_allowed=300))

    def task(
        self,
        name: str,
        outcome: PollOutcome | TaskStats | None = None,
        state: TaskState = TaskState.RUNNING,
        *,
        account: str = "main",
        polled: bool = True,
        trouble: Trouble | None = None,
        kind: str = "",
    ) -> Task:
        """Add a task, whose id follows from its name, the outcome of its poll (None: it was not polled), and its trouble."""
        ref = TaskRef(account, f"{sum(map(ord, name)):08x}-0000-4000-8000-000000000000")
        task = Task(ref, min_answer_ratio=0.2, name=name, generation="2", state=state, kind=kind)
        self.store.put_task(task, INTERVAL if polled else None)
        if outcome is not None:
            outcome = PollOutcome(outcome) if isinstance(outcome, TaskStats) else outcome
            self.store.record_poll(task, outcome, INTERVAL, 0.25)
        record = self.store.record(ref)
        assert record is not None
        self.store._records[ref] = replace(record, trouble=trouble)
        return task

    def fail(self, *names: str, account: str = "main", outcome: PollOutcome = FAILED) -> None:
        """Add tasks whose polls have failed for as long as it takes to be an alarm, up to now."""
        self.now -= STALE_PENDING
        for name in names:
            self.task(name, outcome, account=account)
        self.now += STALE_PENDING
        for name in names:
            self.task(name, outcome, account=account)

    def page(self) -> Page:
        """Make what a scrape is answered with."""
        return Page(self.renderer, CollectorRegistry())

    def overview(self, **query: str) -> Overview:
        """Put the overview together."""
        survey = Survey(self.now)
        survey.take(self.store.records())
        return overview.make_overview(
            Question.read(query), survey, self.store.accounts(), self.facts, lambda _: 12.0, self.notices
        )

    def verdict(self) -> tuple[str, Tone]:
        """Return the verdict's word and the rest of it in words, and its tone."""
        said = self.overview().verdict
        return f"{ENGLISH(said.word)}. {'; '.join(map(ENGLISH, said.rest))}", said.tone

    def worst(self) -> str:
        """Return the worst in words: the task's name, unless several share the cause, and what is wrong."""
        said = self.overview().verdict
        assert said.what is not None
        name = f"{said.worst.record.status.task.name}: " if isinstance(said.worst, Glance) else ""
        return name + ENGLISH(said.what)

    def names(self, **query: str) -> list[str]:
        """Return the names of the tasks that are shown."""
        view = self.overview(**query)
        return [row.seen.record.status.task.name for row in view.rows] + [each.task.name for each in view.hidden]

    def find(self, account: str, task: str) -> object:
        """Find a task."""
        accounts = {name: FakeAccount(facts) for name, facts in self.facts.items()}
        return detail.find(FakeExporter(self.store, accounts), account, task)

    def detail(self, task: Task) -> Detail:
        """Put a task's page together."""
        record = self.store.record(task.ref)
        assert record is not None
        return detail.make_detail(record, self.page(), 12.0, self.now, is_account_down=False)

    def why_not(self, task: Task) -> dict[str, str]:
        """Return why each metric that is not there is not, in words."""
        return {name: ENGLISH(reason) for reason, names in self.detail(task).absent for name in names}
