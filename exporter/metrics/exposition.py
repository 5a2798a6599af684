"""Families and values to bytes: a task's lines are rendered once per poll and joined per scrape.

The formats are Prometheus' text format 0.0.4 and OpenMetrics 1.0. For gauges and counters their sample lines are the
same; what differs are the header of a counter and the closing ``# EOF``. So one rendering serves both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.api.model import TaskRef, TaskStats
from exporter.metrics import families
from exporter.metrics.families import Family, Values, status_families
from exporter.metrics.records import CountedStats, Lines, TaskRecord, TaskStatus

_TASKS_PER_PIECE: Final = 1000  # a piece is up to a megabyte or so: small in memory, and joined in a millisecond
_HEAD: Final = b"\xff"  # stands for the labels of the task in a template; no UTF-8 text holds it
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_SAMPLE: Final = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.ASCII | re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")


class Sample(NamedTuple):
    """A sample line, read back."""

    name: str
    labels: Mapping[str, str]
    value: float


def read_samples(lines: bytes) -> Iterator[Sample]:
    """Yield the samples of rendered lines, as a task's page shows them."""
    for name, labels, value in _SAMPLE.findall(lines.decode()):
        yield Sample(
            name, {label: _ESCAPED.sub(_unescape, text) for label, text in _LABEL.findall(labels)}, float(value)
        )


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


class TaskRenderer:
    """Renders what the store holds of a task. ``info_labels`` are the configured label names of yunfu_task_info."""

    def __init__(self, info_labels: Sequence[str] = ()) -> None:
        self.status_families = status_families(tuple(info_labels))

    def status(self, status: TaskStatus, before: TaskRecord | None = None) -> Lines:
        """Render a task's state beside its statistics; lines that are fixed by the task are taken from ``before``."""
        head = _head(status.task.ref)
        if before is None or before.status.task is not status.task:
            return tuple(_lines(family, head, family.read(status)) for family in self.status_families)
        return tuple(
            lines if family.fixed else _lines(family, head, family.read(status))
            for family, lines in zip(self.status_families, before.status_lines, strict=True)
        )

    def stats(self, ref: TaskRef, counted: CountedStats) -> Lines:
        """Render the statistics of the whole life and the counters."""
        head = _head(ref)
        return (
            *(_lines(family, head, family.read(counted.stats)) for family in families.STATS_FAMILIES),
            *(_lines(family, head, family.read(counted)) for family in families.COUNTER_FAMILIES),
        )

    def window(self, ref: TaskRef, window: str, stats: TaskStats) -> Lines:
        """Render the statistics of a window."""
        head = f'{_head(ref)},window="{_escape(window)}"'
        return tuple(_lines(family, head, family.read(stats), family.labels[1:]) for family in families.WINDOW_FAMILIES)


@dataclass(frozen=True, slots=True)
class Page:
    """A scrape's answer: all families of the given tasks, then the exporter's own metrics."""

    renderer: TaskRenderer
    registry: CollectorRegistry
    comment: str = ""
    """What stands first in the text format; OpenMetrics has no comments."""

    def pieces(self, records: Sequence[TaskRecord], now: float, *, openmetrics: bool) -> Iterator[bytes]:
        """Yield the text in pieces of about a megabyte at most, so that the caller can let others run in between."""
        if self.comment and not openmetrics:
            yield f"# {self.comment}\n".encode()
        known = [record for record in records if not record.is_gone(now)]
        fresh = [record for record in known if record.is_fresh(now)]
        windows = [lines for record in known for lines in record.fresh_windows(now)]
        status = {True: [r.status_lines for r in known], False: [r.status_lines for r in fresh]}
        readings = [r.stats_lines for r in fresh]
        for index, status_family in enumerate(self.renderer.status_families):
            yield from _family(status_family, index, status[status_family.lasting], openmetrics=openmetrics)
        for index, family in enumerate((*families.STATS_FAMILIES, *families.COUNTER_FAMILIES)):
            yield from _family(cast("Family[Any]", family), index, readings, openmetrics=openmetrics)
        for index, window_family in enumerate(families.WINDOW_FAMILIES):
            yield from _family(window_family, index, windows, openmetrics=openmetrics)
        yield self._own(openmetrics=openmetrics)

    def _own(self, *, openmetrics: bool) -> bytes:
        if openmetrics:
            return cast("bytes", generate_openmetrics(self.registry))  # type: ignore[no-untyped-call]  # the library's own gap
        return generate_latest(self.registry)


def _family(family: Family[Any], index: int, tasks: Sequence[Lines], *, openmetrics: bool) -> Iterator[bytes]:
    """Yield a family's header and the lines of all tasks; nothing at all if no task has any."""
    header = _header(family, openmetrics=openmetrics)
    for start in range(0, len(tasks), _TASKS_PER_PIECE):
        piece = b"".join([lines[index] for lines in tasks[start : start + _TASKS_PER_PIECE]])
        if piece:
            yield header + piece
            header = b""


def _header(family: Family[Any], *, openmetrics: bool) -> bytes:
    name = family.name.removesuffix("_total") if openmetrics else family.name
    return f"# HELP {name} {family.help.en.translate(_HELP_ESCAPES)}\n# TYPE {name} {family.type}\n".encode()


@lru_cache(maxsize=16_384)
def _head(ref: TaskRef) -> str:
    return f'account="{_escape(ref.account)}",task="{ref.id.translate(_ESCAPES)}"'


@lru_cache(maxsize=8192)
def _escape(value: str) -> str:
    """Escape a label value; statuses and tags come again with every poll."""
    return value.translate(_ESCAPES)


def _lines(family: Family[Any], head: str, values: Values, labels: tuple[str, ...] | None = None) -> bytes:
    """Render a family's lines of one task; ``head`` holds the labels that stand before the family's own."""
    if values is None:
        return b""
    if isinstance(values, int | float):
        return f"{family.name}{{{head}}} {_number(values)}\n".encode()
    labels = family.labels if labels is None else labels
    numbers = tuple(values.values())
    if len(labels) == 1 and not family.free_labels and set(map(type, numbers)) == {int}:
        return (_template(family.name, labels[0], tuple(values)) % numbers).replace(_HEAD, head.encode())
    return "".join(_each(family.name, head, labels, values)).encode()


@lru_cache(maxsize=512)
def _template(name: str, label: str, values: tuple[str, ...]) -> bytes:
    """Return a family's lines with room for the head and the counts: nearly all tasks share the same label values."""
    lines = (f',{label}="{_escape(value)}"}} '.encode().replace(b"%", b"%%") for value in values)
    return b"".join(name.encode() + b"{" + _HEAD + line + b"%d\n" for line in lines)


def _each(name: str, head: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> list[str]:
    if len(labels) == 1:
        start = f'{name}{{{head},{labels[0]}="'
        return [f'{start}{_escape(value)}"}} {_number(number)}\n' for value, number in values.items()]
    return [f"{name}{{{head},{_pairs(labels, many)}}} {_number(number)}\n" for many, number in values.items()]


def _pairs(labels: tuple[str, ...], values: tuple[str, ...]) -> str:
    return ",".join(f'{label}="{_escape(value)}"' for label, value in zip(labels, values, strict=True))


def _number(value: float) -> str:
    """Write a finite number as both formats have it; a whole one without a point."""
    if type(value) is int:  # by far the commonest
        return str(value)
    return str(int(value)) if isinstance(value, bool) else repr(value).removesuffix(".0")
