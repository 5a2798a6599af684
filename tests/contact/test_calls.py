"""The calls of the first contact: which are made, in which order, and when they end."""

from __future__ import annotations

import pytest

from exporter.config.settings import DiscoverySettings
from exporter.config.task_settings import TaskSettings
from exporter.contact.capture import EXTRAS
from exporter.demo.simulator.server import Response
from tests.support.contact import NOW, Endpoints, contact_at, contact_with, entry2, page, refusal, task_id
from tests.support.lists import SUB_USER, USER, entry


async def test_each_list_and_one_task_are_read() -> None:
    """The first page of each configured list, then the statistics of one task, as the exporter would ask for them."""
    platform = Endpoints()
    contact = await contact_with(platform)
    assert platform.asked == ["tasks", "new_tasks", "stat"]
    assert contact.failed == []
    assert contact.tasks == 2
    assert [call.asked_at for call in contact.calls] == [NOW] * 3
    assert contact.calls[0].query == [("page", "1"), ("per_page", "100")]
    assert all(call.answer and call.answer.status == 200 for call in contact.calls)


async def test_extras_are_asked_last() -> None:
    """The capture's own calls come after the others; the partner's token has no user in its path."""
    contact = await contact_with(Endpoints(), extras=EXTRAS)
    assert [call.path for call in contact.calls][-2:] == [f"/user/{USER}/message", "/token"]


@pytest.mark.parametrize(
    ("old", "new", "configured", "asked"),
    [
        ([entry(1, enable=0)], [entry2(2)], [], 2),
        ([entry(1, enable=0)], [entry2(2, calls=0)], [], 2),
        ([entry(1, enable=0)], [], [], 1),
        ([entry(1, enable=0)], [entry2(2)], [3], 2),
        ([entry(1, enable=0)], [entry2(2, calls=0)], [3], 3),
        ([entry(1, enable=0)], [entry2(2, calls=0)], [3, 1], 1),
    ],
)
async def test_a_running_task_is_asked_for_if_there_is_one(
    old: list[dict[str, object]], new: list[dict[str, object]], configured: list[int], asked: int
) -> None:
    """A running task, else a configured one, preferably of those that are listed; else any that is listed."""
    platform = Endpoints(tasks=page(*old), new_tasks=page(*new))
    contact = await contact_with(platform, tasks=tuple(TaskSettings(id=task_id(number)) for number in configured))
    assert contact.task is not None
    assert contact.task.id == task_id(asked)


async def test_a_task_of_a_sub_account_is_asked_for_on_its_behalf() -> None:
    """Its owner goes along as sub_user_id."""
    contact = await contact_with(Endpoints(tasks=page(entry(1, user_id=SUB_USER)), new_tasks=page()))
    assert contact.calls[-1].query == [("sub_user_id", SUB_USER)]


async def test_without_discovery_only_the_configured_task_is_asked_for() -> None:
    """No list is read where discovery is off."""
    platform = Endpoints()
    contact = await contact_with(platform, discovery=None, tasks=(TaskSettings(id=task_id(7), sub_user_id=SUB_USER),))
    assert platform.asked == ["stat"]
    assert contact.calls[0].query == [("sub_user_id", SUB_USER)]
    assert contact.tasks is None


@pytest.mark.parametrize("response", [refusal(401), refusal(429), Response(way="reset")])
async def test_calls_end_where_the_others_would_fail_alike(response: Response) -> None:
    """After a refused token, a throttle or a broken connection nothing more is asked."""
    contact = await contact_with(Endpoints(every=response), extras=EXTRAS)
    assert len(contact.calls) == 1
    assert contact.task is None


async def test_a_list_that_fails_alone_leaves_the_others() -> None:
    """A 404 of one list stops neither the other list nor the statistics."""
    platform = Endpoints(tasks=refusal(404))
    contact = await contact_with(platform)
    assert platform.asked == ["tasks", "new_tasks", "stat"]
    assert [call.endpoint for call in contact.failed] == ["tasks"]


async def test_lists_of_sub_accounts_are_read_too() -> None:
    """With sub_accounts each list of the configured generations is read."""
    platform = Endpoints(all_task=page(), subset_task=page())
    await contact_with(platform, discovery=DiscoverySettings(sub_accounts=True))
    assert platform.asked == ["tasks", "all_task", "new_tasks", "subset_task", "stat"]


async def test_the_path_that_was_asked_has_that_of_the_base_url() -> None:
    """What a person sees is the path that the platform saw."""
    contact = await contact_at("http://127.0.0.1:9/prefix")
    assert contact.full_path(contact.calls[0]) == f"/prefix/agent-api/user/{USER}/task"
