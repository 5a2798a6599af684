"""The API calls of the first contact with an account: a page of each list, one task's statistics; and all that came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from exporter.api.client import API_PATH, Answer, YunfuClient, stat_path
from exporter.api.errors import ApiError, ConnectError, UnknownFormat
from exporter.api.model import TaskRef, TaskState
from exporter.api.responses import parse_envelope, parse_stat_response
from exporter.config.settings import AccountSettings
from exporter.contact.fields import ListFound, StatFound, read_list, read_stat
from exporter.lists.entries import ListedTask, Page, TaskList, page_query, parse_page, task_lists

Found = TypeVar("Found")

Extra = tuple[str, str]
"""An endpoint's name and its path below ``/agent-api``, in which ``{user_id}`` is filled in."""

_PREFERENCE: Final = (TaskState.RUNNING, TaskState.UNKNOWN, TaskState.WAITING, TaskState.PAUSED)


@dataclass(frozen=True, slots=True)
class Call:
    """An API call: what was asked, when (Unix time), and what came of it: an answer, an error, or both."""

    endpoint: str
    path: str
    """Below ``/agent-api``."""
    query: Sequence[tuple[str, str]]
    asked_at: float
    answer: Answer | None
    error: ApiError | None


class AskedTask(NamedTuple):
    """The task whose statistics are asked for; its name and state are empty where they are only configured."""

    id: str
    name: str
    state: str
    sub_user_id: str | None


@dataclass(slots=True)
class Contact:
    """What the first contact with an account brought. ``lists`` has what was found by endpoint."""

    account: AccountSettings
    calls: list[Call] = field(default_factory=list)
    lists: dict[str, ListFound] = field(default_factory=dict)
    task: AskedTask | None = None
    stat: StatFound | None = None
    granted: int | None = None
    token_expiry: float | None = None

    def full_path(self, call: Call) -> str:
        """Return the path of the URL that was asked, with that of ``base_url``."""
        return f"{urlsplit(self.account.base_url).path}{API_PATH}{call.path}"

    @property
    def failed(self) -> list[Call]:
        """The API calls that failed."""
        return [call for call in self.calls if call.error is not None]

    @property
    def tasks(self) -> int | None:
        """How many tasks the lists have; None: no list was read, or one does not say."""
        totals = [found.total for found in self.lists.values()]
        return sum(total for total in totals if total is not None) if totals and None not in totals else None


class ContactMaker:
    """Makes the calls for one account. ``clock`` is Unix time, ``timezone`` the platform's."""

    def __init__(
        self, client: YunfuClient, account: AccountSettings, timezone: ZoneInfo, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._timezone = timezone
        self._clock = clock
        self._contact = Contact(account)
        self._is_over = False

    async def make(self, extras: Sequence[Extra] = ()) -> Contact:
        """Make the calls, and those to ``extras``, until one shows that the others would fail alike."""
        contact, discovery = self._contact, self._contact.account.discovery
        user_id = contact.account.user_id
        for each in (
            [] if discovery is None else task_lists(user_id, discovery.generations, sub_accounts=discovery.sub_accounts)
        ):
            await self._read_list(each)
        contact.task = None if self._is_over else _choose(contact)
        if contact.task is not None:
            await self._read_stat(contact.task)
        for endpoint, path in extras:
            await self._call(endpoint, path.format(user_id=user_id), [], parse_envelope)
        contact.granted = self._client.gate.use.granted
        return contact

    async def _read_list(self, tasks: TaskList) -> None:
        page: Page | None = await self._call(
            tasks.endpoint, tasks.path, page_query(1), lambda body: parse_page(1, parse_envelope(body))
        )
        if page is not None:
            self._contact.lists[tasks.endpoint] = read_list(page, tasks.generation, self._timezone)

    async def _read_stat(self, task: AskedTask) -> None:
        query = [("sub_user_id", task.sub_user_id)] if task.sub_user_id else []
        path = stat_path(self._contact.account.user_id, TaskRef(self._contact.account.name, task.id))
        response = await self._call("stat", path, query, parse_stat_response)
        call = self._contact.calls[-1]
        if response is not None and response.data is not None:
            self._contact.stat = read_stat(response.data)
        elif isinstance(call.error, UnknownFormat) and call.answer is not None:
            self._contact.stat = read_stat(parse_envelope(call.answer.body)["data"])  # what came instead is to be named

    async def _call(
        self, endpoint: str, path: str, query: list[tuple[str, str]], read: Callable[[bytes], Found]
    ) -> Found | None:
        """Make an API call, unless one before showed that it would fail; return what is read, None: it failed."""
        if self._is_over:
            return None
        answers: list[Answer] = []
        found, failure, asked_at = None, None, self._clock()
        try:
            found = await self._client.watched(endpoint, path, query, read, answers.append)
        except ApiError as error:
            failure = error
            self._is_over = error.holds or isinstance(error, ConnectError)
        answer = answers[-1] if answers else None
        self._contact.calls.append(Call(endpoint, path, query, asked_at, answer, failure))
        return found


def _choose(contact: Contact) -> AskedTask | None:
    """Return a running task; else one that is configured, else any that is listed."""
    listed = sorted(
        (task for found in contact.lists.values() for task in found.tasks),
        key=lambda task: _PREFERENCE.index(task.state),
    )
    configured = contact.account.tasks
    if not configured or (listed and listed[0].state is TaskState.RUNNING):
        return _asked(listed[0], contact.account.user_id) if listed else None
    known: Mapping[str, Any] = {task.id: task for task in listed}
    best = min(configured, key=lambda task: task.id not in known)
    if best.id in known:
        return _asked(known[best.id], contact.account.user_id)
    return AskedTask(best.id, best.name or "", "", best.sub_user_id)


def _asked(task: ListedTask, user_id: str) -> AskedTask:
    owner = task.owner if task.owner not in ("", user_id) else None
    return AskedTask(task.id, task.name, task.state.value, owner)
