"""Tokens and CA files that are read, and token files that are watched."""

from __future__ import annotations

import asyncio

import pytest

from exporter.api.tokens import TokenError
from tests.support.accounts import breaking, collected_logs
from tests.support.lists import Lists, account_of, entry, living
from tests.support.virtual_time import in_virtual_time


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("unforeseen"), "watching the token broke off"),
        (TokenError("token file /t is empty"), "token file cannot be read; the previous token stays in use"),
    ],
    ids=repr,
)
@in_virtual_time
async def test_a_token_that_cannot_be_watched_is_told_once(error: Exception, message: str) -> None:
    """A fault that stays is one line, not one a second; one that comes back is told again."""
    lists = Lists(tasks=[entry(1)])
    plain = lists.refresh_token
    lists.refresh_token = breaking(10, plain, error)  # type: ignore[method-assign]
    account, _ = account_of(lists, {})
    with collected_logs() as messages:
        async with living(account):
            await asyncio.sleep(20)
            assert messages == [message]
            lists.refresh_token = breaking(10, plain, error)  # type: ignore[method-assign]
            await asyncio.sleep(20)
    assert messages == [message] * 2
