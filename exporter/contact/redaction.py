"""The redaction of answers: what is not known to be harmless is replaced, the same by the same, and the structure stays.

A name becomes ``name-1``, another text ``text-1``, a UUID another UUID, an id or a number as long as a phone number another
number, and a key that is no field's name ``key-1``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from exporter.contact.vocabulary import COUNTS, MEANINGS, TEXTS, TIMES, is_field_name
from exporter.patterns import UUID

_MAX_DEPTH: Final = 40
_DIGITS: Final = 6
"""A number of more digits is replaced, since it can be an id or a phone number; a documented count may have one more."""

_ID: Final = re.compile(
    r"(.*_)?(id|ids|uid|uuid|no|num|number|phone|mobile|tel|telephone|extension|account|username|password|md5|qr_code)|.*(Id|No)",
    re.ASCII,
)
_NAME: Final = re.compile(r"(.*_)?(name|nickname|nick|username|title)|.*Name", re.ASCII)
_GRADE: Final = re.compile(r"[A-Z](级[-—(（]?|[-—(（]|$)")
_NUMERIC: Final = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d{1,15})?%?", re.ASCII)
_TIME: Final = re.compile(r"[12]\d{3}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?", re.ASCII)
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
            return text if key in TIMES else _ANY_TIME[: len(text)]
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
        if key in MEANINGS and abs(number) < 10_000:
            return number
        if _is_id(key) or abs(number) >= 10 ** _digits(key):
            return self._id(f"{number}")
        if self._blanks:
            return 0
        return number if isinstance(number, int) or key in COUNTS else round(number, 2)

    def _numeric(self, text: str, key: str) -> str:
        """Return a number that is written as a text; a whole one can be an id wherever it is not documented."""
        whole = re.split(r"[.%]", text)[0].replace(",", "").lstrip("+-")
        is_known = key in COUNTS or (key in MEANINGS and len(whole) < 5)
        is_whole = text.lstrip("+-").isdigit()
        if _is_id(key) or len(whole) > _digits(key) or (is_whole and not is_known):
            return f"{self._id(text):0{len(text)}d}"
        if key in MEANINGS:
            return text
        if self._blanks:
            return "0%" if text.endswith("%") else "0"
        return text if key in COUNTS else re.sub(r"(\.\d\d)\d+", r"\1", text)

    def _id(self, text: str) -> int:
        return self._ids.setdefault(text, len(self._ids) + 1)

    def _replace(self, text: str, kind: str) -> str:
        if text not in self._texts:
            self._made[kind] = self._made.get(kind, 0) + 1
            self._texts[text] = f"{kind}-{self._made[kind]}"
        return self._texts[text]


def _digits(key: str) -> int:
    return _DIGITS + (key in COUNTS)


def _is_id(key: str) -> bool:
    return _ID.fullmatch(key) is not None
