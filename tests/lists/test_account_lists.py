"""The lists of one account together: one that fails, is lacking or odd, is said and leaves the others alone."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final, cast
from zoneinfo import ZoneInfo

import pytest

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, ConnectError, Failure, HttpError, MalformedError, NotFound, Unauthorized
from exporter.lists.account_lists import AccountLists
from exporter.lists.entries import task_lists
from exporter.lists.reader import ListReader
from exporter.lists.watch import ListWatch
from tests.support.lists import SUB_USER, USER, Lists, entry, uuid

LACKING: Final = (
    "the platform has no task list at /agent-api/{path}; expected one: see discovery.generations, user_id and base_url"
)
INTERVAL: Final = 60.0


class Account:
    """The four lists of an account, read round by round."""

    def __init__(self, **lists: list[object]) -> None:
        self.platform = Lists(**lists)
        reader = ListReader(
            cast(YunfuClient, self.platform), ZoneInfo("Asia/Shanghai"), lambda _: None, max_entries=100
        )
        watches = [
            ListWatch(each, reader, interval=INTERVAL, full_interval=INTERVAL)
            for each in task_lists(USER, (1, 2), sub_accounts=True)
        ]
        self.lists = AccountLists("main", watches)
        self.now = 0.0

    async def round(self) -> Failure | None:
        """Read all lists, and return the first failure."""
        await self.lists.read(partial(ListWatch.refresh, now=self.now))
        self.now += INTERVAL
        return self.lists.failure


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what was logged since the last time, with the list that it is about."""
    found = [(record.getMessage(), record.__dict__["fields"]["list"]) for record in caplog.records]
    caplog.clear()
    return found


async def test_the_tasks_are_those_of_all_lists() -> None:
    """A task that is in two lists has moved: it is where it is not paused."""
    account = Account(
        tasks=[entry(1, enable=0), entry(2)],
        all_tasks=[entry(1, user_id=SUB_USER), entry(2, enable=0, user_id=SUB_USER), entry(3, user_id=SUB_USER)],
        new_tasks=[entry(4)],
    )
    assert await account.round() is None
    assert {task.id: task.owner for task in account.lists.tasks().values()} == {
        uuid(1): SUB_USER,
        uuid(2): USER,
        uuid(3): SUB_USER,
        uuid(4): USER,
    }
    assert account.lists.are_known
    assert account.lists.calls_per_second == pytest.approx(4 / INTERVAL)


async def test_a_list_that_the_platform_lacks_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The others are read, it is no failure, and what to look at is said; so is its coming."""
    caplog.set_level(logging.INFO)
    account = Account(tasks=[entry(1)])
    account.platform.envelopes["new_tasks", 1] = NotFound(404, "the platform knows no such task")
    for _ in range(12):
        assert await account.round() is None
    assert account.lists.tasks().keys() == {uuid(1)}
    assert account.lists.are_known
    assert account.lists.odd_lists == {"new_tasks": LACKING.format(path=f"new/user/{USER}/task")}
    assert account.lists.lacking == {"new_tasks"}
    assert said(caplog) == [("a task list is odd", "new_tasks")]
    account.platform.envelopes.clear()
    for _ in range(5):
        await account.round()
    assert account.lists.odd_lists == {}
    assert not account.lists.lacking
    assert said(caplog) == [("a task list is as documented again", "new_tasks")]


async def test_an_account_whose_lists_are_all_lacking_fails(caplog: pytest.LogCaptureFixture) -> None:
    """If no list is there, that is a failure with the same words, and not an account without tasks."""
    account = Account()
    for name in ("tasks", "all_tasks", "new_tasks", "subset_tasks"):
        account.platform.envelopes[name, 1] = NotFound(404, "the platform knows no such task")
    for _ in range(3):
        assert await account.round() == Failure("http_404", LACKING.format(path=f"user/{USER}/task"))
    assert not account.lists.are_known
    assert account.lists.odd_lists == {}
    assert not account.lists.lacking
    assert said(caplog) == [("discovery fails", name) for name in ("tasks", "all_tasks", "new_tasks", "subset_tasks")]


async def test_a_lacking_list_is_not_set_beside_others_that_fail(caplog: pytest.LogCaptureFixture) -> None:
    """That the others are read is only said while one of them is; in the log, the outage changes nothing about the list."""
    account = Account(tasks=[entry(1)])
    account.platform.envelopes["new_tasks", 1] = NotFound(404, "the platform knows no such task")
    await account.round()
    for name in ("tasks", "all_tasks", "subset_tasks"):
        assert account.lists.lacking == {"new_tasks"}
        account.platform.envelopes[name, 1] = HttpError(403, "forbidden")
        await account.round()
    assert not account.lists.lacking
    assert len(account.lists.failures) == 3
    account.platform.envelopes = {
        key: each for key, each in account.platform.envelopes.items() if key[0] == "new_tasks"
    }
    await account.round()
    assert account.lists.lacking == {"new_tasks"}
    assert [what for what, name in said(caplog) if name == "new_tasks"] == ["a task list is odd"]


async def test_a_list_that_fails_for_another_reason_is_said_again(caplog: pytest.LogCaptureFixture) -> None:
    """A token that is refused after an outage reaches the log; reasons that take turns are each said once until the list is read."""
    account = Account()
    errors: tuple[ApiError, ...] = (MalformedError("an HTML page"), Unauthorized(401, "no"))
    for error in (*errors * 3, None, *errors):
        account.platform.envelopes = {} if error is None else {("tasks", 1): error}
        await account.round()
    reasons = [vars(record)["fields"]["error"] for record in caplog.records]
    assert reasons == ["malformed: the list tasks: an HTML page", "http_401: the list tasks: no"] * 2


async def test_a_list_without_ids_fails_and_keeps_its_tasks(caplog: pytest.LogCaptureFixture) -> None:
    """Entries whose ids are renamed are no list of no tasks: it is said once, and what was known stays in use."""
    account = Account(tasks=[entry(1)], new_tasks=[entry(2)])
    await account.round()
    account.platform.lists["tasks"] = [{"id": uuid(1), "task_name": "a", "is_enable": 1}]
    for _ in range(3):
        failure = await account.round()
        assert failure is not None
        assert failure.reason == "unknown_format"
        assert "no id (uuid) can be read" in failure.text
    assert account.lists.tasks().keys() == {uuid(1), uuid(2)}
    assert said(caplog) == [("discovery fails; the previous list stays in use", "tasks")]


@pytest.mark.parametrize("has_previous", [False, True])
async def test_a_list_that_fails_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture, *, has_previous: bool
) -> None:
    """The failure names the list; that the previous one stays is said where there is one."""
    caplog.set_level(logging.INFO)
    account = Account(tasks=[entry(1)], new_tasks=[entry(2)])
    account.lists.has_previous = has_previous
    account.platform.envelopes["tasks", 1] = HttpError(403, "forbidden")
    await account.round()
    failure = await account.round()
    assert account.lists.tasks().keys() == {uuid(2)}
    assert account.lists.keeps_previous is has_previous
    assert not account.lists.are_known
    assert failure == Failure("http_403", "the list tasks: forbidden")
    begin = "discovery fails; the previous list stays in use" if has_previous else "discovery fails"
    assert said(caplog) == [(begin, "tasks")]
    account.platform.envelopes.clear()
    assert await account.round() is None
    assert account.lists.tasks().keys() == {uuid(1), uuid(2)}
    account.platform.envelopes["tasks", 1] = HttpError(403, "forbidden")
    await account.round()
    assert account.lists.tasks().keys() == {uuid(1), uuid(2)}
    assert account.lists.keeps_previous
    assert said(caplog) == [
        ("discovery works again", "tasks"),
        ("discovery fails; the previous list stays in use", "tasks"),
    ]


REFUSED = Unauthorized(401, "no")
REFUSED.blame_account()


@pytest.mark.parametrize(("error", "calls"), [(REFUSED, 1), (ConnectError("no"), 3)], ids=["401", "connect"])
async def test_a_platform_that_serves_nothing_is_not_asked_for_each_list(error: ApiError, calls: int) -> None:
    """After a refused token or without a connection, the other lists would fail alike."""
    account = Account()
    account.platform.envelopes["tasks", 1] = error
    assert await account.round() == Failure(error.reason, "the list tasks: no")
    assert account.platform.calls == {"tasks": calls}
