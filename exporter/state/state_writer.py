"""The writer of the state file: what changed, every 30 s and at the end, in a thread that a hung disk may block.

A failing disk is one line in the log at its begin and one at its end. What could not be written is kept by name, and
written with what changed since when the disk works again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from exporter.api.model import TaskRef
from exporter.logs import get_logger
from exporter.state.saved import SavedAccount, SavedTask
from exporter.state.state_file import StateFile

log = get_logger(__name__)

WRITE_SECONDS: Final = 30.0
"""How often what changed is written: what a ``kill -9`` loses at most."""

CLOSE_SECONDS: Final = 2.0
"""How long the last write may take: the process has to end in 3 s."""

_SLICE: Final = 100
"""Tasks that are copied at a time: a few milliseconds of the event loop."""

Result = TypeVar("Result")


class Changes(NamedTuple):
    """The tasks and the accounts that changed or left, by name."""

    tasks: set[TaskRef]
    accounts: set[str]


class Source(Protocol):
    """Where the writer takes from what it writes. All values are immutable: they are read in a thread."""

    @property
    def is_complete(self) -> bool:
        """Whether what is written is all that was ever shown."""

    def take_changes(self) -> Changes:
        """Return what changed since the last call."""

    def saved_task(self, ref: TaskRef) -> SavedTask | None:
        """Return a task as it is now, or None if it has left."""

    def saved_account(self, name: str) -> SavedAccount | None:
        """Return an account as it is now, or None if it has left."""


class InThread(Protocol):
    """Makes calls outside the event loop, in their order."""

    async def __call__(self, call: Callable[[], Result], /) -> Result:
        """Call a function in the thread, and return or raise what it does."""


@asynccontextmanager
async def writing(file: StateFile, source: Source) -> AsyncIterator[None]:
    """Write what changes for as long as the context lasts and once more at its end, then close the file.

    The end takes CLOSE_SECONDS at most, even if the disk hangs.
    """
    writer = StateWriter(file, source, DiskThread())
    task = asyncio.create_task(writer.run())
    try:
        yield
    finally:
        writer.stop()
        _, late = await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        if late:
            log.error("state file was not written at the end: the disk takes too long", file=file.path)
            task.cancel()


class StateWriter:
    """Writes from a source to a file. ``call`` makes the calls that may block."""

    def __init__(self, file: StateFile, source: Source, call: InThread) -> None:
        self._file = file
        self._source = source
        self._call = call
        self._pending = Changes(set(), set())
        self._stopping = asyncio.Event()
        self._failing = ""

    async def run(self) -> None:
        """Write every WRITE_SECONDS; after ``stop``, write once more and close the file."""
        is_last = False
        while not is_last:
            is_last = await self._pause()
            await self.write()
        is_complete = self._source.is_complete and not self._failing
        await self._call(partial(self._file.close, is_complete=is_complete))

    def stop(self) -> None:
        """End ``run``; a write that is under way is finished first."""
        self._stopping.set()

    async def _pause(self) -> bool:
        """Wait for the next write; return whether it is the last."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    async def write(self) -> None:
        """Write what changed in one transaction; what fails stays pending."""
        try:
            changes = self._source.take_changes()
            self._pending.tasks.update(changes.tasks)
            self._pending.accounts.update(changes.accounts)
            if self._pending.tasks or self._pending.accounts:
                await self._put()
        except (sqlite3.Error, OSError) as error:
            await self._report(str(error))
        except Exception as error:  # a fault of our own must not end the writing for good
            if not self._failing:
                log.exception("writing the state file broke off", file=self._file.path)
            await self._report(repr(error))
        else:
            await self._report("")

    async def _put(self) -> None:
        """Write the pending tasks slice by slice: no copy of all is made, and the event loop goes on in between."""
        await self._call(self._file.begin)
        accounts = [(name, self._source.saved_account(name)) for name in self._pending.accounts]
        await self._call(partial(self._file.put_accounts, accounts))
        refs = iter(self._pending.tasks)
        while part := list(islice(refs, _SLICE)):
            tasks = [(ref, self._source.saved_task(ref)) for ref in part]
            await self._call(partial(self._file.put_tasks, tasks))
        await self._call(self._file.commit)
        self._pending = Changes(set(), set())

    async def _report(self, failing: str) -> None:
        if failing:
            await self._call(self._file.rollback)
        if failing and not self._failing:
            log.error(
                "state file cannot be written; polling goes on, but a restart now would lose what changed since",
                file=self._file.path,
                error=failing,
            )
        elif self._failing and not failing:
            log.info("state file is written again", file=self._file.path)
        self._failing = failing


class DiskThread:
    """A thread for calls that a hung disk may block; an executor's would keep the process from its end."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        Thread(target=self._run, name="state file", daemon=True).start()

    async def __call__(self, call: Callable[[], Result], /) -> Result:
        """Call a function in the thread, and return or raise what it does."""
        future: Future[Result] = Future()
        self._calls.put((future, call))
        return await asyncio.wrap_future(future)

    def _run(self) -> None:
        while True:
            future, call = self._calls.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001  # whoever waits for the result gets it
                    future.set_exception(error)
