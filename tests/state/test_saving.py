from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.poll_history import read_polls
from exporter.metrics.recent_calls import SIZE
from exporter.metrics.records import UNCHANGED, AccountStatus, PollOutcome, WindowStats
from exporter.metrics.store import Store
from exporter.state.saving import StoreSource
from exporter.state.state_file import SavedState, StateFile
from exporter.state.state_writer import Changes
from tests.support.clock import Clock
from tests.support.state import ref

NOW = 1_751_000_000.5
TASK = Task(
    ref(),
    min_answer_ratio=0.3,
    name="老客户回访",
    generation="1",
    state=TaskState.RUNNING,
    labels=("retention",),
    created=1_750_000_000.0,
)
STATS = TaskStats(answered=61, unanswered=6, numbers={"busy": 3}, unread={"rounds": 1})


class Exporter:
    """A store with its source, from a start to a stop."""

    def __init__(self, now: float = NOW, labels: tuple[str, ...] = ("team",)) -> None:
        self.clock = Clock(now)
        self.renderer = TaskRenderer(labels)
        self.store = Store(self.renderer, self.clock, 300.0)
        self.source = StoreSource(self.store)

    def poll(self, stats: TaskStats, *windows: WindowStats, task: Task = TASK) -> bool:
        """Settle a poll that worked."""
        return self.store.record_poll(task, PollOutcome(stats, windows), 60.0, 0.25)

    def state(self) -> SavedState:
        """Return what is saved of what changed."""
        changes = self.source.take_changes()
        tasks = [self.source.saved_task(ref) for ref in sorted(changes.tasks)]
        accounts = [self.source.saved_account(name) for name in sorted(changes.accounts)]
        return SavedState([task for task in tasks if task], [account for account in accounts if account])

    def page(self) -> str:
        """Return the page."""
        page = Page(self.renderer, CollectorRegistry())
        return b"".join(page.pieces(self.store.records(), self.clock(), openmetrics=False)).decode()


def restarted(state: SavedState, now: float = NOW, labels: tuple[str, ...] = ("team",)) -> Exporter:
    """Start an exporter from what another has saved; it wants all tasks."""
    exporter = Exporter(now, labels)
    exporter.source.restore(state, lambda _: True)
    return exporter


@pytest.fixture
def before() -> Exporter:
    """Return an exporter that has polled a task, with a window, twice and failed once."""
    exporter = Exporter()
    exporter.poll(STATS, WindowStats("15m", STATS, NOW + 900))
    exporter.clock.now += 60
    exporter.poll(replace(STATS, answered=70), WindowStats("15m", UNCHANGED, NOW + 960))
    exporter.clock.now += 60
    exporter.store.record_poll(TASK, PollOutcome(failure=Failure("http_404", "no such task", missing=True)), 60.0, 1.5)
    return exporter


def test_a_restart_changes_nothing_on_the_page(before: Exporter) -> None:
    """All lines of a task are there at once, with their true age, but for the labels that only the configuration knows."""
    page = before.page()
    assert 'yunfu_task_calls_total{account="main"' in page
    assert "yunfu_task_window_answered_calls" in page
    after = restarted(before.state(), now=before.clock.now)
    assert after.page() == page.replace('team="retention"', 'team=""')
    after.store.put_task(TASK, 60.0)
    assert after.page() == page


def test_what_is_not_on_the_page_comes_back_too(before: Exporter) -> None:
    """The polls, the failure, what could not be read, what was due and since when the task is missing are as they were."""
    after = restarted(before.state(), now=before.clock.now)
    old, new = before.store.record(TASK.ref), after.store.record(TASK.ref)
    assert old is not None
    assert new is not None
    assert list(read_polls(new.polls)) == list(read_polls(old.polls))
    assert new.stats == old.stats
    assert new.status == replace(old.status, task=replace(TASK, labels=()))
    assert new.status.missing_since == NOW + 120
    assert new.windows == old.windows
    assert len(new.recent) == SIZE
    assert new.recent == old.recent


def test_trouble_outlives_a_restart() -> None:
    """A task that was low is low at once, since the same moment, and goes on being judged by the hours before."""
    before = Exporter()
    for minute in range(60):
        before.clock.now += 60
        before.poll(replace(STATS, answered=61 + minute, unanswered=6 + 20 * minute))
    after = restarted(before.state(), now=before.clock.now + 60)
    record = after.store.record(TASK.ref)
    assert record is not None
    assert record.trouble is not None
    assert record.trouble.low is not None
    since = record.trouble.low.since
    after.poll(replace(STATS, answered=122, unanswered=1206))
    record = after.store.record(TASK.ref)
    assert record is not None
    assert record.trouble is not None
    assert record.trouble.low is not None
    assert record.trouble.low.since == since < NOW + 3600


def test_labels_may_be_others_after_a_restart(before: Exporter) -> None:
    """Label names that the configuration has changed meanwhile are empty until it names their values."""
    after = restarted(before.state(), labels=("region", "line"))
    assert 'region="",line=""' in after.page()


def test_counters_go_on_after_a_restart(before: Exporter) -> None:
    """Growth of while the exporter was away is counted once, with the first poll; a fall before it is a reset after it."""
    after = restarted(before.state(), now=NOW + 3600)
    assert after.poll(replace(STATS, answered=100))
    assert _calls(after) == (39.0, 0.0, 0.0)
    again = restarted(after.state(), now=NOW + 7200)
    assert not again.poll(replace(STATS, answered=100))
    assert _calls(again) == (39.0, 0.0, 0.0)
    for answered in (4, 5, 6):
        again.poll(replace(STATS, answered=answered, unanswered=0))
    last = restarted(again.state(), now=NOW + 7300)
    for answered in (7, 9):
        assert _calls(last) == (39.0, 0.0, 0.0)
        last.poll(replace(STATS, answered=answered, unanswered=0))
    assert _calls(last) == (44.0, 0.0, 1.0)


def _calls(exporter: Exporter) -> tuple[float, ...]:
    """Return the counters of answered and unanswered calls, and of resets."""
    lines = exporter.page().splitlines()
    starts = 'yunfu_task_calls_total{%s,outcome="answered"}', 'yunfu_task_calls_total{%s,outcome="unanswered"}'
    labels = f'account="main",task="{TASK.ref.id}"'
    names = [*(start % labels for start in starts), f"yunfu_task_resets_total{{{labels}}}"]
    return tuple(float(line.rpartition(" ")[2]) for name in names for line in lines if line.startswith(name))


def test_an_old_success_is_as_old_after_a_restart() -> None:
    """Statistics that have gone stale while the exporter was away are not shown; what lasts is."""
    exporter = Exporter()
    exporter.poll(STATS, WindowStats("15m", STATS, NOW + 86_400))
    page = restarted(exporter.state(), now=NOW + 3600).page()
    assert "yunfu_task_answered_calls" not in page
    assert "yunfu_task_window_answered_calls" not in page
    line = f'yunfu_task_last_success_timestamp_seconds{{account="main",task="{TASK.ref.id}"}} {NOW}'
    assert line in page.splitlines()


def test_what_was_saved_before_the_wall_clock_was_set_back_is_of_now(before: Exporter) -> None:
    """No time is in the future, so that statistics go stale in time, and everything is as far apart as it was."""
    before.store.put_account(
        AccountStatus("main", discovery_last_success=before.clock.now, lists_read=(before.clock.now - 5, "abc"))
    )
    now = before.clock.now - 3600
    after = restarted(before.state(), now=now)
    record = after.store.record(TASK.ref)
    assert record is not None
    assert (record.status.last_success, record.status.missing_since) == (now - 60, now)
    assert [poll.at for poll in read_polls(record.polls)] == [int(now) - 120, int(now) - 60, int(now)]
    assert "yunfu_task_answered_calls" in after.page()
    after.clock.now += 301
    assert "yunfu_task_answered_calls" not in after.page()
    assert after.store.account("main") == AccountStatus("main", discovery_last_success=now, lists_read=(now - 5, "abc"))


def test_a_task_that_was_only_listed_comes_back() -> None:
    """Neither statistics nor counters are made up for it."""
    listed = Exporter()
    listed.store.put_task(TASK, None)
    page = listed.page()
    after = restarted(listed.state())
    after.store.put_task(TASK, None)
    assert after.page() == page
    assert after.poll(STATS)
    assert _calls(after) == (0.0, 0.0, 0.0)


CHANGES: list[Callable[[Store], object]] = [
    lambda store: store.put_task(replace(TASK, name="renamed"), 60.0),
    lambda store: store.put_task(TASK, 900.0),
    lambda store: store.record_poll(TASK, PollOutcome(UNCHANGED), 60.0),
    lambda store: store.record_poll(TASK, PollOutcome(failure=Failure("timeout", "no answer")), 60.0),
    lambda store: store.mark_missing(TASK.ref),
    lambda store: store.shift(3600.0),
    lambda store: store.keep_windows(TASK.ref, ()),
    lambda store: store.forget(TASK.ref),
    lambda store: store.forget_account("main"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_task_is_noted_once(change: Callable[[Store], object]) -> None:
    """Whatever the store does to a task, the next write has it, and the one after not."""
    exporter = Exporter()
    exporter.poll(STATS, WindowStats("15m", STATS, NOW + 900))
    assert exporter.source.take_changes() == ({TASK.ref}, set())
    change(exporter.store)
    assert exporter.source.take_changes().tasks == {TASK.ref}
    assert exporter.source.take_changes() == Changes(set(), set())


def test_what_stays_the_same_is_not_written() -> None:
    """A list that brings what is known is no change."""
    exporter = Exporter()
    exporter.poll(STATS)
    exporter.source.take_changes()
    exporter.store.put_task(TASK, 60.0)
    exporter.store.keep_windows(TASK.ref, ())
    assert exporter.source.take_changes() == Changes(set(), set())


def test_an_account_is_saved_with_its_last_discovery() -> None:
    """When its list was last read comes back; what the first call brings does not; a dropped account leaves the file."""
    exporter = Exporter()
    exporter.poll(STATS)
    exporter.store.put_account(AccountStatus("main", up=True, discovery_last_success=NOW - 5))
    after = restarted(exporter.state())
    assert after.store.accounts() == [AccountStatus("main", discovery_last_success=NOW - 5)]
    after.store.forget_account("main")
    assert after.source.take_changes() == ({TASK.ref}, {"main"})
    assert after.source.saved_task(TASK.ref) is None
    assert after.source.saved_account("main") is None


def test_tasks_that_nobody_wants_any_more_leave_the_file() -> None:
    """Those of an account or shard that is another's now are not put back, and the next write deletes them."""
    exporter, other = Exporter(), TaskRef("other", TASK.ref.id)
    exporter.poll(STATS)
    exporter.poll(STATS, task=replace(TASK, ref=other))
    exporter.store.put_account(AccountStatus("other", discovery_last_success=NOW))
    after = Exporter()
    after.source.restore(exporter.state(), lambda ref: ref.account == "main")
    assert [record.status.task.ref for record in after.store.records()] == [TASK.ref]
    assert after.source.take_changes() == ({other}, {"other"})


def test_it_all_goes_through_a_file(tmp_path: Path, before: Exporter) -> None:
    """What one exporter writes is what the next one starts with."""
    path = tmp_path / "state.db"
    state = before.state()
    file = StateFile.open(path)
    assert file is not None
    file.begin()
    file.put_tasks([(task.task.ref, task) for task in state.tasks])
    file.commit()
    file.close(is_complete=True)
    again = StateFile.open(path)
    assert again is not None
    assert again.load() == state
    again.close()


def test_after_a_kill_counters_wait_for_the_next_poll(before: Exporter) -> None:
    """What was killed may have shown higher counters than it saved; lower ones would be a reset to Prometheus."""
    after = restarted(before.state()._replace(is_complete=False), now=before.clock.now)
    assert "yunfu_task_calls_total" in before.page()
    assert "yunfu_task_calls_total" not in after.page()
    assert "yunfu_task_answered_calls" in after.page()
    after.store.shift(0.5)
    was_complete = after.source.is_complete
    after.poll(replace(STATS, answered=90))
    assert (was_complete, after.source.is_complete) == (False, True), "an end before that poll is not complete either"
    assert 'yunfu_task_calls_total{account="main",task="' in after.page()
    record = after.store.record(TASK.ref)
    assert record is not None
    assert b'outcome="answered"} 29' in b"".join(record.stats_lines)
