"""Faults of a configuration, in a line each: where, what is wrong, what is accepted. Never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from exporter.config.values import describe, printable, show
from exporter.patterns import TOKEN_SIGN

_PLAIN_KEY: Final = re.compile(rf"(?!.*{TOKEN_SIGN})[\w-]{{1,40}}")
_BOUNDS: Final = {
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
}
_SHAPES: Final = {"tuple_type": "a list", "bool_type": "true or false"}

Key = tuple[str | int, ...]
"""The path of a value: keys, and the indexes of list items."""


class SettingsError(Exception):
    """The configuration is bad; ``faults`` has a line for each: where, what is wrong, what is accepted. No secrets."""

    def __init__(self, faults: Iterable[str]) -> None:
        # A line each and printable, whatever the names of files, keys, flags and variables are.
        self.faults = tuple(map(printable, faults))
        super().__init__("\n".join(self.faults))


def keys(model: type[BaseModel], parent: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield every key of a model, sections and the keys of list items included."""
    for attribute, info in model.model_fields.items():
        path = (*parent, info.alias or attribute)
        yield path, info
        for part in (info.annotation, *get_args(info.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys(part, path)


def format_fault(model: type[BaseModel], detail: ErrorDetails, names: Mapping[Key, str] | None = None) -> str:
    """Format a fault that pydantic found in plain words; ``names`` has the flags and variables that gave values."""
    names = names or {}
    key: Key = tuple(part for part in detail["loc"] if part != "[key]")
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(model, key, names)
    if kind == "value_error":
        fault = str(context["error"])
    elif kind == "missing":
        fault = f"missing; expected {dict(keys(model))[_without_indexes(key)].description}"
    elif kind == "literal_error":
        fault = f"{show(given)} is not known; expected {context['expected']}"
    elif kind in _BOUNDS:
        fault = f"{show(given)} is out of range; expected {_BOUNDS[kind].format(**context)}"
    else:
        fault = f"is {describe(given)}; expected {_SHAPES.get(kind, 'a mapping')}"
    return f"{_name(key, names)}: {fault}"


def unknown_key(model: type[BaseModel], key: Key, names: Mapping[Key, str] | None = None) -> str:
    """Format the fault that there is no such key, with the one that may have been meant."""
    names = names or {}
    paths = [path for path, _ in keys(model)]
    section = _name(key, names).removesuffix(path_of(key[-1:]))
    siblings = {path[-1]: section + path[-1] for path in paths if path[:-1] == _without_indexes(key[:-1])}
    spelled: dict[str, str] = siblings | ({".".join(path): ".".join(path) for path in paths} if len(key) == 1 else {})
    return f"{_name(key, names)}: unknown key; {guess(str(key[-1]), spelled, ', '.join(siblings))}"


def guess(written: str, spelled: Mapping[str, str], known: str = "those that --help lists") -> str:
    """Return which of the known words may have been meant, or else all of them, as the end of a fault."""
    near = get_close_matches(written, spelled, 1)
    return f"did you mean '{spelled[near[0]]}'?" if near else f"expected one of {known}"


def path_of(key: Key) -> str:
    """Format a key as in the file: ``accounts[0].name``."""
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{part}" if _PLAIN_KEY.fullmatch(part) else f".{show(part)}"
        for part in key
    )
    return "".join(parts).removeprefix(".")


def _name(key: Key, names: Mapping[Key, str]) -> str:
    """Return the name by which the user gave a key: its flag, its variable, or its path in the file."""
    for length in range(len(key), 0, -1):
        if name := names.get(key[:length]):
            rest = key[length:]  # an item of a comma-separated list needs no number: the fault quotes it
            return name + (path_of(rest) if len(rest) > 1 else "")
    return path_of(key)


def _without_indexes(key: Key) -> tuple[str, ...]:
    return tuple(part for part in key if isinstance(part, str))
