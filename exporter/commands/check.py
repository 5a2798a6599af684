"""The command ``check``: the validity of the configuration, its API budget, and a live call."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from exporter.api.errors import ApiError
from exporter.api.tokens import Token
from exporter.commands import FAILED, OK
from exporter.commands.setup import load, opened
from exporter.config.settings import Settings
from exporter.metrics.exposition import TaskRenderer
from exporter.polling.budget import budget_lines, warnings
from exporter.polling.credentials import accounts_by_token

FLAGS: Final = {"--live": "also call the API once per account"}


def run(options: Namespace, words: Sequence[str]) -> int:
    """Check the configuration, and with ``--live`` the platform; return the exit status. Raises SettingsError."""
    live: bool = options.live
    settings, tokens = load(words, FLAGS)
    print("the configuration is good")
    answers, granted = asyncio.run(_call_once(settings, tokens)) if live else ({}, {})
    listed = {name: answer for name, answer in answers.items() if isinstance(answer, int)}
    for group in accounts_by_token(settings, tokens):
        print("\n".join(budget_lines(settings, group, listed, granted.get(group[0].name))))
    for account in settings.accounts:
        answer = answers.get(account.name)
        for warning in warnings(account):
            print(f"  warning: {warning}")
        if account.discovery is not None and not live:
            print(f"account {account.name}: the number of tasks is known to the platform only: add --live to ask it")
        if live:
            print(
                f"account {account.name}: live call: {f'failed: {answer.failure}' if isinstance(answer, ApiError) else 'answered'}"
            )
    return FAILED if any(isinstance(answer, ApiError) for answer in answers.values()) else OK


async def _call_once(
    settings: Settings, tokens: dict[str, Token]
) -> tuple[dict[str, int | ApiError | None], dict[str, int | None]]:
    """Call the API once per account.

    Returns by account how many tasks it lists (None: it was not asked that) or the error, and the API calls per minute that
    the platform grants.
    """
    answers: dict[str, int | ApiError | None] = {}
    async with opened(settings, tokens, TaskRenderer()) as (accounts, _):
        for account in accounts:
            try:
                answers[account.name] = await account.check()
            except ApiError as error:
                answers[account.name] = error
        return answers, {account.name: account.client.gate.use.granted for account in accounts}
