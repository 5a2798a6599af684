"""The pages as values: what they say of a store, without HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.store import UNCHANGED, AccountStatus, PollOutcome, Store, WindowReading
from exporter.polling.discovery import Choice, HidingRule
from exporter.polling.facts import AccountFacts
from exporter.web.pages import detail, overview
from exporter.web.pages.account_rows import Tone
from exporter.web.pages.detail import Detail, Missing
from exporter.web.pages.judging import Standing, Survey
from exporter.web.pages.language import Speaker
from exporter.web.pages.overview import PER_PAGE, Overview
from exporter.web.pages.question import Question, Show, Sort
from tests.support.exporter import FakeAccount, FakeExporter

NOW, INTERVAL, STALE_AFTER = 1_751_000_000.0, 60.0, 300.0
ENGLISH = Speaker("en", ZoneInfo("Asia/Shanghai"))
FAILED = PollOutcome(failure=Failure("timeout", "no whole answer in time"))
REFUSED = Failure("http_401", "the platform answered HTTP 401 Unauthorized")


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
class House:
    """A store that a test fills, and the pages of it. The accounts are up, unless a test says otherwise."""

    now: float = NOW
    facts: dict[str, AccountFacts] = field(default_factory=dict)
    renderer: TaskRenderer = field(default_factory=TaskRenderer)

    def __post_init__(self) -> None:
        """Make the store."""
        self.store = Store(self.renderer, lambda: self.now, STALE_AFTER)
        self.account()

    def account(self, name: str = "main", *, up: bool | None = True, **more: object) -> None:
        """Lay in an account."""
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
    ) -> Task:
        """Lay in a task of a name, by which it has its id, and what a poll brought of it; nothing: it was not polled."""
        ref = TaskRef(account, f"{sum(map(ord, name)):08x}-0000-4000-8000-000000000000")
        task = Task(ref, min_answer_ratio=0.2, name=name, generation="2", state=state)
        self.store.know(task, INTERVAL if polled else None)
        if outcome is not None:
            outcome = PollOutcome(outcome) if isinstance(outcome, TaskStats) else outcome
            self.store.settle(task, outcome, INTERVAL, 0.25)
        return task

    def page(self) -> Page:
        """Make what a scrape is answered with."""
        return Page(self.renderer, CollectorRegistry())

    def overview(self, **query: str) -> Overview:
        """Put the overview together."""
        survey = Survey(self.now)
        survey.take(self.store.records())
        return overview.put_together(Question.read(query), survey, self.store.accounts(), self.facts, lambda _: 12.0)

    def verdict(self) -> tuple[str, Tone]:
        """Return the verdict in words, and its tone."""
        view = self.overview()
        return "; ".join(map(ENGLISH, view.verdict)), view.tone

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
        return detail.put_together(record, self.page(), 12.0, self.now, is_account_down=False)

    def why_not(self, task: Task) -> dict[str, str]:
        """Return why each metric that is not there is not, in words."""
        return {name: ENGLISH(reason) for reason, names in self.detail(task).absent for name in names}


@pytest.fixture
def house() -> House:
    """Return a house with one account that is up, and no task."""
    return House()


def test_the_verdict_counts_what_needs_a_look(house: House) -> None:
    """Tasks first, then the accounts: one sentence by plain rules."""
    assert house.verdict() == ("no task is polled; the account is being polled", Tone.MUTED)
    house.task("a")
    assert house.verdict() == (
        "the first round of polls is under way, 1 task to go; the account is being polled",
        Tone.MUTED,
    )
    house.task("a", stats(0.5))
    assert house.verdict() == (
        "none of 1 running task is below its answer-rate threshold; the account is being polled",
        Tone.GOOD,
    )
    house.task("b", stats(0.1))
    assert house.verdict() == (
        "1 of 2 running tasks is below its answer-rate threshold; the account is being polled",
        Tone.WARN,
    )
    house.task("c", FAILED)
    assert house.verdict() == (
        "1 task cannot be read; 1 of 2 running tasks is below its answer-rate threshold; the account is being polled",
        Tone.BAD,
    )
    house.now += INTERVAL + STALE_AFTER + 1
    assert house.verdict() == ("1 task cannot be read; 2 tasks are overdue; the account is being polled", Tone.BAD)


@pytest.mark.parametrize(
    ("outcome", "state", "standing"),
    [
        (None, TaskState.RUNNING, Standing.NEW),
        (FAILED, TaskState.RUNNING, Standing.FAILING),
        (stats(0.1), TaskState.RUNNING, Standing.LOW),
        (stats(0.1), TaskState.UNKNOWN, Standing.LOW),
        (stats(0.1), TaskState.PAUSED, Standing.WELL),
        (stats(0.1), TaskState.WAITING, Standing.WELL),
        (stats(0.1, calls=29), TaskState.RUNNING, Standing.WELL),
        (stats(0.1, calls=30), TaskState.RUNNING, Standing.LOW),
        (stats(0.1, progress=1.0), TaskState.RUNNING, Standing.WELL),
        (stats(0.2), TaskState.RUNNING, Standing.WELL),
        (stats(None), TaskState.RUNNING, Standing.WELL),
    ],
)
def test_a_task_is_judged_by_plain_rules(
    house: House, outcome: PollOutcome | None, state: TaskState, standing: Standing
) -> None:
    """A low answer rate counts while calls are to be expected, and from 30 calls on."""
    house.task("a", outcome, state)
    assert house.overview().rows[0].seen.standing is standing


def test_numbers_are_those_of_the_last_reading(house: House) -> None:
    """What a row shows is what is on /metrics; an answer that is unchanged leaves it as it is."""
    task = house.task("a", stats(0.25, calls=400, progress=0.125, waiting=3, connected=100, code_17=1))
    house.store.settle(task, PollOutcome(UNCHANGED), INTERVAL)
    (row,) = house.overview().rows
    assert (row.seen.calls, row.seen.answer_ratio, row.seen.progress) == (400, 0.25, 0.125)
    assert row.seen.numbers == {"waiting": 3, "connected": 100, "code_17": 1}


def test_what_was_not_told_is_not_made_up(house: House) -> None:
    """Without numbers there are none, not zeros."""
    house.task("a", TaskStats())
    (row,) = house.overview().rows
    assert (row.seen.calls, row.seen.answer_ratio, row.seen.progress, row.seen.numbers) == (None, None, None, {})


def fill(house: House) -> None:
    """Lay in tasks of all standings."""
    house.task("fine", stats(0.9, calls=50))
    house.task("better", stats(0.95, calls=40, progress=0.1))
    house.task("low", stats(0.1, calls=300))
    house.task("lower", stats(0.05, calls=200))
    house.task("broken", FAILED)
    house.task("new")
    house.task("paused", state=TaskState.PAUSED, polled=False)
    leaving = house.task("leaving", stats(0.5))
    house.store.miss(leaving.ref)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", ["broken", "lower", "low", "new", "fine", "better", "leaving", "paused"]),
        ("-worst", ["paused", "leaving", "better", "fine", "new", "low", "lower", "broken"]),
        ("name", ["better", "broken", "fine", "leaving", "low", "lower", "new", "paused"]),
        ("-name", ["paused", "new", "lower", "low", "leaving", "fine", "broken", "better"]),
        ("nonsense", ["broken", "lower", "low", "new", "fine", "better", "leaving", "paused"]),
    ],
)
def test_tasks_are_sorted(house: House, sort: str, names: list[str]) -> None:
    """The worst first, or by a column, or the other way round."""
    fill(house)
    assert house.names(sort=sort) == names


def test_columns_sort_by_their_values(house: House) -> None:
    """Answer rate, progress, calls, age and state go by value, what has none at the end that says least."""
    fill(house)
    assert house.names(sort="answer")[:4] == ["lower", "low", "leaving", "fine"]
    assert house.names(sort="-progress")[-4] == "better"
    assert house.names(sort="-numbers")[:4] == ["leaving", "low", "lower", "fine"]
    assert house.names(sort="state")[-1] == "paused"
    house.now += 5
    house.task("fine", stats())
    assert house.names(sort="-age")[0] == "fine"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "LOW"}, ["lower", "low"]),
        ({"q": "00000152"}, ["low"]),
        ({"show": "look"}, ["broken", "lower", "low"]),
        ({"show": "unpolled"}, ["leaving", "paused", "hidden"]),
        ({"state": "paused"}, ["paused"]),
        ({"state": "nonsense", "q": "fine"}, ["fine"]),
        ({"account": "other"}, []),
        ({"q": "hidd"}, ["hidden"]),
        ({"q": "hidd", "show": "look"}, []),
        ({"q": "hidd", "account": "other"}, []),
        ({"show": "unpolled", "state": "waiting"}, ["hidden"]),
    ],
)
def test_tasks_are_filtered(house: House, query: dict[str, str], names: list[str]) -> None:
    """By text in name or id, account, state and need; hidden tasks are found by a text and among those not polled."""
    fill(house)
    hidden = Choice(
        Task(TaskRef("main", "f" * 8), min_answer_ratio=0.2, name="hidden", state=TaskState.WAITING),
        "",
        HidingRule.MAX_TASKS,
    )
    house.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden={"f" * 8: hidden}, hidden_total=1)
    assert house.names(**query) == names


def test_a_task_of_another_shard_is_found_but_not_counted_as_unpolled(house: House) -> None:
    """Another exporter polls it: who looks for it finds it, who looks for tasks that nobody polls does not."""
    elsewhere = Choice(Task(TaskRef("main", "f" * 8), min_answer_ratio=0.2, name="elsewhere"), "", HidingRule.SHARD)
    house.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden={"f" * 8: elsewhere}, hidden_total=1)
    assert house.names(show="unpolled") == []
    assert house.names(q="elsewhere") == ["elsewhere"]


def test_pages_are_cut_on_the_server(house: House) -> None:
    """Fifty tasks a page, hidden ones after the others; a page past the last is the last."""
    for index in range(120):
        house.task(f"{'x' * index}", stats())
    hidden = {
        str(i): Choice(Task(TaskRef("main", str(i)), min_answer_ratio=0.2, name="x"), "", HidingRule.INCLUDE)
        for i in range(7)
    }
    house.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden=hidden, hidden_total=7)
    counts = {page: house.overview(page=page, q="x") for page in ("1", "2", "3", "99", "-1", "x", "9" * 30)}
    assert [(len(view.rows), len(view.hidden), view.first) for view in counts.values()] == [
        (50, 0, 1),
        (50, 0, 51),
        (19, 7, 101),
        (19, 7, 101),
        (50, 0, 1),
        (50, 0, 1),
        (50, 0, 1),
    ]
    assert {(view.total, view.pages, view.known) for view in counts.values()} == {(126, 3, 120)}
    assert PER_PAGE == 50


def test_a_question_is_read_from_its_own_links() -> None:
    """A link leads back to the question it was made of; the default is the bare path."""
    asked = Question("a&b=<c>", "main / 1", "paused", Show.LOOK, Sort.AGE, descending=True, page=3)
    assert asked.link() == "./?q=a%26b%3D%3Cc%3E&account=main+%2F+1&state=paused&show=look&sort=-age&page=3"
    assert Question().link() == "./"
    assert Question().sorted_by(Sort.NAME) == "./?sort=name"
    assert Question(sort=Sort.NAME).sorted_by(Sort.NAME) == "./?sort=-name"
    assert Question(sort=Sort.NAME, descending=True, page=4).sorted_by(Sort.NAME) == "./?sort=name"
    assert len(Question.read({"q": "x" * 10_000, "account": "y" * 10_000}).link()) < 500


@given(st.dictionaries(st.sampled_from(["q", "account", "state", "show", "sort", "page"]), st.text()))
def test_whatever_is_asked_is_a_question(query: dict[str, str]) -> None:
    """Nonsense counts as not asked, and the link to a question asks the same."""
    asked = Question.read(query)
    assert Question.read(dict(parse_qsl(urlsplit(asked.link()).query))) == asked


@pytest.mark.parametrize(
    ("status", "facts", "words", "tone"),
    [
        ({}, {}, [], Tone.GOOD),
        ({"up": None}, {}, [], Tone.MUTED),
        ({"up": False, "failure": REFUSED}, {}, ["The platform does not accept the token."], Tone.BAD),
        ({"up": False, "failure": Failure("connect", "x")}, {}, ["The platform cannot be reached."], Tone.BAD),
        (
            {"up": False, "failure": REFUSED, "token_expiry": NOW - 7200},
            {"held_seconds": 40},
            ["The token expired 2 h ago.", "Calls are paused for another 40 s."],
            Tone.BAD,
        ),
        ({"token_expiry": NOW + 3 * 86_400}, {}, ["The token expires in 3 days."], Tone.WARN),
        ({"token_expiry": NOW + 8 * 86_400}, {}, [], Tone.GOOD),
        (
            {},
            {"discovery_failure": Failure("http_5xx", "x")},
            ["Discovery fails; the previous list stays in use"],
            Tone.WARN,
        ),
        ({}, {"calls_needed": 600}, ["The quota is too small: all intervals are stretched 2.0 times."], Tone.WARN),
        ({"tasks_left_out": 1}, {}, ["1 task is not polled because the account is over its max_tasks."], Tone.WARN),
    ],
)
def test_an_account_s_troubles_are_said_in_words(
    house: House, status: Mapping[str, object], facts: Mapping[str, object], words: list[str], tone: Tone
) -> None:
    """What is wrong, the worst first, and what to do; what is well is not mentioned."""
    house.account(**{"up": True, **status})  # type: ignore[arg-type]  # as the row says
    house.facts["main"] = AccountFacts(**{"calls_needed": 30, "calls_allowed": 300, **facts})  # type: ignore[arg-type]
    (row,) = house.overview().accounts
    said = [ENGLISH(problem.words) for problem in row.problems]
    assert len(said) == len(words)
    assert all(text.startswith(start) for text, start in zip(said, words, strict=True))
    assert row.tone is tone


def test_accounts_in_trouble_come_first_and_are_named(house: House) -> None:
    """One is named in the verdict, several are counted."""
    house.task("a", stats())
    house.account("second", up=False, failure=REFUSED)
    assert [row.name for row in house.overview().accounts] == ["second", "main"]
    assert house.verdict()[0].endswith("; account second cannot use the platform")
    house.account("third", up=False, failure=REFUSED)
    assert house.verdict() == (
        "none of 1 running task is below its answer-rate threshold; 2 of 3 accounts cannot use the platform",
        Tone.BAD,
    )


def test_an_overdue_task_is_laid_to_its_account_if_that_is_down(house: House) -> None:
    """Numbers that left /metrics are explained by the account that is not served, else by the quota."""
    house.task("a", stats())
    house.now += INTERVAL + STALE_AFTER + 1
    (row,) = house.overview().rows
    assert row.problem is not None
    assert "quota" in ENGLISH(row.problem)
    house.account(up=False, failure=REFUSED)
    (row,) = house.overview().rows
    assert row.problem is not None
    assert "its account cannot use the platform" in ENGLISH(row.problem)


def test_a_task_s_page_has_the_very_lines_of_metrics(house: House) -> None:
    """The lines are those of a scrape, and every value of them is shown."""
    task = house.task('回访\n"}', PollOutcome(stats(0.25, connected=7), (WindowReading("today", stats(0.5), NOW + 9),)))
    other = house.task("other", stats())
    scrape = b"".join(house.page().pieces(house.store.records(), house.now, openmetrics=False)).decode().splitlines()
    view = house.detail(task)
    mine = [line for line in scrape if task.ref.id in line]
    assert [line for line in view.lines.splitlines() if not line.startswith("#")] == mine
    assert other.ref.id not in view.lines
    assert sum(len(each.samples) for each in view.present) == len(mine)
    samples = {
        (each.name, *sorted(sample.labels.items())): sample.value for each in view.present for sample in each.samples
    }
    own = (("account", "main"), ("task", task.ref.id))
    assert samples["yunfu_task_numbers", own[0], ("status", "connected"), own[1]] == 7
    assert samples["yunfu_task_window_answer_ratio", *own, ("window", "today")] == 0.5
    assert any(label == ("name", '回访\n"}') for key in samples for label in key[1:])


def test_a_task_s_page_shows_its_last_polls(house: House) -> None:
    """The newest first, with time, duration and reason."""
    task = house.task("a", stats())
    house.now += 60
    house.store.settle(task, FAILED, INTERVAL, 10.0)
    assert [(poll.at, poll.seconds, poll.reason) for poll in house.detail(task).polls] == [
        (NOW + 60, 10.0, "timeout"),
        (NOW, 0.25, ""),
    ]


def test_why_a_series_is_not_there_is_said(house: House) -> None:
    """Each metric without a sample has its reason, and those with samples have none."""
    fresh = house.task("fresh", TaskStats(answered=1, numbers={"connected": 1}, unread={"answer_rate.taskProgress": 2}))
    why = house.why_not(fresh)
    assert "yunfu_task_answered_calls" not in why
    assert why["yunfu_task_answer_ratio"] == "The platform's last answer did not contain it."
    assert "answer_rate.taskProgress" in why["yunfu_task_progress_ratio"]
    assert why["yunfu_task_llm_tag_calls"] == "The platform's last answer lists none."
    assert why["yunfu_task_concurrency_limit"].startswith("The platform's list does not contain it")
    assert why[detail.WINDOWS] == "No window is configured (windows)."

    new = house.task("new")
    assert set(house.why_not(new).values()) == {"It has not been polled yet.", "No poll has worked yet."}
    paused = house.task("paused", polled=False)
    assert house.why_not(paused)["yunfu_task_answer_ratio"] == "The task is not polled."
    house.now += INTERVAL + STALE_AFTER + 1
    assert house.why_not(fresh)["yunfu_task_answered_calls"] == "The numbers were too old to be shown."
    assert "yunfu_task_up" not in house.why_not(fresh)


def test_what_is_on_metrics_is_said_in_a_sentence(house: House) -> None:
    """Fresh, new, never read, not polled, stale, leaving and gone each have their answer."""
    fresh, new, failed = house.task("a", stats()), house.task("b"), house.task("c", FAILED)
    paused = house.task("d", polled=False, state=TaskState.PAUSED)
    leaving = house.task("e", stats())
    house.store.miss(leaving.ref)
    answers = {task.name: ENGLISH(house.detail(task).answer) for task in (fresh, new, failed, paused, leaving)}
    assert answers["a"].startswith("Everything the platform reported 0 s ago is on /metrics: 16 series.")
    assert answers["b"].startswith("The task has not been polled yet")
    assert answers["c"].startswith("No poll of the task has worked yet")
    assert "discovery.states does not include paused" in answers["d"]
    assert answers["e"].endswith("all of it leaves /metrics in 5 min.")
    house.now += INTERVAL + STALE_AFTER + 60
    assert ENGLISH(house.detail(fresh).answer).startswith("The statistics left /metrics 1 min ago")
    assert ENGLISH(house.detail(leaving).answer).startswith("Nothing of this task is on /metrics any more")
    assert house.detail(leaving).lines == ""


def test_an_unknown_task_is_explained(house: House) -> None:
    """Unknown account, a task elsewhere, discovery off, not listed, too many hidden: each has its sentence."""
    task = house.task("a", stats(), account="second")
    unknown = "0" * 8

    def said(account: str, task: str) -> str:
        missing = house.find(account, task)
        assert isinstance(missing, Missing)
        return " ".join(map(ENGLISH, missing.sentences))

    assert said("x", unknown) == "No account is called “x”. Configured: main."
    assert said("main", unknown).endswith("only the tasks that the configuration lists are polled.")
    missing = house.find("main", task.ref.id)
    assert isinstance(missing, Missing)
    assert missing.elsewhere == [task.ref]
    house.account(discovery_interval=60.0)
    assert said("main", unknown).endswith("lists have not been read yet.")
    house.account(discovery_interval=60.0, discovery_last_success=NOW - 30)
    house.facts["main"] = AccountFacts(
        calls_needed=30, calls_allowed=300, discovery_failure=Failure("timeout", "x"), hidden_total=5
    )
    text = said("main", unknown)
    assert "read 30 s ago, do not have it" in text
    assert "did not answer in time" in text
    assert "one of 5 tasks" in text


def test_a_hidden_task_is_found(house: House) -> None:
    """A task that a setting leaves out is known by its id."""
    hidden = Choice(Task(TaskRef("main", "f" * 8), min_answer_ratio=0.2, name="hidden"), "", HidingRule.EXCLUDE)
    house.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden={"f" * 8: hidden}, hidden_total=1)
    assert house.find("main", "f" * 8) is hidden


def test_what_needs_a_look_comes_first() -> None:
    """The standings that need a look are the worst ones."""
    assert [standing.needs_look for standing in sorted(Standing)] == [True] * 3 + [False] * 4
