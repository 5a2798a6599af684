"""The platform's task lists: their pages, and the parser of a listed task.

The shapes are those of the vendor's documentation of the task lists; Laravel writes the numbers of its pagination as
strings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from exporter.api.errors import MalformedError
from exporter.api.model import TaskState
from exporter.api.scalars import clean_label, read_count
from exporter.patterns import UUID

PER_PAGE: Final = 100
_STATUSES: Final[Mapping[int | None, TaskState]] = {1: TaskState.PAUSED, 2: TaskState.RUNNING, 3: TaskState.WAITING}
_KINDS: Final[Mapping[int | None, str]] = {
    1: "outbound",
    4: "outbound",
    7: "outbound",
    2: "inbound",
    5: "inbound",
}
"""The kind of a task by its ``task_type``."""

_CALLS_IN: Final[Mapping[bool | None, str]] = {False: "outbound", True: "inbound"}
_CERTAINTY: Final = ("inbound", "outbound", "")
"""The kinds, the one first that counts where two fields disagree: outbound is what either is by default."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_YEARS: Final = range(1970, 9999)

Read = TypeVar("Read")


class TaskList(NamedTuple):
    """A list of tasks: the metric's endpoint label, the path below ``/agent-api``, and the generation of its tasks.

    ``active`` are the values of the server's ``status`` filter that give the running and waiting tasks, one API call
    each; empty: no filter is documented.
    """

    endpoint: str
    path: str
    generation: str
    active: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTask:
    """A task as the platform lists it.

    ``owner`` is the user id of the account or of a sub-account, ``created`` is Unix seconds, and ``concurrency_limit`` is
    phone calls at once; ``kind`` is "outbound" or "inbound". An empty text or None: not in the list.
    """

    id: str
    name: str
    owner: str
    generation: str
    state: TaskState
    created: float | None
    concurrency_limit: int | None
    kind: str = ""


def task_lists(user_id: str, generations: Collection[int], *, sub_accounts: bool) -> list[TaskList]:
    """Return the lists that have an account's tasks of these generations (1, 2), with those of its sub-accounts or not."""
    lists = []
    if 1 in generations:
        lists.append(TaskList("tasks", f"/user/{user_id}/task", "1", ("2", "3")))
        if sub_accounts:
            lists.append(TaskList("all_tasks", f"/user/{user_id}/all_task", "1", ("2", "3")))
    if 2 in generations:  # a generation's number, not a quantity
        lists.append(TaskList("new_tasks", f"/new/user/{user_id}/task", "2", ("3",)))
        if sub_accounts:
            lists.append(TaskList("subset_tasks", f"/new/user/{user_id}/subset_task", "2"))
    return lists


def page_query(page: int) -> list[tuple[str, str]]:
    """Return the query for a page of a list, of which 1 is the first."""
    return [("page", str(page)), ("per_page", str(PER_PAGE))]


class Page(NamedTuple):
    """A page of a list: its entries, the number of the last page, and how many tasks the list claims to have."""

    entries: list[object]
    last: int
    total: int | None


def parse_page(page: int, envelope: Mapping[str, Any]) -> Page:
    """Parse ``{"data": [entry, …], "meta": {"last_page": "7", "total": 613}}``. Raises MalformedError."""
    entries, meta = envelope.get("data"), envelope.get("meta")
    if isinstance(entries, dict):  # PHP writes a list with a gap as an object
        entries = list(entries.values())
    last = read_count(meta.get("last_page")) if isinstance(meta, dict) else None
    if not isinstance(entries, list) or last is None:
        raise MalformedError(f"page {page} of the list is no list with its number of pages")
    return Page(entries, last, _parse_total(envelope))


def _parse_total(envelope: Mapping[str, Any]) -> int | None:
    """Parse ``{"meta": {"total": "613"}}``."""
    meta = envelope.get("meta")
    return read_count(meta.get("total")) if isinstance(meta, dict) else None


def parse_task(
    entry: object, generation: str, timezone: ZoneInfo, unread: Callable[[str], None], asked: TaskState | None
) -> ListedTask | None:
    """Parse an entry of a list; None if it has no id. A field that cannot be read goes to ``unread`` and is left out.

    ``asked`` is the state for which the list was filtered.
    """
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
    by_flags, by_status = _state(part("enable", _parse_flag), extra, asked), part("status", parse_status)
    if by_status is not None and _disagree(by_flags, by_status, extra):
        unread("tasks.status")
    kinds = _KINDS.get(part("task_type", read_count), ""), _CALLS_IN.get(part("is_call_in", _parse_flag), "")
    return ListedTask(
        id=uuid,
        name=part("name", _parse_name) or "",
        owner=part("user_id", _parse_uuid) or "",
        generation="2" if isinstance(extra, dict) and extra else generation,
        state=by_status or by_flags,
        created=part("create_datetime", partial(_parse_time, timezone)),
        concurrency_limit=part("maximumcall", read_count),
        kind=min(kinds, key=_CERTAINTY.index),
    )


def _state(enable: bool | None, extra: object, asked: TaskState | None) -> TaskState:  # noqa: FBT001  # the platform's
    """Return the state: ``enable`` and ``call_status``: dialling; only ``enable``: waits for its dial window.

    Tasks of generation 1 have no ``call_status``: with ``enable`` they run or wait, as ``asked`` says, and else run.
    """
    if enable is None:
        return asked or TaskState.UNKNOWN
    if not enable:
        return TaskState.PAUSED
    if not isinstance(extra, dict) or not extra:
        return asked or TaskState.RUNNING
    return TaskState.RUNNING if _parse_flag(extra.get("call_status")) else TaskState.WAITING


def _disagree(by_flags: TaskState, by_status: TaskState, extra: object) -> bool:
    """Return whether the flags contradict the status; without ``call_status`` they do not say whether a task waits."""
    if by_flags is by_status or by_flags is TaskState.UNKNOWN:
        return False
    return bool(extra) or TaskState.PAUSED in (by_flags, by_status)


def parse_status(value: object) -> TaskState | None:
    """Parse the ``status`` of the edit pages: 1 paused, 2 running, 3 waiting."""
    return _STATUSES.get(read_count(value))


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
    """Parse ``2024-07-01 09:00:01`` in the platform's time zone to Unix seconds; None for year 1, a zero date, and other ages."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        with suppress(ValueError):
            time = datetime.fromisoformat(value)
            return time.replace(tzinfo=timezone).timestamp() if time.year in _YEARS else None
    return None
