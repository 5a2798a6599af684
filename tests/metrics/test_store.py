from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.metrics.recent_calls import trend
from exporter.metrics.records import (
    UNCHANGED,
    AccountStatus,
    CountedStats,
    Lines,
    PollOutcome,
    TaskRecord,
    TaskStatus,
    WindowStats,
)
from exporter.metrics.store import Store

NOW = 1000.0
INTERVAL = 60.0
STALE_AFTER = 300.0
REF = TaskRef("main", "61551b2c-e3f3-4707-b4ed-f362f0925e03")
TASK = Task(REF, min_answer_ratio=0.2, name="first", labels=("team",))
FAILED = PollOutcome(failure=Failure("timeout", "no answer"))
MISSING = PollOutcome(failure=Failure("http_404", "no such task", missing=True))


@dataclass
class FakeRenderer:
    """Renders what it is given as a short text, and remembers the last reading and what it could have used again."""

    mark: str = ""
    reading_seen: CountedStats | None = field(default=None)
    reusable: list[bool] = field(default_factory=list)

    def status(self, status: TaskStatus, before: TaskRecord | None = None) -> Lines:
        """Name the task, and remember whether the lines of what is fixed could be used again."""
        self.reusable.append(before is not None and before.status.task is status.task)
        return (f"{self.mark}{status.task.name}".encode(),)

    def stats(self, ref: TaskRef, counted: CountedStats) -> Lines:
        """Tell the count of answered calls."""
        assert ref == REF
        self.reading_seen = counted
        return (f"{self.mark}{counted.stats.answered}".encode(),)

    def window(self, ref: TaskRef, window: str, stats: TaskStats) -> Lines:
        """Tell the count of answered calls in the window."""
        assert ref == REF
        return (f"{self.mark}{window} {stats.answered}".encode(),)


@dataclass
class StoreInTime:
    """A store with a clock that can be set."""

    now: float = NOW
    renderer: FakeRenderer = field(default_factory=FakeRenderer)

    def __post_init__(self) -> None:
        """Make the store."""
        self.store = Store(self.renderer, lambda: self.now, STALE_AFTER)

    def record_poll(self, outcome: PollOutcome, at: float, interval: float = INTERVAL) -> bool:
        """Record an outcome at a time."""
        self.now = at
        return self.store.record_poll(TASK, outcome, interval)

    @property
    def record(self) -> TaskRecord:
        """What is known of the task."""
        record = self.store.record(REF)
        assert record is not None
        return record

    @property
    def calls(self) -> Mapping[str, int]:
        """The counters of calls as they were last rendered."""
        assert self.renderer.reading_seen is not None
        return dict(self.renderer.reading_seen.calls)


@pytest.fixture
def kept() -> StoreInTime:
    """Return an empty store at NOW."""
    return StoreInTime()


def _read(answered: int, *windows: WindowStats) -> PollOutcome:
    return PollOutcome(TaskStats(answered=answered), windows)


def _window(name: str, answered: int, expires: float = float("inf")) -> WindowStats:
    return WindowStats(name, TaskStats(answered=answered), expires)


def test_statistics_are_fresh_until_a_success_is_overdue(kept: StoreInTime) -> None:
    """Up to the interval and ``stale_after`` past the last success they are shown, a moment later not."""
    kept.record_poll(_read(1), NOW)
    boundary = NOW + INTERVAL + STALE_AFTER
    assert kept.record.is_fresh(boundary)
    assert not kept.record.is_fresh(boundary + 0.001)
    kept.record_poll(FAILED, boundary)
    assert not kept.record.is_fresh(boundary + 0.001)
    kept.store.put_task(TASK, 900)  # an idle task is not overdue so soon
    assert kept.record.is_fresh(NOW + 900 + STALE_AFTER)


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ([(600, 60)], 660),
        ([(600, 60), (630, 61)], 660),
        ([(600, 60), (650, 900)], 900),
        ([(10, 1800)], 1800),
        ([(899, 60)], 900),
        ([(600, None)], 900),
        ([(600, None), (800, 60)], 860),
    ],
)
@pytest.mark.parametrize("polled", [False, True], ids=["listed", "failed"])
def test_a_changed_interval_makes_no_success_overdue(
    kept: StoreInTime, changes: list[tuple[float, float | None]], due: float, *, polled: bool
) -> None:
    """A shorter interval counts from the change, a longer one from the success, none leaves what was due; so do windows."""
    kept.record_poll(_read(1, _window("today", 1)), NOW, interval=900)
    for at, interval in changes:
        if polled and interval is not None:
            kept.record_poll(FAILED, NOW + at, interval)
        else:
            kept.now = NOW + at
            kept.store.put_task(TASK, interval)
    boundary = NOW + due + STALE_AFTER
    for at, is_shown in ((boundary, True), (boundary + 0.001, False)):
        assert kept.record.is_fresh(at) is is_shown
        assert list(kept.record.fresh_windows(at)) == [(b"today 1",)] * is_shown
    assert (kept.record.status.last_success, kept.record.status.interval) == (NOW, changes[-1][1])


def test_a_task_without_a_success_is_not_fresh(kept: StoreInTime) -> None:
    """Neither a task that is only known nor one whose polls have all failed has statistics."""
    kept.store.put_task(TASK, INTERVAL)
    assert not kept.record.is_fresh(NOW)
    kept.record_poll(FAILED, NOW)
    assert not kept.record.is_fresh(NOW)


def test_a_failure_keeps_what_was_read_before(kept: StoreInTime) -> None:
    """The last good statistics, windows and time of success stay; up and the error are the failure's."""
    kept.record_poll(_read(7, _window("today", 3)), NOW)
    kept.record_poll(FAILED, NOW + 60)
    record = kept.record
    assert (record.status.up, record.status.failure, record.status.last_success) == (False, FAILED.failure, NOW)
    assert record.stats_lines == (b"7",)
    assert list(record.fresh_windows(NOW + 60)) == [(b"today 3",)]
    kept.record_poll(_read(8), NOW + 120)
    record = kept.record
    assert (record.status.up, record.status.failure, record.status.last_success) == (True, None, NOW + 120)
    assert record.stats_lines == (b"8",)


def test_a_poll_that_failed_half_way_keeps_what_it_brought(kept: StoreInTime) -> None:
    """The whole life was read and one window was not: the new numbers stand, that window's old ones too, up is 0."""
    kept.record_poll(_read(1, _window("today", 1), _window("1h", 1)), NOW)
    half = replace(_read(2, _window("today", 2)), failure=Failure("timeout", "no answer"))
    assert kept.record_poll(half, NOW + 60)
    record = kept.record
    assert (record.status.up, record.status.last_success, record.stats_lines) == (False, NOW + 60, (b"2",))
    assert list(record.fresh_windows(NOW + 60)) == [(b"today 2",), (b"1h 1",)]


def test_a_window_is_shown_until_it_moves_on_or_is_overdue(kept: StoreInTime) -> None:
    """At its end a window says nothing any more; before that it goes stale like the other statistics, by itself."""
    kept.record_poll(_read(1, _window("today", 1, expires=NOW + 100), _window("1h", 2)), NOW)
    boundary = NOW + INTERVAL + STALE_AFTER
    shown = [(99.9, [(b"today 1",), (b"1h 2",)]), (100.0, [(b"1h 2",)]), (boundary - NOW, [(b"1h 2",)])]
    for after, lines in shown:
        assert list(kept.record.fresh_windows(NOW + after)) == lines
    kept.record_poll(_read(2), boundary)
    assert kept.record.is_fresh(boundary + 1)
    assert not list(kept.record.fresh_windows(boundary + 0.001))


def test_settle_tells_whether_the_counts_moved(kept: StoreInTime) -> None:
    """At first sight and growth, after a fall too, yes; at the same count, a fall and a failure no."""
    outcomes = [FAILED, _read(1), _read(1), FAILED, _read(1), _read(3), _read(0), _read(1)]
    moved = [False, True, False, False, False, True, False, True]
    assert [kept.record_poll(outcome, NOW) for outcome in outcomes] == moved


def test_an_unchanged_answer_is_a_success_with_the_statistics_of_before(kept: StoreInTime) -> None:
    """It brings the task up and puts off what is due and when the window ends; lines and counters stay as they are."""
    kept.record_poll(_read(7), NOW - 60)
    kept.record_poll(_read(9, _window("today", 3, expires=NOW + 90)), NOW)
    kept.record_poll(MISSING, NOW + 30)
    lines, rendered = kept.record.stats_lines, kept.renderer.reading_seen
    assert kept.record_poll(PollOutcome(UNCHANGED, (WindowStats("today", UNCHANGED, NOW + 900),)), NOW + 60) is False
    assert kept.record.status == TaskStatus(
        TASK, interval=INTERVAL, up=True, last_success=NOW + 60, due=NOW + 60 + INTERVAL
    )
    assert kept.record.stats_lines is lines
    assert kept.renderer.reading_seen is rendered
    assert kept.record.is_fresh(NOW + 60 + INTERVAL + STALE_AFTER)
    assert list(kept.record.fresh_windows(NOW + 60 + INTERVAL + STALE_AFTER)) == [(b"today 3",)]
    kept.record_poll(_read(12), NOW + 120)
    assert kept.calls == {"answered": 5}


def test_counters_survive_failures_and_end_with_the_task(kept: StoreInTime) -> None:
    """Growth over an outage is counted; a task that was forgotten starts at 0 again."""
    for outcome in (_read(10), _read(12), FAILED, MISSING, _read(15)):
        kept.record_poll(outcome, NOW)
    assert kept.calls == {"answered": 5}
    kept.store.forget(REF)
    assert kept.store.record(REF) is None
    kept.record_poll(_read(20), NOW)
    assert kept.calls == {"answered": 0}


def test_a_changed_stale_after_holds_for_what_is_known_already(kept: StoreInTime) -> None:
    """A changed ``stale_after`` judges the tasks that were polled before the change."""
    kept.record_poll(_read(1), NOW)
    at = NOW + INTERVAL + STALE_AFTER + 1
    assert not kept.record.is_fresh(at)
    kept.store.set_stale_after(STALE_AFTER + 1)
    assert kept.record.is_fresh(at)


def test_a_denied_task_is_gone_once_that_has_lasted(kept: StoreInTime) -> None:
    """It leaves ``stale_after`` past the first denial in a row, also if it was never read; any other answer ends the row."""
    kept.record_poll(MISSING, NOW)
    kept.record_poll(MISSING, NOW + 200)
    assert not kept.record.is_gone(NOW + STALE_AFTER)
    assert kept.record.is_gone(NOW + STALE_AFTER + 0.001)
    kept.store.put_task(TASK, INTERVAL)  # that it is listed does not help while its polls say otherwise
    assert kept.record.is_gone(NOW + STALE_AFTER + 0.001)
    kept.record_poll(_read(1), NOW + 400)
    assert not kept.record.is_gone(NOW + 10_000)


@pytest.mark.parametrize("interval", [INTERVAL, None], ids=["polled", "not polled"])
def test_a_task_that_is_no_longer_listed_is_gone_until_it_is_listed_again(
    kept: StoreInTime, interval: float | None
) -> None:
    """The first miss counts; a task that comes back, polled or not, is there again with what was read of it."""
    kept.record_poll(_read(1), NOW)
    kept.store.mark_missing(REF)
    assert kept.record.status.interval is None
    kept.now = NOW + 200
    kept.store.mark_missing(REF)
    assert not kept.record.is_gone(NOW + STALE_AFTER)
    assert kept.record.is_gone(NOW + STALE_AFTER + 0.001)
    kept.store.put_task(TASK, interval)
    assert not kept.record.is_gone(NOW + 10_000)
    assert kept.record.stats_lines == (b"1",)


def test_a_denied_task_that_is_no_longer_polled_is_there_while_it_is_listed(kept: StoreInTime) -> None:
    """A task that answered 404 and is then listed as paused is shown as such."""
    kept.record_poll(MISSING, NOW)
    kept.store.put_task(TASK, None)
    assert not kept.record.is_gone(NOW + 10_000)


def test_an_unknown_task_is_not_missed(kept: StoreInTime) -> None:
    """To miss or forget what is not known changes nothing."""
    kept.store.mark_missing(REF)
    kept.store.forget(REF)
    assert kept.store.records() == []


def test_know_takes_up_new_facts_and_keeps_what_was_read(kept: StoreInTime) -> None:
    """A new name and interval are rendered at once; the statistics stay; the same facts again render nothing."""
    kept.record_poll(_read(1), NOW)
    kept.store.put_task(replace(TASK, name="second"), 900)
    before = kept.record
    assert (before.status.task.name, before.status.interval, before.status.up) == ("second", 900, True)
    assert (before.status_lines, before.stats_lines) == ((b"second",), (b"1",))
    for interval in (900, 908, 892):  # so small a change is left to the next poll
        kept.store.put_task(replace(TASK, name="second"), interval)
        assert kept.record is before
    kept.store.put_task(replace(TASK, name="second"), 910)
    assert kept.record.status.interval == 910


def test_what_is_fixed_by_a_task_is_rendered_once(kept: StoreInTime) -> None:
    """Its lines can be used again as long as the facts are the same, by the renderer that made them."""
    kept.record_poll(_read(1), NOW)
    kept.store.put_task(replace(TASK), 900)  # equal, and another object, as discovery brings it
    kept.record_poll(FAILED, NOW)
    kept.store.mark_missing(REF)
    kept.store.put_task(replace(TASK, name="second"), 900)
    assert kept.renderer.reusable == [False, True, True, True, False]
    kept.store.use(kept.renderer)
    assert kept.renderer.reusable[5:] == [False]


def test_a_snapshot_does_not_change(kept: StoreInTime) -> None:
    """What a reader took stays as it was when the next poll is recorded."""
    kept.record_poll(_read(1), NOW)
    (record,) = kept.store.records()
    snapshot = kept.store.records()
    kept.record_poll(_read(2), NOW + 60)
    kept.store.forget(REF)
    assert snapshot == [record]
    assert record.stats_lines == (b"1",)


def test_rendering_once_keeps_nothing(kept: StoreInTime) -> None:
    """A probe of any task is rendered without counters and without a trace in the store."""
    record = kept.store.render_once(TASK, _read(5, _window("today", 2)))
    assert record.stats_lines == (b"5",)
    assert list(record.fresh_windows(NOW)) == [(b"today 2",)]
    assert (record.status.up, record.status.last_success, record.status.interval) == (True, NOW, None)
    assert kept.renderer.reading_seen == CountedStats(TaskStats(answered=5), {}, {}, None)
    assert kept.store.records() == []
    assert kept.record_poll(_read(9), NOW)
    assert kept.calls == {"answered": 0}


def test_rendering_a_failure_once_shows_it_down(kept: StoreInTime) -> None:
    """A probe that failed has a status and no statistics."""
    record = kept.store.render_once(TASK, FAILED)
    assert (record.status.up, record.status.failure, record.status.last_success) == (False, FAILED.failure, None)
    assert record.stats_lines == ()
    assert not record.is_fresh(NOW)


def test_another_renderer_is_used_at_once(kept: StoreInTime) -> None:
    """The status is rendered anew without the old labels; the statistics follow at the next poll."""
    kept.record_poll(_read(1), NOW)
    kept.store.use(FakeRenderer("new "))
    assert (kept.record.status_lines, kept.record.stats_lines) == ((b"new first",), (b"1",))
    assert kept.record.status == replace(
        TaskStatus(TASK, interval=INTERVAL, up=True, last_success=NOW, due=NOW + INTERVAL),
        task=replace(TASK, labels=()),
    )
    kept.record_poll(_read(2), NOW + 60)
    assert (kept.record.status.task, kept.record.stats_lines) == (TASK, (b"new 2",))


def test_accounts_come_and_go_with_their_tasks(kept: StoreInTime) -> None:
    """An account that was never put has an empty status with its name; a forgotten one takes its tasks along and no others."""
    assert kept.store.account("main") == AccountStatus("main")
    for name in ("main", "other"):
        kept.store.put_account(AccountStatus(name, up=True))
        kept.store.put_task(replace(TASK, ref=REF._replace(account=name), state=TaskState.RUNNING), INTERVAL)
    kept.store.put_account(AccountStatus("main", up=False))
    assert [(status.name, status.up) for status in kept.store.accounts()] == [("main", False), ("other", True)]
    kept.store.forget_account("main")
    assert [status.name for status in kept.store.accounts()] == ["other"]
    assert [record.status.task.ref.account for record in kept.store.records()] == ["other"]
    assert [record.status.task.ref.account for record in kept.store.records()] == ["other"]


def test_a_shift_moves_all_and_renders_it(kept: StoreInTime) -> None:
    """Each task's lines follow its times and each account's status does, and all of them are to be saved."""
    kept.record_poll(_read(1), NOW)
    kept.store.put_account(AccountStatus("main", discovery_last_success=NOW))
    tasks: list[TaskRef] = []
    accounts: list[str] = []
    kept.store.task_changed, kept.store.account_changed = tasks.append, accounts.append
    kept.renderer.mark = "anew "
    kept.now += 3600
    kept.store.shift(3600)
    assert kept.record.status.last_success == NOW + 3600
    assert kept.record.status_lines == (b"anew first",)
    assert kept.record.stats_lines == (b"1",)
    assert kept.renderer.reusable[-1], "what is fixed by the task is not rendered again"
    assert kept.store.account("main").discovery_last_success == NOW + 3600
    assert (tasks, accounts) == ([REF], ["main"])


def test_a_task_that_is_paused_is_in_no_trouble(kept: StoreInTime) -> None:
    """A record carries what is wrong with the recent calls, from the list's word that the task is paused on no more."""
    for minute in range(20):
        stats = TaskStats(answered=minute, unanswered=20 * minute)
        kept.record_poll(PollOutcome(stats), at=60.0 * minute)
    assert kept.record.trouble is not None
    kept.store.put_task(replace(TASK, state=TaskState.PAUSED), INTERVAL)
    assert kept.record.trouble is None


def test_a_window_hidden_by_a_shift_may_be_unchanged(kept: StoreInTime) -> None:
    """A day that has not begun is hidden, and is back when its next reading brings the same figures for the right day."""
    half_past_midnight = 86_400.0 + 1800
    kept.record_poll(_read(1, _window("today", 5, expires=2 * 86_400)), half_past_midnight)
    kept.now -= 3600
    kept.store.shift(-3600)
    hidden = list(kept.record.fresh_windows(kept.now))
    kept.record_poll(PollOutcome(UNCHANGED, (WindowStats("today", UNCHANGED, 86_400),)), kept.now + 60)
    assert (hidden, list(kept.record.fresh_windows(kept.now))) == ([], [(b"today 5",)])


def test_of_one_outcome_alone_no_recent_calls_are_made(kept: StoreInTime) -> None:
    """Their share would be of nothing: neither while one outcome is missing, nor with what it has grown by meanwhile."""
    both = TaskStats(answered=10, unanswered=10)
    for minute, stats in enumerate((both, TaskStats(answered=30), TaskStats(answered=40, unanswered=90))):
        kept.record_poll(PollOutcome(stats), NOW + 60 * minute)
    assert [(each.calls, each.answered) for each in trend(kept.record.recent, kept.now) if each.calls] == []
    kept.record_poll(PollOutcome(TaskStats(answered=41, unanswered=93)), NOW + 180)
    assert [(each.calls, each.answered) for each in trend(kept.record.recent, kept.now) if each.calls] == [(4, 1)]
