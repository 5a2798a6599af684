"""The redaction of answers: what is not known to be harmless is replaced, the same by the same, and the structure stays.

A name becomes ``name-1``, another text ``text-1``, a UUID another UUID, an id or a number as long as a phone number another
number, and a key that is no field's name ``key-1``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from exporter.api.scalars import read_percentage
from exporter.contact.vocabulary import CODES, COUNTS, PAGES, TEXTS, TIMES, is_field_name
from exporter.patterns import UUID

_MAX_DEPTH: Final = 40
_MOST: Final = 1_000_000
"""From here on a number is replaced, since it can be an id or a phone number; a documented count may have a digit more."""

_MOST_OF_COUNT: Final = 10_000_000
_MOST_OF_CODE: Final = 10_000

_ID: Final = re.compile(
    r"(.*_)?(id|ids|uid|uuid|no|num|number|phone|mobile|tel|telephone|extension|account|username|password|md5|qr_code)|.*(Id|No)",
    re.ASCII,
)
_NAME: Final = re.compile(r"(.*_)?(name|nickname|nick|username|title)|.*Name", re.ASCII)
_GRADE: Final = re.compile(r"[A-Z](级[-—(（]?|[-—(（]|$)")
_NUMERIC: Final = re.compile(r"[+-]?(\d{1,3}([,，]\d{3})+|\d+)(\.\d{1,15})? ?[%％]?", re.ASCII)
_TIME: Final = re.compile(r"[12]\d{3}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?", re.ASCII)
_RECENT_TIME: Final = re.compile(r"20[1-9]\d-\d\d-\d\d (?!00:00:00)\d\d:\d\d:\d\d", re.ASCII)
"""A time as the platform writes it, which is nobody's birthday."""

_ANY_TIME: Final = "2000-01-01 00:00:00"


class Redactor:
    """Replaces values consistently; with ``blank_numbers`` numbers become 0, but for those that are codes and states."""

    def __init__(self, *, blank_numbers: bool) -> None:
        self._blanks = blank_numbers
        self._texts: dict[str, str] = {}
        self._uuids: dict[str, str] = {}
        self._ids: dict[str, int] = {}
        self._made: dict[str, int] = {}
        self.replaced_keys: dict[str, str] = {}
        """The keys that are no known names of fields, and what stands for them."""

    def value(self, value: object, key: str = "", block: str = "", depth: int = 0) -> object:
        """Return a JSON value redacted; ``key`` is the field's name, ``block`` that of the field around it."""
        if depth > _MAX_DEPTH:
            return None
        match value:
            case Mapping():
                return {self._key(each): self.value(part, each, key, depth + 1) for each, part in value.items()}
            case list():
                return [self.value(part, key, block, depth + 1) for part in value]
            case bool() | None:
                return value
            case int() | float():
                return self._number(value, key)
        return self.text(str(value), key, block)

    def text(self, text: str, key: str = "", block: str = "") -> str:
        """Return a text redacted."""
        if not text.strip() or text in TEXTS:
            return text
        if UUID.fullmatch(text.lower()):
            return self.uuid(text)
        if _NUMERIC.fullmatch(text):
            return self._numeric(text, key)
        if _TIME.fullmatch(text):
            return text if key in TIMES and _RECENT_TIME.fullmatch(text) else _ANY_TIME[: len(text)]
        if block == "intention" and key == "name" and (grade := _GRADE.match(text)):
            rest = text[grade.end() :]
            return grade[0] + (self._replace(rest, "name") if rest else "")
        return self._replace(text, "name" if _NAME.fullmatch(key) else "text")

    def uuid(self, text: str) -> str:
        """Return a UUID for another."""
        number = len(self._uuids) + 1
        return self._uuids.setdefault(text.lower(), f"00000000-0000-4000-8000-{number:012x}")

    def _key(self, key: str) -> str:
        if is_field_name(key):
            return key
        if UUID.fullmatch(key.lower()):
            return self.uuid(key)
        self.replaced_keys[key] = made = self._numeric(key, "id") if key.isdigit() else self._replace(key, "key")
        return made

    def _number(self, number: float, key: str) -> float | None:
        if not math.isfinite(number):
            return None
        if _is_known(number, key):
            return number
        if _can_be_private(number, key):
            return self._id(f"{number}")
        if self._blanks:
            return 0
        return number if isinstance(number, int) or _is_exact(number, key) else round(number, 2)

    def _numeric(self, text: str, key: str) -> str:
        """Return a number that is written as a text; a whole one can be an id wherever it is not documented."""
        number = read_percentage(text)
        whole = text.lstrip("+-")
        is_documented = key in COUNTS or key in CODES or key in PAGES
        is_id = bool(re.match(r"0\d", whole)) or (whole.isdigit() and not is_documented)
        if number is None or is_id or _can_be_private(number, key):
            return f"{self._id(text):0{len(text)}d}"
        if _is_known(number, key):
            return text
        if self._blanks:
            return "0%" if text.endswith(("%", "％")) else "0"
        return text if _is_exact(number, key) else re.sub(r"(\.\d\d)\d+", r"\1", text)

    def _id(self, text: str) -> int:
        return self._ids.setdefault(text, len(self._ids) + 1)

    def _replace(self, text: str, kind: str) -> str:
        if text not in self._texts:
            self._made[kind] = self._made.get(kind, 0) + 1
            self._texts[text] = f"{kind}-{self._made[kind]}"
        return self._texts[text]


def _is_known(number: float, key: str) -> bool:
    """Return whether a number stands for something that is documented, or for a page."""
    return number in CODES.get(key, ()) or (key in PAGES and abs(number) < _MOST_OF_CODE)


def _can_be_private(number: float, key: str) -> bool:
    """Return whether a number can be an id, or a phone number, with a decimal point in it or without."""
    if _ID.fullmatch(key):
        return True
    if key in CODES or key in PAGES:
        return abs(number) >= _MOST_OF_CODE
    if key in COUNTS and number % 1:
        return not 0 <= number <= 100  # percent
    return abs(number) >= (_MOST_OF_COUNT if key in COUNTS else _MOST)


def _is_exact(number: float, key: str) -> bool:
    """Return whether a documented number has no more than two decimals, but for a computer's inaccuracy: 91.03999999999999."""
    return key in COUNTS and abs(number - round(number, 2)) < 1e-9
