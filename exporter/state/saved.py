"""The form in which a task and an account outlive a restart: values, and their JSON. Pure.

The JSON is that of the classes below, field by field, without fields at their default; of ``Task``,
``TaskStats`` and ``Failure`` as well. All times are Unix seconds; an ``expires`` of infinity is written as ``Infinity``. A field that is added
later with a default needs no new version of the file: old rows are read without it, and unknown fields are ignored. A
field that is renamed, or changes its meaning, does need one (``state_file.VERSION``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from pydantic import ConfigDict, TypeAdapter

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskStats
from exporter.metrics.counters import Sums
from exporter.metrics.trouble import Trouble

_CONFIG: Final = ConfigDict(strict=True, ser_json_inf_nan="constants", ser_json_bytes="base64", val_json_bytes="base64")


@dataclass(frozen=True, slots=True)
class SavedWindow:
    """The statistics of a window, when they were read and are due again, and when the window moves on."""

    stats: TaskStats
    read_at: float
    due: float
    expires: float


@dataclass(frozen=True, slots=True)
class SavedTask:
    """A task as it was last polled; the names are those of the store, where they are explained.

    ``interval`` is seconds. Each of ``polls`` is when it ended, its seconds and the reason of its failure (empty: none),
    as texts: the numbers that the store packs them by are not those of every version. ``recent`` are the recent calls as
    the store packs them, in base64; those of another layout have another length, and are begun anew.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    task: Task
    interval: float | None = None
    up: bool | None = None
    last_success: float | None = None
    due: float | None = None
    missing_since: float | None = None
    failure: Failure | None = None
    stats: TaskStats | None = None
    windows: Mapping[str, SavedWindow] = field(default_factory=dict)
    polls: tuple[tuple[float, float, str], ...] = ()
    counters: Sums | None = None
    recent: bytes = b""
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class SavedAccount:
    """An account's facts that no call brings back at once."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    name: str
    discovery_last_success: float | None = None
    lists_read: tuple[float, str] | None = None


_TASK: Final = TypeAdapter(SavedTask)
_ACCOUNT: Final = TypeAdapter(SavedAccount)


def encode_task(saved: SavedTask) -> bytes:
    """Return a task as JSON. Raises ValueError if a text is no valid Unicode."""
    return _TASK.dump_json(saved, exclude_defaults=True)


def decode_task(record: bytes) -> SavedTask:
    """Read a task's JSON. Raises ValueError if it is none, or a field is missing or of another type."""
    return _TASK.validate_json(record)


def encode_account(saved: SavedAccount) -> bytes:
    """Return an account as JSON. Raises ValueError if a text is no valid Unicode."""
    return _ACCOUNT.dump_json(saved, exclude_defaults=True)


def decode_account(record: bytes) -> SavedAccount:
    """Read an account's JSON. Raises ValueError if it is none, or a field is missing or of another type."""
    return _ACCOUNT.validate_json(record)
