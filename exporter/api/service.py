"""The judgement whether the platform serves an account and accepts its token, by the calls for several resources. Pure.

A resource is what a call asks for: the statistics of one task, or a task list. One that fails while others are answered
has a failure of its own, however often it is tried; only if several fail, and none is answered in between, is it the
account's failure. Where one is all that is tried for long, as the first list is without a connection, many calls do.
A refusal that is a task's by itself is the account's only if different resources get the same one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from exporter.api.errors import ApiError, UnknownFormat

ENOUGH: Final = 3
"""How many resources have to fail; of an account that asks for fewer, all that do not fail by themselves."""

SEVERAL: Final = 2
"""How many resources at least have to be refused in the same way; all of them where the answer is that they are missing."""

MANY_CALLS: Final = 6
"""How many calls have to fail since the last answer, whatever they ask for: two readings of a list, at three tries each.

Before the first answer, as many as resources.
"""


class Service:
    """Whether an account is served. ``is_up`` is None until there is enough to judge by.

    ``resources`` is how many the account asks for.
    """

    def __init__(self) -> None:
        self.resources = 1
        self.is_up: bool | None = None
        self._failures = _Evidence()
        self._refusals = _Evidence()
        self._denials: defaultdict[tuple[str, bool], _Denials] = defaultdict(_Denials)  # by reason and ``missing``

    def record(self, resource: str, error: ApiError | None) -> None:
        """Record the outcome of a call; one that holds all calls back is the account's failure at once.

        So is a refusal that has become the account's: its error is a task's own no longer.
        """
        if error is None or (error.is_tasks_own and not error.refuses_token):
            self._failures.clear(resource)
            self._refusals.clear(resource)
            if error is None or isinstance(error, UnknownFormat):
                for denial in self._denials.values():
                    denial.clear(resource)
            elif self._denials[error.reason, error.missing].deny(resource, self.resources, error):
                error.is_tasks_own = False
            self.is_up = not any(denial.is_enough for denial in self._denials.values())
        elif error.holds or (not error.refuses_token and self._failures.add(resource, self.resources)):
            self.is_up = False

    def record_refusal(self, resource: str) -> bool:
        """Record that the token was refused for a resource; return whether it is refused for the account."""
        return self._refusals.add(resource, self.resources)

    def forget_refusals(self) -> None:
        """Forget what was refused, since there is another token."""
        self._refusals = _Evidence()


class _Evidence:
    """The resources that have failed since the last answer, and those that fail while others are answered."""

    def __init__(self) -> None:
        self._failing: Counter[str] = Counter()
        self._failing_alone: set[str] = set()
        self.is_enough = False
        self._was_answered = False

    def clear(self, resource: str) -> None:
        """Record that a resource was answered."""
        if not self.is_enough:
            self._failing_alone |= self._failing.keys()
        self._failing_alone.discard(resource)
        self._failing.clear()
        self.is_enough = False
        self._was_answered = True

    def add(self, resource: str, resources: int) -> bool:
        """Record that one of a number of resources has failed; return whether that is enough."""
        witnesses, possible = self._count(resource, resources)
        many = MANY_CALLS if self._was_answered else ENOUGH
        self.is_enough |= witnesses >= min(ENOUGH, possible) or self._failing.total() >= many
        return self.is_enough

    def _count(self, resource: str, resources: int) -> tuple[int, int]:
        """Count a failure; return how many resources fail not only alone, and how many could."""
        if len(self._failing_alone) >= resources:  # some are asked for no longer
            self._failing_alone.clear()
        self._failing[resource] += 1
        return len(self._failing.keys() - self._failing_alone), resources - len(self._failing_alone)


class _Denials(_Evidence):
    """The resources that have been refused in one way, which is by itself about the resource."""

    def clear(self, resource: str) -> None:
        """Record that a resource was answered: those that are refused again before they are answered are refused alone.

        So a few that are refused for good, and happen to be asked for in a row, are the account's failure once at most.
        """
        self._failing_alone |= self._failing.keys()
        super().clear(resource)

    def deny(self, resource: str, resources: int, error: ApiError) -> bool:
        """Record that one of a number of resources was refused; return whether that is enough."""
        witnesses, possible = self._count(resource, resources)
        needed = possible if error.missing else min(ENOUGH, possible)
        self.is_enough |= witnesses >= max(SEVERAL, needed)
        return self.is_enough
