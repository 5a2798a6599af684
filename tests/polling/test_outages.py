"""The log of failing polls."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import Any

import pytest

from exporter.api.errors import (
    ConnectError,
    EnvelopeError,
    NotFound,
    Unauthorized,
)
from exporter.polling.outages import Outages
from tests.support.polling import Bench, failing, moving, task
from tests.support.virtual_time import in_virtual_time


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return level and message of what was logged of failing polls, from info up."""
    return [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "exporter.polling.outages"]


@in_virtual_time
async def test_outage_is_one_line_and_its_end_another(caplog: pytest.LogCaptureFixture) -> None:
    """However many tasks an outage hits and however long it lasts, it is logged once, and so is its end, but no poll."""
    caplog.set_level(logging.INFO, "exporter")
    bench = Bench()

    def answer(now: float) -> dict[str, Any]:
        if 1000 <= now < 5000:
            raise ConnectError("cannot connect")
        return moving(now)

    tasks = [task(f"t{n}") for n in range(50)]
    bench.client.answers = {each.ref.id: answer for each in tasks}
    async with bench.polling(*tasks):
        await asyncio.sleep(990)
        assert lines(caplog) == []
        await asyncio.sleep(6000)
    assert lines(caplog) == [("WARNING", "calls fail"), ("INFO", "calls no longer fail for this reason")]
    assert vars(caplog.records[0])["fields"]["reason"] == "connect"


@in_virtual_time
async def test_an_outage_is_over_also_where_a_refusal_of_the_same_name_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A task that is refused by itself after the token was, both within HTTP 200, is no longer part of the outage."""
    caplog.set_level(logging.INFO, "exporter")
    bench = Bench()
    refused = EnvelopeError(401, "refused")
    refused.blame_account()

    def answer(now: float) -> dict[str, Any]:
        if now < 2000:
            raise refused if now < 1000 else EnvelopeError(422, "refused")
        return moving(now)

    bench.client.answers["a"] = answer
    async with bench.polling(task("a")):
        await asyncio.sleep(4000)
    assert lines(caplog) == [
        ("WARNING", "calls fail"),
        ("INFO", "calls no longer fail for this reason"),
        ("WARNING", "task cannot be read"),
        ("INFO", "task is read again"),
    ]


@in_virtual_time
async def test_failure_of_a_single_task_is_its_own_line(caplog: pytest.LogCaptureFixture) -> None:
    """What the platform refuses for one task is logged for that task, once when it begins and once when it ends."""
    caplog.set_level(logging.INFO, "exporter")
    bench = Bench()
    bench.client.answers = {name: failing(NotFound(404, "none"), until=4000) for name in ("a", "b")}
    async with bench.polling(*map(task, "abc")):
        await asyncio.sleep(6000)
    begin, end = ("WARNING", "task cannot be read"), ("INFO", "task is read again")
    assert lines(caplog) == [begin, begin, end, end]
    logged = [vars(record)["fields"] for record in caplog.records]
    assert [each["task"] for each in logged[:2]] == ["a", "b"]
    assert logged[0] == {"account": "main", "task": "a", "name": "task a", "reason": "http_404", "error": "none"}


@in_virtual_time
async def test_the_platforms_message_is_logged_and_makes_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """A task whose refusal has another message at each poll is logged once, with the message of the first."""
    caplog.set_level(logging.INFO, "exporter")
    bench = Bench()
    messages = count(1)

    def answer(_: float) -> dict[str, Any]:
        raise EnvelopeError(500, "code 500", f"系统繁忙 {next(messages)}")

    bench.client.answers["a"] = answer
    async with bench.polling(task("a")):
        await asyncio.sleep(4000)
    assert next(messages) > 3
    (record,) = caplog.records
    assert vars(record)["fields"]["error"] == "code 500; the platform says: 系统繁忙 1"


@in_virtual_time
async def test_a_token_that_is_refused_for_one_task_is_logged_at_the_second_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A single 401 may be the account's, which another line says; one that stays the task's own is logged once."""
    caplog.set_level(logging.INFO, "exporter")
    outages, refused = Outages("main"), Unauthorized(401, "no")
    for error in (refused, None, refused):
        outages.record(task("a"), error)
    assert lines(caplog) == []
    for error in (refused, refused, None):
        outages.record(task("a"), error)
    assert lines(caplog) == [("WARNING", "task cannot be read"), ("INFO", "task is read again")]


@in_virtual_time
async def test_outage_of_tasks_that_leave_ends_with_them(caplog: pytest.LogCaptureFixture) -> None:
    """When the last failing task is removed the outage is over, so that the next one is logged again."""
    caplog.set_level(logging.INFO, "exporter")
    bench = Bench()
    bench.client.answers = dict.fromkeys("ab", failing(ConnectError("refused")))
    async with bench.polling(task("a")):
        await asyncio.sleep(10)
        bench.poller.update([task("c")])
        await asyncio.sleep(10)
        bench.poller.update([task("c"), task("b")])
        await asyncio.sleep(10)
    assert [level for level, _ in lines(caplog)] == ["WARNING", "INFO", "WARNING"]
