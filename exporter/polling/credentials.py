"""The credentials of accounts: reading their tokens and CA files, and watching these files."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from exporter.api.client import YunfuClient
from exporter.api.tokens import Token, TokenError
from exporter.config.settings import AccountSettings, Settings
from exporter.config.values import format_rate
from exporter.files.authorities import Authorities, AuthoritiesError
from exporter.logs import get_logger
from exporter.metrics.store import Store
from exporter.polling.facts import CREDENTIALS_UNREADABLE
from exporter.threads import LooseThreads

log = get_logger(__name__)

WATCH_SECONDS: Final = 1.0
"""How often the files are looked at: a new token is in use within that time."""


def read_tokens(settings: Settings) -> tuple[dict[str, Token], list[str]]:
    """Read every account's token and try its CA file; return the tokens by account name, and one line per fault."""
    tokens: dict[str, Token] = {}
    faults: list[str] = []
    read = LooseThreads().map(_read_files, settings.accounts)  # all at once, since each may take its time
    for index, (account, (token, authorities)) in enumerate(zip(settings.accounts, read, strict=True)):
        if isinstance(token, Token):
            tokens[account.name] = token
        else:
            faults.append(f"accounts[{index}].token_file: {token}")
        if authorities is not None:
            faults.append(f"accounts[{index}].ca_file: {authorities}")
    return tokens, faults + _conflicts(settings, tokens)


def accounts_by_token(settings: Settings, tokens: Mapping[str, Token]) -> list[list[AccountSettings]]:
    """Return the accounts whose token is known, those together that have the same platform and token: their quota is one."""
    groups: dict[tuple[str, str], list[AccountSettings]] = {}
    for account in settings.accounts:
        if account.name in tokens:
            groups.setdefault((account.base_url, tokens[account.name].value), []).append(account)
    return list(groups.values())


def _conflicts(settings: Settings, tokens: Mapping[str, Token]) -> list[str]:
    """Return one line per account that states another rate_limit than an account before it with the same platform and token."""
    faults: list[str] = []
    for group in accounts_by_token(settings, tokens):
        stated = [(account, account.rate_limit) for account in group if account.rate_limit is not None]
        faults += [
            f"accounts[{settings.accounts.index(account)}].rate_limit: is {format_rate(limit)}, but account {stated[0][0].name} "
            f"has the same platform and token and {format_rate(stated[0][1])}; expected the same, since they share one quota"
            for account, limit in stated
            if limit != stated[0][1]
        ]
    return faults


def _read_files(account: AccountSettings) -> tuple[Token | TokenError, AuthoritiesError | None]:
    """Return an account's token, or why there is none, and what is wrong with its CA file."""
    authorities = None
    try:
        if account.ca_file is not None:
            Authorities(account.ca_file)
    except AuthoritiesError as error:
        authorities = error
    try:
        return _read_token(account), authorities
    except TokenError as error:
        return error, authorities


def _read_token(account: AccountSettings) -> Token:
    if account.token_file is not None:
        return Token.from_file(account.token_file)
    assert account.token is not None, "the settings demand one of the two"  # noqa: S101  # for mypy
    return Token(account.token.get_secret_value())


class CredentialsWatch:
    """Takes up an account's token and CA file when they change, also while API calls are held back for the old token."""

    def __init__(self, account: str, token: Token, *, client: YunfuClient, store: Store) -> None:
        self._account = account
        self._token = token
        self._known = token.value
        self._client = client
        self._store = store
        self._failing: dict[str, str] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.look()

    async def look(self, *, force: bool = False) -> None:
        """Take up what has changed (if forced, also files that do not look changed); a fault that lasts is logged once."""
        await self._try("token", CREDENTIALS_UNREADABLE, self._look_at_token(force=force))
        self._record_problem()
        await self._try(
            "CA file",
            "CA file cannot be used; the previous certificates stay in use",
            self._look_at_ca_file(force=force),
        )

    @property
    def fault(self) -> str:
        """Why the token file cannot be read, so that the previous token stays in use; empty if it can."""
        return self._failing.get("token", "")

    async def _try(self, what: str, fault: str, look: Coroutine[Any, Any, None]) -> None:
        is_new = what not in self._failing
        try:
            await look
        except (TokenError, AuthoritiesError) as error:
            self._failing[what] = str(error)
            if is_new:
                log.warning(fault, account=self._account, error=error)
        except Exception:  # a fault of our own must not end the polls
            self._failing[what] = ""
            if is_new:
                log.exception("watching the %s broke off", what, account=self._account)
        else:
            self._failing.pop(what, None)

    def _record_problem(self) -> None:
        status, problem = self._store.account(self._account), "token" in self._failing
        if status.token_problem != problem:
            self._store.put_account(replace(status, token_problem=problem))

    async def _look_at_token(self, *, force: bool) -> None:
        await self._client.refresh_token(force=force)
        if self._token.value == self._known:
            return
        self._known = self._token.value
        status = self._store.account(self._account)
        self._store.put_account(replace(status, token_expiry=self._token.expiry()))
        log.info("token file changed; the new token is in use", account=self._account)

    async def _look_at_ca_file(self, *, force: bool) -> None:
        if await self._client.refresh_authorities(force=force):
            log.info("CA file changed; its certificates are in use", account=self._account)
