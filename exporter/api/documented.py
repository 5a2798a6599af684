"""The parts of a statistics response that the vendor documents: which of them one lacks, and what it has beside them.

The names are those of the vendor's documentation of the task statistics. The fields of a block are those that are read of it.
An empty list or null is not missing: PHP writes an empty object as a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from exporter.masking import mask_name

_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "answer_rate": frozenset({"answered", "noAnswer", "callCompletetRate", "taskProgress"}),
    "intention": frozenset({"name", "total", "percent"}),  # its number is only read where it has no name
    "number_status": frozenset({"status", "count"}),
    "rounds": frozenset(),  # its keys are values
    "tags": frozenset({"count"}),
    "llm_tags": frozenset({"count"}),
}

OLDER_EDITION_LACKS: Final = frozenset({"tags", "llm_tags"})
"""What the older edition of the documentation does not have."""

_MAX_SHOWN: Final = 5
_MAX_SHOWN_LENGTH: Final = 24
_UNSHOWN: Final = re.compile(r"[^\w.~>-]+|\d{5,}")  # a long number could be a phone's


def documented_parts() -> tuple[str, ...]:
    """Return the documented fields of blocks, and the blocks whose keys are values, as ``missing_parts`` names them."""
    return tuple(
        f"{name}.{field}" if field else name for name, fields in _FIELDS.items() for field in sorted(fields) or ("",)
    )


def missing_parts(data: Mapping[str, object]) -> tuple[str, ...]:
    """Return the documented blocks, and fields of blocks, that are not there at all; an empty ``data`` lacks none."""
    if not data:
        return ()
    missing: list[str] = []
    for name, fields in _FIELDS.items():
        if name in data:
            lacking = {field for each in _objects(name, data[name]) for field in fields - each.keys()}
            missing += [f"{name}.{field}" for field in sorted(lacking)]
        else:
            missing.append(name)
    return tuple(missing)


def unknown_parts(data: Mapping[str, object]) -> list[str]:
    """Return the names of the fields that are not documented and not null."""
    return [name for name, value in data.items() if name not in _FIELDS and value is not None]


def has_documented_part(data: Mapping[str, object]) -> bool:
    """Return whether a documented block is there."""
    return not _FIELDS.keys().isdisjoint(data)


def show_names(names: list[str], most: int = _MAX_SHOWN) -> tuple[str, ...]:
    """Return the first few names as they can be shown: short, printable, without what may be private."""
    return tuple(_show(name) for name in islice(names, most)) + (("…",) if len(names) > most else ())


def _show(name: str) -> str:
    shown = _UNSHOWN.sub("…", mask_name(name))
    return shown if len(shown) <= _MAX_SHOWN_LENGTH else shown[: _MAX_SHOWN_LENGTH - 1] + "…"


def _objects(name: str, block: object) -> Iterator[Mapping[str, object]]:
    """Yield the objects of a block that have its fields: itself, or those of its list, which PHP can write as an object."""
    if name == "answer_rate":
        block = [block] if block else []
    elif isinstance(block, dict):
        block = list(block.values())
    if isinstance(block, list):
        yield from (each for each in block if isinstance(each, dict))
