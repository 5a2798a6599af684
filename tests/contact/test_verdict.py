"""The verdict on a first contact where calls are answered, and its order."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.contact.verdict import judge, works
from exporter.demo.simulator.server import Response
from tests.support.contact import Endpoints, contact_with, entry2, envelope, page, refusal
from tests.support.lists import entry, uuid
from tests.support.tools import documented


def without(*names: str) -> bytes:
    """Return statistics without some blocks."""
    return envelope({name: block for name, block in documented().items() if name not in names})


EMPTY = page()
RENAMED_IDS = page({"id": uuid(1), "task_name": "a", "is_enable": 1})
RENAMED = envelope({"callStatistics": {"connected": 61}})


@pytest.mark.parametrize(
    ("responses", "verdict", "is_fine"),
    [
        ({}, ["verdict.good"], True),
        ({"stat": without("tags", "llm_tags")}, ["verdict.older"], True),
        ({"stat": without("rounds")}, ["verdict.partial"], True),
        ({"tasks": page(entry(1, maximumcall=...))}, ["verdict.partial"], True),
        ({"tasks": page(entry(1, enable=0, status=2))}, ["verdict.good", "verdict.contradictory"], True),
        ({"tasks": page(entry(1, status=9))}, ["verdict.partial"], True),
        ({"stat": RENAMED}, ["verdict.no_number"], False),
        ({"stat": envelope({"answer_rate": {}, "rounds": []})}, ["verdict.no_number"], False),
        ({"stat": envelope([])}, ["verdict.empty_stat"], False),
        ({"tasks": EMPTY, "new_tasks": EMPTY}, ["verdict.no_task"], False),
        ({"tasks": RENAMED_IDS, "new_tasks": EMPTY}, ["verdict.no_id"], False),
        ({"tasks": RENAMED_IDS}, ["verdict.no_id", "verdict.partial"], False),
        ({"tasks": refusal(404)}, ["failure.list_lacking"], False),
        ({"tasks": refusal(404), "stat": without("rounds")}, ["verdict.partial", "failure.list_lacking"], False),
        ({"tasks": refusal(404), "new_tasks": EMPTY}, ["failure.list_lacking"], False),
        ({"tasks": refusal(500)}, ["failure.platform_error"], False),
        ({"stat": refusal(404)}, ["failure.stat_refused"], False),
        ({"stat": refusal(422, "")}, ["failure.refused_alone"], False),
        ({"stat": refusal(402, "余额不足")}, ["failure.refused_said"], False),
        ({"stat": refusal(401)}, ["failure.refused_alone"], False),
        ({"stat": RENAMED, "tasks": refusal(404)}, ["verdict.no_number", "failure.list_lacking"], False),
        ({"every": refusal(401)}, ["failure.token_refused"], False),
    ],
    ids=str,
)
async def test_the_gravest_comes_first(
    responses: dict[str, Response | bytes],
    verdict: list[str],
    is_fine: bool,  # noqa: FBT001  # a table of cases
) -> None:
    """The verdict is the gravest of what is wrong, and only what answers with numbers works."""
    contact = await contact_with(Endpoints(**responses))
    assert [sentence.key for sentence in judge(contact)] == verdict
    assert works(contact) is is_fine


async def test_fields_are_named_once() -> None:
    """What both lists lack is one name in the verdict, with what cannot be read."""
    changes: dict[str, Any] = {"maximumcall": ..., "create_datetime": "soon"}
    contact = await contact_with(
        Endpoints(tasks=page(entry(1, **changes)), new_tasks=page(entry2(2, **changes)), stat=without("rounds"))
    )
    assert judge(contact)[0].values == {"names": "maximumcall, create_datetime, rounds"}
