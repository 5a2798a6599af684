"""Tokens and CA files that are read, and token files that are watched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.api.tokens import TokenError
from exporter.config.settings import Settings
from exporter.files.authorities import AuthoritiesError
from exporter.polling.credentials import WATCH_SECONDS, accounts_by_token, read_tokens
from tests.support.accounts import breaking, collected_logs
from tests.support.lists import USER, Lists, account_of, entry, living
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
async def test_a_token_that_cannot_be_watched_is_logged_once(error: Exception, message: str) -> None:
    """A fault that lasts is one line, not one per second; one that comes back is logged again. The pages show it meanwhile."""
    lists = Lists(tasks=[entry(1)])
    plain = lists.refresh_token
    lists.refresh_token = breaking(10, plain, error)  # type: ignore[method-assign]
    account, _ = account_of(lists, {})
    with collected_logs() as messages:
        async with living(account):
            await asyncio.sleep(5)
            assert account._credentials.fault == (str(error) if isinstance(error, TokenError) else "")
            await asyncio.sleep(15)
            assert messages == [message]
            assert account._credentials.fault == ""
            lists.refresh_token = breaking(10, plain, error)  # type: ignore[method-assign]
            await asyncio.sleep(20)
    assert messages == [message] * 2


@in_virtual_time
async def test_a_token_in_use_since_a_change_is_logged_with_its_expiry(caplog: pytest.LogCaptureFixture) -> None:
    """Once the client has read another token from the file, its expiry is recorded and one line says so."""
    caplog.set_level(logging.INFO, "exporter.polling.credentials")
    lists = Lists(tasks=[entry(1)])
    account, around = account_of(lists, {})
    async with living(account):
        account._token.value = "e30.eyJleHAiOjE3MDAwMDAwMDB9.x"
        await asyncio.sleep(3 * WATCH_SECONDS)
        assert around.store.account("main").token_expiry == 1_700_000_000
    assert [record.getMessage() for record in caplog.records] == ["token file changed; the new token is in use"]


@in_virtual_time
async def test_a_token_file_that_cannot_be_read_is_a_problem_of_the_account() -> None:
    """The account's metric says so for as long as the token before is used, and not when the file can be read again."""
    lists = Lists(tasks=[entry(1)])
    lists.refresh_token = breaking(10, lists.refresh_token, TokenError("gone"))  # type: ignore[method-assign]
    account, around = account_of(lists, {})
    async with living(account):
        assert not around.store.account("main").token_problem
        await asyncio.sleep(5)
        assert around.store.account("main").token_problem
        await asyncio.sleep(7)
        assert not around.store.account("main").token_problem


@in_virtual_time
async def test_a_changed_ca_file_is_logged_and_so_is_a_broken_one(caplog: pytest.LogCaptureFixture) -> None:
    """Certificates that are in use since a change are one line, and a file that cannot be used is one for as long as it lasts."""
    caplog.set_level(logging.INFO, "exporter.polling.credentials")
    lists = Lists(tasks=[entry(1)])
    found: Iterator[bool | Exception] = iter([False, True, *[AuthoritiesError("empty")] * 2, False])

    async def refresh(*, force: bool = False) -> bool:
        assert not force
        result = next(found, False)
        if isinstance(result, Exception):
            raise result
        return result

    lists.refresh_authorities = refresh  # type: ignore[method-assign]
    account, _ = account_of(lists, {})
    async with living(account):
        await asyncio.sleep(10 * WATCH_SECONDS)
    assert [record.getMessage() for record in caplog.records] == [
        "CA file changed; its certificates are in use",
        "CA file cannot be used; the previous certificates stay in use",
    ]


def test_all_that_is_wrong_with_credentials_is_said_at_once(tmp_path: Path) -> None:
    """Every account's token is read and its CA file tried: a line for each fault, and the tokens that are good."""
    (tmp_path / "token").write_text(" planted-token\n")
    (tmp_path / "empty").touch()
    account = {"base_url": "http://h", "user_id": USER, "discovery": {}}
    accounts = [
        {**account, "name": "file", "token_file": tmp_path / "token"},
        {**account, "name": "empty", "token_file": tmp_path / "empty"},
        {**account, "name": "inline", "token": "planted", "ca_file": tmp_path / "empty"},
        {**account, "name": "nowhere", "token": "planted", "ca_file": tmp_path / "nowhere"},
    ]
    tokens, faults = read_tokens(Settings.model_validate({"accounts": accounts}))
    assert {name: token.value for name, token in tokens.items()} == {
        "file": "planted-token",
        "inline": "planted",
        "nowhere": "planted",
    }
    expected = "expected a file of PEM certificates"
    assert faults == [
        f"accounts[1].token_file: token file {tmp_path / 'empty'} is empty; it must hold the account's API token",
        f"accounts[2].ca_file: cannot be used: no certificate in it; {expected}",
        f"accounts[3].ca_file: cannot be used: No such file or directory; {expected}",
    ]


def test_accounts_with_the_same_platform_and_token_have_one_rate_limit(tmp_path: Path) -> None:
    """The same token as text, in one file, or in two, is one quota: another rate_limit for it is a fault, none given is not."""
    for name in ("one", "two"):
        (tmp_path / name).write_text("planted-token\n")
    common: dict[str, object] = {"user_id": USER, "discovery": {}, "base_url": "http://h"}
    accounts: list[dict[str, object]] = [
        {"name": "text", "token": "planted-token", "rate_limit": "30/m"},
        {"name": "file", "token_file": str(tmp_path / "one"), "rate_limit": 0.5},
        {"name": "silent", "token_file": str(tmp_path / "two")},
        {"name": "another", "token_file": str(tmp_path / "two"), "rate_limit": "60/m"},
        {"name": "elsewhere", "token": "planted-token", "rate_limit": "60/m", "base_url": "http://other"},
        {"name": "stranger", "token": "another-token", "rate_limit": "60/m"},
    ]
    settings = Settings.model_validate({"accounts": [{**common, **account} for account in accounts]})
    tokens, faults = read_tokens(settings)
    fault = "is 60/m, but account text has the same platform and token and 30/m; expected the same, since they share one quota"
    assert faults == [f"accounts[3].rate_limit: {fault}"]
    groups = [[account.name for account in group] for group in accounts_by_token(settings, tokens)]
    assert groups == [["text", "file", "silent", "another"], ["elsewhere"], ["stranger"]]
