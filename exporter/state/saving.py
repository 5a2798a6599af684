"""The way between the store and its state file: what changed since the last write, and what is put back at a start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from exporter.api.model import TaskRef, TaskStats
from exporter.metrics.poll_history import Poll, add_poll, read_polls
from exporter.metrics.records import TaskRecord, TaskStatus, WindowLines
from exporter.metrics.store import Store
from exporter.state.saved import SavedAccount, SavedTask, SavedWindow
from exporter.state.state_file import SavedState
from exporter.state.state_writer import Changes


class StoreSource:
    """Notes what changes in a store from now on, and gives it in the form that is saved."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unshown: dict[TaskRef, TaskStats | None] = {}
        self._changes = Changes(set(), set())
        store.task_changed = self._note_task
        store.account_changed = self._note_account

    def restore(self, state: SavedState, is_wanted: Callable[[TaskRef], bool]) -> None:
        """Put the tasks that are wanted, and what belongs to their accounts, back into the store.

        The others leave the file with the next write. Configured labels are not put back: they may be others now. After a
        ``kill``, the counters are not shown before the next poll: Prometheus has seen higher ones, and would take
        the lower ones for a reset. What was saved later than now, before the wall clock was set back, is taken to be of now.
        """
        now = self._store.clock()
        for saved in state.tasks:
            if is_wanted(saved.task.ref):
                self._store.restore(_record(saved, now), saved.counters, shows_counters=state.is_complete)
                if not state.is_complete:
                    self._unshown[saved.task.ref] = saved.stats
            else:
                self._changes.tasks.add(saved.task.ref)
        names = {record.status.task.ref.account for record in self._store.records()}
        for account in state.accounts:
            if account.name in names:
                status = self._store.account(account.name)
                success, lists_read = account.discovery_last_success, account.lists_read
                status = replace(status, discovery_last_success=success, lists_read=lists_read)
                self._store.put_account(status.shifted(min(0.0, now - (success or 0.0))))
            else:
                self._changes.accounts.add(account.name)

    @property
    def is_complete(self) -> bool:
        """Whether no task still has counters from before a ``kill``, which were not shown since."""
        records = ((self._store.record(ref), before) for ref, before in self._unshown.items())
        return not any(record and record.stats is before for record, before in records)

    def take_changes(self) -> Changes:
        """Return what changed since the last call."""
        taken, self._changes = self._changes, Changes(set(), set())
        return taken

    def saved_task(self, ref: TaskRef) -> SavedTask | None:
        """Return a task as it is now, or None if it has left."""
        record = self._store.record(ref)
        if record is None:
            return None
        status = record.status
        return SavedTask(
            status.task,
            interval=status.interval,
            up=status.up,
            last_success=status.last_success,
            due=status.due,
            missing_since=status.missing_since,
            failure=status.failure,
            stats=record.stats,
            windows={
                name: SavedWindow(window.stats, window.read_at, window.due, window.expires)
                for name, window in (record.windows or {}).items()
            },
            polls=tuple((poll.at, round(poll.seconds, 3), poll.reason) for poll in read_polls(record.polls)),
            counters=self._store.sums(ref),
            recent=record.recent,
            trouble=record.trouble,
        )

    def saved_account(self, name: str) -> SavedAccount | None:
        """Return an account as it is now, or None if it has left."""
        status = next((status for status in self._store.accounts() if status.name == name), None)
        return None if status is None else SavedAccount(name, status.discovery_last_success, status.lists_read)

    def _note_task(self, ref: TaskRef) -> None:
        self._changes.tasks.add(ref)

    def _note_account(self, name: str) -> None:
        self._changes.accounts.add(name)


def _record(saved: SavedTask, now: float) -> TaskRecord:
    """Return the record that was saved, at ``now`` at the latest, without what the store adds: lines and ``stale_after``."""
    polls = b""
    for poll in saved.polls:
        polls = add_poll(polls, Poll(*poll))
    record = TaskRecord(
        status=TaskStatus(
            replace(saved.task, labels=()),
            interval=saved.interval,
            up=saved.up,
            last_success=saved.last_success,
            failure=saved.failure,
            missing_since=saved.missing_since,
            due=saved.due,
        ),
        status_lines=(),
        stale_after=0.0,
        windows={
            name: WindowLines((), window.stats, window.read_at, window.due, window.expires)
            for name, window in saved.windows.items()
        },
        polls=polls,
        recent=saved.recent,
        trouble=saved.trouble,
        stats=saved.stats,
    )
    latest = max(saved.last_success or 0.0, saved.missing_since or 0.0, *(at for at, _, _ in saved.polls[-1:]))
    return record if latest <= now else record.shifted(now - latest)
