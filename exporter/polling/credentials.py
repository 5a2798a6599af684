"""The credentials of accounts: reading their tokens and CA files, and watching a token file."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from exporter.api.client import YunfuClient
from exporter.api.tokens import Token, TokenError
from exporter.config.settings import AccountSettings, Settings
from exporter.config.values import format_rate
from exporter.logs import get_logger
from exporter.metrics.store import Store
from exporter.polling.facts import CREDENTIALS_UNREADABLE

log = get_logger(__name__)

TOKEN_WATCH_SECONDS: Final = 1.0
"""How often a token file is looked at: a new token is in use within that time."""


def read_tokens(settings: Settings) -> tuple[dict[str, Token], list[str]]:
    """Read every account's token and try its CA file; return the tokens by account name, and one line per fault."""
    tokens: dict[str, Token] = {}
    faults: list[str] = []
    for index, account in enumerate(settings.accounts):
        try:
            tokens[account.name] = _read_token(account)
        except TokenError as error:
            faults.append(f"accounts[{index}].token_file: {error}")
        try:
            ssl.create_default_context(cafile=None if account.ca_file is None else str(account.ca_file))
        except OSError as error:
            reason = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
            faults.append(f"accounts[{index}].ca_file: cannot be used: {reason}; expected a file of PEM certificates")
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


def _read_token(account: AccountSettings) -> Token:
    if account.token_file is not None:
        return Token.from_file(account.token_file)
    assert account.token is not None, "the settings demand one of the two"  # noqa: S101  # for mypy
    return Token(account.token.get_secret_value())


class TokenWatch:
    """Reads an account's token file again when it changes, also while API calls are held back for the old token."""

    def __init__(self, account: str, token: Token, *, client: YunfuClient, store: Store) -> None:
        self._account = account
        self._token = token
        self._known = token.value
        self._client = client
        self._store = store
        self.fault = ""
        """Why the token file cannot be read, so that the previous token stays in use; empty if it can."""

    async def run(self) -> None:
        """Watch until cancelled; a fault that lasts is logged once."""
        fails = False
        while True:
            await asyncio.sleep(TOKEN_WATCH_SECONDS)
            try:
                await self._refresh()
                self.fault, fails = "", False
            except TokenError as error:
                if not fails:
                    log.warning(CREDENTIALS_UNREADABLE, account=self._account, error=error)
                self.fault, fails = str(error), True
            except Exception:  # a fault of our own must not end the polls
                if not fails:
                    log.exception("watching the token broke off", account=self._account)
                fails = True

    async def _refresh(self) -> None:
        await self._client.refresh_token()
        if self._token.value == self._known:
            return
        self._known = self._token.value
        status = self._store.account(self._account)
        self._store.put_account(replace(status, token_expiry=self._token.expiry()))
        log.info("token file changed; the new token is in use", account=self._account)
