"""The command ``tasks``: the tasks that would be polled, and why another is not."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from exporter import threads
from exporter.api.tokens import Token
from exporter.commands import FAILED, OK, complain
from exporter.commands.setup import load, opened
from exporter.config.settings import Settings
from exporter.config.values import printable
from exporter.contact.report import align
from exporter.lists.choices import Choice
from exporter.logs import set_up
from exporter.metrics.exposition import TaskRenderer
from exporter.words.check import NO_TASKS, TABLE
from exporter.words.labels import STATES
from exporter.words.terminal import say, terminal_language

FLAGS: Final = {"--json": "print JSON for machines, not a table"}


def run(options: Namespace, words: Sequence[str]) -> int:
    """Print the tasks as a table or as JSON; return the exit status. Raises SettingsError."""
    settings, tokens = load(words, FLAGS)
    set_up(settings.log.level, settings.log.format)
    choices, failures = threads.run(_choose(settings, tokens))
    if options.json:
        knows_all = sys.stdout.encoding.lower() == "utf-8"
        print(json.dumps([_row(choice) for choice in choices], ensure_ascii=not knows_all, indent=2))
    elif choices:
        _print_table([_row(choice) for choice in choices])
    elif not failures:
        print(say(NO_TASKS))
    for failure in failures:
        complain(failure)
    return FAILED if failures else OK


async def _choose(settings: Settings, tokens: dict[str, Token]) -> tuple[list[Choice], list[str]]:
    choices: list[Choice] = []
    failures: list[str] = []
    async with opened(settings, tokens, TaskRenderer(settings.info_labels)) as (accounts, _):
        for account in accounts:
            found, faults = await account.discover()
            choices += found
            failures += [f"account {account.name}: discovery failed: {fault}" for fault in faults]
    return choices, failures


def _row(choice: Choice) -> dict[str, str]:
    task = choice.task
    return {
        "id": task.ref.id,
        "name": task.name,
        "state": task.state.value,
        "account": task.ref.account,
        "not_polled_because": choice.why_not,
    }


def _print_table(rows: Sequence[dict[str, str]]) -> None:
    shown = [{**row, "state": _state(row["state"])} for row in rows]
    cells_of = (
        [printable(" ".join(cell.split())) for cell in row.values()] for row in shown
    )  # anybody can name a task
    print("\n".join(align([[say(TABLE[name]) for name in rows[0]], *cells_of])))


def _state(state: str) -> str:
    return say(STATES[state]) if terminal_language(os.environ) == "zh" else state
