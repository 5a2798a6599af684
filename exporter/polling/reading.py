"""What one poll of a task reads: its whole life and its windows, and of each whether it is another than before.

An answer that is the same as the one before, byte for byte, is not read again (docs/decisions/0007). What there is to
remember for that from poll to poll is a ``Memory``; it goes with what was laid in the store, so the poller keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError
from exporter.api.model import TaskRef, TaskStats, parse_stats
from exporter.metrics.store import UNCHANGED, PollOutcome, Unchanged, WindowReading
from exporter.metrics.tags import limit_tags
from exporter.polling.windows import Window

_WHOLE_LIFE: Final = ""


class Answered(NamedTuple):
    """An answer that was read: what it is known again by, and what of it could not be read."""

    digest: bytes
    unread: Mapping[str, int]


_NOTHING: Final = Answered(b"", {})


@dataclass(slots=True)
class Memory:
    """What is remembered of a task's answers, by window, and of the tags that have a place where the limit bites."""

    answers: dict[str, Answered] = field(default_factory=dict)
    kept_tags: dict[str, frozenset[str]] = field(default_factory=dict)

    def copy(self) -> Memory:
        """Return another that can go its own way."""
        return Memory(dict(self.answers), dict(self.kept_tags))


class TaskReader:
    """Reads tasks of one account. ``clock`` is Unix time; ``count_unread`` is told of each field that cannot be read."""

    def __init__(
        self,
        client: YunfuClient,
        *,
        windows: Sequence[Window],
        timezone: ZoneInfo,
        tag_limit: int,
        clock: Callable[[], float],
        count_unread: Callable[[str, int], None],
    ) -> None:
        self._client = client
        self._windows = windows
        self._timezone = timezone
        self._tag_limit = tag_limit
        self._clock = clock
        self._count_unread = count_unread

    async def read(self, ref: TaskRef, memory: Memory) -> tuple[PollOutcome, ApiError | None]:
        """Read the whole life, then each window, up to the first call that fails; ``memory`` takes up what is new."""
        outcome = PollOutcome()
        try:
            outcome = PollOutcome(await self._stats(ref, memory, _WHOLE_LIFE, None))
            for window in self._windows:
                span = window.span(self._clock(), self._timezone)
                stats = await self._stats(ref, memory, window.label, (span.begin, span.end))
                reading = WindowReading(window.label, stats, span.expires)
                outcome = replace(outcome, windows=(*outcome.windows, reading))
        except ApiError as error:
            return replace(outcome, failure=error.failure), error
        return outcome, None

    async def _stats(
        self, ref: TaskRef, memory: Memory, window: str, span: tuple[str, str] | None
    ) -> TaskStats | Unchanged:
        before = memory.answers.get(window, _NOTHING)
        response = await self._client.stat(ref, span, before.digest)
        if response.data is None:
            self._tell_unread(before.unread)
            return UNCHANGED
        stats = parse_stats(response.data)
        self._tell_unread(stats.unread)
        memory.answers[window] = Answered(response.digest, stats.unread)
        if max(len(stats.tag_calls), len(stats.llm_tag_calls)) <= self._tag_limit:
            return stats
        tags = self._limit(memory, f"tag {window}", stats.tag_calls)
        llm_tags = self._limit(memory, f"llm_tag {window}", stats.llm_tag_calls)
        return replace(stats, tag_calls=tags, llm_tag_calls=llm_tags)

    def _tell_unread(self, unread: Mapping[str, int]) -> None:
        for name, count in unread.items():
            self._count_unread(name, count)

    def _limit(self, memory: Memory, which: str, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Bound the tags; which of them have a place is remembered only where the limit bites."""
        if len(counts) <= self._tag_limit:
            return counts
        limited, kept = limit_tags(counts, self._tag_limit, memory.kept_tags.get(which, frozenset()))
        memory.kept_tags[which] = kept
        return limited
