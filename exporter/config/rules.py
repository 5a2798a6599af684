"""The threshold and labels of each task: the default, what an account's rules say by name, and its own entry under ``tasks``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

from exporter.config.settings import AccountSettings, Settings
from exporter.config.task_settings import RuleSettings, TaskSettings
from exporter.patterns import fullmatches

NAMES_AT_ONCE: Final = 250
"""How many names are matched before others run: with MAX_RULES rules that takes some 10 milliseconds."""


class Terms(NamedTuple):
    """What the settings say of a task.

    ``min_answer_ratio`` is 0-1, ``labels`` has a value for each of ``Settings.info_labels``, empty if none is given, and
    ``rules`` are those that match. ``is_final`` is false if a rule's pattern took too long; it may be decided another time.
    """

    min_answer_ratio: float
    labels: tuple[str, ...]
    rules: tuple[RuleSettings, ...]
    is_final: bool


class TaskRules:
    """Looks up what the settings say of an account's tasks. It remembers the names that it has learnt, no others."""

    def __init__(self, settings: Settings, account: AccountSettings) -> None:
        self._default = settings.thresholds.min_answer_ratio
        self._label_names = settings.info_labels
        self._rules = account.rules
        self._patterns = [rule.match for rule in account.rules]
        self._entries = {task.id: task for task in account.tasks}
        self._learnt: dict[str, Terms] = {}
        self._without_rules = self._join((), is_final=True)

    def terms(self, task_id: str, name: str) -> Terms:
        """Return what is said of a task with this name; of the rules that match the later prevail, and its own entry over all."""
        by_name = self._learnt.get(name) or self._by_name(name)
        entry = self._entries.get(task_id)
        return by_name if entry is None else self._join(by_name.rules, entry, is_final=by_name.is_final)

    async def learn(self, names: Iterable[str]) -> None:
        """Match these names and remember the results, and forget all others. Others run in between: there may be thousands."""
        learnt: dict[str, Terms] = {}
        for number, name in enumerate(dict.fromkeys(names) if self._rules else (), 1):
            known = self._learnt.get(name)
            learnt[name] = terms = known if known is not None and known.is_final else self._by_name(name)
            if number % NAMES_AT_ONCE == 0 or not terms.is_final:
                await asyncio.sleep(0)
        self._learnt = learnt

    def _by_name(self, name: str) -> Terms:
        if not self._rules:
            return self._without_rules
        found = fullmatches([(pattern, name) for pattern in self._patterns])
        rules = tuple(rule for rule, matches in zip(self._rules, found, strict=True) if matches)
        return self._join(rules, is_final=None not in found)

    def _join(self, rules: tuple[RuleSettings, ...], entry: TaskSettings | None = None, *, is_final: bool) -> Terms:
        given: tuple[RuleSettings | TaskSettings, ...] = rules if entry is None else (*rules, entry)
        ratio, labels = self._default, dict[str, str]()
        for each in given:
            ratio = ratio if each.min_answer_ratio is None else each.min_answer_ratio
            labels |= each.labels
        return Terms(ratio, tuple(labels.get(name, "") for name in self._label_names), rules, is_final)
