"""The minutes at which shipped alerts fire over a simulated past, in a real Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.backfill import Asked, Rule, backfill, levels, needed, prometheus, read_rules

BEGIN: Final = 1_750_000_000 // 7200 * 7200
"""When the first minute was, in Unix time, at the edge of a block."""

Minutes = dict[str, set[int]]
"""Minutes since ``BEGIN``, by task."""


@dataclass(frozen=True, slots=True)
class Past:
    """A past of some minutes that is asked about minute by minute."""

    asked: Asked
    length: int

    def firing(self, rule: Rule, hold: str | None = None) -> Minutes:
        """Return when an alert fires: true for its ``for``, then for as long as ``hold`` is there."""
        true = self.minutes(rule.expr)
        held = self.minutes(hold) if hold else {}
        return {
            task: set(self._latch(minutes, held.get(task, set()), rule.pending_seconds / 60))
            for task, minutes in true.items()
        }

    def minutes(self, expr: str) -> Minutes:
        """Return when an expression has a result."""
        found: Minutes = {}
        for each in self.asked.range(expr):
            found.setdefault(each["metric"]["task"], set()).update(minute for minute, _ in points(each))
        return found

    def _latch(self, true: set[int], held: set[int], pending: float) -> Iterator[int]:
        since, firing = None, False
        for minute in range(self.length + 1):
            holds = minute in true or (firing and minute in held)
            since = (minute if since is None else since) if holds else None
            firing = since is not None and minute - since >= pending
            if firing:
                yield minute


def points(series: dict[str, Any]) -> Iterator[tuple[int, float]]:
    """Yield the minutes since ``BEGIN`` and the values of a series."""
    return ((round((at - BEGIN) / 60), float(value)) for at, value in series["values"])


def shipped(name: str) -> Rule:
    """Return the first rule of a name."""
    return next(rule for rule in read_rules() if rule.name == name)


@contextmanager
def recorded(folder: Path, length: int, rules: Iterable[Rule]) -> Iterator[Past]:
    """Record what the rules build on, each level after those it builds on; gives the past.

    ``folder`` has ``samples.txt``, OpenMetrics text of ``length`` minutes.
    """
    backfill(folder / "samples.txt", folder / "tsdb")
    for level in levels(needed(rules, read_rules())):
        with prometheus(folder) as url:
            if _asked(url, length).record(level, folder / "rules.txt"):
                backfill(folder / "rules.txt", folder / "tsdb")
    with prometheus(folder) as url:
        yield Past(_asked(url, length), length)


def _asked(url: str, length: int) -> Asked:
    return Asked(url, BEGIN, BEGIN + length * 60, 60)
