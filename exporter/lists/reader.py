"""The reading of a task list page by page, and what shows that a reading may lack tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, HttpError, UnknownFormat
from exporter.api.model import TaskState
from exporter.lists.entries import PER_PAGE, ListedTask, Page, TaskList, page_query, parse_page, parse_task

MAX_PAGES: Final = 1000
"""The most pages that are read of one list, whatever the platform claims."""

PAGE_TRIES: Final = 3
"""How often a page is tried that times out, breaks off, is answered 5xx or cannot be read."""

NO_ID: Final = (
    "no id (uuid) can be read in the entries that came, {entries}; "
    "please report the file that `yunfu-exporter capture` writes"
)

_ASKED: Final = {"2": TaskState.RUNNING, "3": TaskState.WAITING}
"""The state of the tasks that a filter of a list of generation 1 gives; in generation 2, 3 is either."""


class Flaw(StrEnum):
    """Why a reading of a list may lack tasks that the list has."""

    EMPTY = "a page is empty although the list claims more tasks"
    REPEATED = "a page holds only tasks of the pages before it, as if the parameter page were ignored"
    CHANGED = "it changes while it is read page by page"
    MISCOUNTED = "the number of its tasks is not the total that it states"
    TOO_LONG = "it is longer than max_tasks allows for; the rest is not read"


@dataclass(frozen=True, slots=True)
class ListReading:
    """The tasks that a list gave, or its filter for one status, by task id, and the number of pages that were read.

    Without a flaw these are all tasks that were asked for.
    """

    tasks: Mapping[str, ListedTask]
    pages: int
    flaw: Flaw | None


class ListReader:
    """Reads lists page by page. ``timezone`` is the platform's, ``unread`` receives the field of what cannot be read.

    Of a list at most about ``max_entries`` are read.
    """

    def __init__(
        self, client: YunfuClient, timezone: ZoneInfo, unread: Callable[[str], None], *, max_entries: int
    ) -> None:
        self._client = client
        self._timezone = timezone
        self._unread = unread
        self.max_entries = max_entries

    async def read(self, tasks: TaskList, status: str = "") -> ListReading:
        """Return the tasks of a list, with ``status`` those that its filter gives.

        Raises ApiError if a page fails, or if entries came and the id of none can be read.
        """
        found = _Found(self.max_entries)
        asked = _ASKED.get(status) if tasks.generation == "1" else None
        while found.goes_on:
            page = await _read_page(self._client, tasks, found.pages + 1, status)
            parsed = []
            for number, entry in enumerate(page.entries[: self.max_entries]):
                if number % PER_PAGE == PER_PAGE - 1:
                    await asyncio.sleep(0)  # a page may have more entries than were asked for
                parsed.append(parse_task(entry, tasks.generation, self._timezone, self._unread, asked))
            found.add(page, parsed)
        if found.without_id and not found.tasks:
            raise UnknownFormat(NO_ID.format(entries=found.without_id))
        return ListReading(found.tasks, found.pages, found.flaw)


class _Found:
    """What the pages of a list have brought so far, and what is wrong with them."""

    def __init__(self, max_entries: int) -> None:
        self.tasks: dict[str, ListedTask] = {}
        self.pages = 0
        self.goes_on = True
        self._flaw: Flaw | None = None
        self._max_entries = max_entries
        self._totals: set[int | None] = set()
        self.without_id = 0
        self._was_empty = False

    @property
    def flaw(self) -> Flaw | None:
        """Return what is wrong, as far as the pages up to now show it."""
        if len(self._totals) > 1 and self._flaw is not Flaw.TOO_LONG:  # entries slipped from one page to another
            return Flaw.CHANGED
        if self._flaw is not None:
            return self._flaw
        claimed = next(iter(self._totals), None)
        is_right = claimed is None or claimed == len(self.tasks) + self.without_id
        return None if is_right else Flaw.MISCOUNTED

    def add(self, page: Page, parsed: Sequence[ListedTask | None]) -> None:
        """Record a page and its parsed entries, and whether the next page is to be read.

        Each page but an empty one brings a new task, or is the last: so the reading ends whatever the platform answers.
        """
        self.pages += 1
        before = len(self.tasks)
        for task in parsed:
            if task is not None:
                self.tasks.setdefault(task.id, task)
        self.without_id += parsed.count(None)
        self._totals.add(page.total)
        is_empty = not page.entries and (page.last > self.pages or (self.pages == page.last and bool(page.total)))
        is_repeated = bool(page.entries) and self.pages > 1 and len(self.tasks) == before
        is_too_long = len(page.entries) > len(parsed) or (
            self.pages < page.last and (len(self.tasks) >= self._max_entries or self.pages >= MAX_PAGES)
        )
        for flaw, is_seen in ((Flaw.REPEATED, is_repeated), (Flaw.TOO_LONG, is_too_long), (Flaw.EMPTY, is_empty)):
            if is_seen and self._flaw is None:
                self._flaw = flaw
        ends = is_repeated or is_too_long or (is_empty and self._was_empty)
        self._was_empty = is_empty
        self.goes_on = self.pages < page.last and not ends


async def _read_page(client: YunfuClient, tasks: TaskList, page: int, status: str) -> Page:
    """Return a page. Raises ApiError.

    A page that fails by chance is tried again: of a hundred pages one will, and the others would be read in vain.
    """
    query = page_query(page)
    if status:
        query.append(("status", status))
    for left in reversed(range(PAGE_TRIES)):
        try:
            return await client.get(tasks.endpoint, tasks.path, query, partial(parse_page, page))
        except ApiError as error:
            is_final = error.holds or error.refuses_token or (isinstance(error, HttpError) and error.is_tasks_own)
            if is_final or not left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")
