"""Content negotiation: format, compression and language by the quality values of Accept headers (RFC 9110, section 12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

_MOST_CHARACTERS: Final = 2_000  # of a header; what clients send has some hundreds

T = TypeVar("T", bound=str)


def wants_openmetrics(accept: str) -> bool:
    """Return whether an Accept header prefers OpenMetrics 1.0 to the text format; in doubt it does not."""
    openmetrics = text = 0.0
    for media_type, parameters, quality in _wishes(accept):
        if media_type == "application/openmetrics-text" and parameters.get("version", "1.0.0") == "1.0.0":
            openmetrics = max(openmetrics, quality)
        elif media_type == "text/plain":
            text = max(text, quality)
    return openmetrics > 0 and openmetrics >= text


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip: by its name, or else by the star that stands for the rest."""
    qualities = {coding: quality for coding, _, quality in _wishes(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def choose_language(accept_language: str, languages: Sequence[T]) -> T:
    """Return the language that an Accept-Language header prefers, of equals the first there; the first of ours if it names none."""
    wishes: dict[T, float] = {}
    anything = 0.0
    for tag, _, quality in _wishes(accept_language):
        primary = tag.partition("-")[0]
        if known := [language for language in languages if language == primary]:
            wishes[known[0]] = max(wishes.get(known[0], 0.0), quality)
        elif primary == "*":
            anything = quality
    for language in languages:
        wishes.setdefault(language, anything)
    best = max(wishes, key=wishes.__getitem__)
    return best if wishes[best] > 0 else languages[0]


def _wishes(header: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Yield each value that a header lists, in lower case, with its parameters and its quality, 0-1; 0 if it is unreadable."""
    for part in header[:_MOST_CHARACTERS].lower().split(","):
        value, *parameters = (word.strip() for word in part.split(";"))
        named = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        try:
            quality = min(1.0, max(0.0, float(named.get("q", "1"))))
        except ValueError:
            quality = 0.0
        yield value, named, quality
