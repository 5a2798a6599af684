from __future__ import annotations

from typing import Any

import pytest

from exporter.demo.simulator import Fault, SimulatorOptions, incident
from tests.support.simulated import HALF_PAST_NINE, Called

OLD, NEW = "/agent-api/user/USER/task", "/agent-api/new/user/USER/task"
ALL, SUBSET = "/agent-api/user/USER/all_task", "/agent-api/new/user/USER/subset_task"
WHOLE = ("per_page", "100")


@pytest.fixture
def platform() -> Called:
    """Make ninety tasks of an account and its sub-account over lunch: some dial, some wait, some are paused."""
    platform = Called(SimulatorOptions(tasks=90, sub_accounts=1, php_flavours=False, start=HALF_PAST_NINE, speed=1))
    for task in list(platform.simulator.accounts[0].tasks)[::10]:
        incident(platform.simulator, "pause", task)
    platform.simulator.advance(2 * 3600 + 60)
    return platform


def ids(document: Any) -> list[str]:
    """Return the ids in a page of a list."""
    return [entry["uuid"] for entry in document["data"]]


def test_a_waiting_task_of_1_0_is_found_by_the_filter_only(platform: Called) -> None:
    """Its entry shows nothing but that it is enabled, like that of a task that dials; status 3 finds it."""
    now, dialling = platform.simulator.now(), {}
    for entry in platform.read(OLD, WHOLE)["data"]:
        assert "new_task_extra" not in entry
        if entry["enable"]:
            dialling[entry["uuid"]] = platform.simulator.task(entry["uuid"]).campaign.is_dialling(now)
    for status, dials in (("2", True), ("3", False)):
        found = ids(platform.read(OLD, WHOLE, ("status", status)))
        assert found
        assert sorted(found) == sorted(task for task, is_dialling in dialling.items() if is_dialling == dials)


def test_the_list_of_all_accounts_tasks_is_filtered_as_that_of_1_0(platform: Called) -> None:
    """Its statuses 1, 2 and 3 together are all of it, and none is in two of them."""
    parts = [ids(platform.read(ALL, WHOLE, ("status", status))) for status in "123"]
    assert all(parts)
    assert sorted(task for part in parts for task in part) == sorted(ids(platform.read(ALL, WHOLE)))
    assert ids(platform.read(ALL, WHOLE, ("status[]", "2"), ("status[]", "3"))) == [
        task for task in ids(platform.read(ALL, WHOLE)) if task in {*parts[1], *parts[2]}
    ]


def test_the_list_of_subsets_knows_no_filter_by_status(platform: Called) -> None:
    """None is documented for it: it answers with all tasks, whatever is asked for."""
    assert ids(platform.read(SUBSET, WHOLE, ("status", "1"))) == ids(platform.read(SUBSET, WHOLE)) != []


def test_a_platform_can_ignore_the_filter(platform: Called) -> None:
    """With status_ignored a filtered list is the whole list."""
    whole = ids(platform.read(NEW, WHOLE))
    assert ids(platform.read(NEW, WHOLE, ("status", "3"))) != whole
    platform.simulator.add_fault(Fault(kind="status_ignored"))
    assert ids(platform.read(NEW, WHOLE, ("status", "3"))) == whole


def test_a_platform_can_ignore_the_page(platform: Called) -> None:
    """With page_ignored each page is the first one, and says so."""
    first = platform.read(NEW, ("page", "1"))
    platform.simulator.add_fault(Fault(kind="page_ignored"))
    assert platform.read(NEW, ("page", "2")) == first


def test_a_page_can_be_empty_although_there_is_a_total(platform: Called) -> None:
    """With empty_page the page that is struck has no entries, its meta is as ever, and the other pages are right."""
    pages = [("page", "1"), ("page", "2"), ("page", "3")]
    right = [platform.read(NEW, page, ("per_page", "8")) for page in pages]
    platform.simulator.add_fault(Fault(kind="empty_page", page=2))
    got = [platform.read(NEW, page, ("per_page", "8")) for page in pages]
    assert got == [right[0], {**right[1], "data": []}, right[2]]
    assert got[1]["meta"]["total"] > 16


def test_a_list_can_shrink_while_it_is_read(platform: Called) -> None:
    """With shrinking an entry slips through between two pages, and the total falls by one with each page."""
    whole = ids(platform.read(NEW, WHOLE))
    platform.simulator.add_fault(Fault(kind="shrinking"))
    pages = [platform.read(NEW, ("page", page), ("per_page", "8")) for page in "123"]
    assert [page["meta"]["total"] for page in pages] == [len(whole), len(whole) - 1, len(whole) - 2]
    assert [ids(page) for page in pages] == [whole[:8], whole[9:17], whole[18:26]]


def test_flags_can_be_booleans(platform: Called) -> None:
    """With booleans enable and call_status are true or false, beside obsolete parts of an entry; they mean the same."""
    numbers = platform.read(NEW, WHOLE)["data"]
    platform.simulator.add_fault(Fault(kind="booleans"))
    for entry, other in zip(platform.read(NEW, WHOLE)["data"], numbers, strict=True):
        flags = entry["enable"], entry["new_task_extra"]["call_status"]
        assert {type(flag) for flag in flags} == {bool}
        assert flags == (other["enable"], other["new_task_extra"]["call_status"])
        assert (entry["start"], entry["call_per_second"]) == (0, 10)


@pytest.mark.parametrize("path", [OLD, NEW])
def test_entries_can_have_a_status(platform: Called, path: str) -> None:
    """With entry_status 1 is paused, 2 running and 3 waiting in both generations; without there is no status."""
    assert not any("status" in entry for entry in platform.read(path, WHOLE)["data"])
    platform.simulator.add_fault(Fault(kind="entry_status"))
    now, seen = platform.simulator.now(), set()
    for entry in platform.read(path, WHOLE)["data"]:
        dials = platform.simulator.task(entry["uuid"]).campaign.is_dialling(now)
        assert entry["status"] == (1 if not entry["enable"] else 2 if dials else 3)
        seen.add(entry["status"])
    assert seen == {1, 2, 3}


@pytest.mark.parametrize("path", [OLD, NEW])
def test_entries_can_be_of_inbound_tasks(platform: Called, path: str) -> None:
    """With inbound the entries of a list have the type 2; without there is no type."""
    assert not any("task_type" in entry for entry in platform.read(path, WHOLE)["data"])
    platform.simulator.add_fault(Fault(kind="inbound"))
    assert {entry["task_type"] for entry in platform.read(path, WHOLE)["data"]} == {2}


def test_levels_can_have_the_names_of_a_brand() -> None:
    """With renamed_levels the same numbers come under other names."""
    platform = Called(SimulatorOptions(tasks=3, start=HALF_PAST_NINE))
    path = f"/agent-api/user/USER/task/{next(iter(platform.simulator.accounts[0].tasks))}/stat"
    right = platform.read(path)["data"]["intention"]
    platform.simulator.add_fault(Fault(kind="renamed_levels"))
    renamed = platform.read(path)["data"]["intention"]
    assert [level["name"][:2] for level in renamed] == ["A-", "B-", "C-", "D-", "E-"]
    assert [{**level, "name": ""} for level in renamed] == [{**level, "name": ""} for level in right]


def test_oddities_add_up_and_end(platform: Called) -> None:
    """Several are in force together, each as often as it is to be, and an answer with them is a good one otherwise."""
    right = platform.read(NEW)
    platform.simulator.add_fault(Fault(kind="entry_status"))
    platform.simulator.add_fault(Fault(kind="empty_page", count=1))
    assert platform.read(NEW) == {**right, "data": []}
    assert all("status" in entry for entry in platform.read(NEW)["data"])
    platform.simulator.clear_faults()
    assert platform.read(NEW) == right


def test_an_older_edition_has_neither_tags_nor_2_0_tasks_nor_sub_accounts() -> None:
    """With older_edition a 1.0 task's statistics lack tags, and 2.0 tasks and sub-accounts' tasks are refused."""
    platform = Called(SimulatorOptions(tasks=30, sub_accounts=1, php_flavours=False, start=HALF_PAST_NINE))
    account = platform.simulator.accounts[0]
    tasks = {(task.generation, task.owner == account.user_id): task for task in account.tasks.values()}
    path = "/agent-api/user/USER/task/{}/stat"
    own = path.format(tasks[1, True].id)
    right = platform.read(own)["data"]
    platform.simulator.add_fault(Fault(kind="older_edition", endpoint="stat"))
    assert platform.read(own)["data"] == {
        name: part for name, part in right.items() if name not in ("tags", "llm_tags")
    }
    assert {*right} - {*platform.read(own)["data"]} == {"tags", "llm_tags"}
    assert platform.get(path.format(tasks[2, True].id)).status == 404
    others = tasks[1, False]
    assert platform.get(path.format(others.id), ("sub_user_id", others.owner)).status == 403


def test_the_platform_has_codes_that_are_its_own() -> None:
    """Code 6007 comes with HTTP 200, with the platform's words for it and an empty list for data."""
    platform = Called(SimulatorOptions(tasks=1, start=HALF_PAST_NINE))
    platform.simulator.add_fault(Fault(kind="envelope", status=6007))
    answer = platform.get("/agent-api/user/USER/message")
    assert answer.status == 200
    assert platform.read("/agent-api/user/USER/message") == {
        "code": 6007, "status": "error", "message": "2.0任务启动中", "data": [],
    }  # fmt: skip
