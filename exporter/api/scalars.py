"""Tolerant readers of the single values that the platform's PHP writes: numbers that can be texts, and names. No I/O.

A reader never raises: what it cannot read is None.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

MAX_LABEL_LENGTH: Final = 200
"""Characters of a label value; a longer text of the platform's ends in an ellipsis."""

MAX_COUNT: Final = 2**53
"""The largest count: the sample values of Prometheus are doubles, exact up to here."""

_NUMBER: Final = re.compile(r"\s*[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?\s*", re.ASCII)
_GROUPED: Final = re.compile(r"\s*[+-]?[1-9]\d{0,2}([,，]\d{3}){1,9}(\.\d{1,30})?\s*", re.ASCII)
_COMMAS: Final = re.compile("[,，]")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def clean_label(text: str) -> str:
    """Return a text of the platform's as a label value: valid Unicode, trimmed, at most MAX_LABEL_LENGTH long."""
    return _clean_again(text) if len(text) <= MAX_LABEL_LENGTH else _clean(text)


def _clean(text: str) -> str:
    text = text.strip()
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text)
    return text if len(text) <= MAX_LABEL_LENGTH else text[: MAX_LABEL_LENGTH - 1] + "…"


_clean_again = lru_cache(maxsize=4096)(_clean)  # names and tags come again with every poll


def read_number(value: object) -> float | None:
    """Return a JSON number, or a string that spells one (PHP sends both), as a finite number; None if it is neither.

    Groups of three digits may have commas between them, as PHP's ``number_format`` writes them: "1,234".
    """
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            value = float(value)
        elif _GROUPED.fullmatch(value):
            value = float(_COMMAS.sub("", value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -MAX_COUNT <= value <= MAX_COUNT else None  # NaN compares false as well


def read_count(value: object) -> int | None:
    """Return a whole number from 0 to 2**53, or None if the value is no such thing."""
    if type(value) is int and 0 <= value <= MAX_COUNT:  # by far the commonest, and the next is the same as text
        return value
    if type(value) is str and value.isdecimal() and value.isascii() and len(value) < 16:
        return int(value)
    number = read_number(value)
    return int(number) if number is not None and number >= 0 and number == math.floor(number) else None


def read_percentage(value: object) -> float | None:
    """Return a percentage, whose text may end in its sign ("91.04%", "91.04 ％"), as a number; None if it is none."""
    if isinstance(value, str):
        text = value.strip()
        value = text[:-1].rstrip() if text.endswith(("%", "％")) else text
    return read_number(value)
