"""The colours and what they mean, the same on every dashboard, light and dark; and the value mappings that carry them.

Green is good, orange wants a look, red is trouble, magenta is no fresh data, grey is nothing to judge. The statuses of
numbers are coloured by cause: reds the line, purples the list, yellows and oranges the called, browns the blocklists. White
words on a colour, and the colour on white, can be read: the contrast is 3 or more.
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
WARN: Final = "#d2780f"
POOR: Final = "rgba(210, 120, 15, 0.28)"
"""It may want a look: behind words, which Grafana makes white from 0.3 on, also in the light theme."""
BAD: Final = "#d9363e"
STALE: Final = "#b5489a"
NEUTRAL: Final = "#4a86cf"
QUIET: Final = "#6b7480"
NOTHING: Final = "rgba(138, 147, 158, 0.22)"
"""Nothing to judge, or a number that is there to be read with another: behind words."""

STATUS_COLOURS: Final = {
    "connected": GOOD,
    "waiting": "#8a939e",
    "carrier_blocked": BAD,
    "incoming_barred": "#e0656d",
    "invalid_number": "#5b3d94",
    "suspended": "#7d57bd",
    "arrears": "#a37fd9",
    "powered_off": "#b57fb8",
    "rejected": WARN,
    "no_answer": "#a88c00",
    "busy": "#8c7430",
    "blacklisted": "#7a5436",
    "user_blocked": "#b08968",
}
STATE_COLOURS: Final = {"running": NEUTRAL, "waiting": "#6e97cc", "paused": QUIET, "unknown": "#8a939e"}
INTENTION_COLOURS: Final = {
    "A": "#23763c",
    "B": "#4f9e68",
    "C": WARN,
    "D": "#a88c00",
    "E": "#8a939e",
    "F": "#6f83a3",
}
ROUND_COLOURS: Final = {"1": "#c6dbf4", "2-5": "#8fb8e8", "6-10": NEUTRAL, "11-20": "#2b5f9e", "21+": "#173a66"}
OUTCOME_COLOURS: Final = {"answered": GOOD, "unanswered": QUIET}
REASON_COLOURS: Final = {
    "timeout": WARN,
    "connect": BAD,
    "tls": "#a3262d",
    "http_401": "#6b4aa8",
    "http_403": "#8f6bc9",
    "http_404": "#8a939e",
    "http_5xx": "#e0656d",
    "throttled": "#a88c00",
    "api_error": "#b08968",
    "malformed": "#7a5436",
    "unknown_format": "#4a5568",
}
ENDPOINT_COLOURS: Final = {
    "stat": NEUTRAL,
    "tasks": "#8494ac",
    "new_tasks": "#6f83a3",
    "all_tasks": "#8a939e",
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
