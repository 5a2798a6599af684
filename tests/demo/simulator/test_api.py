from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from exporter.demo.simulator import Fault, SimulatorOptions, incident
from exporter.demo.simulator.documents import timestamp
from tests.support.simulation import HALF_PAST_NINE, HOUR, Answer, Simulation, serving


async def test_pages_hold_every_task_once(simulation: Simulation) -> None:
    """Page by page the list is whole; meta counts along, its per_page is a string, and past the end is nothing."""
    expected = [task.id for task in simulation.account.tasks.values() if task.generation == 2]
    assert len(expected) == 20
    seen = []
    for page in (1, 2, 3):
        answer = await simulation.get(f"{simulation.new_user}/task", ("page", str(page)), ("per_page", "8"))
        seen += [entry["uuid"] for entry in answer.data]
        meta = {"has_pages": True, "total": 20, "last_page": 3, "current_page": page, "per_page": "8"}
        assert answer.document["meta"] == meta
    assert seen == expected
    beyond = await simulation.get(f"{simulation.new_user}/task", ("page", "4"), ("per_page", "8"))
    assert (beyond.status, beyond.data) == (200, [])
    whole = await simulation.get(f"{simulation.new_user}/task", ("per_page", "1000"))
    assert whole.document["meta"] == {
        "has_pages": False, "total": 20, "last_page": 1, "current_page": 1, "per_page": "100",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ([("status", "1")], "1"),
        ([("status", "2")], "2"),
        ([("status", "3")], "3"),
        ([("status[]", "1"), ("status[]", "3")], "13"),
        ([("status[]", "1"), ("status[]", "2"), ("status[]", "3")], "123"),
    ],
)
@pytest.mark.parametrize("generation", [1, 2])
async def test_lists_are_filtered_by_status(
    simulation: Simulation, generation: int, query: list[tuple[str, str]], statuses: str
) -> None:
    """1 is paused; of the 1.0 tasks 2 dial and 3 wait; a 2.0 task has 3 for both, and never 2."""
    simulation.simulator.advance(2 * HOUR + 60)
    incident(simulation.simulator, "pause", simulation.first.id)
    now = simulation.simulator.now()
    numbers = {}
    for task in map(simulation.simulator.task, simulation.account.tasks):
        dialling = "2" if generation == 1 else "3"
        running = dialling if task.campaign.is_dialling(now) else "3"
        numbers[task.id] = "1" if simulation.state(task) == "paused" else running
    wanted = {
        task.id
        for task in simulation.account.tasks.values()
        if task.generation == generation and numbers[task.id] in statuses
    }
    base = simulation.user if generation == 1 else simulation.new_user
    answer = await simulation.get(f"{base}/task", ("per_page", "100"), *query)
    assert {entry["uuid"] for entry in answer.data} == wanted
    assert answer.document["meta"]["total"] == len(wanted)


async def test_lists_are_filtered_by_name(simulation: Simulation) -> None:
    """The filter takes any part of a name, Chinese too."""
    name = simulation.account.tasks[list(simulation.account.tasks)[1]].name
    for part in (name, name[:2], name[-3:]):
        answer = await simulation.get(f"{simulation.new_user}/task", ("name", part), ("per_page", "100"))
        assert name in [entry["name"] for entry in answer.data]
        assert all(part in entry["name"] for entry in answer.data)
    assert (await simulation.get(f"{simulation.new_user}/task", ("name", "没有这个"))).data == []


async def test_each_list_holds_its_own_tasks() -> None:
    """Own and sub-accounts' tasks, 1.0 and 2.0, are four lists that together are all; sub-accounts are listed too."""
    async with serving(SimulatorOptions(tasks=30, sub_accounts=2, start=HALF_PAST_NINE)) as simulation:
        user, account = simulation.account.user_id, simulation.account
        lists = {
            f"{simulation.user}/task": (1, False),
            f"{simulation.user}/all_task": (1, True),
            f"{simulation.new_user}/task": (2, False),
            f"{simulation.new_user}/subset_task": (2, True),
        }
        listed: list[str] = []
        for path, (generation, of_others) in lists.items():
            entries = (await simulation.get(path, ("per_page", "100"))).data
            assert entries
            for entry in entries:
                assert account.tasks[entry["uuid"]].generation == generation
                assert (entry["user_id"] != user) == of_others
            listed += [entry["uuid"] for entry in entries]
        assert sorted(listed) == sorted(account.tasks)
        users = await simulation.get(f"{simulation.user}/subset_users", ("per_page", "1"))
        assert [entry["uuid"] for entry in users.data] == [account.sub_users[0]]
        assert users.document["meta"]["last_page"] == 2


async def test_a_list_can_be_read_on_behalf_of_a_sub_account() -> None:
    """With sub_user_id the account's own list is that of the sub-account."""
    async with serving(SimulatorOptions(tasks=30, sub_accounts=2, start=HALF_PAST_NINE)) as simulation:
        one, two = simulation.account.sub_users
        for sub_user in (one, two):
            query = [("sub_user_id", sub_user), ("per_page", "100")]
            entries = (await simulation.get(f"{simulation.new_user}/task", *query)).data
            assert entries
            assert {entry["user_id"] for entry in entries} == {sub_user}


async def test_a_sub_accounts_task_is_read_on_its_behalf() -> None:
    """Statistics of a sub-account's task need its id, and an own task's must not have one."""
    async with serving(SimulatorOptions(tasks=6, sub_accounts=1, start=HALF_PAST_NINE)) as simulation:
        own = next(task for task in simulation.account.tasks.values() if task.owner == simulation.account.user_id)
        others = next(task for task in simulation.account.tasks.values() if task.owner != simulation.account.user_id)
        owner = ("sub_user_id", others.owner)
        calls = [(others, [owner]), (others, []), (own, []), (own, [owner])]
        assert [(await simulation.stat(*query, task=task)).status for task, query in calls] == [200, 403, 200, 403]


async def test_other_endpoints_answer(simulation: Simulation) -> None:
    """Token and account, whose shape nothing may depend on, answer in the envelope."""
    for path in ("/agent-api/token", f"{simulation.user}/message"):
        answer = await simulation.get(path)
        assert (answer.status, answer.document["code"], type(answer.data)) == (200, 200, dict)


REFUSALS: dict[str, tuple[Callable[[Simulation], Awaitable[Answer]], int]] = {
    "no token": (lambda p: p.get(f"{p.user}/task", Authorization=""), 401),
    "another token": (lambda p: p.get(f"{p.user}/task", Authorization="Bearer x"), 401),
    "no bearer": (lambda p: p.get(f"{p.user}/task", Authorization=p.account.token), 401),
    "token of nobody": (lambda p: p.get("/agent-api/token", Authorization="Bearer x"), 401),
    "another user": (lambda p: p.get(f"/agent-api/user/{p.first.id}/task"), 403),
    "no such task": (lambda p: p.get(f"{p.user}/task/{p.account.user_id}/stat"), 404),
    "no such endpoint": (lambda p: p.get(f"{p.user}/tasks"), 404),
    "no such new endpoint": (lambda p: p.get(f"{p.new_user}/all_task"), 404),
    "root": (lambda p: p.get("/"), 404),
    "post": (lambda p: p.get(f"{p.user}/task", method="POST"), 405),
    "delete": (lambda p: p.get(f"{p.user}/task/{p.first.id}/stat", method="DELETE"), 405),
    "page": (lambda p: p.get(f"{p.user}/task", ("page", "two")), 422),
    "per_page": (lambda p: p.get(f"{p.user}/task", ("per_page", "")), 422),
    "no date": (lambda p: p.stat(("date[]", "soon"), ("date[]", "later")), 422),
    "half a span": (lambda p: p.stat(("date[]", "2025-06-30 09:00:00")), 422),
    "dates that are no array": (lambda p: p.stat(("date", "2025-06-30 09:00:00")), 422),
    "a span that ends first": (
        lambda p: p.stat(("date[]", "2025-06-30 09:00:00"), ("date[]", "2025-06-30 08:59:59")),
        422,
    ),
    "somebody's sub-account": (lambda p: p.get(f"{p.user}/task", ("sub_user_id", p.first.id)), 403),
    "too many dates": (lambda p: p.stat(*[("date[]", "2025-06-30 09:00:00")] * 3), 422),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_what_is_wrong_is_refused(simulation: Simulation, name: str) -> None:
    """The status says what is wrong, and the envelope says it again, in words for people."""
    call, status = REFUSALS[name]
    answer = await call(simulation)
    assert answer.status == answer.document["code"] == status
    assert answer.document["status"] == "error"
    assert answer.document["message"]
    assert answer.data is None


async def test_spans_are_counted_apart(simulation: Simulation) -> None:
    """A span holds the calls made in it; adjacent spans add up to the whole; an empty span has no calls and no numbers."""
    task = simulation.first
    simulation.simulator.advance(2 * HOUR)
    begin = task.campaign.traits.begin

    async def calls(since: float, until: float) -> int:
        dates = [("date[]", timestamp(since)), ("date[]", timestamp(until))]
        rate = (await simulation.stat(*dates, task=task)).data["answer_rate"]
        return int(rate["answered"] + rate["noAnswer"])

    middle, now = HALF_PAST_NINE + HOUR, simulation.simulator.now()
    parts = [await calls(begin, middle), await calls(middle, now)]
    whole = (await simulation.stat(task=task)).data["answer_rate"]
    assert min(parts) > 0
    assert sum(parts) == await calls(begin, now) == whole["answered"] + whole["noAnswer"]
    assert await calls(begin - HOUR, begin) == 0


async def test_every_429_is_counted(simulation: Simulation) -> None:
    """Those of a fault count like those over the quota."""
    simulation.simulator.add_fault(Fault(kind="throttle", count=2))
    assert [(await simulation.stat()).status for _ in range(3)] == [429, 429, 200]
    assert (await simulation.control("GET", "calls")).document["throttled"] == 2
