"""The command ``once``: every task polled once, and the metrics printed."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from exporter import threads
from exporter.api.tokens import Token
from exporter.commands import FAILED, OK
from exporter.commands.setup import load, opened
from exporter.config.settings import Settings
from exporter.logs import set_up
from exporter.metrics.exposition import Page, TaskRenderer


def run(_: Namespace, words: Sequence[str]) -> int:
    """Poll every task once and print the exposition; return the exit status. Raises SettingsError."""
    settings, tokens = load(words)
    set_up(settings.log.level, settings.log.format)
    text, worked = threads.run(_poll_once(settings, tokens))
    sys.stdout.buffer.write(text)
    return OK if worked else FAILED


async def _poll_once(settings: Settings, tokens: dict[str, Token]) -> tuple[bytes, bool]:
    """Poll everything once; return the exposition, and whether all of it worked."""
    renderer = TaskRenderer(settings.info_labels)
    worked = True
    async with opened(settings, tokens, renderer) as (accounts, around):
        for account in accounts:
            worked = await account.run_once() and worked
    page = Page(renderer, around.metrics.registry)
    return b"".join(page.pieces(around.store.records(), around.store.clock(), openmetrics=False)), worked
