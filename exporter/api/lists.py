"""The platform's task lists: their pages, and the parser of a listed task.

The shapes are those of the vendor's documentation of the task lists; Laravel writes the numbers of its pagination as
strings.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, HttpError, MalformedError
from exporter.api.model import TaskState, clean_label, read_count
from exporter.patterns import UUID

PER_PAGE: Final = 100
MAX_PAGES: Final = 1000
"""The most pages that are read of one list; a platform that claims more is not believed."""

PAGE_TRIES: Final = 3
"""How often a page is tried that times out, breaks off, is answered 5xx or cannot be read."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)

Read = TypeVar("Read")


class TaskList(NamedTuple):
    """A list of tasks: the metric's endpoint label, the path below ``/agent-api``, and the generation of its tasks."""

    endpoint: str
    path: str
    generation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTask:
    """A task as the platform lists it.

    ``owner`` is the user id of the account or of a sub-account, ``created`` is Unix seconds, and ``concurrency_limit`` is
    phone calls at once; an empty text or None: not in the list.
    """

    id: str
    name: str
    owner: str
    generation: str
    state: TaskState
    created: float | None
    concurrency_limit: int | None


def task_lists(user_id: str, generations: Collection[int], *, sub_accounts: bool) -> list[TaskList]:
    """Return the lists that have an account's tasks of these generations (1, 2), with those of its sub-accounts or not."""
    lists = []
    if 1 in generations:
        lists.append(TaskList("tasks", f"/user/{user_id}/task", "1"))
        if sub_accounts:
            lists.append(TaskList("all_tasks", f"/user/{user_id}/all_task", "1"))
    if 2 in generations:  # a generation's number, not a quantity
        lists.append(TaskList("new_tasks", f"/new/user/{user_id}/task", "2"))
        if sub_accounts:
            lists.append(TaskList("subset_tasks", f"/new/user/{user_id}/subset_task", "2"))
    return lists


async def list_tasks(
    client: YunfuClient, lists: Iterable[TaskList], timezone: ZoneInfo, unread: Callable[[str], None]
) -> dict[str, ListedTask]:
    """Return the tasks of all lists by task id. Raises ApiError if any page cannot be read.

    ``timezone`` is the platform's. ``unread`` receives the field of each part that could not be read.
    """
    tasks: dict[str, ListedTask] = {}
    for each in lists:
        async for entry in _entries(client, each):
            task = _parse_task(entry, each.generation, timezone, unread)
            if task is not None:
                tasks.setdefault(task.id, task)
    return tasks


async def count_tasks(client: YunfuClient, lists: Iterable[TaskList]) -> int | None:
    """Return how many tasks the lists have, with one API call per list; None if one does not say. Raises ApiError."""
    query = [("page", "1"), ("per_page", "1")]
    totals = [await client.get(each.endpoint, each.path, query, _parse_total) for each in lists]
    known = [total for total in totals if total is not None]
    return sum(known) if len(known) == len(totals) else None


async def _entries(client: YunfuClient, tasks: TaskList) -> AsyncIterator[object]:
    page = last = 1
    while page <= last:
        entries, last = await _read_page(client, tasks, page)
        for entry in entries:
            yield entry
        page += 1


async def _read_page(client: YunfuClient, tasks: TaskList, page: int) -> tuple[list[object], int]:
    """Return the entries of a page and the number of pages. Raises ApiError.

    A page that fails by chance is tried again: of a hundred pages one will, and the others would be read in vain.
    """
    query = [("page", str(page)), ("per_page", str(PER_PAGE))]
    for left in reversed(range(PAGE_TRIES)):
        try:
            return await client.get(tasks.endpoint, tasks.path, query, partial(_parse_page, page))
        except ApiError as error:
            is_final = error.holds or (isinstance(error, HttpError) and error.is_tasks_own)
            if is_final or not left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _parse_page(page: int, envelope: Mapping[str, Any]) -> tuple[list[object], int]:
    """Parse ``{"data": [entry, …], "meta": {"last_page": "7"}}``. Raises MalformedError."""
    entries, meta = envelope.get("data"), envelope.get("meta")
    if isinstance(entries, dict):  # PHP writes a list with a gap as an object
        entries = list(entries.values())
    pages = read_count(meta.get("last_page")) if isinstance(meta, dict) else None
    if not isinstance(entries, list) or pages is None:
        raise MalformedError(f"page {page} of the list is no list with its number of pages")
    if pages > MAX_PAGES:
        raise MalformedError(f"the list claims {pages} pages; at most {MAX_PAGES} are read")
    return entries, pages


def _parse_total(envelope: Mapping[str, Any]) -> int | None:
    """Parse ``{"meta": {"total": "613"}}``."""
    meta = envelope.get("meta")
    return read_count(meta.get("total")) if isinstance(meta, dict) else None


def _parse_task(entry: object, generation: str, timezone: ZoneInfo, unread: Callable[[str], None]) -> ListedTask | None:
    """Parse an entry of a list; None if it has no id. A field that cannot be read goes to ``unread`` and is left out."""
    if not isinstance(entry, dict):
        unread("tasks")
        return None
    uuid = _parse_uuid(entry.get("uuid"))
    if uuid is None:
        unread("tasks.uuid")
        return None

    def part(name: str, read: Callable[[object], Read | None]) -> Read | None:
        value = entry.get(name)
        found = read(value)
        if found is None and value is not None:
            unread(f"tasks.{name}")
        return found

    extra = entry.get("new_task_extra")
    return ListedTask(
        id=uuid,
        name=part("name", _parse_name) or "",
        owner=part("user_id", _parse_uuid) or "",
        generation="2" if isinstance(extra, dict) and extra else generation,
        state=_state(part("enable", _parse_flag), extra),
        created=part("create_datetime", partial(_parse_time, timezone)),
        concurrency_limit=part("maximumcall", read_count),
    )


def _state(enable: bool | None, extra: object) -> TaskState:  # noqa: FBT001  # the platform's flag
    """Return the state: ``enable`` and ``call_status``: dialling; only ``enable``: waits for its dial window.

    Tasks of generation 1 have no ``call_status``: with ``enable`` they run.
    """
    if enable is None:
        return TaskState.UNKNOWN
    if not enable:
        return TaskState.PAUSED
    if not isinstance(extra, dict) or not extra:
        return TaskState.RUNNING
    return TaskState.RUNNING if _parse_flag(extra.get("call_status")) else TaskState.WAITING


def _parse_uuid(value: object) -> str | None:
    text = value.lower() if isinstance(value, str) else ""
    return text if UUID.fullmatch(text) else None


def _parse_name(value: object) -> str | None:
    return clean_label(value) if isinstance(value, str) else None


def _parse_flag(value: object) -> bool | None:
    """Parse a boolean, which PHP also writes as 0 or 1 or as a string of these."""
    if isinstance(value, bool):
        return value
    count = read_count(value)
    return None if count is None else count > 0


def _parse_time(timezone: ZoneInfo, value: object) -> float | None:
    """Parse ``2024-07-01 09:00:01`` in the platform's time zone to Unix seconds."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        with suppress(ValueError, OverflowError):
            return datetime.fromisoformat(value).replace(tzinfo=timezone).timestamp()
    return None
