"""The facts of an account that the pages show beside its status."""

from __future__ import annotations

import asyncio

import pytest

from exporter.api.errors import Failure, HttpError
from exporter.lists.choices import HidingSetting
from tests.support.lists import INTERVAL, Lists, account_of, entry, living, uuid
from tests.support.virtual_time import in_virtual_time


@in_virtual_time
async def test_facts_follow_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls per minute, a hold, why discovery fails, and which tasks the settings hide are those of this moment."""
    lists = Lists(tasks=[entry(1), entry(2, "other"), entry(3)])
    monkeypatch.setattr(lists, "held_seconds", 7.0, raising=False)
    account, _ = account_of(lists, {"include": "task.*"})
    async with living(account):
        facts = account.facts()
        assert (facts.calls_allowed, facts.held_seconds, facts.discovery_failure) == (60_000, 7, None)
        # Two tasks; three readings of what runs or waits a minute, and one of each of the two lists every 15 minutes.
        assert facts.calls_needed == pytest.approx(2 + 3 + 2 / 15)
        assert {task: choice.hidden_by for task, choice in facts.hidden.items()} == {uuid(2): HidingSetting.INCLUDE}
        assert facts.hidden_total == 1
        lists.envelopes["tasks", 1] = HttpError(403, "no")
        await asyncio.sleep(INTERVAL)
        assert account.facts().discovery_failure == Failure("http_403", "the list tasks: no")
        assert account.facts().hidden_total == 1
