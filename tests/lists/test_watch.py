"""The watch of one task list: what a filtered reading may change, when the whole is read, and when the filter is doubted."""

from __future__ import annotations

from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import pytest

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError, EnvelopeError, HttpError, NotFound, Unauthorized
from exporter.demo.simulator import Fault, SimulatorOptions
from exporter.lists.entries import task_lists
from exporter.lists.reader import PAGE_TRIES, Flaw, ListReader
from exporter.lists.watch import FILTER_RETRY_SECONDS, FilterFault, ListWatch
from tests.support.lists import Entry, Lists, entry, uuid
from tests.support.simulated import SimulatedClient

CHINA: Final = ZoneInfo("Asia/Shanghai")
INTERVAL, FULL_INTERVAL = 60.0, 900.0
OTHERS: Final = [entry(number, enable=0) for number in range(100, 110)]
"""Paused tasks, so that a filter has something to leave out."""


class Watched:
    """A list of generation 1 (or that of ``endpoint``) that is watched, round by round."""

    def __init__(
        self, client: Lists | SimulatedClient, endpoint: str = "tasks", full_interval: float = FULL_INTERVAL
    ) -> None:
        reader = ListReader(cast(YunfuClient, client), CHINA, lambda _: None, max_entries=20_000)
        lists = {each.endpoint: each for each in task_lists(client.user_id, (1, 2), sub_accounts=True)}
        self.watch = ListWatch(lists[endpoint], reader, interval=INTERVAL, full_interval=full_interval)
        self.client = client
        self.now = 0.0

    async def rounds(self, count: int = 1) -> list[int]:
        """Refresh the list ``count`` times, an interval apart; return the calls that each took."""
        calls = []
        for _ in range(count):
            before = self.client.calls.total()
            await self.watch.refresh(self.now)
            calls.append(self.client.calls.total() - before)
            self.now += INTERVAL
        return calls

    @property
    def states(self) -> dict[int, str]:
        """The states of the tasks by their numbers."""
        numbers = {uuid(number): number for number in range(1200)}
        return {numbers[id_]: task.state.value for id_, task in self.watch.tasks.items() if numbers[id_] < 100}


def listing(*numbers: int, **changes: Any) -> list[Entry]:
    """Return a list of these tasks and some paused ones."""
    return [*(entry(number, **changes) for number in numbers), *OTHERS]


async def test_the_whole_list_is_read_rarely() -> None:
    """The whole list at the start and every full_interval, the two parts that the filter gives in each round."""
    watched = Watched(Lists(tasks=listing(1)))
    assert await watched.rounds(31) == [3, *[2] * 14, 3, *[2] * 14, 3]
    assert watched.watch.calls_per_second == pytest.approx(2 / INTERVAL + 1 / FULL_INTERVAL)


async def test_a_filtered_reading_adds_and_updates() -> None:
    """A task that starts, is new or waits is noticed in the next round, with its facts."""
    lists = Lists(tasks=[entry(1), entry(2, enable=0), entry(3), *OTHERS])
    watched = Watched(lists)
    await watched.rounds(2)
    lists.lists["tasks"] = [entry(1, "renamed"), entry(2), entry(3, new_task_extra={"call_status": 0}), entry(4)]
    await watched.rounds()
    assert watched.states == {1: "running", 2: "running", 3: "waiting", 4: "running"}
    assert watched.watch.tasks[uuid(1)].name == "renamed"


async def test_a_task_leaves_only_by_the_whole_list() -> None:
    """A task that is gone is called paused after two rounds, and leaves with the next reading of the whole list."""
    lists = Lists(tasks=listing(1, 2))
    watched = Watched(lists)
    await watched.rounds(2)
    lists.lists["tasks"] = listing(1)
    await watched.rounds()
    assert watched.states == {1: "running", 2: "running"}
    await watched.rounds(12)
    assert watched.states == {1: "running", 2: "paused"}
    await watched.rounds()
    assert watched.states == {1: "running"}


async def test_a_task_that_the_filter_lacks_once_runs_on() -> None:
    """A task can slip from one page or status to the next while they are read: it is paused if it is absent twice."""
    lists = Lists(tasks=listing(1, 2))
    watched = Watched(lists)
    await watched.rounds(2)
    for _ in range(3):
        lists.given["tasks", "2"] = [entry(1)]
        await watched.rounds()
        assert watched.states == {1: "running", 2: "running"}
        lists.given.clear()
        await watched.rounds()
    lists.lists["tasks"] = [entry(1), entry(2, enable=0), *OTHERS]
    await watched.rounds(2)
    assert watched.states == {1: "running", 2: "paused"}
    lists.lists["tasks"] = listing(1, 2)
    await watched.rounds()
    assert watched.states == {1: "running", 2: "running"}


async def test_a_filter_that_is_read_with_a_flaw_pauses_nothing() -> None:
    """If a filtered reading may lack tasks, those that it lacks run on."""
    lists = Lists(tasks=listing(1, 2))
    watched = Watched(lists)
    await watched.rounds(2)
    await watched.rounds()
    lists.lists["tasks"] = listing(1)
    lists.envelopes["tasks", 1] = {"data": [entry(1)], "meta": {"last_page": 1, "total": 2}}
    await watched.rounds(5)
    assert watched.states == {1: "running", 2: "running"}


async def test_a_filter_that_may_lack_tasks_is_not_used() -> None:
    """If the filter's pages are odd twice in a row and the whole list's are not, the list is read whole, which is said."""
    lists = Lists(tasks=listing(1, 2))
    watched = Watched(lists)
    await watched.rounds(2)
    lists.given["tasks", "2"] = [entry(1), entry(1)]
    await watched.rounds()
    assert watched.watch.oddity == ""
    lists.lists["tasks"] = listing(1, 2, 3)
    await watched.rounds(2)
    assert watched.states == {1: "running", 2: "running", 3: "running"}
    assert watched.watch.oddity == FilterFault.FLAWED


async def test_a_filter_that_gives_nothing_any_more_stops_no_task() -> None:
    """If all tasks are missing at once, the whole list says whether they have stopped; if they have not, the filter is out."""
    lists = Lists(tasks=listing(1, 2))
    watched = Watched(lists)
    await watched.rounds(2)
    lists.given = {("tasks", "2"): [], ("tasks", "3"): []}
    for _ in range(10):
        await watched.rounds()
        assert watched.states == {1: "running", 2: "running"}
    assert watched.watch.oddity == FilterFault.TOO_FEW


async def test_when_all_tasks_have_stopped_the_whole_list_says_so() -> None:
    """At the end of the day the whole list is read once more, and then as rarely as ever."""
    lists = Lists(tasks=listing(1, 2))
    watched = Watched(lists)
    await watched.rounds(2)
    lists.lists["tasks"] = listing(1, 2, enable=0)
    assert await watched.rounds(5) == [2, 3, 2, 2, 2]
    assert watched.states == {1: "paused", 2: "paused"}
    assert not watched.watch.oddity


async def test_a_task_of_generation_1_waits_as_its_filter_says() -> None:
    """The whole list does not tell running from waiting for a 1.0 task; the filter that follows does."""
    lists = Lists(tasks=listing(1, 2))
    lists.given["tasks", "2"], lists.given["tasks", "3"] = [entry(1)], [entry(2)]
    watched = Watched(lists)
    for _ in range(20):
        await watched.rounds()
        assert watched.states == {1: "running", 2: "waiting"}


async def test_a_list_without_a_filter_is_read_whole_as_often_as_it_is_short() -> None:
    """A list of one or two pages is read in every round, a longer one so that it costs two calls a round."""
    lists = Lists(subset_tasks=[entry(number) for number in range(150)])
    watched = Watched(lists, "subset_tasks")
    assert await watched.rounds(5) == [2] * 5
    lists.lists["subset_tasks"] = [entry(number) for number in range(550)]
    assert await watched.rounds(10) == [6, 0, 0, 6, 0, 0, 6, 0, 0, 6]
    assert watched.watch.calls_per_second == pytest.approx(2 / INTERVAL)


async def test_a_long_list_without_a_filter_is_read_whole_every_full_interval() -> None:
    """However long a list is, it is read whole every full_interval."""
    watched = Watched(Lists(subset_tasks=[entry(number) for number in range(1150)]), "subset_tasks", 300)
    assert await watched.rounds(11) == [12, 0, 0, 0, 0, 12, 0, 0, 0, 0, 12]


async def test_without_a_longer_full_interval_no_filter_is_used() -> None:
    """Who sets full_interval to the interval has every list read whole each time."""
    watched = Watched(Lists(tasks=listing(1)), full_interval=INTERVAL)
    assert await watched.rounds(5) == [1] * 5


@pytest.mark.parametrize("entries", [listing(1, 2), [entry(1), entry(2)]], ids=["some paused", "none paused"])
async def test_a_filter_that_is_ignored_is_noticed(entries: list[Entry]) -> None:
    """If tasks in other states come back, or both filters give the same, the list is read whole; tried again, it stays so."""
    lists = Lists(tasks=entries)
    lists.unfiltered.add("tasks")
    watched = Watched(lists)
    assert await watched.rounds(6) == [3, 2, 1, 1, 1, 1]
    assert watched.watch.oddity == FilterFault.IGNORED
    assert watched.states == {1: "running", 2: "running"}
    lists.lists["tasks"] = listing(1, 3)
    await watched.rounds()
    assert watched.states == {1: "running", 3: "running"}
    watched.now += FILTER_RETRY_SECONDS
    assert await watched.rounds(4) == [3, 1, 1, 1]
    assert watched.watch.oddity == FilterFault.IGNORED
    watched.now += FILTER_RETRY_SECONDS
    lists.unfiltered.clear()
    assert await watched.rounds(4) == [3, 3, 2, 2]
    assert not watched.watch.oddity


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"2": [entry(1)]}, FilterFault.TOO_FEW),
        ({"2": []}, FilterFault.TOO_FEW),
        ({"2": [entry(1), entry(2), entry(3)]}, FilterFault.TOO_MANY),
        ({"3": [entry(7)]}, FilterFault.TOO_MANY),
    ],
    ids=["lacks one", "lacks all", "one more", "one more that waits"],
)
async def test_a_filter_that_contradicts_the_whole_list_is_doubted(given: dict[str, list[Entry]], fault: str) -> None:
    """What runs by the whole list must be in the filtered one read right after, and that may have no others: twice, and it is out."""
    lists = Lists(tasks=listing(1, 2))
    lists.given = {("tasks", status): entries for status, entries in given.items()}
    watched = Watched(lists)
    assert await watched.rounds(5) == [3, 3, 1, 1, 1]
    assert watched.watch.oddity == fault
    assert watched.states == {1: "running", 2: "running"}


async def test_tasks_that_start_and_stop_between_two_readings_are_no_contradiction() -> None:
    """Each comparison finds another task that has just stopped or started: the filter stays in use."""
    lists = Lists(tasks=listing(1, 2, 3))
    watched = Watched(lists)
    for absent in (1, 2, 3, 1, 2, 3):
        lists.given["tasks", "2"] = [entry(number) for number in (1, 2, 3, 10 + absent) if number != absent]
        assert await watched.rounds() == [3]
    assert not watched.watch.oddity


@pytest.mark.parametrize(
    ("refusal", "tries"),
    [(HttpError(422, "no"), 1), (EnvelopeError(500, "no"), PAGE_TRIES), (HttpError(403, "no"), 1)],
    ids=["422", "envelope", "403"],
)
async def test_a_filter_that_is_refused_is_not_used(refusal: ApiError, tries: int) -> None:
    """A platform that does not take the parameter, or no longer, has its list read whole."""
    lists = Lists(tasks=listing(1))
    watched, later = Watched(lists), Watched(lists)
    await later.rounds(3)
    lists.given["tasks", "2"] = refusal
    assert await watched.rounds(4) == [1 + tries, 1, 1, 1]
    assert await later.rounds(4) == [1 + tries, 1, 1, 1]
    assert watched.watch.oddity == later.watch.oddity == FilterFault.REFUSED
    assert watched.states == {1: "running"}


async def test_a_list_that_is_refused_is_no_fault_of_its_filter() -> None:
    """If the whole list is refused as well, that is the failure, and the filter is used again afterwards."""
    lists = Lists(tasks=listing(1))
    watched = Watched(lists)
    await watched.rounds(2)
    lists.envelopes["tasks", 1] = HttpError(403, "no")
    with pytest.raises(HttpError, match="no"):
        await watched.rounds()
    del lists.envelopes["tasks", 1]
    watched.now += INTERVAL
    await watched.rounds(2)
    assert await watched.rounds() == [2]
    assert not watched.watch.oddity


async def test_a_whole_list_that_fails_leaves_the_filter_at_work() -> None:
    """If one of its later pages fails for hours, a task that starts is noticed all the same, and nothing leaves."""
    lists = Lists(tasks=[entry(number, enable=number < 50) for number in range(250)])
    watched = Watched(lists, full_interval=3 * INTERVAL)
    await watched.rounds()
    lists.envelopes["tasks", 3] = HttpError(500, "page 3")
    lists.lists["tasks"][60]["enable"] = 1
    await watched.rounds(2)
    for _ in range(5):
        with pytest.raises(HttpError, match="page 3"):
            await watched.rounds(3)
        watched.now += INTERVAL
    assert watched.states[60] == "running"
    assert len(watched.watch.tasks) == 250


async def test_a_refused_token_is_not_tried_again() -> None:
    """A refused token fails the round of its list at its first call, whether or not the account is held already."""
    lists = Lists(tasks=listing(1))
    lists.envelopes["tasks", 1] = Unauthorized(401, "no")
    watched = Watched(lists)
    with pytest.raises(Unauthorized):
        await watched.rounds()
    assert lists.calls.total() == 1


async def test_a_list_that_the_platform_lacks_is_asked_for_rarely() -> None:
    """A 404 at first sight means that there is no such list; it is tried again every five intervals."""
    lists = Lists(tasks=listing(1))
    lists.envelopes["tasks", 1] = NotFound(404, "no")
    watched = Watched(lists)
    for _ in range(10):
        with pytest.raises(NotFound):
            await watched.rounds()
        watched.now += INTERVAL
    assert lists.calls.total() == 2
    assert watched.watch.lacking is not None
    lists.envelopes.clear()
    await watched.rounds()
    assert watched.states == {1: "running"}
    assert watched.watch.lacking is None


@pytest.mark.parametrize(
    ("fault", "oddity"),
    [
        (Fault(kind="empty_page", page=2), Flaw.EMPTY),
        (Fault(kind="page_ignored"), Flaw.REPEATED),
        (Fault(kind="shrinking"), Flaw.CHANGED),
        (Fault(kind="empty_page"), Flaw.EMPTY),
    ],
    ids=["an empty page", "pages ignored", "shrinking", "all pages empty"],
)
async def test_an_odd_list_loses_no_task(fault: Fault, oddity: Flaw) -> None:
    """While a list cannot be read whole, what it had stays and it is said why; once it can be, that is over."""
    client = SimulatedClient(SimulatorOptions(tasks=375, speed=0))
    watched = Watched(client, "new_tasks")
    await watched.rounds()
    before = dict(watched.watch.tasks)
    assert len(before) == 250
    client.simulator.add_fault(fault)
    await watched.rounds(31)
    assert watched.watch.tasks == before
    assert watched.watch.oddity == oddity
    client.simulator.clear_faults()
    gone = client.simulator.incident("vanish", next(iter(before)))
    await watched.rounds(15)
    assert watched.watch.tasks.keys() == before.keys() - {gone}
    assert not watched.watch.oddity


async def test_one_change_while_the_list_is_read_is_nothing_odd() -> None:
    """Tasks are made and deleted while a list is read; it is odd if that happens each time."""
    client = SimulatedClient(SimulatorOptions(tasks=375, speed=0))
    watched = Watched(client, "new_tasks")
    client.simulator.add_fault(Fault(kind="shrinking"))
    oddities = []
    for _ in range(16):
        await watched.rounds()
        oddities.append(watched.watch.oddity)
    assert oddities == [*[""] * 15, Flaw.CHANGED]
    assert not watched.watch.is_known


async def test_a_platform_that_makes_up_tasks_without_end_fills_no_memory() -> None:
    """Lists that are odd and full of new tasks each time are not kept all."""
    lists = Lists()
    watched = Watched(lists, full_interval=INTERVAL)
    watched.watch._reader.max_entries = 100
    for number in range(20):
        entries = [entry(number * 100 + each) for each in range(100)]
        lists.envelopes["tasks", 1] = {"data": entries, "meta": {"last_page": 1, "total": 101}}
        await watched.rounds()
        assert len(watched.watch.tasks) <= 300
