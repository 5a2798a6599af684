"""The fields of answers: which documented ones were found, absent or unreadable, and which unknown ones came.

The documented fields of list entries are those of the vendor's pages of the task lists; the pages show entries of many more, of
which only a part is known, so unknown ones are to be expected there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from exporter.api.documented import OLDER_EDITION_LACKS, documented_parts, unknown_parts
from exporter.api.model import TaskStats, parse_stats
from exporter.lists.entries import ListedTask, Page, parse_status, parse_task

_READ: Final = ("uuid", "name", "user_id", "create_datetime", "enable", "maximumcall")
"""The fields of an entry that are read."""

_STATUS: Final = "tasks.status"
_CALL_STATUS: Final = "new_task_extra.call_status"
_KNOWN: Final = frozenset(
    {
        *_READ, "new_task_extra", "status", "task_type", "is_call_in", "alter_datetime", "dial_time_id", "start",
        "call_per_second", "recycle_limit", "destination_extension", "remark", "sort", "_originate_timeout",
        "auto_recycle_rule_id",
    }
)  # fmt: skip
"""The fields of an entry that are documented, read or not."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The names of fields: documented ones that were found, absent or unreadable, and unknown ones that came.

    ``documented`` is how many were looked for.
    """

    documented: int
    found: tuple[str, ...]
    absent: tuple[str, ...]
    unreadable: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListFound:
    """The first page of a list: how many tasks the list claims, its entries, and their fields (None: it has no entry).

    ``is_contradictory``: the status of an entry contradicts its flags.
    """

    total: int | None
    tasks: tuple[ListedTask, ...]
    fields: Fields | None
    is_contradictory: bool = False

    @property
    def has_no_id(self) -> bool:
        """Whether entries came and the id of none can be read."""
        return self.fields is not None and not self.tasks


@dataclass(frozen=True, slots=True)
class StatFound:
    """The statistics of a task and their fields; ``fields`` is None if the answer is empty."""

    stats: TaskStats
    fields: Fields | None

    @property
    def has_number(self) -> bool:
        """Whether any documented number was found."""
        stats = self.stats
        single = (stats.answered, stats.unanswered, stats.answer_ratio, stats.progress_ratio)
        several = (stats.numbers, stats.intention_calls, stats.round_calls, stats.tag_calls, stats.llm_tag_calls)
        return any(number is not None for number in single) or any(several)

    @property
    def is_older_edition(self) -> bool:
        """Whether all that is absent is what the older edition of the documentation does not have."""
        return self.fields is not None and {_block(name) for name in self.fields.absent} == OLDER_EDITION_LACKS


def read_list(page: Page, generation: str, timezone: ZoneInfo) -> ListFound:
    """Read the entries of a page."""
    unread: set[str] = set()
    tasks: list[ListedTask | None] = []
    is_contradictory = False
    for entry in page.entries:
        doubtful: set[str] = set()
        tasks.append(parse_task(entry, generation, timezone, doubtful.add, None))
        if _STATUS in doubtful and isinstance(entry, dict) and parse_status(entry.get("status")) is not None:
            doubtful.remove(_STATUS)  # it was read, and prevails
            is_contradictory = True
        unread |= doubtful
    entries = [entry for entry in page.entries if isinstance(entry, dict)]
    there = {name for entry in entries for name in entry}
    extras = [entry.get("new_task_extra") for entry in entries]
    if any(isinstance(extra, dict) and "call_status" in extra for extra in extras):
        there.add(_CALL_STATUS)
    wanted = (*_READ, _CALL_STATUS) if generation == "2" else _READ
    unreadable = {name.removeprefix("tasks.") for name in unread}
    fields = _sort(wanted, there, unreadable, there - _KNOWN - {_CALL_STATUS})
    return ListFound(
        page.total, tuple(task for task in tasks if task), fields if page.entries else None, is_contradictory
    )


def read_stat(data: Mapping[str, Any] | list[Any]) -> StatFound:
    """Read the ``data`` of a statistics response."""
    stats = parse_stats(data)
    if not isinstance(data, dict) or not data:
        return StatFound(stats, None)
    documented, missing = documented_parts(), {*stats.missing}
    there = {name for name in documented if not {name, _block(name)} & missing}
    return StatFound(stats, _sort(documented, there, stats.unread.keys() - {"unknown"}, unknown_parts(data)))


def _sort(wanted: Sequence[str], there: AbstractSet[str], unreadable: Iterable[str], unknown: Iterable[str]) -> Fields:
    spoilt = {*unreadable}
    return Fields(
        documented=len(wanted),
        found=tuple(name for name in wanted if name in there and not {name, _block(name)} & spoilt),
        absent=tuple(name for name in wanted if name not in there),
        unreadable=tuple(sorted(spoilt)),
        unknown=tuple(sorted(unknown)),
    )


def _block(name: str) -> str:
    return name.partition(".")[0]
