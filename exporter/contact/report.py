"""The report on a first contact for the terminal: a table of the calls, the facts beside it, and the verdict."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

from exporter.api.documented import show_names
from exporter.api.responses import read_quota
from exporter.config.values import printable
from exporter.contact.calls import Call, Contact
from exporter.contact.failures import Sentence, format_moment
from exporter.contact.fields import Fields
from exporter.contact.verdict import judge
from exporter.words.contact import CONTACT
from exporter.words.labels import ENDPOINTS, STATES

_NONE: Final = "–"
_SAME_SECONDS: Final = 2.0
"""Two clocks that differ by less are the same: the Date header has whole seconds, and the call takes its time."""

_DAY: Final = 86_400.0


def report_lines(contact: Contact, language: str) -> list[str]:
    """Return the report in a language, ``en`` or ``zh``, a line each."""
    return [*_Report(contact, language).lines()]


def clock_difference(call: Call) -> float | None:
    """Return the seconds by which the platform's clock is ahead of ours, by the Date header; None: it has none."""
    if call.answer is None:
        return None
    try:
        theirs = parsedate_to_datetime(call.answer.headers.get("Date", "")).timestamp()
    except (ValueError, OverflowError):
        return None
    return theirs + 0.5 - (call.asked_at + call.answer.seconds / 2)  # it is cut to the second


class _Report:
    def __init__(self, contact: Contact, language: str) -> None:
        self._contact = contact
        self._language = language

    def lines(self) -> Iterator[str]:
        """Yield all lines."""
        contact = self._contact
        yield ""
        yield self._say("report.account", account=contact.account.name, base=contact.account.base_url)
        yield from (f"  {line}" for line in align([self._head(), *map(self._row, contact.calls)]))
        for call in contact.calls:
            yield from (f"  {line}" for line in self._names(call))
        yield from (f"  {line}" for line in align([*self._facts()]))
        verdict, *others = judge(contact)
        for other in others:
            yield "  " + self._say("report.also", sentence=other)
        yield "  " + self._say("report.verdict", sentence=verdict)

    def _head(self) -> list[str]:
        return [self._say(f"report.head.{name}") for name in ("call", "answer", "time", "tasks", "found")]

    def _row(self, call: Call) -> list[str]:
        answer, fields = call.answer, self._fields(call)
        found = self._contact.lists.get(call.endpoint)
        return [
            self._call(call),
            self._status(call),
            _NONE if answer is None else self._say("report.time", ms=round(answer.seconds * 1000)),
            _NONE if found is None or found.total is None else f"{found.total}",
            _NONE if fields is None else self._say("report.found", found=len(fields.found), of=fields.documented),
        ]

    def _status(self, call: Call) -> str:
        status = _NONE if call.answer is None else f"HTTP {call.answer.status}"
        return status if call.error is None else f"{status} ({call.error.reason})"

    def _names(self, call: Call) -> Iterator[str]:
        """Yield the names of fields: those found are many, and shown where some are not."""
        if (fields := self._fields(call)) is None:
            return
        name = self._call(call)
        is_whole = not fields.absent and not fields.unreadable
        for kind, names in (
            ("found", () if is_whole else fields.found),
            ("absent", fields.absent),
            ("unreadable", fields.unreadable),
            ("unknown", show_names(list(fields.unknown), len(fields.unknown))),
        ):
            if names:
                yield self._say(f"report.fields.{kind}", call=name, names=", ".join(names))

    def _facts(self) -> Iterator[list[str]]:
        contact = self._contact
        if contact.task is not None:
            state = STATES.get(contact.task.state)
            shown = [contact.task.name, "" if state is None else state.say(self._language), contact.task.id]
            yield [self._say("report.fact.task"), ", ".join(printable(part) for part in shown if part)]
        if contact.stat is not None and contact.stat.has_number:
            counts = {"answered": contact.stat.stats.answered, "unanswered": contact.stat.stats.unanswered}
            shown_counts = {name: _NONE if count is None else count for name, count in counts.items()}
            yield [self._say("report.fact.numbers"), self._say("report.numbers", **shown_counts)]
        if any(call.answer is not None for call in contact.calls):
            yield [self._say("report.fact.clock"), self._clock()]
            yield [self._say("report.fact.quota"), self._quota()]
        yield [self._say("report.fact.token"), self._token()]

    def _clock(self) -> str:
        differences = [each for each in map(clock_difference, self._contact.calls) if each is not None]
        if not differences:
            return self._say("report.clock.unknown")
        least = min(differences, key=abs)
        if abs(least) < _SAME_SECONDS:
            return self._say("report.clock.same")
        return self._say(f"report.clock.{'ahead' if least > 0 else 'behind'}", seconds=f"{abs(least):.0f}")

    def _quota(self) -> str:
        answers = [call.answer for call in self._contact.calls if call.answer is not None]
        quotas = [quota for answer in answers if (quota := read_quota(answer.headers)) is not None]
        if not quotas:
            return self._say("report.quota.unknown")
        granted, remaining = quotas[-1]
        return self._say("report.quota", granted=granted, remaining=remaining)

    def _token(self) -> str:
        expiry = self._contact.token_expiry
        if expiry is None:
            return self._say("report.token.opaque")
        now = self._contact.calls[-1].asked_at
        key = "report.token.expired" if expiry < now else "report.token.expires"
        return self._say(key, when=format_moment(expiry), days=int((expiry - now) // _DAY))

    def _fields(self, call: Call) -> Fields | None:
        contact = self._contact
        if call.endpoint == "stat":
            return None if contact.stat is None else contact.stat.fields
        found = contact.lists.get(call.endpoint)
        return None if found is None else found.fields

    def _call(self, call: Call) -> str:
        return ENDPOINTS[call.endpoint].say(self._language)

    def _say(self, key: str, **values: object) -> str:
        """Return a text of ``words.contact``, or the name of an endpoint, with values filled in."""
        if key.startswith("endpoint."):
            return ENDPOINTS[key.removeprefix("endpoint.")].say(self._language)
        return CONTACT[key].say(self._language).format(**{name: self._value(value) for name, value in values.items()})

    def _value(self, value: object) -> object:
        return self._say(value.key, **value.values) if isinstance(value, Sentence) else value


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns; Chinese characters are two columns wide."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    padded = ((cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return ["  ".join(cells).rstrip() for cells in padded]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
