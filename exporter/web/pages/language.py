"""Languages of the pages, and how each writes numbers, spans and moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from exporter.words.frame import UNITS
from exporter.words.labels import LABELS
from exporter.words.pages import WORDS
from exporter.words.text import Text

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: Final[Mapping[Language, str]] = {"en": "English", "zh": "中文"}
"""The languages, each by its own name. The first is for those who ask for neither."""

TAGS: Final[Mapping[Language, str]] = {"en": "en", "zh": "zh-CN"}
"""What each is called in HTML (BCP 47)."""


class Span(float):
    """A length of time in seconds: "3 min"."""


class Ago(float):
    """A length of time in seconds that has passed: "3 min ago"."""


class Ahead(float):
    """A length of time in seconds that is to come: "in 3 min"."""


class Moment(float):
    """A moment of about today (Unix seconds): "14:02:31 UTC+8"."""


class Share(float):
    """A ratio, 0-1: "41.3%"."""


class _Count(int):
    """A whole number in a text: ``{n}`` with separators, and by its side ``{n:task|tasks}``."""

    def __format__(self, spec: str) -> str:
        if not spec:
            return f"{int(self):,}"
        one, many = spec.split("|")
        return one if self == 1 else many


@dataclass(frozen=True, slots=True)
class Phrase:
    """One of the texts of ``words``, with what is filled in: texts, whole numbers, spans, shares, or phrases again."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


def phrase(key: str, **values: object) -> Phrase:
    """Return a phrase."""
    return Phrase(key, values)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says phrases in a language, and moments in a time zone."""

    language: Language
    timezone: ZoneInfo

    def __call__(self, key: str | Phrase | Text, **values: object) -> str:
        """Return a phrase, the text of a key with values filled in, or a text as it is."""
        if isinstance(key, Text):
            return key.say(self.language)
        said = key if isinstance(key, Phrase) else Phrase(key, values)
        text = WORDS[said.key].say(self.language)
        return text.format(**{name: self.value(value) for name, value in said.values.items()})

    def value(self, value: object) -> object:
        """Format a value to be filled in."""
        match value:
            case Phrase() | Text():
                return self(value)
            case Ago() | Ahead():
                key = "ago" if isinstance(value, Ago) else "ahead"
                return self(key, span=Span(value))
            case Span():
                return self._span(value)
            case Moment():
                return self.time_of_day(value)
            case Share():
                return percent(value)
            case bool() | str():
                return value
            case int():
                return _Count(value)
        return value

    def name(self, label: str, value: str) -> str:
        """Return what a label value means, such as ``status`` ``busy``; one that is not known is its own name."""
        known = LABELS.get(label, {}).get(value)
        return value if known is None else self(known)

    def moment(self, unix: float) -> str:
        """Format a moment: date and time of day, to the second, and the zone."""
        return f"{datetime.fromtimestamp(unix, self.timezone):%Y-%m-%d %H:%M:%S} {self.zone(unix)}"

    def machine_moment(self, unix: float) -> str:
        """Write a moment for machines (ISO 8601), as the ``time`` element has it."""
        return datetime.fromtimestamp(unix, self.timezone).isoformat(timespec="seconds")

    def time_of_day(self, unix: float) -> str:
        """Format a moment of about today: time of day, and the zone."""
        return f"{self.clock_time(unix)} {self.zone(unix)}"

    def clock_time(self, unix: float) -> str:
        """Format a moment of about today where the zone is named nearby."""
        return f"{datetime.fromtimestamp(unix, self.timezone):%H:%M:%S}"

    def zone(self, unix: float) -> str:
        """Name the time zone at a moment by its offset, which is the same in all languages: "UTC+8"."""
        offset = datetime.fromtimestamp(unix, self.timezone).utcoffset() or timedelta()
        hours, rest = divmod(abs(offset) // timedelta(minutes=1), 60)
        sign = "-" if offset < timedelta() else "+"
        return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")

    def duration(self, seconds: float) -> str:
        """Format how long a poll or an API call took: in milliseconds below a second, else in tenths of seconds."""
        unit, many = ("ms", f"{seconds * 1000:.0f}") if seconds < 0.9995 else ("s", f"{seconds:.1f}")
        return self(UNITS[unit]).format(n=many)

    def _span(self, seconds: float) -> str:
        """Format a length of time by its largest unit, and by the next while the largest is one or two of its kind."""
        if seconds < 60:
            return self._units("s", int(seconds))
        unit, smaller = next(pair for pair in _LADDER if seconds >= _SECONDS[pair[0]])
        many, rest = divmod(int(seconds), _SECONDS[unit])
        some = rest // _SECONDS[smaller] if many <= 2 else 0
        return self._units(unit, many) + (f" {self._units(smaller, some)}" if some else "")

    def _units(self, unit: str, many: int) -> str:
        return self(UNITS[unit]).format(n=_Count(many))


_SECONDS: Final = {"d": 86_400, "h": 3600, "min": 60, "s": 1}
_LADDER: Final = (("d", "h"), ("h", "min"), ("min", "s"))


def percent(ratio: float) -> str:
    """Format a ratio as a percentage with one decimal, and none where there is none."""
    return f"{ratio * 100:.1f}".removesuffix(".0") + "%"


def number(value: float) -> str:
    """Format a number with separators; a whole one without a point."""
    return f"{int(value):,}" if value == int(value) else f"{value:,.4g}"
