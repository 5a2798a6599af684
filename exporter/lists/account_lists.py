"""The task lists of one account together: their tasks, which of them fail, and which are odd."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from exporter.api.client import API_PATH
from exporter.api.errors import ApiError, ConnectError, Failure
from exporter.api.model import TaskState
from exporter.lists.entries import ListedTask
from exporter.lists.watch import ListWatch
from exporter.logs import get_logger

log = get_logger(__name__)

_LACKING: Final = f"the platform has no task list at {API_PATH}{{path}}; expected one: see discovery.generations, user_id and base_url"


class AccountLists:
    """The lists that an account's tasks are in. One that fails or is lacking leaves the others alone."""

    def __init__(self, account: str, watches: Sequence[ListWatch]) -> None:
        self._account = account
        self._watches = watches
        self._failures: dict[str, Failure] = {}
        self._logged: defaultdict[str, set[str]] = defaultdict(set)  # the reasons logged since the list was last read
        self.has_previous = False
        """Whether tasks are in use that were known before any list was read."""
        self.odd_lists: Mapping[str, str] = {}
        """What is odd about lists, for people, by the lists' endpoints."""

    @property
    def failures(self) -> list[Failure]:
        """Why lists could not be read last time."""
        return list(self._failures.values())

    @property
    def failure(self) -> Failure | None:
        """Why a list could not be read last time; with several, of the first."""
        return next(iter(self._failures.values()), None)

    @property
    def lacking(self) -> frozenset[str]:
        """The endpoints of the lists that the platform lacks; none unless another list was read last time."""
        lacking = frozenset(watch.list.endpoint for watch in self._watches if watch.lacking)
        return lacking if len(lacking | self._failures.keys()) < len(self._watches) else frozenset()

    @property
    def keeps_previous(self) -> bool:
        """Whether tasks of the lists that fail are in use as they were read before."""
        return self.has_previous or any(watch.tasks for watch in self._watches if watch.list.endpoint in self._failures)

    @property
    def are_known(self) -> bool:
        """Whether each list has been read whole, but for those that the platform lacks."""
        return all(watch.is_known or watch.lacking for watch in self._watches) and not self._lacks_all

    @property
    def calls_per_second(self) -> float:
        """The average of the API calls per second that the lists cost."""
        return sum(watch.calls_per_second for watch in self._watches)

    def tasks(self) -> dict[str, ListedTask]:
        """Return the tasks of all lists by task id.

        A task in two lists has moved between them: the list where it is more alive is the newer one.
        """
        listed: dict[str, ListedTask] = {}
        for task in (task for watch in self._watches for task in watch.tasks.values()):
            other = listed.setdefault(task.id, task)
            if other.state is TaskState.PAUSED:
                listed[task.id] = task
        return listed

    @property
    def read_at(self) -> float | None:
        """When the last of the lists was read whole, by the loop's clock; None: not all of them have been."""
        times = [watch.read_at for watch in self._watches if not watch.lacking]
        return min(times) if times and min(times) > float("-inf") else None

    def resume(self, read_at: float) -> None:
        """Count the lists as read whole at a time before they were watched here, so that they are not due at once."""
        for watch in self._watches:
            watch.resume(read_at)

    async def read(self, read: Callable[[ListWatch], Awaitable[object]], *, logs_failures: bool = True) -> None:
        """Read each list with ``read``, and record which ones fail or are odd."""
        tried: dict[ListWatch, ApiError | None] = {}
        for watch in self._watches:
            try:
                await read(watch)
            except ApiError as error:
                tried[watch] = error
                if error.holds or isinstance(error, ConnectError):
                    break  # the other lists would fail alike
            else:
                tried[watch] = None
        if not self._lacks_all:
            tried = {watch: None if watch.lacking else error for watch, error in tried.items()}
        for watch, outcome in tried.items():
            self._record(watch, outcome, logs=logs_failures)
        self._record_oddities()

    @property
    def _lacks_all(self) -> bool:
        return all(watch.lacking for watch in self._watches)

    def _record(self, watch: ListWatch, error: ApiError | None, *, logs: bool) -> None:
        """Record whether a list can be read, and log a change of that; while it cannot be, each reason once."""
        endpoint = watch.list.endpoint
        if error is None:
            self._logged.pop(endpoint, None)
            if self._failures.pop(endpoint, None):
                log.info("discovery works again", account=self._account, list=endpoint)
            return
        failure = _failure(watch, error)
        if failure.reason not in self._logged[endpoint] and logs:
            self._logged[endpoint].add(failure.reason)
            has_tasks = watch.tasks or self.has_previous
            what = "discovery fails; the previous list stays in use" if has_tasks else "discovery fails"
            log.warning(what, account=self._account, list=endpoint, error=str(failure))
        self._failures[endpoint] = failure

    def _record_oddities(self) -> None:
        """Record which lists are odd or lacking, and log a change of that."""
        odd = {
            watch.list.endpoint: _LACKING.format(path=watch.list.path) if watch.lacking else watch.oddity
            for watch in self._watches
            if watch.oddity or (watch.lacking and not self._lacks_all)
        }
        for endpoint, why in odd.items():
            if self.odd_lists.get(endpoint) != why:
                log.warning("a task list is odd", account=self._account, list=endpoint, why=why)
        for endpoint in self.odd_lists.keys() - odd.keys():
            log.info("a task list is as documented again", account=self._account, list=endpoint)
        self.odd_lists = odd


def _failure(watch: ListWatch, error: ApiError) -> Failure:
    """Return why a list cannot be read, in words about the list: those of the error are about a task."""
    text = _LACKING.format(path=watch.list.path) if error.missing else f"the list {watch.list.endpoint}: {error.text}"
    return Failure(error.reason, text, said=error.said)
