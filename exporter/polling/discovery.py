"""Which tasks there are and in what state: reads the account's lists, and chooses what is polled.

A list is read whole or not at all: if one page fails, the list before stays in force. The shapes are those of the
vendor's documentation of the task lists; Laravel writes the numbers of its pagination as strings.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, HttpError, MalformedError
from exporter.api.model import Task, TaskRef, TaskState, clean_label, read_count

PER_PAGE: Final = 100
MAX_PAGES: Final = 1000
"""The most pages that are read of one list; a platform that claims more is not believed."""

PAGE_TRIES: Final = 3
"""How often a page is tried that times out, breaks off, is answered 5xx or cannot be read."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_ORDER: Final = {TaskState.RUNNING: 0, TaskState.WAITING: 1, TaskState.UNKNOWN: 2, TaskState.PAUSED: 3}


Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task as the platform lists it. ``owner`` is the user id of the account or of a sub-account."""

    id: str
    name: str
    owner: str
    generation: str
    state: TaskState
    created: float | None
    concurrency_limit: int | None


@dataclass(frozen=True, slots=True)
class DiscoveryPlan:
    """What is looked for and what of it is polled. The patterns must match a task's whole name."""

    generations: tuple[int, ...]
    sub_accounts: bool
    states: frozenset[TaskState]
    include: re.Pattern[str]
    exclude: re.Pattern[str] | None
    max_tasks: int
    min_answer_ratio: float


class HidingRule(StrEnum):
    """The setting for which a task that the platform lists is not shown."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    MAX_TASKS = "max_tasks"
    SHARD = "shard"


@dataclass(frozen=True, slots=True)
class Choice:
    """A task that was found or configured, and why it is not polled (empty: it is).

    A task that a rule hides is not shown in the metrics at all; the other unpolled ones are, with their state.
    """

    task: Task
    why_not: str = ""
    rule: HidingRule | None = None

    @property
    def hidden(self) -> bool:
        """Tell whether the task is not shown in the metrics at all."""
        return self.rule is not None


async def list_tasks(
    client: YunfuClient, plan: DiscoveryPlan, timezone: ZoneInfo, unread: Callable[[str], None]
) -> dict[str, ListedTask]:
    """Read all lists that the plan asks for, by task id. Raises ApiError if any page cannot be read.

    ``unread`` is told the field of each part that could not be read.
    """
    tasks: dict[str, ListedTask] = {}
    for endpoint, path, generation in _lists(plan, client.user_id):
        async for entry in _pages(client, endpoint, path):
            task = _parse(entry, generation, timezone, unread)
            if task is not None:
                tasks.setdefault(task.id, task)
    return tasks


async def count_tasks(client: YunfuClient, plan: DiscoveryPlan) -> int | None:
    """Ask each list for its length, with one call a list; None if one does not say. Raises ApiError."""
    totals = []
    for endpoint, path, _ in _lists(plan, client.user_id):
        totals.append(await client.get(endpoint, path, [("page", "1"), ("per_page", "1")], _total))
    known = [total for total in totals if total is not None]
    return sum(known) if len(known) == len(totals) else None


def choose(
    listed: Mapping[str, ListedTask],
    configured: Sequence[Task],
    plan: DiscoveryPlan,
    account: str,
    user_id: str,
) -> list[Choice]:
    """Merge what was found with what is configured, and decide what is polled.

    A configured task is always polled; what was found tells its state. Over ``max_tasks`` the configured ones come
    first, then the running, waiting and paused ones, the oldest first.
    """
    found = {task.id: _found(task, plan, account, user_id) for task in listed.values()}
    choices = [Choice(complete(task, found.pop(task.ref.id)) if task.ref.id in found else task) for task in configured]
    judged = [_judge(task, plan) for task in sorted(found.values(), key=_precedence)]
    room = max(0, plan.max_tasks - len(choices))
    for choice in judged:
        if choice.hidden:
            choices.append(choice)
        elif room > 0:
            choices.append(choice)
            room -= 1
        else:
            choices.append(replace(choice, why_not=f"over max_tasks ({plan.max_tasks})", rule=HidingRule.MAX_TASKS))
    return choices


def list_endpoints(plan: DiscoveryPlan) -> tuple[str, ...]:
    """Return the metric's endpoint labels of the lists that the plan asks for."""
    return tuple(endpoint for endpoint, _, _ in _lists(plan, ""))


def _lists(plan: DiscoveryPlan, user_id: str) -> Iterable[tuple[str, str, str]]:
    """Yield the metric's endpoint label, the path and the generation of each list to read."""
    if 1 in plan.generations:
        yield "tasks", f"/user/{user_id}/task", "1"
        if plan.sub_accounts:
            yield "all_tasks", f"/user/{user_id}/all_task", "1"
    if 2 in plan.generations:  # a generation's number, not a quantity
        yield "new_tasks", f"/new/user/{user_id}/task", "2"
        if plan.sub_accounts:
            yield "subset_tasks", f"/new/user/{user_id}/subset_task", "2"


async def _pages(client: YunfuClient, endpoint: str, path: str) -> AsyncIterator[object]:
    page = last = 1
    while page <= last:
        entries, last = await _page(client, endpoint, path, page)
        for entry in entries:
            yield entry
        page += 1


async def _page(client: YunfuClient, endpoint: str, path: str, page: int) -> tuple[list[object], int]:
    """Read a page; try again if it fails by chance, as one of a hundred pages will, and the others would be for nothing."""
    query = [("page", str(page)), ("per_page", str(PER_PAGE))]
    for left in reversed(range(PAGE_TRIES)):
        try:
            return await client.get(endpoint, path, query, partial(_entries, page))
        except ApiError as error:
            is_final = error.holds or (isinstance(error, HttpError) and error.is_tasks_own)
            if is_final or not left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _entries(page: int, envelope: Mapping[str, Any]) -> tuple[list[object], int]:
    """Return the entries of a page and how many pages there are. Raises MalformedError."""
    entries, meta = envelope.get("data"), envelope.get("meta")
    if isinstance(entries, dict):  # PHP writes a list with a gap as an object
        entries = list(entries.values())
    pages = read_count(meta.get("last_page")) if isinstance(meta, dict) else None
    if not isinstance(entries, list) or pages is None:
        raise MalformedError(f"page {page} of the list is no list with its number of pages")
    if pages > MAX_PAGES:
        raise MalformedError(f"the list claims {pages} pages; at most {MAX_PAGES} are read")
    return entries, pages


def _total(envelope: Mapping[str, Any]) -> int | None:
    meta = envelope.get("meta")
    return read_count(meta.get("total")) if isinstance(meta, dict) else None


def _parse(entry: object, generation: str, timezone: ZoneInfo, unread: Callable[[str], None]) -> ListedTask | None:
    if not isinstance(entry, dict):
        unread("tasks")
        return None
    uuid = _uuid(entry.get("uuid"))
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
        name=part("name", _name) or "",
        owner=part("user_id", _uuid) or "",
        generation="2" if isinstance(extra, dict) and extra else generation,
        state=_state(part("enable", _flag), extra),
        created=part("create_datetime", partial(_moment, timezone)),
        concurrency_limit=part("maximumcall", read_count),
    )


def _state(enable: bool | None, extra: object) -> TaskState:  # noqa: FBT001  # the platform's flag
    """Read the state: both flags set: dialling; only ``enable``: waits for its dial window. 1.0 has only ``enable``."""
    if enable is None:
        return TaskState.UNKNOWN
    if not enable:
        return TaskState.PAUSED
    if not isinstance(extra, dict) or not extra:
        return TaskState.RUNNING
    return TaskState.RUNNING if _flag(extra.get("call_status")) else TaskState.WAITING


def _uuid(value: object) -> str | None:
    text = value.lower() if isinstance(value, str) else ""
    return text if _UUID.fullmatch(text) else None


def _name(value: object) -> str | None:
    return clean_label(value) if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    """Read a boolean, which PHP also writes as 0 or 1 or as a string of these."""
    if isinstance(value, bool):
        return value
    count = read_count(value)
    return None if count is None else count > 0


def _moment(timezone: ZoneInfo, value: object) -> float | None:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        with suppress(ValueError, OverflowError):
            return datetime.fromisoformat(value).replace(tzinfo=timezone).timestamp()
    return None


def complete(task: Task, found: Task) -> Task:
    """Complete a configured task with what discovery tells of it; what is configured prevails."""
    ref = task.ref._replace(sub_user_id=task.ref.sub_user_id or found.ref.sub_user_id)
    return replace(
        found, ref=ref, min_answer_ratio=task.min_answer_ratio, name=task.name or found.name, labels=task.labels
    )


def _found(found: ListedTask, plan: DiscoveryPlan, account: str, user_id: str) -> Task:
    return Task(
        TaskRef(account, found.id, _sub_user(found, user_id)),
        plan.min_answer_ratio,
        found.name,
        found.generation,
        found.state,
        concurrency_limit=found.concurrency_limit,
        created=found.created,
    )


def _sub_user(found: ListedTask, user_id: str) -> str | None:
    return found.owner if found.owner and found.owner != user_id else None


def _judge(task: Task, plan: DiscoveryPlan) -> Choice:
    if not plan.include.fullmatch(task.name):
        return Choice(task, "its name does not match include", HidingRule.INCLUDE)
    if plan.exclude is not None and plan.exclude.fullmatch(task.name):
        return Choice(task, "its name matches exclude", HidingRule.EXCLUDE)
    if task.state not in plan.states and task.state is not TaskState.UNKNOWN:  # in doubt it is worth a look
        return Choice(task, f"its state is {task.state}")
    return Choice(task)


def _precedence(task: Task) -> tuple[int, float, str]:
    return _ORDER[task.state], task.created or 0.0, task.ref.id
