"""The platform's statistics and tasks as immutable values, and the parser of its statistics. No I/O.

The parser is total: whatever JSON arrives, it never raises. What can be read becomes a value, what is absent or null
stays absent, and what is there but cannot be read is counted by field in ``unread``. The field names on the right of
the parser are the platform's own (see the vendor's documentation of the task statistics), misspellings included.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from exporter.api.documented import missing_parts, show_names, unknown_parts
from exporter.api.scalars import MAX_COUNT, clean_label, read_count, read_percentage

STATUSES: Final = (
    "waiting",
    "connected",
    "carrier_blocked",
    "rejected",
    "no_answer",
    "invalid_number",
    "powered_off",
    "suspended",
    "busy",
    "incoming_barred",
    "arrears",
    "blacklisted",
    "user_blocked",
)
"""The label value of each ``number_status`` code: its index is the code."""

MAX_ENTRIES: Final = 100
"""Distinct statuses, intentions or rounds read from one response; the documented ones number 13, 5 and 5."""

_LETTER: Final = re.compile(r"([A-Z])\s*(级|[-‐‑‒–—―－−]|[(（\[［【〔{｛<＜《「]|$)")
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROUND_SPAN: Final = re.compile(r"(\d{1,9})~(\d{1,9})", re.ASCII)
_ROUND_OVER: Final = re.compile(r">(\d{1,9})", re.ASCII)


class TaskState(StrEnum):
    """The state of a task in the platform's lists of tasks, in the order in which states are shown."""

    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    UNKNOWN = "unknown"

    @property
    def may_call(self) -> bool:
        """Whether calls are to be expected: the task runs, or nobody says that it does not."""
        return self in (TaskState.RUNNING, TaskState.UNKNOWN)


class TaskRef(NamedTuple):
    """The key of a task: the account's name, the task's UUID, and the sub-account that owns it, if one does.

    A tuple, since it is looked up about ten times per poll.
    """

    account: str
    id: str
    sub_user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A task and its facts beside the statistics.

    ``min_answer_ratio`` is 0-1, ``created`` is Unix seconds, ``concurrency_limit`` is phone calls at once.
    ``labels`` are the values of the configured label names, in their order; empty: none of them is set.
    ``kind`` is "outbound", "inbound", or empty if the lists do not say.
    """

    ref: TaskRef
    _: KW_ONLY
    min_answer_ratio: float
    name: str = ""
    generation: str = ""
    state: TaskState = TaskState.UNKNOWN
    labels: tuple[str, ...] = ()
    concurrency_limit: int | None = None
    created: float | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStats:
    """The statistics of one task over one span of time. Counts are whole numbers, ratios 0-1; None: not in the response.

    The mappings go from label value to count or ratio and hold just what the response listed.
    ``unread`` counts, by the platform's field name, the parts that were there but could not be read. ``missing`` are the
    documented parts that were not there at all, ``unknown`` the first few of those that are not documented.
    """

    answered: int | None = None
    unanswered: int | None = None
    answer_ratio: float | None = None
    progress_ratio: float | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    intention_calls: Mapping[str, int] = field(default_factory=dict)
    intention_ratios: Mapping[str, float] = field(default_factory=dict)
    round_calls: Mapping[str, int] = field(default_factory=dict)
    tag_calls: Mapping[str, int] = field(default_factory=dict)
    llm_tag_calls: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def has_outcomes(self) -> bool:
        """Whether the calls of both outcomes are there."""
        return self.answered is not None and self.unanswered is not None


def parse_stats(data: object) -> TaskStats:
    """Parse the ``data`` of a statistics response, whatever it is."""
    reader = _FieldParser()
    blocks = reader.mapping(data, "data")
    if unknown := unknown_parts(blocks):
        reader.unread["unknown"] = len(unknown)
    rate = reader.mapping(blocks.get("answer_rate"), "answer_rate")
    intention_calls, intention_ratios = _intentions(reader, blocks.get("intention"))
    return TaskStats(
        answered=reader.count(rate.get("answered"), "answer_rate.answered"),
        unanswered=reader.count(rate.get("noAnswer"), "answer_rate.noAnswer"),
        answer_ratio=reader.ratio(rate.get("callCompletetRate"), "answer_rate.callCompletetRate"),
        progress_ratio=reader.ratio(rate.get("taskProgress"), "answer_rate.taskProgress"),
        numbers=_numbers(reader, blocks.get("number_status")),
        intention_calls=intention_calls,
        intention_ratios=intention_ratios,
        round_calls=_rounds(reader, blocks.get("rounds")),
        tag_calls=_tags(reader, blocks.get("tags"), "tags"),
        llm_tag_calls=_tags(reader, blocks.get("llm_tags"), "llm_tags"),
        unread=reader.unread,
        missing=missing_parts(blocks),
        unknown=show_names(unknown),
    )


class _FieldParser:
    """Parses single values and counts, by field, what it could not read."""

    def __init__(self) -> None:
        self.unread: dict[str, int] = {}

    def miss(self, name: str) -> None:
        self.unread[name] = self.unread.get(name, 0) + 1

    def count(self, value: object, name: str) -> int | None:
        count = read_count(value)
        if count is None and value is not None:
            self.miss(name)
        return count

    def ratio(self, percent: object, name: str) -> float | None:
        """Turn a percentage into a ratio; 8 decimals keep all that is meant and drop the binary noise."""
        if percent is None:
            return None
        number = percent if type(percent) is float else read_percentage(percent)
        ratio = None if number is None else _to_ratio(number)
        if ratio is None:
            self.miss(name)
        return ratio

    def mapping(self, value: object, name: str) -> Mapping[str, object]:
        """Return an object; PHP serialises an empty one as a list."""
        if isinstance(value, dict):
            return value
        if value is not None and value != []:
            self.miss(name)
        return {}

    def entries(self, value: object, name: str, *keys: str) -> list[dict[str, object]]:
        """Return the objects of a list that have one of some fields; PHP serialises a list with a gap as an object."""
        if isinstance(value, dict):
            value = list(value.values())
        if not isinstance(value, list):
            if value is not None:
                self.miss(name)
            return []
        entries = [entry for entry in value if isinstance(entry, dict)]
        for _ in range(len(value) - len(entries) - value.count(None)):
            self.miss(name)
        return [entry for entry in entries if not entry.keys().isdisjoint(keys)]

    def add(self, counts: dict[str, int], label: str, value: object, name: str, limit: float = MAX_ENTRIES) -> None:
        """Add a count under its label; entries that share a label are parts of one sum."""
        if type(value) is int and 0 <= value <= MAX_COUNT:  # by far the commonest
            count = value
        elif (read := self.count(value, name)) is not None:
            count = read
        else:
            return
        if label in counts:
            counts[label] += count
        elif len(counts) < limit:
            counts[label] = count
        else:
            self.miss(name)


@lru_cache(maxsize=16384)  # the platform rounds percentages to two decimals: there are about ten thousand
def _to_ratio(percent: float) -> float | None:
    ratio = round(percent / 100, 8)
    return abs(ratio) if 0 <= ratio <= 1 else None  # -0.0 is 0, and NaN compares false


def _numbers(reader: _FieldParser, block: object) -> dict[str, int]:
    """Parse ``[{"status": CODE, "count": NUMBER}]`` by label; the codes are the indices of STATUSES."""
    counts: dict[str, int] = {}
    for entry in reader.entries(block, "number_status", "status"):
        code = read_count(entry.get("status"))
        if code is None:
            reader.miss("number_status.status")
            continue
        label = STATUSES[code] if code < len(STATUSES) else f"code_{code}"
        reader.add(counts, label, entry.get("count"), "number_status.count")
    return counts


def _intentions(reader: _FieldParser, block: object) -> tuple[dict[str, int], dict[str, float]]:
    """Parse ``[{"intention_results": 1, "name": "A级(…)", "total": NUMBER, "percent": 0-100}]`` by level.

    The ratios are 0-1. Levels with the same letter are added up: they share one series.
    """
    counts: dict[str, int] = {}
    ratios: dict[str, float] = {}
    for entry in reader.entries(block, "intention", "name", "intention_results"):
        name = _name(entry)
        label = _level(name) if name else _letter(read_count(entry.get("intention_results")))
        if not label:
            reader.miss("intention.name")
            continue
        reader.add(counts, label, entry.get("total"), "intention.total")
        ratio = reader.ratio(entry.get("percent"), "intention.percent")
        if ratio is None:
            continue
        if label in ratios:
            ratio = round(ratio + ratios[label], 8)
        if ratio > 1 or (label not in ratios and len(ratios) >= MAX_ENTRIES):
            reader.miss("intention.percent")
        else:
            ratios[label] = ratio
    return counts, ratios


@lru_cache(maxsize=1024)
def _level(name: str) -> str:
    """Return the letter that a level's name begins with ("A级(有明确意向)" and "A-高意向" are A); another name stays."""
    letter = _LETTER.match(name)
    return letter[1] if letter else name


def _letter(number: int | None) -> str:
    """Return the letter of a level without a name by its number, 1 is A; empty if it has none."""
    return _LETTERS[number - 1] if number is not None and 1 <= number <= len(_LETTERS) else ""


def _rounds(reader: _FieldParser, block: object) -> dict[str, int]:
    """Parse ``{"1": NUMBER, "2~5": NUMBER, ">20": NUMBER}``; an empty one is ``[]`` in PHP."""
    counts: dict[str, int] = {}
    for key, value in reader.mapping(block, "rounds").items():
        label = _rounds_label(clean_label(key))
        if label:
            reader.add(counts, label, value, "rounds")
        else:
            reader.miss("rounds")
    return counts


@lru_cache(maxsize=1024)
def _rounds_label(key: str) -> str:
    """Return "2-5" for "2~5" and "21+" for ">20"; another key stays."""
    if span := _ROUND_SPAN.fullmatch(key):
        return f"{span[1]}-{span[2]}"
    if over := _ROUND_OVER.fullmatch(key):
        return f"{int(over[1]) + 1}+"
    return key


def _tags(reader: _FieldParser, block: object, name: str) -> dict[str, int]:
    """Parse ``[{"name": TAG, "count": NUMBER}]``; the name can also be in ``llm_intention_tag`` or ``tag``, as ``{"name": TAG}``.

    Their number is not bounded here, but by ``limit_tags``.
    """
    counts: dict[str, int] = {}
    for entry in reader.entries(block, name, "count"):
        label = _name(entry) or _name(entry.get("llm_intention_tag")) or _name(entry.get("tag"))
        if label:
            reader.add(counts, label, entry.get("count"), f"{name}.count", math.inf)
        else:
            reader.miss(f"{name}.name")
    return counts


def _name(entry: object) -> str:
    """Return the name of an object as a label value; empty if it has none."""
    name = entry.get("name") if isinstance(entry, dict) else None
    return clean_label(name) if isinstance(name, str) else ""
