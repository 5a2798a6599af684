"""The command ``tasks``: the tasks that would be polled, and why another is not."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exporter import threads
from exporter.api.errors import Failure
from exporter.api.tokens import Token
from exporter.commands import FAILED, OK, complain
from exporter.commands.setup import load, opened
from exporter.config.settings import AccountSettings, Settings
from exporter.config.task_settings import RuleSettings
from exporter.config.values import printable
from exporter.contact.report import align
from exporter.lists.choices import Choice
from exporter.logs import set_up
from exporter.metrics.exposition import TaskRenderer
from exporter.words.check import IDLE_RULE, NO_TASKS, NOT_POLLED, TABLE
from exporter.words.labels import STATES
from exporter.words.terminal import say, terminal_language

FLAGS: Final = {"--json": "print JSON for machines, not a table"}


def run(options: Namespace, words: Sequence[str]) -> int:
    """Print the tasks as a table or as JSON; return the exit status. Raises SettingsError."""
    settings, tokens = load(words, FLAGS)
    set_up(settings.log.level, settings.log.format)
    found = threads.run(_choose(settings, tokens))
    tasks = [task for account in found for task in account.tasks]
    rows = [_row(choice, rules, settings.info_labels) for choice, rules in tasks]
    if options.json:
        knows_all = sys.stdout.encoding.lower() == "utf-8"
        print(json.dumps(rows, ensure_ascii=not knows_all, indent=2))
    elif rows:
        _print_table(rows, [choice for choice, _ in tasks])
    elif not any(account.failures for account in found):
        print(say(NO_TASKS))
    for account in found:
        for failure in account.failures:
            complain(f"account {account.settings.name}: discovery failed: {failure}")
        for number, pattern in account.idle_rules():
            complain(say(IDLE_RULE, account=account.settings.name, number=number, pattern=printable(pattern)))
    return FAILED if any(account.failures for account in found) else OK


@dataclass(frozen=True)
class _Found:
    """The tasks of an account, each with the rules that match its name, and why some could not be listed."""

    settings: AccountSettings
    tasks: list[tuple[Choice, tuple[RuleSettings, ...]]]
    failures: list[Failure]

    def idle_rules(self) -> Iterator[tuple[int, str]]:
        """Yield number and pattern of the rules that match no name, if there are names and all could be listed."""
        used = {rule.match for _, rules in self.tasks for rule in rules}
        for number, rule in enumerate(self.settings.rules if self.tasks and not self.failures else ()):
            if rule.match not in used:
                yield number, str(rule.match)


async def _choose(settings: Settings, tokens: dict[str, Token]) -> list[_Found]:
    found = []
    async with opened(settings, tokens, TaskRenderer(settings.info_labels)) as (accounts, _):
        for account, its_settings in zip(accounts, settings.accounts, strict=True):
            choices, failures = await account.discover()
            tasks = [(choice, account.terms(choice.task.ref.id, choice.task.name).rules) for choice in choices]
            found.append(_Found(its_settings, tasks, failures))
    return found


def _row(choice: Choice, rules: Sequence[RuleSettings], label_names: Sequence[str]) -> dict[str, Any]:
    task = choice.task
    return {
        "id": task.ref.id,
        "name": task.name,
        "state": task.state.value,
        "account": task.ref.account,
        "min_answer_ratio": task.min_answer_ratio,
        "labels": {name: value for name, value in zip(label_names, task.labels, strict=True) if value},
        "rules": [str(rule.match) for rule in rules],
        "not_polled_because": choice.why_not,
    }


def _print_table(rows: Sequence[dict[str, Any]], choices: Sequence[Choice]) -> None:
    shown = (
        {
            **row,
            "state": _state(row["state"]),
            "min_answer_ratio": f"{row['min_answer_ratio']:.4g}",
            "labels": ",".join(f"{name}={value}" for name, value in row["labels"].items()),
            "rules": " ".join(row["rules"]),
            "not_polled_because": say(NOT_POLLED[choice.hidden_by or "state"]) if choice.why_not else "",
        }
        for row, choice in zip(rows, choices, strict=True)
    )
    cells_of = (
        [printable(" ".join(cell.split())) for cell in row.values()] for row in shown
    )  # anybody can name a task
    print("\n".join(align([[say(TABLE[name]) for name in rows[0]], *cells_of])))


def _state(state: str) -> str:
    return say(STATES[state]) if terminal_language(os.environ) == "zh" else state
