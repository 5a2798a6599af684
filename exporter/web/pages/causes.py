"""The causes that several tasks share, each as one line instead of one per task. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.web.pages.account_rows import Tone
from exporter.web.pages.judging import Glance, Shared, Standing
from exporter.web.pages.language import Moment, Phrase, phrase
from exporter.web.pages.problems import failure_clause, why_empty

FOLDED_FROM: Final = 3
"""Tasks with the same cause from which on they are one line."""

TONES: Final = {
    Standing.BLOCKED: Tone.BAD,
    Standing.LOW: Tone.BAD,
    Standing.FAILING: Tone.BAD,
    Standing.OVERDUE: Tone.BAD,
    Standing.EMPTY: Tone.WARN,
    Standing.LATE: Tone.WARN,
    Standing.WELL: Tone.GOOD,
}
"""How good the news of a task are, by its standing; the others are neither good nor bad."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that ``count`` tasks of one standing share; ``key`` is the query's name of it."""

    key: str
    words: Phrase
    standing: Standing
    count: int

    @property
    def tone(self) -> Tone:
        """How good the news are."""
        return TONES[self.standing]

    def is_all_of(self, standing: Standing, count: int) -> bool:
        """Return whether the tasks of a standing, that many, are those of the cause."""
        return self.standing is standing and self.count == count


def shared_causes(causes: Mapping[str, Shared], down: Collection[str]) -> list[Cause]:
    """Return the causes that enough tasks share, the worst first; ``down`` are the accounts that are not served."""
    shared = [
        Cause(key, _words(each, down), each.tasks[0].standing, len(each.tasks))
        for key, each in causes.items()
        if len(each.tasks) >= FOLDED_FROM
    ]
    return sorted(shared, key=lambda each: (each.standing, -each.count))


def _words(shared: Shared, down: Collection[str]) -> Phrase:
    standing, number = shared.tasks[0].standing, len(shared.tasks)
    match standing:
        case Standing.EMPTY:
            said = phrase("cause.empty", n=number, why=why_empty([each.stats for each in shared.tasks]))
        case Standing.OVERDUE:
            said = phrase("cause.overdue_account" if shared.accounts <= {*down} else "cause.overdue", n=number)
        case Standing.LATE if shared.tasks[0].record.status.up:
            said = phrase("cause.late", n=number)
        case _:
            key = "cause.failing" if standing is Standing.FAILING else "cause.late_failing"
            said = phrase(key, n=number, why=_why(shared.tasks))
    return said if shared.since is None else phrase("cause.since", what=said, since=Moment(shared.since))


def _why(tasks: Sequence[Glance]) -> Phrase:
    """Return why the tasks' last polls failed, with the platform's own message if it is the same for all."""
    why, messages = failure_clause(tasks[0]), {each.record.status.failure for each in tasks}
    said = {failure.said for failure in messages if failure is not None}
    return phrase("clause.said", why=why, said=said.pop()) if len(said) == 1 and "" not in said else why
