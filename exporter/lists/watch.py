"""The watch of one task list: what runs or waits is read often, by the server's own filter, and the whole list rarely.

Only the whole list says that a task is gone. The filter is documented for some lists and obeyed by some platforms: what
it gives is compared with the whole list, and where the two contradict each other twice, it is not used for hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from exporter.api.errors import ApiError
from exporter.api.model import TaskState
from exporter.lists.entries import ListedTask, TaskList
from exporter.lists.reader import Flaw, ListReader, ListReading

UNFILTERED_CALLS: Final = 2
"""How many API calls per interval a list may cost that has to be read whole; a longer list is read less often."""

FILTER_RETRY_SECONDS: Final = 6 * 3600.0
"""For how long a filter is not used that turned out not to work."""

LACKING_RETRY_INTERVALS: Final = 5
"""After how many intervals a list is tried again that the platform lacks."""

_ACTIVE: Final = frozenset({TaskState.RUNNING, TaskState.WAITING})


class FilterFault(StrEnum):
    """Why a list's filter by status cannot be relied on."""

    REFUSED = "its filter by status is refused; it is read whole instead"
    IGNORED = "its filter by status gives tasks in other states; it is read whole instead"
    FLAWED = "what its filter by status gives may lack tasks; it is read whole instead"
    TOO_FEW = "its filter by status lacks tasks that run or wait by the whole list; it is read whole instead"
    TOO_MANY = "its filter by status gives tasks that the whole list lacks; it is read whole instead"


class ListWatch:
    """The tasks of one list, as far as they are known. Intervals are in seconds, times by the event loop's clock."""

    def __init__(self, task_list: TaskList, reader: ListReader, *, interval: float, full_interval: float) -> None:
        self.list = task_list
        self.tasks: Mapping[str, ListedTask] = {}
        """By task id. Those that no reading found stay until a reading of the whole list without a flaw."""
        self.is_known = False
        """Whether a reading of the whole list without a flaw has been made."""
        self.read_at = float("-inf")
        """When the whole list was last read."""
        self.lacking: ApiError | None = None
        """The answer that the platform has no such list, if it never gave one."""
        self._reader = reader
        self._interval = interval
        self._full_interval = full_interval
        self._has_filter = bool(task_list.active) and interval < full_interval
        self._whole_due = self._filter_due = float("-inf")
        self._whole_calls, self._active_calls = 1, len(task_list.active)
        self._flaw: Flaw | None = None
        self._shown_flaw: Flaw | None = None
        self._fault: FilterFault | None = None
        self._suspects: Mapping[str, FilterFault] = {}
        self._wrongly_given: frozenset[str] = frozenset()
        self._was_flawed = False
        self._absent: frozenset[str] = frozenset()

    @property
    def oddity(self) -> str:
        """What is odd about the list, for people; empty: nothing."""
        return "; ".join(word for word in (self._shown_flaw, self._fault) if word)

    @property
    def calls_per_second(self) -> float:
        """The average of the API calls per second that the list costs."""
        active = self._active_calls / self._interval if self._uses_filter else 0.0
        return active + self._whole_calls / self._whole_interval

    def resume(self, read_at: float) -> None:
        """Count the whole list as read at a time before this watch began; its tasks are not known here."""
        self.read_at = read_at
        self._whole_due = read_at + self._whole_interval

    async def refresh(self, now: float) -> None:
        """Read what is due. Raises ApiError if something cannot be read; what is known stays, and the rest is read."""
        is_due = now >= self._whole_due - self._interval / 2  # rounds come once an interval
        if self.lacking is not None and not is_due:
            raise self.lacking.with_traceback(None)
        whole, failure = None, None
        if is_due:
            try:
                whole = await self.read_whole(now)
            except ApiError as error:
                if error.holds or error.refuses_token or error.missing or not self._has_filter:
                    raise
                failure = error
        if self._has_filter and now >= self._filter_due:
            await self._read_active(whole, now, may_doubt=failure is None)
        if failure is not None:
            raise failure

    async def read_whole(self, now: float) -> ListReading:
        """Read the whole list. Raises ApiError."""
        self._whole_due = now + self._unfiltered_interval  # if it fails
        try:
            reading = await self._reader.read(self.list)
        except ApiError as error:
            if error.missing and not self.tasks:
                self.lacking = error
                self._whole_due = now + min(self._full_interval, LACKING_RETRY_INTERVALS * self._interval)
            raise
        if reading.flaw is None:
            self.tasks, self.is_known = reading.tasks, True
        else:
            self.tasks = self._with(reading.tasks)
        # One change while the list is read is the platform's everyday life.
        self._shown_flaw = None if reading.flaw is Flaw.CHANGED is not self._flaw else reading.flaw
        self._flaw, self.lacking = reading.flaw, None
        self._whole_calls = reading.pages
        self.read_at = now
        self._whole_due = now + self._whole_interval
        return reading

    async def _read_active(self, whole: ListReading | None, now: float, *, may_doubt: bool) -> None:
        """Read the running and waiting tasks; ``whole`` is the whole list if it has just been read. Raises ApiError."""
        try:
            parts = [await self._reader.read(self.list, status) for status in self.list.active]
        except ApiError as error:
            if error.holds or error.refuses_token or not error.is_tasks_own or not may_doubt:
                raise
            if whole is None:  # it may be the list that is refused
                await self.read_whole(now)
            self._distrust(FilterFault.REFUSED, now)
            return
        self._active_calls = sum(part.pages for part in parts)
        found = {id_: task for part in parts for id_, task in part.tasks.items()}
        is_complete = all(part.flaw is None for part in parts)
        wrongly_given = frozenset(_wrongly_given(parts))
        is_flawed = self._flaw is None and any(part.flaw not in (None, Flaw.CHANGED) for part in parts)
        if self._wrongly_given & wrongly_given:
            self._distrust(FilterFault.IGNORED, now)
        elif is_flawed and self._was_flawed:
            self._distrust(FilterFault.FLAWED, now)
        elif is_flawed:
            self._whole_due = now  # it may be the list that is odd
        elif whole is not None and whole.flaw is None and is_complete and not wrongly_given:
            self._compare(whole.tasks, found, now)
        self._wrongly_given, self._was_flawed = wrongly_given, is_flawed
        if self._uses_filter and not wrongly_given:
            self.tasks = self._with(found)
            self._mark_paused(found, now, is_complete=is_complete, is_latest=whole is None)

    def _with(self, found: Mapping[str, ListedTask]) -> Mapping[str, ListedTask]:
        """Return the tasks with those that were found; without the others if a platform makes up new ones without end."""
        is_endless = len(self.tasks) > 2 * self._reader.max_entries
        return found if is_endless else {**self.tasks, **found}

    def _compare(self, whole: Mapping[str, ListedTask], found: Mapping[str, ListedTask], now: float) -> None:
        """Compare the whole list with what the filter gave right after it.

        A task can start or stop in between. So a contradiction counts if the next comparison finds it again, for the same task.
        """
        active = {id_ for id_, task in whole.items() if task.state in _ACTIVE}
        suspects = dict.fromkeys(active - found.keys(), FilterFault.TOO_FEW)
        suspects |= dict.fromkeys(found.keys() - whole.keys(), FilterFault.TOO_MANY)
        if certain := suspects.keys() & self._suspects.keys():
            self._distrust(suspects[min(certain)], now)
        elif suspects:
            self._whole_due = now + self._unfiltered_interval
        else:
            self._fault = None
        self._suspects = suspects

    def _mark_paused(self, found: Mapping[str, ListedTask], now: float, *, is_complete: bool, is_latest: bool) -> None:
        """Mark the tasks as paused that ran or waited and that the filter gives no longer.

        A task that neither runs nor waits is paused: to the platform, one that has finished or was deleted is no more than
        that, until the whole list says so. Since a task can slip from one page or status to the next while they are read, it has to
        be absent twice in a row. If all of them are absent at once, the whole list is asked first.
        """
        if not is_complete:
            self._absent = frozenset()
            return
        absent = frozenset(id_ for id_, task in self.tasks.items() if task.state in _ACTIVE and id_ not in found)
        if absent and not found and not self._absent:
            self._whole_due = now
        if is_latest:
            paused = {id_: replace(self.tasks[id_], state=TaskState.PAUSED) for id_ in absent & self._absent}
            self.tasks = {**self.tasks, **paused}
        self._absent = absent

    def _distrust(self, fault: FilterFault, now: float) -> None:
        """Read the list whole from the next round on, and try the filter again in some hours."""
        self._fault = fault
        self._suspects, self._absent = {}, frozenset()
        self._filter_due = now + FILTER_RETRY_SECONDS
        self._whole_due = now

    @property
    def _uses_filter(self) -> bool:
        return self._has_filter and self._fault is None

    @property
    def _unfiltered_interval(self) -> float:
        """Return how often the list is read without a filter: its length decides, so that it stays cheap."""
        return min(self._full_interval, self._interval * max(1.0, self._whole_calls / UNFILTERED_CALLS))

    @property
    def _whole_interval(self) -> float:
        return self._full_interval if self._uses_filter else self._unfiltered_interval


def _wrongly_given(parts: Sequence[ListReading]) -> set[str]:
    """Return the tasks that a filter gave although they are paused, or of two filters if they gave the same."""
    wrong = {id_ for part in parts for id_, task in part.tasks.items() if task.state is TaskState.PAUSED}
    if len(parts) > 1 and all(part.tasks.keys() == parts[0].tasks.keys() for part in parts):
        wrong |= parts[0].tasks.keys()
    return wrong
