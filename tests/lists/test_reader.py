"""The reading of a list page by page: where it ends, and which readings may lack tasks."""

from __future__ import annotations

from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from exporter.api.client import YunfuClient
from exporter.api.errors import UnknownFormat
from exporter.api.model import TaskState
from exporter.demo.simulator import Fault, SimulatorOptions
from exporter.lists.entries import task_lists
from exporter.lists.reader import MAX_PAGES, Flaw, ListReader, ListReading
from tests.support.lists import Lists, entry, uuid
from tests.support.simulated import SimulatedClient

CHINA = ZoneInfo("Asia/Shanghai")


async def reading(
    client: Lists | SimulatedClient, *, generation: int = 1, status: str = "", max_entries: int = 20_000
) -> ListReading:
    """Return what is read of the account's list of a generation."""
    reader = ListReader(cast(YunfuClient, client), CHINA, lambda _: None, max_entries=max_entries)
    (task_list,) = task_lists(client.user_id, (generation,), sub_accounts=False)
    return await reader.read(task_list, status)


def numbers(found: ListReading, count: int = 1200) -> list[int]:
    """Return the numbers of the tasks that were read."""
    return [number for number in range(count) if uuid(number) in found.tasks]


async def test_a_whole_list_has_no_flaw() -> None:
    """All pages are read, and what they hold is what the list claims."""
    found = await reading(Lists(tasks=[entry(number) for number in range(250)]))
    assert (numbers(found), found.pages, found.flaw) == ([*range(250)], 3, None)


async def test_an_empty_list_has_no_flaw() -> None:
    """An account without tasks has one page, which is empty and claims none."""
    assert await reading(Lists()) == ListReading({}, 1, None)


async def test_what_has_no_id_is_counted_by_the_list() -> None:
    """Entries that cannot be read are missing from the tasks, and not from the list."""
    found = await reading(Lists(tasks=[entry(1), "?", entry(2, uuid=None)]))
    assert (numbers(found), found.flaw) == ([1], None)


async def test_entries_without_any_id_are_no_empty_list() -> None:
    """A list that names the id otherwise fails, in words that say how many entries came and what to do."""
    renamed = [{"id": uuid(number), "task_name": "a", "is_enable": 1} for number in range(250)]
    with pytest.raises(UnknownFormat) as caught:
        await reading(Lists(tasks=renamed[:1]))
    assert str(caught.value) == (
        "no id (uuid) can be read in the entries that came, 1; "
        "please report the file that `yunfu-exporter capture` writes"
    )
    with pytest.raises(UnknownFormat, match="came, 200;"):  # the second page brings nothing new either
        await reading(Lists(tasks=renamed))


@pytest.mark.parametrize("status", ["2", "3"])
async def test_the_filter_says_what_a_task_of_generation_1_does(status: str) -> None:
    """A 1.0 entry shows only that it is enabled; the filter that gives it says whether it runs or waits."""
    lists = Lists()
    lists.given["tasks", status] = [entry(1), entry(2, enable=0), entry(3, enable=None), entry(4, status=2)]
    tasks = (await reading(lists, status=status)).tasks
    asked = TaskState.RUNNING if status == "2" else TaskState.WAITING
    assert [task.state for task in tasks.values()] == [asked, TaskState.PAUSED, asked, TaskState.RUNNING]


async def test_the_filter_of_generation_2_leaves_it_to_the_flags() -> None:
    """In generation 2 the filter gives what runs or waits in one, and the flags tell which."""
    extra = {"call_status": 1}
    lists = Lists(new_tasks=[entry(1, new_task_extra=extra), entry(2, new_task_extra={"call_status": 0})])
    lists.lists["new_tasks"].append(entry(3, enable=0, new_task_extra=extra))
    tasks = (await reading(lists, generation=2, status="3")).tasks
    assert [task.state for task in tasks.values()] == [TaskState.RUNNING, TaskState.WAITING]


@pytest.mark.parametrize(
    ("fault", "flaw", "pages", "fewest"),
    [
        (Fault(kind="empty_page", page=2), Flaw.EMPTY, 3, 150),
        (Fault(kind="empty_page"), Flaw.EMPTY, 2, 0),
        (Fault(kind="page_ignored"), Flaw.REPEATED, 2, 100),
        (Fault(kind="shrinking"), Flaw.CHANGED, 3, 190),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else repr(value),
)
async def test_a_reading_that_may_lack_tasks_has_a_flaw(fault: Fault, flaw: Flaw, pages: int, fewest: int) -> None:
    """An empty page, the same page again, entries that slip over a page's border: what could be read is there, and the flaw."""
    client = SimulatedClient(SimulatorOptions(tasks=375, speed=0))
    assert (await reading(client, generation=2)).flaw is None
    client.simulator.add_fault(fault)
    found = await reading(client, generation=2)
    assert (found.flaw, found.pages) == (flaw, pages)
    assert fewest <= len(found.tasks) < 250


async def test_a_list_that_claims_another_number_of_tasks_has_a_flaw() -> None:
    """If pages do not change and yet hold fewer or more tasks than claimed, some may be lacking."""
    lists = Lists()
    lists.envelopes["tasks", 1] = {"data": [entry(1), entry(2)], "meta": {"last_page": 1, "total": 3}}
    found = await reading(lists)
    assert (numbers(found), found.flaw) == ([1, 2], Flaw.MISCOUNTED)


@pytest.mark.parametrize("last", [1001, 1e15])
async def test_a_list_that_claims_endless_empty_pages_ends(last: float) -> None:
    """Two empty pages in a row end the reading, whatever is claimed."""
    lists = Lists()
    empty = {"data": [], "meta": {"last_page": last, "total": 7}}
    lists.envelopes |= {("tasks", number): empty for number in (1, 2, 3)}
    assert await reading(lists) == ListReading({}, 2, Flaw.EMPTY)
    assert lists.calls["tasks"] == 2


async def test_a_list_that_grows_with_every_page_ends() -> None:
    """A platform that always claims one more page is asked up to MAX_PAGES."""
    lists = Lists()
    for number in range(1, MAX_PAGES + 2):
        lists.envelopes["tasks", number] = {"data": [entry(number)], "meta": {"last_page": number + 1}}
    found = await reading(lists)
    assert (found.flaw, len(found.tasks)) == (Flaw.TOO_LONG, MAX_PAGES)
    assert lists.calls["tasks"] == MAX_PAGES


@pytest.mark.parametrize(("size", "max_entries", "pages"), [(250, 200, 2), (150, 200, 2), (5000, 200, 1)])
async def test_reading_ends_at_a_bound(size: int, max_entries: int, pages: int) -> None:
    """No more entries than the bound are kept, be they on many pages or on one that is longer than was asked for."""
    lists = Lists(tasks=[entry(number) for number in range(size)])
    if pages == 1:
        meta: dict[str, Any] = {"last_page": 1000, "total": 1000 * size}
        lists.envelopes["tasks", 1] = {"data": lists.lists["tasks"], "meta": meta}
    found = await reading(lists, max_entries=max_entries)
    assert (len(found.tasks), found.pages) == (min(size, max_entries), pages)
    assert found.flaw == (Flaw.TOO_LONG if size > max_entries else None)


async def test_a_longer_page_than_asked_for_is_read() -> None:
    """A platform that ignores per_page and gives a whole list on one page loses nothing."""
    lists = Lists()
    meta = {"last_page": 1, "total": 150}
    lists.envelopes["tasks", 1] = {"data": [entry(number) for number in range(150)], "meta": meta}
    found = await reading(lists)
    assert (numbers(found), found.flaw) == ([*range(150)], None)
