"""The colours and what they mean, the same on every dashboard, light and dark; and the value mappings that carry them.

Green is good, orange wants a look, red is trouble, magenta is no fresh data, grey is nothing to judge. The statuses of
numbers are coloured by cause: reds the line, purples the list, yellows and oranges the called, browns the blocklists.
"""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.models import dashboard

from exporter.words.labels import LABELS
from exporter.words.text import Text
from grafana.words import ALERTS, Language

GOOD: Final = "#3fa45b"
OKAY: Final = "rgba(63, 164, 91, 0.25)"
"""Good, where there are many of it: behind the words of a table."""
WARN: Final = "#e88c1f"
BAD: Final = "#d9363e"
STALE: Final = "#b5489a"
NEUTRAL: Final = "#4a86cf"
QUIET: Final = "#8a939e"
NOTHING: Final = "rgba(138, 147, 158, 0.22)"
"""Nothing to judge, or a number that is there to be read with another: behind words."""

STATUS_COLOURS: Final = {
    "connected": GOOD,
    "waiting": "#b4bbc4",
    "carrier_blocked": BAD,
    "incoming_barred": "#f0868c",
    "invalid_number": "#6b4aa8",
    "suspended": "#8f6bc9",
    "arrears": "#b79be3",
    "powered_off": "#d3c2f0",
    "rejected": "#e88c1f",
    "no_answer": "#f2c94c",
    "busy": "#f7e3a1",
    "blacklisted": "#7a5436",
    "user_blocked": "#b08968",
}
STATE_COLOURS: Final = {"running": NEUTRAL, "waiting": "#8fb8e8", "paused": QUIET, "unknown": "#b4bbc4"}
INTENTION_COLOURS: Final = {
    "A": "#23763c",
    "B": "#6fc388",
    "C": "#e88c1f",
    "D": "#f2c94c",
    "E": "#b4bbc4",
    "F": "#6f83a3",
}
ROUND_COLOURS: Final = {"1": "#c6dbf4", "2-5": "#8fb8e8", "6-10": NEUTRAL, "11-20": "#2b5f9e", "21+": "#173a66"}
OUTCOME_COLOURS: Final = {"answered": GOOD, "unanswered": QUIET}
REASON_COLOURS: Final = {
    "timeout": "#e88c1f",
    "connect": "#d9363e",
    "tls": "#a3262d",
    "http_401": "#6b4aa8",
    "http_403": "#8f6bc9",
    "http_404": "#b4bbc4",
    "http_5xx": "#f0868c",
    "throttled": "#f2c94c",
    "api_error": "#b08968",
    "malformed": "#7a5436",
    "unknown_format": "#4a5568",
}
ENDPOINT_COLOURS: Final = {
    "stat": NEUTRAL,
    "tasks": "#9aa9bf",
    "new_tasks": "#6f83a3",
    "all_tasks": "#c3ccd9",
    "subset_tasks": "#55677f",
}
ALERT_COLOURS: Final = {
    "YunfuTaskLowAnswerRate": BAD,
    "YunfuTaskAnswerRateDropped": WARN,
    "YunfuTaskCarrierBlocked": BAD,
    "YunfuTaskPoorList": WARN,
    "YunfuTaskStalled": WARN,
    "YunfuTaskNearlyOutOfNumbers": QUIET,
    "YunfuTaskStale": STALE,
}

COLOURS: Final[Mapping[str, Mapping[str, str]]] = {
    "status": STATUS_COLOURS,
    "state": STATE_COLOURS,
    "intention": INTENTION_COLOURS,
    "rounds": ROUND_COLOURS,
    "outcome": OUTCOME_COLOURS,
    "reason": REASON_COLOURS,
    "alertname": ALERT_COLOURS,
    "endpoint": ENDPOINT_COLOURS,
}
"""By the name of a label: the colours of its values."""

VOCABULARIES: Final[Mapping[str, tuple[Mapping[str, Text], Mapping[str, str]]]] = {
    label: ({**LABELS, "alertname": ALERTS}[label], colours) for label, colours in COLOURS.items()
}
"""By the name of a label: the words for its values, and their colours."""


def label_mappings(label: str, language: Language, *, coloured: bool = True) -> list[dashboard.ValueMapping]:
    """Return the value mappings of a field that holds the values of a label, such as ``status`` in a table."""
    texts, colours = VOCABULARIES[label]
    return [
        dashboard.ValueMap(
            options={
                value: dashboard.ValueMappingResult(
                    text=text.say(language), color=colours[value] if coloured else None, index=index
                )
                for index, (value, text) in enumerate(texts.items())
            }
        )
    ]


def number_mappings(words: Mapping[int, tuple[Text, str]], language: Language) -> list[dashboard.ValueMapping]:
    """Return the value mappings of a field whose numbers stand for words, each given with its colour."""
    return [
        dashboard.ValueMap(
            options={
                str(value): dashboard.ValueMappingResult(text=text.say(language), color=colour, index=index)
                for index, (value, (text, colour)) in enumerate(words.items())
            }
        )
    ]


def fixed(colour: str) -> dashboard.DynamicConfigValue:
    """Return the property that gives a series one colour."""
    return dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
