"""The set-up that commands share: the configuration with the files that it names, and the accounts, opened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from exporter.api.quota import COMMAND
from exporter.api.tokens import Token
from exporter.commands import complain
from exporter.config.faults import SettingsError
from exporter.config.loading import load_settings
from exporter.config.settings import Settings
from exporter.contact.calls import Contact, ContactMaker, Extra
from exporter.daemon import make_surroundings
from exporter.metrics.clock import SteadyClock
from exporter.metrics.exposition import TaskRenderer
from exporter.polling.account import Account, Surroundings, explain_wait, open_account
from exporter.polling.credentials import read_tokens
from exporter.polling.shards import find_shard
from exporter.web.access import check_web_config


def load(words: Sequence[str], flags: Iterable[str] = ()) -> tuple[Settings, dict[str, Token]]:
    """Load and check the configuration, and read the files that it names. Raises SettingsError.

    ``words`` are the settings on the command line; ``flags`` may have been meant by a misspelt one.
    """
    settings = load_settings(words, flags=flags)
    tokens, faults = read_tokens(settings)
    if faults:
        raise SettingsError(faults)
    check_web_config(settings.web_config_file)
    find_shard(settings.shard)
    return settings, tokens


@asynccontextmanager
async def opened(
    settings: Settings, tokens: Mapping[str, Token], renderer: TaskRenderer
) -> AsyncIterator[tuple[list[Account], Surroundings]]:
    """Open all accounts for a command that runs once; a daemon may be running beside it, so it takes a tenth of the quota."""
    around = make_surroundings(renderer, settings.poll.stale_after, SteadyClock(), COMMAND)
    async with AsyncExitStack() as stack:
        accounts = [
            await stack.enter_async_context(open_account(settings, account, tokens[account.name], around))
            for account in settings.accounts
        ]
        patience = asyncio.create_task(explain_wait(accounts, complain))
        stack.callback(patience.cancel)
        yield accounts, around


async def make_contacts(settings: Settings, tokens: Mapping[str, Token], extras: Sequence[Extra] = ()) -> list[Contact]:
    """Make the first contact with each account's platform, and the calls to ``extras``."""
    contacts = []
    async with opened(settings, tokens, TaskRenderer()) as (accounts, _):
        for account, its_settings in zip(accounts, settings.accounts, strict=True):
            maker = ContactMaker(account.client, its_settings, settings.timezone, time.time)
            contacts.append(await maker.make(extras))
    return [replace(contact, token_expiry=tokens[contact.account.name].expiry()) for contact in contacts]
