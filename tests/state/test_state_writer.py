import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exporter.api.model import TaskRef
from exporter.state.saved import SavedAccount, SavedTask
from exporter.state.state_file import StateFile
from exporter.state.state_writer import CLOSE_SECONDS, Changes, DiskThread, StateWriter, writing
from tests.support.state import ACCOUNT, inline, ref, saved
from tests.support.virtual_time import in_virtual_time


@dataclass
class FakeSource:
    """Holds tasks and accounts, and notes which of them change."""

    tasks: dict[TaskRef, SavedTask] = field(default_factory=dict)
    accounts: dict[str, SavedAccount] = field(default_factory=dict)
    changes: Changes = field(default_factory=lambda: Changes(set(), set()))
    fault: Exception | None = None
    is_complete: bool = True

    def put(self, *numbers: int, answered: int = 61) -> None:
        """Change tasks."""
        for number in numbers:
            self.tasks[ref(number)] = saved(ref(number), answered)
            self.changes.tasks.add(ref(number))

    def take_changes(self) -> Changes:
        """Return what changed since the last call."""
        taken, self.changes = self.changes, Changes(set(), set())
        return taken

    def saved_task(self, ref: TaskRef) -> SavedTask | None:
        """Return a task, or fail as a fault of our own would."""
        if self.fault is not None:
            raise self.fault
        return self.tasks.get(ref)

    def saved_account(self, name: str) -> SavedAccount | None:
        """Return an account."""
        return self.accounts.get(name)


class FakeFile:
    """A file in memory that remembers each transaction, and that fails while ``error`` is set."""

    path = Path("state.db")

    def __init__(self) -> None:
        self.transactions: list[dict[object, int | None]] = []
        self.error: Exception | None = None
        self.is_closed = False
        self._open: dict[object, int | None] | None = None

    def begin(self) -> None:
        """Begin a transaction."""
        assert self._open is None, "the one before has ended"
        self._open = {}

    def put_tasks(self, tasks: list[tuple[TaskRef, SavedTask | None]]) -> None:
        """Note the tasks by their count of answered calls."""
        assert self._open is not None
        if self.error is not None:
            raise self.error
        for each, task in tasks:
            self._open[each] = task.stats.answered if task and task.stats else None

    def put_accounts(self, accounts: list[tuple[str, SavedAccount | None]]) -> None:
        """Note the accounts."""
        assert self._open is not None
        self._open.update({name: 0 if account else None for name, account in accounts})

    def commit(self) -> None:
        """End a transaction."""
        assert self._open is not None
        self.transactions.append(self._open)
        self._open = None

    def rollback(self) -> None:
        """Undo a transaction."""
        self._open = None

    def close(self, *, is_complete: bool) -> None:
        """Close the file."""
        self.is_closed, self.is_complete = True, is_complete


@dataclass
class House:
    """A source, a file, and the writer between them."""

    source: FakeSource = field(default_factory=FakeSource)
    file: FakeFile = field(default_factory=FakeFile)

    def start(self) -> tuple[StateWriter, asyncio.Task[None]]:
        """Start writing; all calls are made at once."""
        writer = StateWriter(self.file, self.source, inline)  # type: ignore[arg-type]  # it does what a file does
        return writer, asyncio.create_task(writer.run())


@in_virtual_time
async def test_what_changed_is_written_every_30_seconds_and_at_the_end() -> None:
    """Only what changed is, in one transaction; where nothing did there is none; the end writes the rest and closes."""
    house = House()
    writer, task = house.start()
    house.source.put(1, 2)
    await asyncio.sleep(29.9)
    assert house.file.transactions == []
    await asyncio.sleep(0.2)
    assert house.file.transactions == [{ref(1): 61, ref(2): 61}]
    await asyncio.sleep(60)
    assert len(house.file.transactions) == 1
    house.source.put(2, answered=62)
    house.source.accounts["main"] = ACCOUNT
    house.source.changes.accounts.update({"main", "gone"})
    house.source.changes.tasks.add(ref(3))
    await asyncio.sleep(30)
    assert house.file.transactions[1:] == [{ref(2): 62, ref(3): None, "main": 0, "gone": None}]
    house.source.put(1, answered=63)
    writer.stop()
    await task
    assert house.file.transactions[2:] == [{ref(1): 63}]
    assert house.file.is_closed


@in_virtual_time
async def test_a_failing_disk_is_said_once_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """One line at its begin and one at its end, however long it lasts; then all that changed meanwhile is written."""
    house = House()
    caplog.set_level(logging.INFO)
    writer, task = house.start()
    house.source.put(1)
    house.file.error = sqlite3.OperationalError("database or disk is full")
    await asyncio.sleep(100)
    house.source.put(2)
    house.file.error = OSError("no space")
    await asyncio.sleep(100)
    assert house.file.transactions == []
    house.source.put(1, answered=62)
    house.file.error = None
    await asyncio.sleep(31)
    assert house.file.transactions == [{ref(1): 62, ref(2): 61}]
    assert [record.getMessage() for record in caplog.records] == [
        "state file cannot be written; polling goes on, but a restart now would lose what changed since",
        "state file is written again",
    ]
    writer.stop()
    await task


@in_virtual_time
async def test_a_fault_of_our_own_does_not_end_the_writing() -> None:
    """What broke off is tried again with the next write."""
    house = House()
    writer, task = house.start()
    house.source.put(1)
    house.source.fault = ValueError("a fault")
    await asyncio.sleep(61)
    house.source.fault = None
    await asyncio.sleep(30)
    assert house.file.transactions == [{ref(1): 61}]
    writer.stop()
    await task


@in_virtual_time
async def test_many_tasks_are_copied_slice_by_slice() -> None:
    """However many changed, they are one transaction, but no more than 100 are copied at a time."""
    house = House()
    sizes: list[int] = []
    put = house.file.put_tasks

    def watched(tasks: list[tuple[TaskRef, SavedTask | None]]) -> None:
        sizes.append(len(tasks))
        put(tasks)

    house.file.put_tasks = watched  # type: ignore[method-assign]  # watched from outside
    house.source.put(*range(250))
    writer, task = house.start()
    writer.stop()
    await task
    assert sizes == [100, 100, 50]
    assert [len(each) for each in house.file.transactions] == [250]


async def test_the_end_writes_to_a_real_file(tmp_path: Path) -> None:
    """A context that ends leaves what changed in the file, and the file to the next exporter."""
    path, source = tmp_path / "state.db", FakeSource()
    file = StateFile.open(path)
    assert file is not None
    async with writing(file, source):
        source.put(1)
    again = StateFile.open(path)
    assert again is not None
    assert again.load().tasks == [saved(ref(1))]
    again.close()


async def test_a_write_under_way_at_the_end_is_finished_and_followed_by_another() -> None:
    """What changed during the last write is not lost either."""
    house, release = House(), asyncio.Event()

    async def slow(call: Callable[[], object], /) -> object:
        await release.wait()
        return call()

    writer = StateWriter(house.file, house.source, slow)  # type: ignore[arg-type]  # they do what is needed here
    house.source.put(1)
    first = asyncio.create_task(writer.write())
    await asyncio.sleep(0)
    house.source.put(1, answered=62)
    release.set()
    await first
    writer.stop()
    await writer.run()
    assert [list(each.values()) for each in house.file.transactions] == [[62], [62]]


async def test_a_hung_disk_delays_the_end_by_two_seconds(caplog: pytest.LogCaptureFixture) -> None:
    """The event loop goes on beside it, the end comes all the same, and it is said that the last write is missing."""
    source, file, hang = FakeSource(), FakeFile(), threading.Event()
    file.begin = hang.wait  # type: ignore[method-assign,assignment]  # it hangs until the test ends
    started = time.monotonic()
    async with writing(file, source):  # type: ignore[arg-type]  # it does what a file does
        source.put(1)
    assert CLOSE_SECONDS <= time.monotonic() - started < CLOSE_SECONDS + 0.9
    hang.set()
    assert [record.getMessage() for record in caplog.records] == [
        "state file was not written at the end: the disk takes too long"
    ]


async def test_the_thread_returns_and_raises_what_a_call_does() -> None:
    """Calls are made in their order, outside the event loop's thread, which keeps no process from its end."""
    call = DiskThread()
    thread = await call(threading.current_thread)
    assert thread.daemon
    assert thread is not threading.current_thread()
    with pytest.raises(OSError, match="no space"):
        await call(lambda: _raise(OSError("no space")))
    assert await call(lambda: 1) == 1


def _raise(error: Exception) -> None:
    raise error
